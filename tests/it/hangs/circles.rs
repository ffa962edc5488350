//! Jobs that wait for each other in a circle.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use executor::extend::cell::Control;
use executor::{Future, JobError, JobId, Pool, ThreadHandle, Until, promise, wait};

use super::{Random, bystanders, expect_hint, named, pool, seeded};
use crate::support::boxed;
use crate::support::eventually;

/// Tells a job of a circle which future to wait for.
type Tell = Sender<Future<u32>>;

/// A job that waits for the future that it is told.
fn link(pool: &ThreadHandle, name: &str) -> (Tell, Future<u32>) {
    let (tell, told): (Tell, Receiver<Future<u32>>) = mpsc::channel();
    let job = move || {
        let next = told.recv().expect("the test tells");
        next.result().unwrap_or(7)
    };
    (tell, named(pool, name).submit(job))
}

/// A circle that is closed: each of the jobs waits for the next.
struct Circle {
    ids: Vec<JobId>,
    controls: Vec<Arc<dyn Control>>,
}

impl Circle {
    fn close(links: Vec<(Tell, Future<u32>)>) -> Self {
        let ids = links.iter().map(|(_, future)| future.id()).collect();
        let controls = links.iter().map(|(_, future)| future.control()).collect();
        let (tells, mut futures): (Vec<_>, Vec<_>) = links.into_iter().unzip();
        futures.rotate_left(1);
        for (tell, future) in tells.into_iter().zip(futures) {
            tell.send(future).expect("the job waits for it");
        }
        Self { ids, controls }
    }

    /// By whichever pool one looks.
    fn is_named_by(&self, pools: &[&dyn Pool], names: &[&str]) {
        for pool in pools {
            let words: Vec<_> = names.iter().copied().chain(["deadlock"]).collect();
            let dump = expect_hint(*pool, &words);
            assert_eq!(dump.circles.len(), 1, "{dump}");
            let mut found: Vec<_> = dump.circles[0].iter().map(|waiting| waiting.job).collect();
            found.sort_unstable();
            let mut ids = self.ids.clone();
            ids.sort_unstable();
            assert_eq!(found, ids);
            assert!(dump.to_string().contains("circles.rs:"), "{dump}");
        }
    }
}

/// Ends them from outside, so that they return. One is not enough: another may run inside of that one.
impl Drop for Circle {
    fn drop(&mut self) {
        for control in &self.controls {
            drop(control.clone().fail(JobError::cancelled()));
        }
    }
}

fn circle_in_one_pool(random: &mut Random, names: &[&str]) {
    let pool = pool(names.len());
    let _bystanders = bystanders(&pool, random);
    let circle = Circle::close(names.iter().map(|name| link(&pool, name)).collect());
    circle.is_named_by(&[&pool], names);
}

#[test]
fn circle_of_two_jobs_is_named() {
    seeded(|random| circle_in_one_pool(random, &["egg", "hen"]));
}

#[test]
fn circle_of_three_jobs_is_named() {
    seeded(|random| circle_in_one_pool(random, &["rock", "paper", "scissors"]));
}

#[test]
fn circle_across_two_pools_is_named_by_both() {
    seeded(|random| {
        let (one, other) = (pool(1), pool(1));
        let _bystanders = (bystanders(&one, random), bystanders(&other, random));
        let circle = Circle::close(vec![link(&one, "left"), link(&other, "right")]);
        circle.is_named_by(&[&one, &other], &["left", "right"]);
    });
}

/// A job that waits for any of several is stuck only if all of them are.
#[test]
fn wait_for_several_is_stuck_with_all_of_them() {
    seeded(|random| {
        let pool = pool(2);
        let _bystanders = bystanders(&pool, random);
        let (tell, told) = mpsc::channel::<Vec<Future<u32>>>();
        let any = named(&pool, "any").submit(boxed(move || {
            let waited = wait(told.recv().expect("the test tells"), Until::FirstDone);
            u32::try_from(waited.done.len()).expect("there are two")
        }));
        let (promise, other) = promise();
        let (tell_back, back) = link(&pool, "back");
        let controls = [any.control(), back.control()];
        let ids = [any.id(), back.id()];
        let others = if random.below(2) == 0 { vec![other] } else { Vec::new() };
        let is_alone = others.is_empty();
        tell_back.send(any).expect("the job waits for it");
        tell.send(others.into_iter().chain([back]).collect()).expect("the job waits for it");
        if is_alone {
            expect_hint(&pool, &["deadlock", "`any`", "`back`"]);
        } else {
            eventually("both wait", || {
                let dump = pool.dump();
                // One of them may run inside of the other.
                let activities = || dump.workers.iter().flat_map(|worker| &worker.activities);
                let waits = |id| activities().any(|it| it.job == Some(id) || it.outer_jobs.contains(&id));
                ids.into_iter().all(waits)
            });
            assert!(pool.dump().circles.is_empty(), "the promise may end the wait");
        }
        for control in controls {
            drop(control.fail(JobError::cancelled()));
        }
        drop(promise);
    });
}
