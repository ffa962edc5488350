//! Arguments and results that are larger than a message may be.

use executor::{Blob, Codec, JobError, call, channel};
use executor_nats::NatsExecutor;

use crate::support::servers::Server;
use crate::support::spaces::Space;
use crate::support::wait_for;

const MIB: usize = 1 << 20;

/// Differs from place to place, so that swapped pieces are found.
fn bytes(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 1000).to_le_bytes()[0] ^ at.to_le_bytes()[0] ^ seed).collect()
}

fn echo(value: Vec<u8>) -> Vec<u8> {
    value
}

fn length(value: Vec<u8>) -> usize {
    value.len()
}

fn small_messages() -> Space {
    Space::on(Server::options().config("max_payload: 64KB").start())
}

#[test]
fn arguments_and_results_pass_small_messages() {
    let space = small_messages();
    let executor = space.executor();
    let _host = space.host(2);
    for size in [0, 1, 50_000, 64 * 1024 - 4096, 64 * 1024, MIB, 3 * MIB + 1] {
        let value = bytes(7, size);
        assert_eq!(executor.submit(call!(echo(value.clone()))).result().expect("it has run"), value, "{size}");
    }
    assert_eq!(executor.submit(call!(length(bytes(1, MIB)))).result().expect("it has run"), MIB);
    assert_eq!(executor.submit(call!(bytes(3, MIB))).result().expect("it has run"), bytes(3, MIB));
    for stream in ["large", "ledger", "jobs"] {
        space.wait_for_messages(stream, 0);
    }
}

#[test]
fn fifty_mebibytes_there_and_back() {
    let space = Space::new();
    let executor = space.executor();
    let _host = space.host(1);
    let value = bytes(9, 50 * MIB);
    let result = executor.submit(call!(echo(value.clone()))).result().expect("it has run");
    assert!(result == value, "{} bytes", result.len());
    space.wait_for_messages("large", 0);
}

#[test]
fn large_arguments_keep_the_order() {
    let space = small_messages();
    let executor = space.executor();
    let (order, seen) = std::sync::mpsc::channel();
    *ORDER.lock().expect("no panic") = Some(order);
    let futures: Vec<_> = (0..12_u8)
        .map(|number| executor.submit(call!(note(bytes(number, if number % 3 == 0 { 200_000 } else { 10 })))))
        .collect();
    executor.flush();
    let _host = space.host(1);
    for future in futures {
        future.result().expect("it has run");
    }
    let seen: Vec<u8> = seen.try_iter().collect();
    assert_eq!(seen, (0..12).collect::<Vec<_>>());
}

static ORDER: std::sync::Mutex<Option<std::sync::mpsc::Sender<u8>>> = std::sync::Mutex::new(None);

fn note(value: Vec<u8>) {
    let order = ORDER.lock().expect("no panic");
    order.as_ref().expect("it is set").send(value[0]).expect("it is received");
}

#[test]
fn arguments_of_a_cancelled_job_are_removed() {
    let space = small_messages();
    let executor = space.executor();
    let future = executor.submit(call!(length(bytes(1, MIB))));
    executor.flush();
    assert!(space.messages("large") > 0);
    assert!(future.cancel());
    space.wait_for_messages("large", 0);
}

#[test]
fn unread_result_stays() {
    let space = small_messages();
    let executor = space.executor();
    let (key, future) = executor.submit_keyed(call!(bytes(5, MIB))).expect("it is accepted");
    executor.flush();
    drop(future);
    // The submitter's connection ends without a shutdown.
    std::mem::forget(executor);
    let host = space.host(1);
    wait_for("the result is there", || (space.messages("large") > 0).then_some(()));
    let reader = space.executor();
    assert_eq!(reader.reattach::<Vec<u8>>(&key).expect("it is there").result().expect("it has run"), bytes(5, MIB));
    drop(host);
}

#[test]
fn result_that_is_gone_is_an_error() {
    let space = small_messages();
    let executor = space.executor();
    let host = space.host(1);
    let (key, future) = executor.submit_keyed(call!(bytes(5, MIB))).expect("it is accepted");
    future.result().expect("it has run");
    drop(executor);
    space.wait_for_messages("large", 0);
    let error = space.executor().reattach::<Vec<u8>>(&key).expect_err("it was read");
    assert_eq!(error, executor_nats::ReattachError::Read);
    drop(host);
}

#[test]
fn blobs_travel_by_value() {
    fn sum(blob: Blob) -> (Blob, u64) {
        let sum = blob.iter().map(|byte| u64::from(*byte)).sum();
        (blob, sum)
    }
    for codec in [Codec::Postcard, Codec::MessagePack] {
        let space = small_messages();
        let builder = NatsExecutor::builder(space.server.url(), Space::namespace());
        let executor = builder.codec(codec).connect().expect("a connection");
        let _host = space.host(1);
        let value = bytes(11, MIB);
        let blob = Blob::copy_of(&value).expect("memory");
        let (back, total) = executor.submit(call!(sum(blob))).result().expect("it has run");
        assert!(*back == value[..]);
        assert_eq!(total, value.iter().map(|byte| u64::from(*byte)).sum::<u64>());
    }
}

#[test]
fn handles_of_this_host_are_refused() {
    fn take_sender(_: executor::Sender<u32>) {}
    fn take_receiver(_: executor::Receiver<u32>) {}
    fn take_value(_: executor::manager::Value<u32>) {}
    let space = Space::new();
    let executor = space.executor();
    let (sender, receiver) = channel::<u32>().expect("a channel");
    let manager = executor::Manager::new().expect("a manager");
    let value = manager.value(7_u32).expect("a value");
    let errors = [
        executor.submit(call!(take_sender(sender))).result(),
        executor.submit(call!(take_receiver(receiver))).result(),
        executor.submit(call!(take_value(value))).result(),
    ];
    for error in errors.map(|result| result.expect_err("it cannot leave this host")) {
        assert!(matches!(error, JobError::Codec(_)), "{error}");
        assert!(error.to_string().contains("cannot leave this host"), "{error}");
    }
    assert_eq!(space.messages("jobs"), 0);
}
