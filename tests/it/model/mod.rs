//! Every pool beside the model of shutdown, in courses of events that are drawn at random.

mod subjects;

use executor::WhenFull;
use executor_testkit::check_shutdown;
use executor_testkit::model::{Full, Shape};

use subjects::{bounded, threads};

/// A pool of one kind, through many scripts.
macro_rules! beside_the_model {
    ($($name:ident: $shape:expr, $make:expr, $cases:expr;)*) => {
        $(
            #[test]
            fn $name() {
                check_shutdown!($shape, $make, |check| check.cases($cases));
            }
        )*
    };
}

beside_the_model! {
    one_thread: Shape::threads(1), || threads(1), 256;
    two_threads: Shape::threads(2), || threads(2), 256;
    eight_threads: Shape::threads(8), || threads(8), 256;
    a_queue_that_blocks: Shape::threads(2).bounded(2, Full::Block), || bounded(2, 2, WhenFull::Block), 256;
    a_queue_that_rejects: Shape::threads(1).bounded(2, Full::Reject), || bounded(1, 2, WhenFull::Reject), 256;
    a_queue_whose_caller_runs: Shape::threads(1).bounded(1, Full::CallerRuns), || bounded(1, 1, WhenFull::CallerRuns), 256;
    a_queue_that_drops_the_oldest: Shape::threads(2).bounded(2, Full::DropOldest), || bounded(2, 2, WhenFull::DropOldest), 256;
    a_queue_that_drops_the_newest: Shape::threads(1).bounded(2, Full::DropNewest), || bounded(1, 2, WhenFull::DropNewest), 256;
}
