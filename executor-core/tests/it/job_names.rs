//! Cells name their jobs in the errors of those that are cancelled or rejected, and only there.

use std::any::{type_name, type_name_of_val};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use executor_core::cell::{Abort, Cell, Control, Dispatch, JobCell, NamesJob, QueuedControl, Run, Task};
use executor_core::{
    ClosureExecutor, Future, Job, JobError, JobId, JobName, JobOptions, JobPath, Label, Rejection, Shutdown, call,
    current, promise,
};

use crate::manual::Manual;

/// A payload that counts how often it is asked for its name.
#[derive(Clone)]
struct Parcel {
    label: Option<Arc<Label>>,
    asked: Arc<AtomicUsize>,
}

impl NamesJob for Parcel {
    fn job_name(payload: Option<&Self>) -> Option<JobName> {
        let parcel = payload?;
        parcel.asked.fetch_add(1, Ordering::SeqCst);
        Some(JobName::new(parcel.label.as_ref(), JobPath::fixed(&"a parcel")))
    }
}

type ParcelCell = Arc<Cell<Parcel, u32, u32>>;

fn parcel(options: &JobOptions) -> (ParcelCell, Future<u32>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let payload = Parcel { label: options.values().label.clone(), asked: asked.clone() };
    let cell = Arc::new(Cell::queued(payload, Ok).named());
    (cell.clone(), Future::of(cell), asked)
}

/// A queue elsewhere: its job has started there, or not.
struct Elsewhere(AtomicBool);

impl Abort for Elsewhere {
    fn abort(&self, _: JobId) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Dispatch for Elsewhere {
    fn revoke(&self, _: JobId) -> bool {
        !self.0.load(Ordering::SeqCst)
    }

    fn has_started(&self, _: JobId) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

fn dispatch(cell: &ParcelCell, has_started: bool) -> Parcel {
    cell.dispatch(Arc::new(Elsewhere(has_started.into()))).expect("it waits")
}

/// The ways in which a job elsewhere is cancelled or rejected.
const ENDS: [fn(ParcelCell); 7] = [
    |cell| assert!(cell.cancel()),
    |cell| drop(cell.fail(JobError::rejected(Rejection::Dropped))),
    |cell| {
        dispatch(&cell, false);
        assert!(cell.cancel());
    },
    |cell| {
        dispatch(&cell, true);
        assert!(cell.abort());
    },
    |cell| {
        dispatch(&cell, true);
        drop(cell.fail(JobError::cancelled()));
    },
    |cell| {
        dispatch(&cell, true);
        cell.finish(Err(JobError::rejected(Rejection::Broken))).fire();
    },
    |cell| {
        let payload = dispatch(&cell, false);
        assert!(cell.take_back(payload).is_ok() && cell.cancel());
    },
];

#[test]
fn payloads_name_queued_and_dispatched_jobs() {
    for (options, name) in [(JobOptions::new().tag("a tag"), "a parcel"), (JobOptions::new().name("urgent"), "urgent")]
    {
        for (number, end) in ENDS.into_iter().enumerate() {
            let (cell, future, _) = parcel(&options);
            end(cell);
            assert_eq!(future.result().unwrap_err().job(), Some(name), "end {number}");
        }
        let (cell, _future, _) = parcel(&options);
        assert_eq!(cell.refused(Rejection::Full).job(), Some(name));
    }
}

#[test]
fn names_cost_nothing_on_success() {
    let (cell, future, asked) = parcel(&JobOptions::new());
    drop(cell.claim(None));
    cell.finish(Ok(7)).fire();
    assert_eq!((future.result().unwrap(), asked.load(Ordering::SeqCst)), (7, 0));
    let (cell, future, asked) = parcel(&JobOptions::new());
    drop(dispatch(&cell, true));
    cell.finish(Ok(7)).fire();
    assert_eq!((future.result().unwrap(), asked.load(Ordering::SeqCst)), (7, 1));
    assert!(size_of::<JobError>() <= 3 * size_of::<usize>());
}

/// Many jobs may wait at once. The counts of the cell's `Arc` are two words more.
#[test]
fn cell_takes_four_words_beyond_a_word_of_payload() {
    fn size_with<J: Job>(_: &J) -> usize {
        size_of::<JobCell<J>>()
    }
    let (word, number) = (size_of::<usize>(), 7_usize);
    assert!(size_with(&move || number) <= 5 * word);
    assert!(size_with(&move || [number; 4]) <= 8 * word, "the larger one of payload and outcome counts");
    assert!(size_of::<Cell<(), (), ()>>() <= 7 * word);
}

struct Thumbnail;

impl Job for Thumbnail {
    type Output = u32;

    fn run(self) -> u32 {
        7
    }
}

/// Its error's name, if it is cancelled while it waits.
fn cancelled<J: Job>(job: J) -> String {
    let (_cell, future) = Future::of_job(job);
    assert!(future.cancel());
    future.result().map(drop).unwrap_err().job().unwrap().to_owned()
}

#[test]
fn types_and_functions_name_jobs_that_run_in_place() {
    let closure = || 7;
    assert_eq!(cancelled(Thumbnail), type_name::<Thumbnail>());
    assert_eq!(cancelled(closure), type_name_of_val(&closure));
    assert_eq!(cancelled(call!(u32::pow(2, 10))), type_name_of_val(&u32::pow));
    assert!(cancelled(call!(|n: u32| n, (7,))).starts_with("closure at executor-core/tests/it/job_names.rs:"));
}

#[test]
fn running_jobs_are_named_by_their_type() {
    struct Ends;
    impl Job for Ends {
        type Output = ();
        fn run(self) {
            let control = current::control().expect("it is a job");
            drop(control.fail(JobError::cancelled()));
        }
    }
    let (cell, future) = Future::of_job(Ends);
    assert!(cell.run());
    assert_eq!(future.result().unwrap_err().job(), Some(type_name::<Ends>()));
}

#[test]
fn mapped_futures_keep_the_name() {
    let (_cell, future) = Future::of_job(Thumbnail);
    let mapped = future.map_ok(|n| n.to_string().parse::<u32>()).flatten();
    assert!(mapped.cancel());
    assert_eq!(mapped.result().unwrap_err().job(), Some(type_name::<Thumbnail>()));
}

#[test]
fn futures_without_a_job_have_no_name() {
    let (_promise, promised) = promise::<u32>();
    assert!(promised.cancel());
    let (completer, failed) = promise::<u32>();
    assert!(completer.fail(JobError::rejected(Rejection::Full)));
    for future in [promised, failed, Future::failed(JobError::cancelled())] {
        assert_eq!(future.result().unwrap_err().job(), None);
    }
}

/// Also where the executor takes closures only.
#[test]
fn maps_name_their_function() {
    fn double(n: u32) -> u32 {
        2 * n
    }
    for chunk in [1, 4] {
        let pool = Manual::new(1);
        let mut map = pool.map(0..8, double).chunk_size(chunk).buffered(4);
        let runner = pool.clone();
        let fails = std::thread::spawn(move || runner.fail(JobError::cancelled()));
        let error = map.next().unwrap().unwrap_err();
        fails.join().unwrap();
        let name = error.job().unwrap();
        assert!(name.contains("job_names::maps_name_their_function::double"), "{name}");
        pool.shutdown(false);
        drop(map);
    }
}
