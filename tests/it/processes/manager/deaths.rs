//! A client may die at any moment: the manager releases all that it held, forgets its waits, and serves the others.

use std::io::Read;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

use executor::manager::{Barrier, Condition, Lock, SharedEvent, SharedMap, SharedQueue, Value};
use executor::{JobError, call};
use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};

use super::{Outcome, ends, manager};
use crate::processes::deaths::{crash, kill};
use crate::processes::pool;
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{Directory, within_patience};

#[test]
fn a_lock_whose_holder_is_killed_is_free_and_the_next_is_told() {
    fn hold(lock: Lock, arrival: Arrival) -> Outcome {
        let guard = lock.lock()?;
        arrival.arrive(0);
        drop(guard);
        Ok(())
    }
    fn count(lock: Lock, told: Value<(u32, u32)>) -> Outcome {
        let guard = lock.lock()?;
        told.update(|(went_on, were_told)| {
            *went_on += 1;
            *were_told += u32::from(guard.was_abandoned());
        })?;
        Ok(())
    }
    within_patience(|| {
        let (pool, manager, rendezvous) = (pool(3), manager(), Rendezvous::new());
        let (lock, told) = (manager.lock().unwrap(), manager.value((0, 0)).unwrap());
        for round in 1..=5 {
            let holder = pool.submit(call!(hold(lock.clone(), rendezvous.arrival())));
            let waiter = rendezvous.accept();
            let waiting = [(); 2].map(|()| pool.submit(call!(count(lock.clone(), told.clone()))));
            thread::scope(|scope| {
                scope.spawn(|| count(lock.clone(), told.clone()).unwrap());
                kill(waiter.pid());
                waiter.wait_for_its_death();
            });
            ends(waiting);
            assert_eq!(crash(holder).signal(), Some("SIGKILL"));
            assert_eq!(told.get().unwrap(), (3 * round, round), "all went on, one was told");
        }
        assert!(!lock.try_lock().unwrap().unwrap().was_abandoned());
    });
}

#[test]
fn a_value_whose_updater_is_killed_is_as_it_was() {
    fn update(value: Value<Vec<u32>>, map: SharedMap<String, u32>, arrival: Arrival) -> Outcome {
        value.update(|value| {
            value.push(1);
            let inside = map.update(&"key".to_owned(), |number| {
                *number = Some(1);
                arrival.arrive(0);
            });
            inside.is_ok()
        })?;
        Ok(())
    }
    within_patience(|| {
        let (pool, manager, rendezvous) = (pool(1), manager(), Rendezvous::new());
        let (value, map) = (manager.value(vec![7]).unwrap(), manager.map().unwrap());
        map.insert("key".to_owned(), 7).unwrap();
        let updater = pool.submit(call!(update(value.clone(), map.clone(), rendezvous.arrival())));
        let waiter = rendezvous.accept();
        assert_eq!(value.get().unwrap(), [7], "who reads does not wait");
        thread::scope(|scope| {
            let next = scope.spawn(|| value.update(|value| value.push(2)));
            let remove = scope.spawn(|| map.remove(&"key".to_owned()));
            kill(waiter.pid());
            next.join().unwrap().unwrap();
            assert_eq!(remove.join().unwrap().unwrap(), Some(7));
        });
        assert_eq!(value.get().unwrap(), [7, 2]);
        assert!(matches!(updater.result(), Err(JobError::Crashed(_))));
    });
}

#[test]
fn a_panic_in_an_update_changes_nothing_and_frees_it() {
    within_patience(|| {
        let manager = manager();
        let value = manager.value(1).unwrap();
        let panicked = thread::scope(|scope| {
            let update = scope.spawn(|| {
                value.update(|value| -> () {
                    *value = 2;
                    std::panic::resume_unwind(Box::new("in an update"))
                })
            });
            update.join()
        });
        assert!(panicked.is_err());
        value.update(|value| *value += 10).unwrap();
        assert_eq!(value.get().unwrap(), 11);
    });
}

#[test]
fn a_killed_clients_waits_are_dropped() {
    /// Waits in as many threads as there are ways to wait.
    fn wait_for_all(queue: SharedQueue<u32>, lock: Lock, condition: Condition, event: SharedEvent, barrier: Barrier) {
        thread::scope(|scope| {
            scope.spawn(|| queue.get());
            scope.spawn(|| lock.lock().map(drop));
            scope.spawn(|| event.wait());
            scope.spawn(|| barrier.wait());
            scope.spawn(|| condition.lock()?.wait());
        });
    }
    within_patience(|| {
        let (pool, manager) = (pool(1), manager());
        let (queue, lock) = (manager.queue(None).unwrap(), manager.lock().unwrap());
        let (condition, event) = (manager.condition().unwrap(), manager.event().unwrap());
        let barrier = manager.barrier(2).unwrap();
        let guard = lock.lock().unwrap();
        let waits = pool.submit(call!(wait_for_all(
            queue.clone(),
            lock.clone(),
            condition.clone(),
            event.clone(),
            barrier.clone()
        )));
        crate::support::eventually("it waits", || barrier.waiting().unwrap() == 1);
        // Before others are the next in line.
        let pid = pool.pids()[0];
        kill(pid);
        assert_eq!(crash(waits).signal(), Some("SIGKILL"));
        crate::support::eventually("it is forgotten", || barrier.waiting().unwrap() == 0);
        drop(guard);
        drop(lock.lock().unwrap());
        for item in 0..10 {
            queue.put(item).unwrap();
        }
        assert!((0..10).all(|item| queue.get().unwrap() == item), "none went to the dead");
        thread::scope(|scope| {
            let ready = manager.event().unwrap();
            let sleeps = scope.spawn({
                let (condition, ready) = (&condition, ready.clone());
                move || {
                    let mut guard = condition.lock().unwrap();
                    ready.set().unwrap();
                    guard.wait().unwrap();
                }
            });
            ready.wait().unwrap();
            condition.lock().unwrap().notify_one().unwrap();
            sleeps.join().unwrap();
            let other = scope.spawn(|| barrier.wait().unwrap());
            assert_ne!(barrier.wait().unwrap(), other.join().unwrap());
        });
    });
}

#[test]
fn items_of_killed_consumers_come_once_or_are_counted() {
    /// Takes one, and is killed with it.
    fn take(queue: SharedQueue<u32>, taken: Value<Vec<u32>>, arrival: Arrival) -> Outcome {
        let item = queue.get()?;
        taken.update(|taken| taken.push(item))?;
        arrival.arrive(item.into());
        Ok(())
    }
    within_patience(|| {
        let (pool, manager, rendezvous) = (pool(2), manager(), Rendezvous::new());
        let (queue, taken) = (manager.queue(None).unwrap(), manager.value(Vec::new()).unwrap());
        (0..20).for_each(|item| queue.put(item).unwrap());
        for _ in 0..3 {
            let job = pool.submit(call!(take(queue.clone(), taken.clone(), rendezvous.arrival())));
            kill(rendezvous.accept().pid());
            assert_eq!(crash(job).signal(), Some("SIGKILL"));
        }
        let mut all = taken.get().unwrap();
        while let Some(item) = queue.try_get().unwrap() {
            all.push(item);
            queue.task_done().unwrap();
        }
        assert!(all.into_iter().eq(0..20), "each once, in their order");
        assert_eq!(queue.join().unwrap(), 3, "what died with its consumer");
    });
}

/// The descriptor of this process's connection: the only stream of a worker.
fn connection() -> BorrowedFd<'static> {
    let is_stream =
        |fd: &BorrowedFd<'_>| socket_type(fd) == Ok(SocketType::STREAM) && socket_domain(fd) == Ok(AddressFamily::UNIX);
    let open = std::fs::read_dir("/proc/self/fd").expect("it is there").flatten();
    let numbers: Vec<i32> = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // SAFETY: the connection is open for as long as the job has a handle.
    let descriptors = numbers.into_iter().map(|number| unsafe { BorrowedFd::borrow_raw(number) });
    descriptors.into_iter().find(is_stream).expect("there is a connection")
}

#[test]
fn one_that_dies_in_the_middle_of_a_message_or_sends_nonsense_is_alone_with_it() {
    fn send(value: Value<u32>, lock: Lock, nonsense: Vec<u8>, dies: bool) -> Outcome<bool> {
        let guard = lock.lock()?;
        rustix::io::write(connection(), &nonsense)?;
        if dies {
            std::process::abort();
        }
        // The manager has hung up; what comes after makes another connection.
        let is_over = value.get().is_err();
        drop(guard);
        assert_eq!(value.get()?, 7);
        Ok(is_over)
    }
    within_patience(|| {
        let (pool, manager) = (pool(1), manager());
        let (value, lock) = (manager.value(7_u32).unwrap(), manager.lock().unwrap());
        let half = [&1000_u32.to_le_bytes()[..], &[1; 10]].concat();
        let job = pool.submit(call!(send(value.clone(), lock.clone(), half, true)));
        assert_eq!(crash(job).signal(), Some("SIGABRT"));
        assert!(lock.lock().unwrap().was_abandoned());
        for nonsense in [vec![0; 4], vec![1, 0, 0, 0, 255], [&8_u32.to_le_bytes()[..], &[0xff; 8]].concat()] {
            let job = pool.submit(call!(send(value.clone(), lock.clone(), nonsense, false)));
            assert_eq!(ends([job]), [true]);
            assert!(lock.lock().unwrap().was_abandoned());
        }
        assert_eq!(value.get().unwrap(), 7);
    });
}

#[test]
fn a_process_that_the_dead_left_behind_holds_nothing() {
    fn leave_one_behind(lock: Lock, path: PathBuf) {
        let guard = lock.lock().expect("the manager is there");
        let stream = UnixStream::connect(path).expect("somebody listens");
        let (mut has_left, left) = std::io::pipe().expect("a pipe");
        // SAFETY: the child calls nothing but what is async-signal-safe. It has copies of all descriptors, and a group of its own.
        unsafe {
            if libc::fork() == 0 {
                libc::setsid();
                libc::close(left.as_raw_fd());
                let mut byte = 0_u8;
                while libc::read(stream.as_raw_fd(), (&raw mut byte).cast(), 1) > 0 {}
                libc::_exit(0);
            }
        }
        // Until it has left, it dies with the group.
        drop(left);
        drop(has_left.read(&mut [0]));
        std::mem::forget(guard);
        std::process::abort();
    }
    within_patience(|| {
        let (pool, manager, directory) = (pool(1), manager(), Directory::new());
        let lock = manager.lock().unwrap();
        let path = directory.path().join("left");
        let listener = UnixListener::bind(&path).unwrap();
        let job = pool.submit(call!(leave_one_behind(lock.clone(), path)));
        let (mut stream, _) = listener.accept().unwrap();
        assert!(lock.lock().unwrap().was_abandoned(), "though another has its socket");
        drop(job.result());
        stream.set_nonblocking(true).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "it lives");
    });
}
