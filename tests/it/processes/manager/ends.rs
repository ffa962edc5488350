//! How handles travel, what many of them cost, and what is left when the manager is gone.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use executor::manager::{Barrier, List, Lock, ManagerError, SharedEvent, SharedMap, Value};
use executor::{Blob, Codec, Manager, ProcessPool, Receiver, Sender, call, channel};
use serde::{Deserialize, Serialize};

use super::{Outcome, ends, manager};
use crate::idle::assert_undisturbed;
use crate::processes::blobs::{descriptors, own_pid};
use crate::processes::{pool, worker_of};
use crate::support::system::{other_tasks, tasks_named};
use crate::support::{alone, eventually, within_patience};

#[test]
fn handles_go_wherever_jobs_go() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Shared {
        values: Vec<Value<u32>>,
        lock: Option<Lock>,
    }
    fn back(shared: Shared, sum: Value<u32>) -> Outcome<(Shared, Value<u32>)> {
        for value in &shared.values {
            let _guard = shared.lock.as_ref().map(Lock::lock).transpose()?;
            let number = value.get()?;
            sum.update(|sum| *sum += number)?;
        }
        Ok((shared, sum))
    }
    fn nested(shared: Shared, sum: Value<u32>) -> Outcome {
        let pool = ProcessPool::new(1)?;
        pool.submit(call!(back(shared, sum))).flatten().result()?;
        Ok(())
    }
    fn listen(handles: Receiver<Value<u32>>) -> Outcome<u32> {
        let mut sum = 0;
        for handle in &handles {
            sum += handle?.get()?;
        }
        Ok(sum)
    }
    fn add(sum: Value<u32>, number: u32) -> Outcome {
        sum.update(|sum| *sum += number)?;
        Ok(())
    }
    within_patience(|| {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let manager = Manager::with_codec(codec).unwrap();
            let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
            let values = (0..100).map(|n| manager.value(n).unwrap()).collect();
            let shared = Shared { values, lock: Some(manager.lock().unwrap()) };
            let sum = manager.value(0).unwrap();
            let job = pool.submit(call!(back(shared.clone(), sum.clone())));
            let (returned, their_sum) = job.flatten().result().unwrap();
            assert_eq!((returned.values.len(), their_sum.get().unwrap()), (100, 4950));
            ends([pool.submit(call!(nested(shared.clone(), sum.clone())))]);
            assert_eq!(sum.get().unwrap(), 2 * 4950);
            let (sender, receiver) = channel().unwrap();
            let job = pool.submit(call!(listen(receiver)));
            returned.values.into_iter().for_each(|value| sender.send(value).unwrap());
            drop(sender);
            assert_eq!(ends([job]), [4950]);
            let items = (0..50).map(|number| (sum.clone(), number));
            let added = pool.map(items, |(sum, number)| add(sum, number)).collect::<Result<Vec<_>, _>>().unwrap();
            assert!(added.iter().all(Result::is_ok));
            assert_eq!(sum.get().unwrap(), 2 * 4950 + 1225);
        }
    });
}

#[test]
fn a_manager_in_a_worker_is_used_from_here_and_ends_with_it() {
    fn make(hold: Receiver<()>, to: Sender<(Value<u32>, SharedEvent, SharedEvent)>) -> Outcome {
        let manager = Manager::new()?;
        let (value, changed, never) = (manager.value(7)?, manager.event()?, manager.event()?);
        to.send((value.clone(), changed.clone(), never)).map_err(|_| ManagerError::Gone)?;
        changed.wait()?;
        assert_eq!(value.get()?, 8);
        drop(hold.recv());
        std::process::abort()
    }
    within_patience(|| {
        let pool = pool(1);
        let ((hold, held), (to, from)) = (channel().unwrap(), channel().unwrap());
        let job = pool.submit(call!(make(held, to)));
        let (value, changed, never) = from.recv().unwrap();
        value.update(|value| *value += 1).unwrap();
        changed.set().unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| never.wait());
            drop(hold);
            assert!(matches!(waits.join().unwrap(), Err(ManagerError::Gone | ManagerError::Disconnected)));
        });
        drop(job.result());
        assert!(matches!(value.get(), Err(ManagerError::Gone)));
    });
}

#[test]
fn values_can_be_handles_of_the_same_manager_and_no_descriptors() {
    fn add(lists: SharedMap<String, List<u32>>) -> Outcome {
        lists.get(&"numbers".to_owned())?.expect("it was put there").push(2)?;
        Ok(())
    }
    within_patience(|| {
        let (pool, manager, other) = (pool(1), manager(), manager());
        let (lists, numbers) = (manager.map().unwrap(), manager.list().unwrap());
        lists.insert("numbers".to_owned(), numbers.clone()).unwrap();
        ends([pool.submit(call!(add(lists.clone())))]);
        assert_eq!(numbers.snapshot().unwrap(), [2]);
        let error = manager.value(Blob::from(b"bytes")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a value `executor_process::ipc::blob::Blob` could not be encoded: a manager stores only bytes: no \
             `Blob`, no end of a channel, and no handle of another manager; send these in a job or through a \
             channel"
        );
        assert!(matches!(manager.value(other.lock().unwrap()), Err(ManagerError::Codec(_))));
        let error = serde_json::to_string(&numbers).unwrap_err();
        assert!(error.to_string().starts_with("a `List` can be encoded only as part of a job"), "{error}");
    });
}

#[test]
fn large_values_go_through_and_others_do_not_wait_for_them() {
    fn double(value: Value<String>) -> Outcome<usize> {
        value
            .update(|text| {
                *text = text.repeat(2);
                text.len()
            })
            .map_err(Into::into)
    }
    within_patience(|| {
        let (pool, manager) = (pool(1), manager());
        let (large, small) = (manager.value("1".repeat(8 << 20)).unwrap(), manager.value(0).unwrap());
        let job = pool.submit(call!(double(large.clone())));
        for _ in 0..100 {
            small.update(|small| *small += 1).unwrap();
        }
        assert_eq!(ends([job]), [16 << 20]);
        let doubled = "1".repeat(16 << 20);
        thread::scope(|scope| {
            let all = scope.spawn(|| (0..5).all(|_| large.get().unwrap() == doubled));
            (0..100).for_each(|_| small.update(|small| *small += 1).unwrap());
            assert!(all.join().unwrap());
        });
        assert_eq!(small.get().unwrap(), 200);
    });
}

#[test]
fn when_it_is_dropped_all_who_wait_are_told_and_nothing_is_left() {
    fn wait(event: SharedEvent, ready: Barrier) -> String {
        ready.wait().expect("it is there");
        event.wait().expect_err("nobody sets it").to_string()
    }
    alone(when_it_is_dropped_all_who_wait_are_told_and_nothing_is_left, || {
        let pool = pool(1);
        let worker = worker_of(&pool);
        let before = (descriptors(own_pid()), descriptors(worker), other_tasks().len());
        let manager = manager();
        let (event, ready) = (manager.event().unwrap(), manager.barrier(6).unwrap());
        let (lock, queue) = (manager.lock().unwrap(), manager.queue::<u32>(1).unwrap());
        let condition = manager.condition().unwrap();
        queue.put(1).unwrap();
        let guard = lock.lock().unwrap();
        assert_eq!(tasks_named("executor-manage").len(), 1);
        let job = pool.submit(call!(wait(event.clone(), ready.clone())));
        let empty = manager.queue::<u32>(None).unwrap();
        let errors = thread::scope(|scope| {
            let waits: [Box<dyn Fn() -> Result<(), ManagerError> + Send>; 4] = [
                Box::new(|| lock.lock().map(drop)),
                Box::new(|| empty.get().map(drop)),
                Box::new(|| queue.join().map(drop)),
                Box::new(|| condition.lock()?.wait()),
            ];
            let ready = &ready;
            let threads = waits.map(|wait| {
                scope.spawn(move || {
                    ready.wait().unwrap();
                    wait().unwrap_err().to_string()
                })
            });
            ready.wait().unwrap();
            drop(manager);
            threads.map(|thread| thread.join().unwrap())
        });
        let gone = "the manager is gone: it was dropped, or its process has ended; keep the `Manager` while its \
                    handles are used";
        assert_eq!(errors, [gone; 4]);
        assert_eq!(job.result().unwrap(), gone);
        drop(guard);
        let error = queue.put(2).unwrap_err();
        assert_eq!(error.to_string(), format!("an item `u32` was not put into the queue: {gone}"));
        assert_eq!(error.into_inner(), 2);
        drop((event, ready, lock, queue, condition, empty));
        eventually("nothing is left", || (descriptors(own_pid()), descriptors(worker), other_tasks().len()) == before);
    });
}

#[test]
fn discarded_objects_are_gone_for_all() {
    within_patience(|| {
        let manager = manager();
        let (queue, other) = (manager.queue::<u32>(None).unwrap(), manager.value(1).unwrap());
        thread::scope(|scope| {
            let waits = scope.spawn(|| queue.get());
            eventually("it is discarded while somebody waits, or before", || queue.clone().discard().is_ok());
            assert!(matches!(waits.join().unwrap(), Err(ManagerError::Discarded)));
        });
        let error = queue.put(1).unwrap_err();
        assert!(
            !error.is_full()
                && error
                    .to_string()
                    .ends_with("the manager no longer has this object: it was discarded; create a new one")
        );
        queue.discard().unwrap();
        assert_eq!(other.get().unwrap(), 1);
    });
}

#[test]
fn a_hundred_processes_meet_and_share_a_descriptor_or_two_each() {
    fn meet(barrier: Barrier, sum: Value<u32>) -> Outcome {
        barrier.wait()?;
        sum.update(|sum| *sum += 1)?;
        barrier.wait()?;
        Ok(())
    }
    alone(a_hundred_processes_meet_and_share_a_descriptor_or_two_each, || {
        const N: usize = 100;
        let (pool, manager) = (pool(N), manager());
        let (barrier, sum) = (manager.barrier(N + 1).unwrap(), manager.value(0).unwrap());
        let jobs: Vec<_> = (0..N).map(|_| pool.submit(call!(meet(barrier.clone(), sum.clone())))).collect();
        barrier.wait().unwrap();
        barrier.wait().unwrap();
        assert_eq!(sum.get().unwrap(), 100);
        ends(jobs);
        let before = descriptors(own_pid());
        drop(pool);
        // Of each worker, the sockets of its pool and two of ours have gone.
        eventually("they are gone", || descriptors(own_pid()) + 2 * N <= before);
        let handles: Vec<_> = (0..300).map(|n| manager.value(n).unwrap()).collect();
        let few = descriptors(own_pid());
        let (copies, queue) = (handles.clone(), manager.queue::<Value<i32>>(None).unwrap());
        for copy in copies {
            queue.put(copy).unwrap();
        }
        let back: Vec<_> = (0..300).map(|_| queue.get().unwrap()).collect();
        assert_eq!(back[299].get().unwrap(), 299);
        assert_eq!(descriptors(own_pid()), few, "handles have none of their own");
        let pool = crate::processes::pool(1);
        worker_of(&pool);
        let few = descriptors(own_pid());
        let there_and_back = |_| pool.submit(call!(|values: Vec<Value<i32>>| values, (handles[..50].to_vec(),)));
        let back: Vec<_> = (0..20).map(there_and_back).map(|job| job.result().unwrap()).collect();
        assert_eq!(back[19][49].get().unwrap(), 49);
        assert_eq!(descriptors(own_pid()), few, "nor have those that come back");
    });
}

#[test]
fn an_idle_manager_sleeps() {
    /// Stays connected.
    fn connect(value: Value<u32>) -> Outcome {
        static KEPT: OnceLock<Value<u32>> = OnceLock::new();
        KEPT.get_or_init(|| value).set(5)?;
        Ok(())
    }
    alone(an_idle_manager_sleeps, || {
        let (pool, manager) = (pool(1), manager());
        let (value, queue) = (manager.value(0).unwrap(), manager.queue(None).unwrap());
        let lock = manager.lock().unwrap();
        let guard = lock.lock().unwrap();
        assert!(lock.lock_timeout(Duration::from_millis(1)).unwrap().is_none());
        ends([pool.submit(call!(connect(value.clone())))]);
        assert_eq!(value.get().unwrap(), 5);
        let waits = thread::spawn({
            let queue = queue.clone();
            move || queue.get()
        });
        assert_undisturbed(other_tasks);
        queue.put(6).unwrap();
        assert_eq!(waits.join().unwrap().unwrap(), 6);
        drop(guard);
    });
}
