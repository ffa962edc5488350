//! A panic names its job, and a panic in the drop of a worker's state harms no job.

use executor::{JobError, JobOptions, ThreadPool};

use crate::support::boxed;
use crate::support::within_patience;

/// Panics when it is dropped, unless somebody is panicking already.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the bomb goes off");
    }
}

#[test]
fn in_the_drop_of_a_workers_state() {
    within_patience(|| {
        let pool = ThreadPool::builder().threads(1).initializer(|| Bomb).build().unwrap();
        assert_eq!(pool.submit(boxed(|| 1)).result().unwrap(), 1);
        pool.shutdown(true);
    });
}

fn no_luck() {
    panic!("no luck")
}

#[track_caller]
fn says(outcome: Result<(), JobError>, start: &str) {
    let text = outcome.unwrap_err().to_string();
    let start = format!("job {start} panicked at tests/it/panics.rs:");
    assert!(text.starts_with(&start) && text.ends_with(": no luck"), "{text}");
}

#[test]
fn panics_name_their_jobs_on_threads() {
    within_patience(|| {
        let pool = ThreadPool::new(1);
        let named = pool.with(JobOptions::new().name("page 12").timeout(std::time::Duration::from_secs(60)));
        says(pool.submit(no_luck).result(), "`it::panics::no_luck`");
        says(pool.submit(executor::call!(no_luck())).result(), "`it::panics::no_luck`");
        says(named.submit(no_luck).result(), "`page 12` (`it::panics::no_luck`)");
        says(pool.scope(|s| s.submit(no_luck).result()), "`it::panics::no_luck`");
        says(
            executor::Future::ready(()).map_ok(|()| no_luck()).result(),
            "`it::panics::panics_name_their_jobs_on_threads::{{closure}}::{{closure}}`",
        );
        let inner = pool.handle();
        let outer = pool.submit(boxed(move || inner.submit(no_luck).result()));
        says(outer.result().unwrap(), "`it::panics::no_luck`");
    });
}

#[cfg(all(feature = "process", target_os = "linux"))]
#[test]
fn panics_name_their_jobs_in_processes() {
    fn unlucky(_: u32) {
        no_luck();
    }
    within_patience(|| {
        let pool = executor::ProcessPool::new(1).unwrap();
        let named = pool.with(JobOptions::new().name("page 12"));
        says(pool.submit(executor::call!(no_luck())).result(), "`it::panics::no_luck`");
        says(named.submit(executor::call!(no_luck())).result(), "`page 12` (`it::panics::no_luck`)");
        for outcome in pool.map(0..4, unlucky).chunk_size(2) {
            let text = outcome.unwrap_err().to_string();
            assert!(text.starts_with("job `map at tests/it/panics.rs:") && text.ends_with(": no luck"), "{text}");
        }
    });
}
