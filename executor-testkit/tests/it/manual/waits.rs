//! A thread that drives the executor runs what it waits for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use executor_core::{
    Event, Future, JobError, JobSet, Until, as_completed, join_all, promise, try_join_all, wait, wait_timeout,
};
use executor_testkit::{ManualExecutor, ManualHandle};

use crate::support::boxed;
use crate::support::{text_of, within_patience};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_wait_runs_the_job_itself_and_no_other() {
    let manual = ManualExecutor::new();
    let jobs: Vec<_> = (0..5).map(|n| manual.submit(boxed(move || n))).collect();
    jobs[3].wait();
    assert_eq!(manual.pending().len(), 4);
    let [first, .., last] = <[Future<i32>; 5]>::try_from(jobs).unwrap();
    assert_eq!((last.result().unwrap(), manual.pending().len()), (4, 3), "those that were dropped run still");
    assert_eq!(first.result().unwrap(), 0);
}

#[test]
fn every_way_of_waiting_ends() {
    fn one(manual: &ManualHandle) -> Future<usize> {
        manual.submit(boxed(|| 1))
    }
    let ways: [fn(&ManualHandle) -> usize; 13] = [
        |manual| one(manual).result().unwrap(),
        |manual| one(manual).result_timeout(SECOND).ok().unwrap().unwrap(),
        |manual| manual.submit_after(HOUR, boxed(|| 1)).result().unwrap(),
        |manual| one(manual).map_ok(|n| n).result().unwrap(),
        |manual| manual.submit_after(HOUR, boxed(|| 1)).map_ok(|n| n).result().unwrap(),
        |manual| join_all([one(manual), one(manual)]).into_iter().map(Result::unwrap).sum::<usize>() - 1,
        |manual| try_join_all([one(manual)]).unwrap()[0],
        |manual| as_completed([one(manual)]).map(|(_, outcome)| outcome.unwrap()).sum(),
        |manual| wait([one(manual), one(manual)], Until::AllDone).done.len() - 1,
        |manual| wait([one(manual)], Until::FirstDone).done.len(),
        |manual| {
            let mut set = JobSet::new();
            set.insert(manual.submit_after(SECOND, boxed(|| 1)));
            set.next_timeout(SECOND).unwrap().1.unwrap()
        },
        |manual| manual.map([1_usize], |n| n).map(Result::unwrap).sum(),
        |manual| {
            let event = Arc::new(Event::new());
            let setter = event.clone();
            drop(manual.submit_after(HOUR, boxed(move || setter.set())));
            event.wait();
            1
        },
    ];
    for way in ways {
        within_patience(move || {
            let manual = ManualExecutor::new();
            assert_eq!(way(&manual.handle()), 1);
            let handle = manual.handle();
            assert_eq!(manual.submit(boxed(move || way(&handle))).result().unwrap(), 1);
        });
    }
}

#[test]
fn the_limit_of_a_wait_is_virtual() {
    let manual = ManualExecutor::new();
    let start = manual.now();
    let job = manual.submit_after(HOUR, boxed(|| 7));
    assert!(!job.wait_timeout(59 * MINUTE));
    assert_eq!(manual.now() - start, 59 * MINUTE);
    let job = job.result_timeout(Duration::ZERO).unwrap_err();
    let waited = wait_timeout([job, manual.submit_after(2 * HOUR, boxed(|| 8))], Until::AllDone, MINUTE);
    assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
    assert_eq!(manual.now() - start, HOUR);
    let mut ended = as_completed(waited.pending).into_set();
    assert!(ended.next_timeout(HOUR).is_none() && ended.next_timeout(HOUR).is_some());
}

#[test]
fn a_wait_for_what_is_not_its_own_is_one_of_the_world() {
    within_patience(|| {
        let manual = ManualExecutor::new();
        let (promise, future) = promise::<u32>();
        assert!(!future.wait_timeout(Duration::from_millis(1)));
        let completes = thread::spawn(move || promise.complete(3));
        let ended: Vec<_> = as_completed([future, manual.submit(boxed(|| 4))]).map(|(_, n)| n.unwrap()).collect();
        assert_eq!(ended.iter().sum::<u32>(), 7);
        completes.join().unwrap();
    });
}

#[test]
fn a_chain_of_a_thousand_waits_ends() {
    fn deeper(manual: &ManualHandle, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let next = manual.clone();
        manual.submit(boxed(move || deeper(&next, n - 1))).result().unwrap() + 1
    }
    within_patience(|| {
        let manual = ManualExecutor::new();
        assert_eq!(deeper(&manual.handle(), 1000), 1000);
        assert_eq!(manual.stats().completed, 1000);
    });
}

#[test]
fn a_wait_that_nothing_can_end_panics_and_says_so() {
    within_patience(|| {
        let manual = ManualExecutor::new();
        let own = Arc::new(OnceLock::<std::sync::Mutex<Option<Future<()>>>>::new());
        let inside = own.clone();
        let job = manual.submit(boxed(move || {
            let own = inside.get().unwrap().lock().unwrap().take().unwrap();
            own.wait();
        }));
        let control = job.control();
        own.set(Some(job).into()).unwrap();
        let before = manual.stats().panicked;
        manual.run_next();
        assert_eq!((manual.stats().panicked - before, control.status().is_done()), (1, true));
        // One that is run by another thread may end yet.
        let (asked, asks) = mpsc::channel();
        let (answers, answer) = mpsc::channel::<()>();
        let job = manual.submit(boxed(move || {
            asked.send(()).unwrap();
            answer.recv().unwrap();
            3
        }));
        let handle = manual.handle();
        let runs = thread::spawn(move || handle.run_next());
        asks.recv().unwrap();
        let answering = thread::spawn(move || answers.send(()).unwrap());
        assert_eq!(job.result().unwrap(), 3);
        answering.join().unwrap();
        assert!(runs.join().unwrap());
    });
}

#[test]
fn the_panic_of_such_a_wait_tells_what_to_do() {
    within_patience(|| {
        let manual = ManualExecutor::new();
        let (first, second) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
        let wait_for = |there: &Arc<OnceLock<Future<()>>>| {
            let there = there.clone();
            move || there.get().unwrap().wait()
        };
        assert!(first.set(manual.submit(wait_for(&second))).is_ok());
        assert!(second.set(manual.submit(wait_for(&first))).is_ok());
        let (told, tells) = mpsc::channel();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| told.send(info.to_string()).unwrap_or_default()));
        manual.run_until_idle();
        std::panic::set_hook(hook);
        let text = tells.try_iter().find(|text| text.contains("nothing is left to run")).unwrap();
        assert!(text.contains("jobs that wait for each other"), "{text}");
    });
}

#[test]
fn a_thread_that_does_not_drive_it_waits_until_somebody_does() {
    within_patience(|| {
        let manual = ManualExecutor::new();
        let (job, (waits, will_wait)) = (manual.submit(thread::current), mpsc::channel());
        let waiter = thread::spawn(move || {
            waits.send(()).unwrap();
            job.result()
        });
        will_wait.recv().unwrap();
        assert!(manual.run_next());
        assert_eq!(waiter.join().unwrap().unwrap().id(), thread::current().id());
    });
}

#[test]
fn a_wait_is_as_good_on_a_thread_that_has_driven_it_once() {
    within_patience(|| {
        let manual = ManualExecutor::new();
        thread::spawn(move || {
            manual.run_until_idle();
            assert_eq!(manual.submit(boxed(|| 5)).result().unwrap(), 5);
        })
        .join()
        .unwrap();
    });
}

#[test]
fn two_executors_on_one_thread_run_each_others_jobs() {
    within_patience(|| {
        let (one, two) = (ManualExecutor::new(), ManualExecutor::new());
        let (to_one, to_two) = (one.handle(), two.handle());
        let there = one.submit(boxed(move || {
            to_two.submit(boxed(move || to_one.submit_after(HOUR, boxed(|| 7)).result().unwrap()))
        }));
        assert_eq!(there.result().unwrap().result().unwrap(), 7);
        let failed = catch_unwind(AssertUnwindSafe(|| one.submit(boxed(|| ())).result().unwrap()));
        assert!(failed.is_ok(), "{}", failed.map_or_else(|payload| text_of(&*payload), |()| String::new()));
        let outcome: Result<(), JobError> = two.submit(boxed(|| ())).result();
        assert!(outcome.is_ok());
    });
}
