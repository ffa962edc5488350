//! Clients that do what ours never do.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};

use super::*;
use crate::ipc::socket;
use crate::manager::Manager;
use crate::manager::protocol::{New, Op, Raw, Request, frame};
use crate::manager::{Lock, Value};

/// A manager, and the way to it.
struct Stage {
    connector: OwnedFd,
    _server: Server,
}

impl Stage {
    fn new() -> Self {
        let (ours, connector) = socket::pair().unwrap();
        Self { connector, _server: Server::start(ours).unwrap() }
    }

    fn connect(&self) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        // A test that fails ends.
        ours.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket::send(&self.connector, &[0], &[], &[theirs.as_fd()], Wait::Forever).unwrap();
        ours
    }

    /// Whether somebody who behaves is served.
    fn is_well(&self) -> bool {
        is_answered(&self.connect(), 1, Op::Create(New::Map))
    }
}

fn request(object: u64, op: Op<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame(&mut bytes, &Request { id: 1, object, limit: None, op }).unwrap();
    bytes
}

/// Whether a request gets an answer.
fn is_answered(mut client: &UnixStream, object: u64, op: Op<'_>) -> bool {
    client.write_all(&request(object, op)).is_ok() && client.read(&mut [0; 64]).is_ok_and(|read| read > 0)
}

/// Whether it ends. It is not waited for for ever.
fn is_cut_off(mut client: &UnixStream) -> bool {
    client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    match client.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        // The news that something was not read.
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn nonsense_ends_the_connection_and_no_other() {
    let stage = Stage::new();
    let bystander = stage.connect();
    for nonsense in [&[0, 0, 0, 0][..], &[1, 0, 0, 0, 99], &[9, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]] {
        let mut client = stage.connect();
        client.write_all(nonsense).unwrap();
        assert!(is_cut_off(&client));
    }
    // Well-formed, and not to be asked: of a list that keeps its length.
    let mut client = stage.connect();
    assert!(is_answered(&client, 0, Op::Create(New::List { values: vec![Raw(b"1")], is_fixed: true })));
    client.write_all(&request(1, Op::Pop)).unwrap();
    assert!(is_cut_off(&client));
    assert!(is_answered(&bystander, 1, Op::Len) && stage.is_well());
}

#[test]
fn invalid_connections_are_refused() {
    let stage = Stage::new();
    let file = std::fs::File::open("/dev/null").unwrap();
    let (packet, _other) = socket::pair().unwrap();
    let (one, two) = UnixStream::pair().unwrap();
    let tries: [&[_]; 4] = [&[], &[file.as_fd()], &[packet.as_fd()], &[one.as_fd(), two.as_fd()]];
    for descriptors in tries {
        socket::send(&stage.connector, &[0; 100], &[], descriptors, Wait::Forever).unwrap();
    }
    drop(one);
    assert!(is_cut_off(&two), "what was sent is closed");
    assert!(stage.is_well());
}

#[test]
fn a_process_has_a_few_connections_only() {
    let stage = Stage::new();
    let all: Vec<_> = (0..MOST_PER_PROCESS).map(|_| stage.connect()).collect();
    assert!(is_cut_off(&stage.connect()));
    drop(all);
    // The thread hears of it in its own time.
    assert!((0..10_000).any(|_| {
        thread::yield_now();
        stage.is_well()
    }));
}

#[test]
fn one_that_floods_and_reads_nothing_holds_up_nobody_and_costs_little() {
    let stage = Stage::new();
    let mut client = stage.connect();
    assert!(is_answered(&client, 0, Op::Create(New::List { values: vec![Raw(&[7; 1000])], is_fixed: false })));
    client.set_nonblocking(true).unwrap();
    // Each answer is a thousand bytes; it is not read once a few of them lie.
    let flood = request(1, Op::All).repeat(1000);
    let (mut sent, limit) = (0, Timespec { tv_sec: 0, tv_nsec: 200_000_000 });
    loop {
        if let Ok(more) = client.write(&flood) {
            sent += more;
        } else {
            let mut room = [PollFd::new(&client, PollFlags::OUT)];
            if rustix::event::poll(&mut room, Some(&limit)).unwrap() == 0 {
                break;
            }
        }
        assert!(sent < 1 << 20, "it is read for ever");
    }
    assert!(stage.is_well());
    // Once it reads, all is answered that was asked.
    client.set_nonblocking(false).unwrap();
    let whole = sent / request(1, Op::All).len();
    let mut answers = vec![0; whole * 1000];
    client.read_exact(&mut answers).unwrap();
}

#[test]
fn a_connector_that_was_shut_down_lets_nobody_in_and_is_not_waited_for() {
    let stage = Stage::new();
    let client = stage.connect();
    assert!(is_answered(&client, 1, Op::Len));
    shutdown(&stage.connector, Shutdown::Both).unwrap();
    assert!(is_answered(&client, 1, Op::Len), "who is in stays in");
}

#[test]
fn answers_arrive_after_manager_is_gone() {
    for _ in 0..100 {
        let manager = Manager::new().unwrap();
        let (barrier, lock) = (manager.barrier(4).unwrap(), manager.lock().unwrap());
        let others: Vec<_> = (0..3)
            .map(|_| {
                let (barrier, lock) = (barrier.clone(), lock.clone());
                thread::spawn(move || {
                    let met = barrier.wait();
                    drop(lock.lock());
                    met
                })
            })
            .collect();
        barrier.wait().unwrap();
        drop(manager);
        let led = others.into_iter().map(|other| other.join().unwrap().unwrap());
        assert!(led.filter(|led| *led).count() <= 1);
    }
}

#[test]
fn threads_share_a_connection_and_none_waits_for_another() {
    let manager = Manager::new().unwrap();
    let (lock, value) = (manager.lock().unwrap(), manager.value(0_u32).unwrap());
    let shared: Arc<(Lock, Value<u32>)> = Arc::new((lock, value));
    let guard = shared.0.lock().unwrap();
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _guard = shared.0.lock().unwrap();
                shared.1.update(|value| *value += 1).unwrap();
            })
        })
        .collect();
    for _ in 0..100 {
        shared.1.update(|value| *value += 1).unwrap();
    }
    assert_eq!(shared.1.get().unwrap(), 100, "they wait for the lock");
    drop(guard);
    for thread in waiting {
        thread.join().unwrap();
    }
    assert_eq!(shared.1.get().unwrap(), 120);
}
