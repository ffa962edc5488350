//! Each kind of thing, from several processes and threads.

use std::thread;
use std::time::Duration;

use executor::manager::{
    Array, Barrier, Condition, List, Lock, ManagerError, Namespace, Semaphore, SharedEvent, SharedMap, SharedQueue,
    Value,
};
use executor::{ProcessPool, call};

use super::{Outcome, ends, manager};
use crate::processes::pool;
use crate::support::within_patience;

/// Runs it in two processes, and in two threads here.
macro_rules! everywhere {
    ($pool:expr, $f:ident($($handle:ident),*)) => {{
        let pool: &ProcessPool = &$pool;
        let jobs: Vec<_> = (0..2).map(|_| pool.submit(call!($f($($handle.clone()),*)))).collect();
        let here = thread::scope(|scope| {
            let threads = [(); 2].map(|()| {
                $(let $handle = $handle.clone();)*
                scope.spawn(move || $f($($handle),*))
            });
            threads.map(|thread| thread.join().unwrap().unwrap())
        });
        let all: Vec<_> = ends(jobs).into_iter().chain(here).collect();
        all
    }};
}

const ROUNDS: u32 = 50;

#[test]
fn a_value_is_changed_in_one_step() {
    fn count(value: Value<u32>) -> Outcome {
        for _ in 0..ROUNDS {
            value.update(|value| *value += 1)?;
        }
        Ok(())
    }
    within_patience(|| {
        let (pool, manager) = (pool(2), manager());
        let value = manager.value(0_u32).unwrap();
        everywhere!(pool, count(value));
        assert_eq!(value.get().unwrap(), 4 * ROUNDS);
        assert_eq!((value.set(7).unwrap(), value.get().unwrap()), (4 * ROUNDS, 7));
    });
}

#[test]
fn a_lock_lets_one_in() {
    fn count(lock: Lock, value: Value<u32>) -> Outcome {
        for _ in 0..ROUNDS {
            let guard = lock.lock()?;
            assert!(!guard.was_abandoned() && lock.try_lock()?.is_none());
            // Not in one step: it is the lock that keeps others out.
            let before = value.get()?;
            value.set(before + 1)?;
        }
        Ok(())
    }
    within_patience(|| {
        let (pool, manager) = (pool(2), manager());
        let (lock, value) = (manager.lock().unwrap(), manager.value(0).unwrap());
        everywhere!(pool, count(lock, value));
        assert_eq!(value.get().unwrap(), 4 * ROUNDS);
        assert!(lock.try_lock().unwrap().is_some());
    });
}

#[test]
fn a_map_has_what_anybody_put_there() {
    fn fill(map: SharedMap<u32, u32>, sums: SharedMap<String, u32>) -> Outcome {
        for key in 0..ROUNDS {
            let first = map.get_or_insert(key, std::process::id())?;
            assert_eq!(map.get(&key)?, Some(first), "who came first");
            sums.update(&format!("{}", key % 3), |sum| *sum = Some(sum.unwrap_or(0) + 1))?;
        }
        Ok(())
    }
    within_patience(|| {
        let (pool, manager) = (pool(2), manager());
        let (map, sums) = (manager.map().unwrap(), manager.map().unwrap());
        everywhere!(pool, fill(map, sums));
        assert_eq!(map.len().unwrap(), ROUNDS as usize);
        let mut keys = map.keys().unwrap();
        keys.sort_unstable();
        assert!(keys.into_iter().eq(0..ROUNDS));
        assert_eq!(sums.values().unwrap().into_iter().sum::<u32>(), 4 * ROUNDS);
        assert_eq!(map.insert(1, 5).unwrap().is_some(), map.contains(&1).unwrap());
        assert_eq!((map.remove(&1).unwrap(), map.remove(&1).unwrap(), map.get(&1).unwrap()), (Some(5), None, None));
        map.update(&2, |value| *value = None).unwrap();
        assert_eq!((map.contains(&2).unwrap(), map.snapshot().unwrap().len()), (false, ROUNDS as usize - 2));
        map.clear().unwrap();
        assert!(map.is_empty().unwrap());
    });
}

#[test]
fn while_one_key_is_updated_the_others_are_free() {
    within_patience(|| {
        let manager = manager();
        let map = manager.map::<u8, u8>().unwrap();
        map.insert(1, 1).unwrap();
        thread::scope(|scope| {
            let waits = map.update(&1, |value| {
                map.insert(2, 2).unwrap();
                assert_eq!(map.get(&1).unwrap(), Some(1), "the one before, for whoever reads");
                *value = Some(10);
                // It waits for what is held.
                scope.spawn(|| map.insert(1, 3))
            });
            assert_eq!(waits.unwrap().join().unwrap().unwrap(), Some(10), "it came after the update");
        });
    });
}

#[test]
fn a_list_keeps_the_order_of_each() {
    fn fill(list: List<(u64, u32)>, me: Value<u64>) -> Outcome {
        let me = me.update(|next| {
            *next += 1;
            *next
        })?;
        for n in 0..ROUNDS {
            list.push((me, n))?;
        }
        Ok(())
    }
    within_patience(|| {
        let (pool, manager) = (pool(2), manager());
        let (list, me) = (manager.list().unwrap(), manager.value(0).unwrap());
        everywhere!(pool, fill(list, me));
        let all = list.snapshot().unwrap();
        for me in 1..=4 {
            assert!(all.iter().filter(|(of, _)| *of == me).map(|(_, n)| *n).eq(0..ROUNDS));
        }
        list.update(|all| all.sort_unstable_by_key(|(_, n)| std::cmp::Reverse(*n))).unwrap();
        assert_eq!(list.get(0).unwrap().unwrap().1, ROUNDS - 1);
        list.clear().unwrap();
        list.extend([(1, 1), (3, 3)]).unwrap();
        list.insert(1, (2, 2)).unwrap();
        list.swap(0, 2).unwrap();
        list.update_at(0, |value| value.1 = 9).unwrap();
        assert_eq!((list.set(1, (4, 4)).unwrap(), list.remove(0).unwrap()), ((2, 2), (3, 9)));
        assert_eq!((list.pop().unwrap(), list.len().unwrap(), list.get(1).unwrap()), (Some((1, 1)), 1, None));
        for error in [list.set(1, (0, 0)).map(drop), list.remove(1).map(drop), list.insert(2, (0, 0)), list.swap(0, 1)]
        {
            assert!(matches!(error, Err(ManagerError::OutOfRange { len: 1 })), "{error:?}");
        }
        assert!(matches!(list.update_at(1, |_| ()), Err(ManagerError::OutOfRange { len: 1 })));
    });
}

#[test]
fn an_array_keeps_its_length_and_its_places_are_free_of_each_other() {
    fn count(array: Array<u32>) -> Outcome {
        for n in 0..ROUNDS {
            array.update(n as usize % 3, |value| *value += 1)?;
        }
        Ok(())
    }
    within_patience(|| {
        let (pool, manager) = (pool(2), manager());
        let array = manager.array(vec![0; 3]).unwrap();
        everywhere!(pool, count(array));
        assert_eq!(array.snapshot().unwrap().into_iter().sum::<u32>(), 4 * ROUNDS);
        // While one place is held, another is free: this would wait for ever.
        array.update(0, |_| array.set(1, 5).unwrap()).unwrap();
        array.swap(1, 2).unwrap();
        assert_eq!((array.get(2).unwrap(), array.len().unwrap()), (5, 3));
        assert!(matches!(array.set(3, 0), Err(ManagerError::OutOfRange { len: 3 })));
        assert!(matches!(array.get(3), Err(ManagerError::OutOfRange { len: 3 })));
        assert!(manager.array::<u8>([]).unwrap().is_empty().unwrap());
    });
}

#[test]
fn a_namespace_knows_the_type_of_each_value() {
    fn set(names: Namespace) -> Outcome {
        names.set("pid", std::process::id())?;
        names.set("name", "worker".to_owned())?;
        Ok(())
    }
    within_patience(|| {
        let (pool, manager) = (pool(1), manager());
        let names = manager.namespace().unwrap();
        ends([pool.submit(call!(set(names.clone())))]);
        assert_eq!(names.get::<u32>("pid").unwrap(), Some(pool.pids()[0]));
        assert_eq!(names.get::<String>("name").unwrap().as_deref(), Some("worker"));
        assert_eq!(names.get::<u64>("nobody").unwrap(), None);
        let error = names.get::<u64>("pid").unwrap_err();
        assert_eq!(error.to_string(), "`pid` is a `u32`, not a `u64`; read it as the type with which it was set");
        assert_eq!(names.names().unwrap(), ["name", "pid"]);
        assert!(names.remove("pid").unwrap() && !names.remove("pid").unwrap());
    });
}

#[test]
fn a_queue_gives_each_item_to_one() {
    fn consume(queue: SharedQueue<u32>) -> Outcome<Vec<u32>> {
        let mut mine = Vec::new();
        loop {
            let item = queue.get()?;
            queue.task_done()?;
            if item == u32::MAX {
                return Ok(mine);
            }
            mine.push(item);
        }
    }
    within_patience(|| {
        let (pool, manager) = (pool(2), manager());
        let queue = manager.queue(3).unwrap();
        let mut taken = thread::scope(|scope| {
            scope.spawn(|| {
                (0..200).for_each(|n| queue.put(n).unwrap());
                (0..4).for_each(|_| queue.put(u32::MAX).unwrap());
            });
            everywhere!(pool, consume(queue)).concat()
        });
        taken.sort_unstable();
        assert!(taken.into_iter().eq(0..200));
        assert_eq!(queue.join().unwrap(), 0);
        assert_eq!(queue.try_get().unwrap(), None);
        assert_eq!(queue.get_timeout(Duration::from_millis(1)).unwrap(), None);
        for n in 0..3 {
            queue.try_put(n).unwrap();
        }
        let error = queue.try_put(3).unwrap_err();
        assert!(error.is_full());
        let text = "an item `u32` was not put into the queue: it is full; try again later, or use `put`, which waits";
        assert_eq!((error.to_string().as_str(), error.into_inner()), (text, 3));
        assert!(queue.put_timeout(4, Duration::from_millis(1)).unwrap_err().is_full());
        assert_eq!((queue.len().unwrap(), queue.join_timeout(Duration::from_millis(1)).unwrap()), (3, None));
        assert!(matches!(queue.task_done(), Err(ManagerError::NothingToDo)), "it took none");
        thread::scope(|scope| {
            let joined = scope.spawn(|| queue.join());
            for n in 0..3 {
                assert_eq!(queue.get().unwrap(), n);
                queue.task_done().unwrap();
            }
            assert_eq!(joined.join().unwrap().unwrap(), 0);
        });
    });
}

#[test]
fn a_semaphore_lets_a_few_in() {
    fn enter(semaphore: Semaphore, inside: Value<(u32, u32)>) -> Outcome {
        for _ in 0..ROUNDS {
            let _permit = semaphore.acquire()?;
            inside.update(|(now, most)| {
                *now += 1;
                *most = (*most).max(*now);
            })?;
            inside.update(|(now, _)| *now -= 1)?;
        }
        Ok(())
    }
    within_patience(|| {
        let (pool, manager) = (pool(2), manager());
        let (semaphore, inside) = (manager.semaphore(2).unwrap(), manager.value((0, 0)).unwrap());
        everywhere!(pool, enter(semaphore, inside));
        let (now, most) = inside.get().unwrap();
        assert!(now == 0 && (1..=2).contains(&most), "{most}");
        semaphore.release().unwrap();
        let permits: Vec<_> = (0..3).map(|_| semaphore.try_acquire().unwrap().unwrap()).collect();
        assert!(semaphore.acquire_timeout(Duration::from_millis(1)).unwrap().is_none());
        drop(permits);
        let bounded = manager.bounded_semaphore(1).unwrap();
        bounded.acquire().unwrap().forget().unwrap();
        assert!(bounded.try_acquire().unwrap().is_none());
        bounded.release().unwrap();
        assert!(matches!(bounded.release(), Err(ManagerError::TooManyPermits)));
    });
}

#[test]
fn a_condition_is_waited_for_under_its_lock() {
    /// Takes turns: the process whose turn it is passes the turn on.
    fn play(condition: Condition, turn: Value<u32>, next: Value<u32>) -> Outcome {
        let me = next.update(|next| std::mem::replace(next, *next + 1))?;
        for _ in 0..10 {
            let mut guard = condition.lock()?;
            guard.wait_while(|| Ok(turn.get()? % 4 != me))?;
            turn.update(|turn| *turn += 1)?;
            guard.notify_all()?;
        }
        Ok(())
    }
    within_patience(|| {
        let (pool, manager) = (pool(2), manager());
        let condition = manager.condition().unwrap();
        let (turn, next) = (manager.value(0).unwrap(), manager.value(0).unwrap());
        everywhere!(pool, play(condition, turn, next));
        assert_eq!(turn.get().unwrap(), 40);
        let mut guard = condition.lock().unwrap();
        assert!(!guard.wait_timeout(Duration::from_millis(1)).unwrap());
        assert!(!guard.wait_timeout(Duration::ZERO).unwrap());
        assert!(!guard.wait_while_timeout(|| Ok(true), Duration::from_millis(1)).unwrap());
        assert!(condition.try_lock().unwrap().is_none(), "it is held again");
        thread::scope(|scope| {
            let waiters: Vec<_> = (0..3).map(|_| scope.spawn(|| condition.lock().unwrap().wait())).collect();
            // A waiter sleeps once it has freed the lock, for which it queues behind this thread.
            for _ in 0..3 {
                assert!(!guard.wait_timeout(Duration::ZERO).unwrap());
            }
            guard.notify_all().unwrap();
            drop(guard);
            // Wakes the waiters that were not yet asleep at `notify_all`.
            crate::support::eventually("all went on", || {
                condition.lock().unwrap().notify_one().unwrap();
                waiters.iter().all(thread::ScopedJoinHandle::is_finished)
            });
        });
    });
}

#[test]
fn an_event_wakes_all() {
    fn wait(event: SharedEvent, ready: Barrier) -> Outcome<bool> {
        ready.wait()?;
        event.wait()?;
        Ok(event.is_set()? && event.wait_timeout(Duration::MAX)?)
    }
    within_patience(|| {
        let (pool, manager) = (pool(2), manager());
        let (event, ready) = (manager.event().unwrap(), manager.barrier(5).unwrap());
        assert!(!event.is_set().unwrap() && !event.wait_timeout(Duration::from_millis(1)).unwrap());
        thread::scope(|scope| {
            scope.spawn(|| {
                ready.wait().unwrap();
                event.set().unwrap();
            });
            assert_eq!(everywhere!(pool, wait(event, ready)), [true; 4]);
        });
        event.clear().unwrap();
        assert!(!event.is_set().unwrap());
    });
}

#[test]
fn a_barrier_lets_all_go_on_together_again_and_again() {
    fn meet(barrier: Barrier, met: Value<u32>) -> Outcome<u32> {
        let mut led = 0;
        for round in 1..=10 {
            met.update(|met| *met += 1)?;
            led += u32::from(barrier.wait()?);
            assert!(met.get()? >= 4 * round, "somebody has not come");
        }
        Ok(led)
    }
    within_patience(|| {
        let (pool, manager) = (pool(2), manager());
        let (barrier, met) = (manager.barrier(4).unwrap(), manager.value(0).unwrap());
        assert_eq!(barrier.wait_timeout(Duration::from_millis(1)).unwrap(), None);
        assert_eq!(everywhere!(pool, meet(barrier, met)).into_iter().sum::<u32>(), 10, "one leads in each round");
        assert_eq!(barrier.waiting().unwrap(), 0);
    });
}
