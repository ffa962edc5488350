//! Large arguments and results go through shared memory, which is used again, given back, and harmed by no worker.

use std::fs;
use std::os::unix::fs::MetadataExt;

use executor::{Blob, Codec, JobError, ProcessPool, Receiver, call, channel};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use super::blobs::{descriptors, own_pid, shared};
use super::{pool, worker_of};
use crate::support::{alone, eventually, within_patience};

const MIB: usize = 1 << 20;

fn same<T>(value: T) -> T {
    value
}

fn text(len: usize) -> String {
    "some text, and more ".repeat(len / 20 + 1)[..len].to_owned()
}

/// How much memory the files have that payloads lie in, which this process holds.
fn held() -> u64 {
    let entries = fs::read_dir("/proc/self/fd").expect("a process has descriptors").flatten();
    let ours = entries.filter(|entry| {
        fs::read_link(entry.path()).is_ok_and(|path| path.to_string_lossy().contains("/memfd:executor-payload"))
    });
    ours.filter_map(|entry| fs::metadata(entry.path()).ok()).map(|file| file.blocks() * 512).sum()
}

#[test]
fn they_lie_in_the_same_memory_again_and_again() {
    alone(they_lie_in_the_same_memory_again_and_again, || {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
            let worker = worker_of(&pool);
            for _ in 0..30 {
                let sent = text(2 * MIB);
                assert!(pool.submit(call!(same(sent.clone()))).result().unwrap() == sent);
            }
            assert_eq!(shared(own_pid()), (2, 2), "one there and one back, both mapped from their second use on");
            assert_eq!(shared(worker).0, 2);
        }
    });
}

#[test]
fn their_memory_is_given_back_when_the_worker_rests() {
    alone(their_memory_is_given_back_when_the_worker_rests, || {
        let pool = pool(1);
        for _ in 0..2 {
            let sent = text(8 * MIB);
            assert!(pool.submit(call!(same(sent.clone()))).result().unwrap() == sent);
            eventually("the memory is given back", || held() < MIB as u64);
        }
    });
}

#[test]
fn payloads_larger_than_the_slots_arrive() {
    within_patience(|| {
        let pool = pool(1);
        for len in [MIB, 70 * MIB, MIB, 20 * MIB] {
            let sent = text(len);
            assert!(pool.submit(call!(same(sent.clone()))).result().unwrap() == sent, "{len}");
        }
    });
}

/// As many as need large memory.
fn numbers() -> Vec<f64> {
    (0..530_000).map(f64::from).collect()
}

#[test]
fn large_numbers_leave_no_memory_behind() {
    fn wait(end: Receiver<()>) {
        assert!(end.recv().is_err(), "it is dropped");
    }
    alone(large_numbers_leave_no_memory_behind, || {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
            let worker = worker_of(&pool);
            let before = (descriptors(own_pid()), descriptors(worker));
            let (end, awaited) = channel::<()>().unwrap();
            let waits = pool.submit(call!(wait(awaited)));
            let futures: Vec<_> = (0..80).map(|_| pool.submit(call!(same(numbers())))).collect();
            assert!(descriptors(own_pid()) <= before.0 + 72, "a queue leaves descriptors for others");
            drop(end);
            waits.result().unwrap();
            for future in &futures {
                future.wait();
            }
            // Where the kernel makes no large pages for them, they lie in the slots.
            let left = (descriptors(own_pid()) - before.0, descriptors(worker) - before.1);
            assert!(left.0 <= 8 && left.1 <= 8, "results hold none: {left:?}");
            assert!(futures.into_iter().all(|future| future.result().unwrap().len() == 530_000));
            assert!(shared(own_pid()).1 <= 8, "what was taken is no longer mapped");
        }
    });
}

#[test]
fn large_numbers_reach_the_next_worker_unchanged() {
    fn second_time(numbers: Vec<f64>) -> Vec<f64> {
        if executor::current::attempt() == Some(1) {
            std::process::abort();
        }
        numbers
    }
    alone(large_numbers_reach_the_next_worker_unchanged, || {
        let pool = ProcessPool::builder().processes(1).retry(1).build().unwrap();
        for _ in 0..3 {
            assert!(pool.submit(call!(second_time(numbers()))).result().unwrap() == numbers());
        }
        drop(pool);
        eventually("nothing is left", || shared(own_pid()) == (0, 0));
    });
}

#[test]
fn ten_thousand_jobs_and_their_results_hold_no_descriptor() {
    alone(ten_thousand_jobs_and_their_results_hold_no_descriptor, || {
        let pool = pool(1);
        let worker = worker_of(&pool);
        let before = (descriptors(own_pid()), descriptors(worker));
        let futures: Vec<_> = (0..10_000_u32).map(|n| pool.submit(call!(same(n)))).collect();
        assert_eq!(descriptors(own_pid()), before.0);
        for future in &futures {
            future.wait();
        }
        assert_eq!((descriptors(own_pid()), descriptors(worker)), before);
        assert!((0..).zip(futures).all(|(n, future)| future.result().unwrap() == n));
    });
}

#[test]
fn workers_that_die_with_them_leave_nothing_behind() {
    fn dies_with(text: String, early: bool) -> String {
        if early {
            std::process::abort();
        }
        text
    }
    alone(workers_that_die_with_them_leave_nothing_behind, || {
        let pool = pool(2);
        pool.submit(call!(same(1))).result().unwrap();
        let sent = text(300_000);
        for _ in 0..5 {
            let futures = [true, false, false, true, false]
                .map(|early| (early, pool.submit(call!(dies_with(sent.clone(), early)))));
            for (early, future) in futures {
                match future.result() {
                    Ok(back) => assert!(!early && back == sent),
                    Err(error) => assert!(early && matches!(error, JobError::Crashed(_)), "{error}"),
                }
            }
        }
        drop(pool);
        eventually("nothing is left", || shared(own_pid()) == (0, 0));
    });
}

/// The descriptors of this process to the memory of payloads.
fn payload_files() -> Vec<fs::File> {
    let entries = fs::read_dir("/proc/self/fd").expect("a process has descriptors").flatten();
    let ours = entries.filter(|entry| {
        fs::read_link(entry.path()).is_ok_and(|path| path.to_string_lossy().contains("/memfd:executor-payload"))
    });
    ours.filter_map(|entry| fs::File::options().write(true).open(entry.path()).ok()).collect()
}

#[test]
fn a_worker_that_cuts_the_memory_short_costs_itself() {
    fn cut(text: String) -> String {
        std::thread::spawn(|| {
            let files = payload_files();
            loop {
                for file in &files {
                    drop(file.set_len(0));
                    drop(file.set_len(1 << 40));
                }
            }
        });
        text
    }
    within_patience(|| {
        let pool = pool(1);
        let sent = text(400_000);
        for _ in 0..5 {
            assert!(pool.submit(call!(same(sent.clone()))).result().unwrap() == sent);
            let before = pool.pids();
            match pool.submit(call!(cut(sent.clone()))).result() {
                // It was faster than the thread that cuts.
                Ok(back) => assert_eq!(back.len(), sent.len()),
                Err(JobError::Broken(_) | JobError::Crashed(_) | JobError::Codec(_)) => {}
                Err(error) => panic!("{error}"),
            }
            // The thread that cuts is to end as well.
            for pid in before {
                let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
                // It may have died of what it did.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        // The last of them may have been killed with this job sent and not begun, which costs it nothing.
        assert_eq!(pool.submit(call!(same(1))).result().unwrap(), 1);
    });
}

#[test]
fn a_shortage_of_descriptors_costs_the_jobs_that_need_them() {
    fn many() -> Vec<Blob> {
        (0..40_u8).map(|n| Blob::from(&[n])).collect()
    }
    alone(a_shortage_of_descriptors_costs_the_jobs_that_need_them, || {
        let pool = pool(1);
        let worker = worker_of(&pool);
        assert_eq!(pool.submit(call!(many())).result().unwrap().len(), 40);
        let before = getrlimit(Resource::Nofile);
        let few = Rlimit { current: Some(descriptors(own_pid()) as u64 + 5), maximum: before.maximum };
        setrlimit(Resource::Nofile, few).unwrap();
        let short = pool.submit(call!(many())).result();
        let small = pool.submit(call!(same(1))).result();
        setrlimit(Resource::Nofile, before).unwrap();
        let error = short.unwrap_err().to_string();
        assert!(
            error.contains(
                "this process has no file descriptor left for its handles; close some files, or raise `ulimit -n`"
            ),
            "{error}"
        );
        assert_eq!(small.unwrap(), 1);
        assert_eq!(pool.submit(call!(many())).result().unwrap().len(), 40);
        assert_eq!(worker_of(&pool), worker, "no worker was lost");
    });
}
