//! A submitter that waits for a slot in a full queue gets one, or an error at shutdown: threads, and tasks, which block no thread.

use std::borrow::Cow;
use std::future::Future as _;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use executor::{JobError, QueueLimit, Rejection, ThreadHandle, ThreadPool, WhenFull};

use crate::support::bounds::{bounded, occupy};
use crate::support::boxed;
use crate::support::event_log::EventLog;
use crate::support::jobs::Do;
use crate::support::rendezvous::Rendezvous;
use crate::support::surface::{self, Make, Surface, on_every_surface};
use crate::support::system::{settle, tasks_named};
use crate::support::{block_on, eventually, within_patience};

on_every_surface!(
    block_waits_for_a_place,
    all_of_many_submitters_get_through,
    a_shutdown_wakes_all_who_wait,
    a_limit_ends_the_wait,
    a_task_waits_without_a_thread,
    a_task_that_finds_the_pool_closed_has_its_job_back,
);

/// For the names of threads, which the kernel cuts at 15 bytes.
fn unique(what: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{what}{}-", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (count.clone(), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Threads of this name, all of which sleep.
fn wait_until_asleep(name: &str, n: usize) {
    eventually("the threads have started", || tasks_named(name).len() == n);
    settle(&tasks_named(name));
}

fn spawn<T: Send + 'static>(name: String, body: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().name(name).spawn(body).unwrap()
}

fn block_waits_for_a_place(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(1, WhenFull::Block)), Rendezvous::new());
    let waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
    let waits = pool.submit(Do::Echo(7));
    let (handle, name) = (pool.handle(), unique("waits"));
    let (done, is_done) = mpsc::channel();
    let submitter = spawn(name.clone(), move || {
        let future = handle.submit(Do::Echo(8));
        done.send(()).unwrap();
        future
    });
    wait_until_asleep(&name, 1);
    assert!(is_done.try_recv().is_err(), "it blocks");
    // A cancel makes room, as a worker does.
    assert!(waits.cancel());
    let future = submitter.join().unwrap();
    drop(waiters);
    assert_eq!(future.result().unwrap(), 8);
}

fn all_of_many_submitters_get_through(make: Make) {
    let (pool, log) = (make(QueueLimit::bounded(1, WhenFull::Block)), EventLog::new());
    thread::scope(|scope| {
        for number in 0..50 {
            let (pool, log) = (&pool, &log);
            scope.spawn(move || {
                for _ in 0..20 {
                    let job = Do::Write(log.writer(), number);
                    // As threads, as tasks, and as threads that do not wait for ever.
                    let future = match number % 3 {
                        0 => pool.submit(job),
                        1 => block_on(pool.submit_async(job)).unwrap(),
                        _ => pool.submit_timeout(job, Duration::from_secs(3600)).unwrap(),
                    };
                    if number % 2 == 0 {
                        future.result().unwrap();
                    }
                }
            });
        }
    });
    pool.shutdown(true);
    assert_eq!(log.entries().len(), 1000);
}

fn a_shutdown_wakes_all_who_wait(make: Make) {
    type Submit = fn(&dyn Surface) -> Rejection;
    let ways: [Submit; 3] = [
        |pool| match pool.submit(Do::Echo(1)).result() {
            Err(JobError::Rejected(refused)) => refused.reason(),
            other => panic!("{other:?}"),
        },
        |pool| pool.submit_timeout(Do::Echo(1), Duration::MAX).unwrap_err().reason(),
        |pool| block_on(pool.submit_async(Do::Echo(1))).unwrap_err().reason(),
    ];
    let (pool, rendezvous) = (make(QueueLimit::bounded(1, WhenFull::Block)), Rendezvous::new());
    let waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
    let waits = pool.submit(Do::Echo(7));
    let name = unique("shut");
    let submitters: Vec<_> = (0..12)
        .map(|number| {
            let handle = pool.handle();
            spawn(name.clone(), move || ways[number % 3](&*handle))
        })
        .collect();
    wait_until_asleep(&name, 12);
    pool.shutdown(false);
    for submitter in submitters {
        assert_eq!(submitter.join().unwrap(), Rejection::Shutdown);
    }
    drop(waiters);
    assert_eq!(waits.result().unwrap(), 7);
}

fn a_limit_ends_the_wait(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(1, WhenFull::Reject)), Rendezvous::new());
    let waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
    let waits = pool.submit_timeout(Do::Echo(7), Duration::ZERO).unwrap();
    let (start, limit) = (Instant::now(), Duration::from_millis(30));
    let refused = pool.handle().submit_timeout(Do::Echo(8), limit).unwrap_err();
    assert!(start.elapsed() >= limit);
    assert_eq!((refused.reason(), refused.into_job()), (Rejection::Full, Do::Echo(8)));
    drop(waiters);
    let future = pool.submit_timeout(Do::Echo(9), Duration::MAX).unwrap();
    assert_eq!((waits.result().unwrap(), future.result().unwrap()), (7, 9));
}

fn a_task_waits_without_a_thread(make: Make) {
    let (pool, rendezvous) = (make(QueueLimit::bounded(1, WhenFull::Reject)), Rendezvous::new());
    let waiters = surface::occupy(&*pool, pool.workers(), &rendezvous);
    let waits = pool.submit(Do::Echo(7));
    let (count, waker) = Count::new();
    let (latest, newer) = Count::new();
    let mut submitted = pool.submit_async(Do::Echo(8));
    assert!(submitted.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(submitted.as_mut().poll(&mut Context::from_waker(&newer)).is_pending());
    drop(waiters);
    assert_eq!(waits.result().unwrap(), 7);
    eventually("the task is woken", || latest.get() == 1);
    assert_eq!(count.get(), 0, "its waker was replaced");
    assert_eq!(Arc::strong_count(&count), 2, "and dropped");
    let Poll::Ready(Ok(future)) = submitted.as_mut().poll(&mut Context::from_waker(&newer)) else {
        panic!("there is room")
    };
    assert_eq!(future.result().unwrap(), 8);
    assert_eq!(latest.get(), 1);
}

fn a_task_that_finds_the_pool_closed_has_its_job_back(make: Make) {
    let pool = make(QueueLimit::unbounded());
    let future = block_on(pool.submit_async(Do::Echo(8))).unwrap();
    assert_eq!(future.result().unwrap(), 8);
    pool.shutdown(true);
    let refused = block_on(pool.handle().submit_async(Do::Echo(9))).unwrap_err();
    assert_eq!((refused.reason(), refused.into_job()), (Rejection::Shutdown, Do::Echo(9)));
}

#[test]
fn where_there_is_room_a_task_does_not_wait() {
    within_patience(|| {
        for pool in [ThreadPool::new(1), bounded(1, 1, WhenFull::Block)] {
            let mut context = Context::from_waker(Waker::noop());
            let mut submitted = pin!(pool.submit_async(|| 8));
            let Poll::Ready(Ok(future)) = submitted.as_mut().poll(&mut context) else { panic!("there is room") };
            assert_eq!(future.result().unwrap(), 8);
            let handle = pool.handle();
            drop(pool);
            let rejected = block_on(handle.submit_async(|| 9)).unwrap_err();
            assert_eq!((rejected.reason(), rejected.into_job()()), (Rejection::Shutdown, 9));
        }
    });
}

#[test]
fn tasks_that_submit_are_send() {
    fn is_send<T: Send>(task: T) {
        drop(task);
    }
    let pool = ThreadPool::new(1);
    let (text, cow, boxed): (&'static str, Cow<'static, str>, Box<dyn FnOnce() -> usize + Send>) =
        ("one", "two".into(), Box::new(|| 3));
    is_send(async { drop(pool.submit_async(move || text.len()).await) });
    is_send(async { drop(pool.submit_async(move || cow.len()).await) });
    is_send(async { drop(pool.submit_async(boxed).await) });
    #[cfg(feature = "process")]
    {
        let pool = executor::ProcessPool::new(1).expect("a small pool");
        let list = vec![(Cow::Borrowed("one"), 1)];
        is_send(async { drop(pool.submit_async(executor::call(length, (list,))).await) });
    }
}

#[cfg(feature = "process")]
fn length(list: Vec<(Cow<'static, str>, u64)>) -> usize {
    list.len()
}

#[test]
fn a_task_that_is_dropped_submits_nothing() {
    within_patience(|| {
        let pool = bounded(1, 1, WhenFull::Block);
        let token = Arc::new(());
        let job = || {
            let token = token.clone();
            move || unreachable!("{token:?}")
        };
        drop(pool.submit_async(job()) as executor::SubmitAsync<_, _>);
        let busy = occupy(&pool, 1);
        let waits = pool.submit(boxed(|| 7));
        let (count, waker) = Count::new();
        let mut submitted = Box::pin(pool.submit_async(job()));
        assert!(submitted.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(submitted);
        drop(waker);
        assert_eq!((Arc::strong_count(&token), Arc::strong_count(&count)), (1, 1));
        drop(busy);
        assert_eq!(waits.result().unwrap(), 7);
        pool.shutdown(true);
        assert_eq!(count.get(), 0);
    });
}

#[test]
fn a_place_that_is_not_taken_is_offered_to_the_next() {
    within_patience(|| {
        let pool = bounded(1, 1, WhenFull::Block);
        let _busy = occupy(&pool, 1);
        let waits = pool.submit(boxed(|| 7));
        let (counts, mut tasks): (Vec<_>, Vec<_>) = (0..4)
            .map(|number| {
                let (count, waker) = Count::new();
                let mut submitted = Box::pin(pool.submit_async(move || number));
                assert!(submitted.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                (count, submitted)
            })
            .unzip();
        let woken = || counts.iter().map(|count| count.get()).collect::<Vec<_>>();
        // One that waits, and is not told, has nothing to hand on.
        drop(tasks.remove(2));
        assert_eq!(woken(), [0, 0, 0, 0]);
        assert!(waits.cancel());
        assert_eq!(woken(), [1, 0, 0, 0], "one place, so one is told, and the first");
        drop(tasks.remove(0));
        assert_eq!(woken(), [1, 1, 0, 0]);
        // Somebody else was faster: it waits on, in front of those who came later.
        let faster = pool.try_submit(boxed(|| 8)).unwrap();
        let (again, waker) = Count::new();
        assert!(tasks[0].as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(faster.cancel());
        assert_eq!((again.get(), woken()), (1, vec![1, 1, 0, 0]));
        assert!(tasks[0].as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        drop(tasks);
        assert_eq!((again.get(), woken()), (1, vec![1, 1, 0, 0]));
    });
}

#[test]
fn a_waker_may_submit_and_may_panic() {
    struct Eager(ThreadHandle);
    impl Wake for Eager {
        fn wake(self: Arc<Self>) {
            // It would hang here if a lock were held.
            drop(self.0.try_submit(boxed(|| ())));
            panic!("a waker");
        }
    }
    within_patience(|| {
        let pool = bounded(1, 1, WhenFull::Block);
        let busy = occupy(&pool, 1);
        let waits = pool.submit(boxed(|| 7));
        let waker = Waker::from(Arc::new(Eager(pool.handle())));
        let mut tasks: Vec<_> = (0..3).map(|number| Box::pin(pool.submit_async(move || number))).collect();
        for task in &mut tasks {
            assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drop(busy);
        assert_eq!(waits.result().unwrap(), 7);
        for task in tasks {
            let future = block_on(task).unwrap();
            assert!(future.result().is_ok());
        }
        pool.shutdown(true);
    });
}
