//! Every pool beside the model of shutdown, in courses of events that are drawn at random.

mod faults;
mod pasted;
mod subjects;

use std::time::Duration;

use executor::{QueueLimit, ThreadPool, WhenFull};
use executor_testkit::model::{Ability, Closures, Full, Shape};
use executor_testkit::{Chaos, ManualExecutor, check_shutdown};

use subjects::{bounded, threads};
#[cfg(feature = "process")]
use subjects::{bounded_processes, processes};
#[cfg(feature = "rayon")]
use subjects::{bounded_rayon, rayon};

/// The seed of the scripts: the same in each run, so that a change is judged by its effect, unless `EXECUTOR_MODEL_SEED` is set.
fn seed() -> u64 {
    let said = std::env::var("EXECUTOR_MODEL_SEED").ok();
    said.map_or(1127, |seed| seed.parse().expect("EXECUTOR_MODEL_SEED is a number"))
}

/// A pool of one kind, through some scripts. `EXECUTOR_MODEL_CASES` makes it more of them.
macro_rules! beside_the_model {
    ($($name:ident: $shape:expr, $make:expr, $cases:expr;)*) => {
        $(
            #[test]
            fn $name() {
                check_shutdown!($shape, $make, |check| check.cases($cases).seed(seed()));
            }
        )*
    };
}

beside_the_model! {
    one_thread: Shape::threads(1), || threads(1), 96;
    two_threads: Shape::threads(2), || threads(2), 96;
    eight_threads: Shape::threads(8), || threads(8), 96;
    a_queue_that_blocks: Shape::threads(2).bounded(2, Full::Block), || bounded(2, 2, WhenFull::Block), 96;
    a_queue_that_rejects: Shape::threads(1).bounded(2, Full::Reject), || bounded(1, 2, WhenFull::Reject), 96;
    a_queue_whose_caller_runs: Shape::threads(1).bounded(1, Full::CallerRuns), || bounded(1, 1, WhenFull::CallerRuns), 96;
    a_queue_that_drops_the_oldest: Shape::threads(2).bounded(2, Full::DropOldest), || bounded(2, 2, WhenFull::DropOldest), 96;
    a_queue_that_drops_the_newest: Shape::threads(1).bounded(2, Full::DropNewest), || bounded(1, 2, WhenFull::DropNewest), 96;
}

beside_the_model! {
    a_manual_executor: Shape::manual(), ManualExecutor::new, 64;
    a_manual_executor_that_drops_the_oldest: Shape::manual().bounded(2, Full::DropOldest), manual_that_drops, 64;
    // It looks what is due when it has no job, so until then that counts as delayed.
    a_manual_executor_on_a_thread: Shape::threads(1).without(Ability::Stats), on_a_thread, 64;
    chaos_that_delays_on_one_thread: late_shape(1), || late(1), 64;
    chaos_that_delays_on_two_threads: late_shape(2), || late(2), 64;
}

fn manual_that_drops() -> ManualExecutor {
    ManualExecutor::builder().queue(QueueLimit::bounded(2, WhenFull::DropOldest)).build()
}

fn on_a_thread() -> ManualExecutor {
    let manual = ManualExecutor::new();
    manual.run_on_thread();
    manual
}

/// Delays and other orders break no law.
fn late(threads: usize) -> Closures<Chaos<ThreadPool>> {
    let chaos = Chaos::builder().seed(threads as u64).delay(0.3, Duration::from_millis(2)).reorder(0.3);
    Closures::new(chaos.around(ThreadPool::new(threads)))
}

fn late_shape(threads: usize) -> Shape {
    // A job that is late is not run in place by the one that waits for it.
    Shape::new(threads).with(Ability::Delay).with(Ability::Handle)
}

#[cfg(feature = "rayon")]
beside_the_model! {
    one_thread_of_rayon: Shape::threads(1), || rayon(1), 96;
    two_threads_of_rayon: Shape::threads(2), || rayon(2), 96;
    rayon_and_a_queue_that_blocks: Shape::threads(1).bounded(2, Full::Block), || bounded_rayon(1, 2, WhenFull::Block), 64;
    rayon_and_a_queue_that_drops_the_oldest: Shape::threads(2).bounded(1, Full::DropOldest), || bounded_rayon(2, 1, WhenFull::DropOldest), 64;
    rayon_and_a_queue_whose_caller_runs: Shape::threads(1).bounded(1, Full::CallerRuns), || bounded_rayon(1, 1, WhenFull::CallerRuns), 64;
}

#[cfg(feature = "process")]
beside_the_model! {
    one_process: process_shape(1), || processes(1), 32;
    two_processes: process_shape(2), || processes(2), 32;
    processes_and_a_queue_that_blocks: process_shape(1).bounded(2, Full::Block), || bounded_processes(1, 2, WhenFull::Block), 32;
    processes_and_a_queue_that_drops_the_oldest: process_shape(1).bounded(1, Full::DropOldest), || bounded_processes(1, 1, WhenFull::DropOldest), 32;
}

/// Of a shutdown that drains for no time beside several submits, the specification is narrower than the laws where the workers are processes: a job
/// may be cancelled that it says has ended. So there are no races, unless `EXECUTOR_MODEL_SEED` asks for new scripts.
#[cfg(feature = "process")]
fn process_shape(processes: usize) -> Shape {
    let shape = Shape::processes(processes);
    if std::env::var_os("EXECUTOR_MODEL_SEED").is_some() { shape } else { shape.without(Ability::Race) }
}
