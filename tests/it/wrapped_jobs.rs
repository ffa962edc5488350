//! `wrap_jobs`: code around each job, with a context that is captured where the job is submitted.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

#[cfg(feature = "rayon")]
use executor::RayonPool;
use executor::{JobError, JobOptions, QueueLimit, Rejection, ThreadPool, ThreadPoolBuilder, WhenFull, join_all};
use executor_testkit::ManualExecutor;

use crate::support::boxed;
use crate::support::{block_on, eventually, within_patience};

thread_local!(static REQUEST: Cell<u32> = const { Cell::new(0) });

fn request() -> u32 {
    REQUEST.get()
}

/// Submits as the request `n`.
fn within<R>(n: u32, f: impl FnOnce() -> R) -> R {
    let before = REQUEST.replace(n);
    let result = f();
    REQUEST.set(before);
    result
}

/// The request of the submitter is that of the job.
fn carry() -> impl Fn(&mut dyn FnMut()) + Send + Sync + 'static {
    let submitter = request();
    move |run| {
        let before = REQUEST.replace(submitter);
        run();
        REQUEST.set(before);
    }
}

fn one() -> ThreadPoolBuilder {
    ThreadPool::builder().threads(1)
}

fn carrying(builder: ThreadPoolBuilder) -> ThreadPool {
    builder.wrap_jobs(carry).build().expect("a small pool")
}

fn panic_of<T>(outcome: Result<T, JobError>) -> String {
    let Err(JobError::Panicked(panicked)) = outcome else { panic!("it panicked") };
    panicked.message().to_owned()
}

/// A value that tells whether it was dropped.
fn token() -> (Arc<()>, impl Fn() -> bool) {
    let token = Arc::new(());
    let weak = Arc::downgrade(&token);
    (token, move || weak.upgrade().is_none())
}

#[test]
fn every_way_to_submit_carries_the_context() {
    within_patience(|| {
        let pool = carrying(ThreadPool::builder().threads(2));
        let limit = Duration::from_secs(3600);
        let (options, delay) = (JobOptions::new().name("job").timeout(limit).start_by(limit), Duration::from_millis(1));
        let (named, late) = (pool.with(options), pool.with(JobOptions::new().delay(delay)));
        let (tell, told) = mpsc::channel();
        let seen: Vec<u32> = within(7, || {
            let executed = tell.clone();
            pool.execute(boxed(move || executed.send(request()).unwrap_or_default()));
            let futures = [
                pool.submit(request),
                pool.try_submit(request).expect("it is open"),
                pool.submit_timeout(request, limit).expect("there is room"),
                pool.submit_after(delay, request),
                named.submit(request),
                late.submit(request),
                pool.handle().submit(request),
                block_on(pool.submit_async(request)).expect("it is open"),
                block_on(late.submit_async(request)).expect("it is open"),
            ];
            let mut seen: Vec<_> = join_all(futures).into_iter().map(|seen| seen.expect("it ran")).collect();
            seen.extend(pool.map([(), ()], |()| request()).map(|seen| seen.expect("it ran")));
            seen.extend(pool.map([(), ()], |()| request()).chunk_size(2).map(|seen| seen.expect("it ran")));
            seen.extend(pool.map([(), ()], |()| request()).unordered().map(|(_, seen)| seen.expect("it ran")));
            seen.extend(join_all(pool.broadcast(request)).into_iter().map(|seen| seen.expect("it ran")));
            seen.push(pool.scope(|s| s.submit(request).result()).expect("it ran"));
            seen
        });
        assert_eq!(seen, [7; 18]);
        assert_eq!(told.recv().expect("it ran"), 7);
        assert_eq!(pool.submit(request).result().expect("it ran"), 0, "the thread is as it was");
    });
}

#[cfg(feature = "rayon")]
#[test]
fn rayon_jobs_are_wrapped() {
    let pool = RayonPool::builder().threads(1).wrap_jobs(carry).build().expect("a small pool");
    let seen = within(7, || [pool.submit(request), pool.submit_after(Duration::ZERO, request)]);
    assert_eq!(seen.map(|seen| seen.result().expect("it ran")), [7, 7]);
}

#[test]
fn manual_jobs_are_wrapped() {
    let manual = ManualExecutor::builder().wrap_jobs(carry).build();
    let later = Duration::from_secs(1);
    let options = JobOptions::new().name("job").timeout(later);
    let seen = within(7, || {
        [manual.submit(request), manual.submit_after(later, request), manual.with(options).submit(request)]
    });
    assert_eq!(seen.map(|seen| seen.result().expect("it ran")), [7; 3]);
    let fails = ManualExecutor::builder().wrap_jobs(|| -> fn(&mut dyn FnMut()) { panic!("no context") }).build();
    assert_eq!(panic_of(fails.submit(request).result()), "no context");
}

#[test]
fn one_context_per_submitting_call() {
    within_patience(|| {
        let captures = Arc::new(AtomicUsize::new(0));
        let counted = captures.clone();
        let builder = ThreadPool::builder().threads(2).wrap_jobs(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            |run: &mut dyn FnMut()| run()
        });
        let pool = builder.build().expect("a small pool");
        let count = || captures.swap(0, Ordering::Relaxed);
        assert_eq!(pool.map(0..4, |n| n).count(), 4);
        assert_eq!(count(), 4, "one for each item");
        assert_eq!(pool.map(0..4, |n| n).chunk_size(2).count(), 4);
        assert_eq!(count(), 2, "one for each chunk");
        assert_eq!(join_all(pool.broadcast(|| ())).len(), 2);
        assert_eq!(count(), 1, "one for all workers");
        let periodic = pool.every(Duration::ZERO, || ());
        eventually("it runs", || periodic.runs() > 2);
        drop(periodic);
        assert_eq!(count(), 1, "one for all runs");
        pool.shutdown(true);
        assert!(pool.submit(boxed(|| ())).result().is_err());
        assert_eq!(count(), 0, "none for a job that is refused");
    });
}

#[test]
fn all_periodic_runs_have_the_first_context() {
    within_patience(|| {
        let pool = carrying(one());
        let (tell, told) = mpsc::channel();
        let periodic = within(7, || pool.every(Duration::ZERO, move || tell.send(request()).unwrap_or_default()));
        assert_eq!(told.iter().take(3).collect::<Vec<_>>(), [7, 7, 7]);
        drop(periodic);
        let caught = std::panic::catch_unwind(|| {
            let fails = one().wrap_jobs(|| -> fn(&mut dyn FnMut()) { panic!("no context") }).build().expect("a pool");
            drop(fails.every(Duration::ZERO, || ()));
        });
        assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"no context"));
    });
}

#[test]
fn first_wrapper_is_the_outermost() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let note = |log: &Arc<Mutex<Vec<String>>>, text: String| log.lock().expect("no panic here").push(text);
    let wrapper = |name: &'static str| {
        let log = log.clone();
        move || {
            note(&log, format!("{name} captures"));
            let log = log.clone();
            move |run: &mut dyn FnMut()| {
                note(&log, format!("{name} begins"));
                run();
                run(); // does nothing
                note(&log, format!("{name} ends"));
            }
        }
    };
    let pool = one().wrap_jobs(wrapper("first")).wrap_jobs(wrapper("second")).build().expect("a small pool");
    let in_job = log.clone();
    pool.submit(boxed(move || note(&in_job, "runs".to_owned()))).result().expect("it ran");
    let expected = "first captures, second captures, first begins, second begins, runs, second ends, first ends";
    assert_eq!(log.lock().expect("no panic here").join(", "), expected);
}

#[test]
fn jobs_in_place_have_their_own_context() {
    within_patience(|| {
        let queue = QueueLimit::bounded(1, WhenFull::CallerRuns);
        let pool = Arc::new(carrying(one().queue(queue)));
        let inner = pool.handle();
        let nested = within(7, || {
            pool.submit(boxed(move || {
                let mine = request();
                // The only thread is this one, which runs it while it waits.
                let other = within(8, || inner.submit(request)).result().expect("it ran");
                (mine, other, request())
            }))
        });
        assert_eq!(nested.result().expect("it ran"), (7, 8, 7));
        let (go_on, blocked) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let busy = pool.submit(boxed(move || begin.send(()).map(|()| blocked.recv())));
        begun.recv().expect("it runs");
        let queued = pool.submit(request);
        let by_caller = within(9, || pool.submit(boxed(|| (request(), std::thread::current().id()))));
        assert!(by_caller.is_done(), "the queue is full");
        assert_eq!(by_caller.result().expect("it ran"), (9, std::thread::current().id()));
        drop(go_on);
        assert!(busy.result().is_ok() && queued.result().is_ok());
    });
}

#[test]
fn closure_that_does_not_run_the_job_fails_it() {
    let pool = one().wrap_jobs(|| |_: &mut dyn FnMut()| ()).build().expect("a small pool");
    let (token, is_dropped) = token();
    let future = pool.submit(boxed(move || drop(token)));
    let text = panic_of(future.result());
    assert_eq!(text, "the closure of `wrap_jobs` returned without running the job; let it call its argument");
    assert!(is_dropped());
}

#[test]
fn closure_that_catches_the_panic_fails_the_job() {
    let catches = |run: &mut dyn FnMut()| {
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)));
    };
    let pool = one().wrap_jobs(move || catches).build().expect("a small pool");
    assert!(panic_of(pool.submit(boxed(|| panic!("no luck"))).result()).contains("caught the panic of the job"));
    assert_eq!(pool.submit(boxed(|| 7)).result().expect("it ran"), 7);
}

#[test]
fn panic_of_a_closure_costs_its_job_only() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }
    let before = one().wrap_jobs(|| |_: &mut dyn FnMut()| panic!("before")).build().expect("a small pool");
    let bomb = Bomb;
    assert_eq!(panic_of(before.submit(boxed(move || drop(bomb))).result()), "before");
    let after = |run: &mut dyn FnMut()| {
        run();
        assert!(request() != 7, "after");
    };
    let after = one().wrap_jobs(carry).wrap_jobs(move || after).build().expect("a small pool");
    let named = after.with(JobOptions::new().name("page 12"));
    let Err(JobError::Panicked(panicked)) = within(7, || named.submit(boxed(|| Bomb))).result() else {
        panic!("after")
    };
    assert_eq!((panicked.message(), panicked.name()), ("after", Some("page 12")));
    assert!(panicked.place().is_some_and(|place| place.contains("wrapped_jobs.rs")));
    assert_eq!(after.submit(boxed(|| 7)).result().expect("it ran"), 7, "the same thread");
    assert_eq!(panic_of(after.submit(boxed(|| panic!("of the job"))).result()), "of the job");
    // The context is dropped while the panic of the job unwinds.
    let in_drop = one().wrap_jobs(|| {
        let bomb = Bomb;
        move |run: &mut dyn FnMut()| {
            let _: &Bomb = &bomb;
            run();
        }
    });
    let in_drop = in_drop.build().expect("a small pool");
    assert_eq!(panic_of(in_drop.submit(boxed(|| panic!("of the job"))).result()), "of the job");
    assert_eq!(in_drop.submit(boxed(|| 7)).result().expect("it ran"), 7);
}

#[test]
fn panic_of_a_capture_is_the_outcome() {
    within_patience(|| {
        let (tell, told) = mpsc::channel();
        let pool = one()
            .wrap_jobs(|| {
                assert_ne!(request(), 7, "no context");
                |run: &mut dyn FnMut()| run()
            })
            .panic_handler(move |panicked| drop(tell.send(panicked.message().to_owned())))
            .build()
            .expect("a small pool");
        let named = pool.with(JobOptions::new().name("page 12").delay(Duration::ZERO));
        let (token, is_dropped) = token();
        let futures = within(7, || {
            pool.execute(boxed(|| ()));
            let late = block_on(named.submit_async(request)).expect("it is not refused");
            [
                pool.submit(move || u32::from(Arc::strong_count(&token) > 9)),
                named.try_submit(request).expect("the same"),
                late,
            ]
        });
        assert!(is_dropped());
        let texts = futures.map(|future| future.result().unwrap_err().to_string());
        assert!(texts.iter().all(|text| text.contains("no context")), "{texts:?}");
        assert!(texts[0].contains("panic_of_a_capture_is_the_outcome"), "{texts:?}");
        assert!(texts[1].contains("`page 12`") && texts[2].contains("`page 12`"), "{texts:?}");
        assert!(told.recv().expect("it is told").contains("no context"));
        let all = within(7, || pool.broadcast(|| ()));
        assert_eq!(join_all(all).len(), 1, "none was given to a thread");
        assert_eq!(pool.submit(request).result().expect("it ran"), 0);
    });
}

#[test]
fn cancelled_and_refused_jobs_drop_their_context() {
    within_patience(|| {
        let tokens = Arc::new(Mutex::new(Vec::new()));
        let made = tokens.clone();
        let builder = one().queue(QueueLimit::bounded(1, WhenFull::Reject)).wrap_jobs(move || {
            let (token, is_dropped) = token();
            made.lock().expect("no panic here").push(is_dropped);
            move |run: &mut dyn FnMut()| {
                let _: &Arc<()> = &token;
                run();
            }
        });
        let pool = builder.build().expect("a small pool");
        let is_dropped = || tokens.lock().expect("no panic here").last().expect("one was captured")();
        let (go_on, blocked) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let busy = pool.submit(boxed(move || begin.send(()).map(|()| blocked.recv())));
        begun.recv().expect("it runs");
        let queued = pool.submit(request);
        assert!(!is_dropped());
        assert!(queued.cancel());
        assert!(is_dropped());
        let queued = pool.submit(request);
        let refused = pool.try_submit(request).unwrap_err();
        assert_eq!(refused.reason(), Rejection::Full);
        assert_eq!((refused.into_job())(), 0, "as it was");
        assert!(is_dropped());
        drop(go_on);
        assert!(busy.result().is_ok());
        assert_eq!(queued.result().expect("it ran"), 0);
    });
}
