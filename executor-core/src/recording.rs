//! Recordings of pools: which worker ran which job, when, and how it ended.

mod log;
mod memory;
mod recorder;
mod svg;
mod timeline;
mod trace;

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use std::error::Error;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fmt};

use crate::job_counters::JobCounters;
use crate::observe::{Observer, RunningJob};
use recorder::Recorder;
use timeline::Timeline;

/// A recording of which worker ran which job, when, and how the job ended. Returned by `record()` of every pool and handle.
///
/// It begins when it is created, and goes on until [`stop`](Self::stop) or its drop. [`save`](Self::save) and [`svg`](Self::svg) work at any
/// time. Any number of recordings may go on at a time.
///
/// ```
/// use executor::ThreadPool;
///
/// let pool = ThreadPool::builder().threads(2).measure(true).build()?;
/// let recording = pool.record()?;
/// for sum in pool.map(0..4, |n| (0..=n * 1000).sum::<u32>()) {
///     sum?;
/// }
/// recording.stop();
/// # let directory = std::env::temp_dir().join(format!("executor-recording-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let path = |name: &str| directory.join(name);
/// # /*
/// recording.save("run.json")?; // open it at https://ui.perfetto.dev
/// recording.save("run.svg")?; // a picture: open it in a browser
/// # */
/// # recording.save(path("run.json"))?;
/// # recording.save(path("run.svg"))?;
/// # assert!(std::fs::read_to_string(path("run.json"))?.contains("traceEvents"));
/// # std::fs::remove_dir_all(&directory)?;
/// assert!(recording.svg().contains("4 jobs in "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Contents
///
/// Every job that ran: its name, tag, id, attempt, place of submission, worker, process, wait, run time and outcome. A chunk of a `map` is one
/// job. Jobs that never started, such as cancelled ones, are left out, so the depth of the queue counts only those that ran in the end.
/// A process job that is aborted or times out is drawn as running until its process has ended, some 50 ms after the outcome.
///
/// On Linux, the resident memory of this process and of the worker processes. Jobs take the samples when they start and end, at most
/// every 10 ms: while no job starts or ends, there are none.
///
/// # Memory
///
/// A job takes about 100 bytes, plus its name if it was given one. The last million jobs are kept; both formats tell how many earlier ones were
/// dropped. Dropping the recording frees all of it.
pub struct Recording {
    recorder: Arc<Recorder>,
    pools: Vec<Arc<JobCounters>>,
}

/// How many jobs a recording keeps.
const LIMIT: usize = 1_000_000;

impl Recording {
    /// Starts a recording of the pools that have these counters.
    pub(crate) fn start(pools: impl Iterator<Item = Option<Arc<JobCounters>>>) -> Result<Self, NotMeasured> {
        let measured = pools.map(|counters| counters.filter(|counters| counters.observers().is_some()));
        Ok(Self::with_limit(measured.collect::<Option<_>>().ok_or(NotMeasured(()))?, LIMIT))
    }

    fn with_limit(pools: Vec<Arc<JobCounters>>, limit: usize) -> Self {
        let recording = Self { recorder: Arc::new(Recorder::new(limit)), pools };
        let observer: Arc<dyn Observer> = recording.recorder.clone();
        recording.pools.iter().filter_map(|pool| pool.observers()).for_each(|pool| pool.add(observer.clone()));
        recording
    }

    /// Ends the recording. Its contents stay, until it is dropped. A second call does nothing.
    pub fn stop(&self) {
        self.recorder.stop(|| self.running());
        self.leave();
    }

    /// Writes a file: a picture, as [`svg`](Self::svg) returns, if the name ends with `.svg`; otherwise a trace in Chrome's format (JSON),
    /// which [Perfetto](https://ui.perfetto.dev) opens. An existing file is replaced. Blocks until the file is written.
    ///
    /// # Errors
    ///
    /// If the file cannot be created or written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let is_picture = path.extension().and_then(OsStr::to_str).is_some_and(|end| end.eq_ignore_ascii_case("svg"));
        let mut out = BufWriter::new(File::create(path)?);
        if is_picture {
            out.write_all(self.svg().as_bytes())?;
        } else {
            trace::write(&self.timeline(), &mut out)?;
        }
        out.flush()
    }

    /// Draws a picture: a row for each worker, with a bar for each job, coloured by outcome; below, the queue and the memory. The colours follow
    /// the reader's light or dark theme.
    ///
    /// In a browser, a bar tells its job's name, times and place under the pointer. Very short jobs are drawn together, so the picture
    /// stays below a megabyte.
    pub fn svg(&self) -> String {
        svg::draw(&self.timeline())
    }

    fn timeline(&self) -> Timeline {
        let path = env::args_os().next().map(PathBuf::from);
        let name = path.as_deref().and_then(Path::file_stem);
        let program = name.map_or_else(|| "a program".to_owned(), |name| name.to_string_lossy().into_owned());
        self.recorder.timeline(program, || self.running())
    }

    fn running(&self) -> Vec<RunningJob> {
        self.pools.iter().flat_map(|pool| pool.running()).collect()
    }

    fn leave(&self) {
        let observer: Arc<dyn Observer> = self.recorder.clone();
        self.pools.iter().filter_map(|pool| pool.observers()).for_each(|pool| pool.remove(&observer));
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("pools", &self.pools.len()).finish_non_exhaustive()
    }
}

/// The pool is not measured, so it cannot be recorded. Build it with `measure(true)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMeasured(());

impl fmt::Display for NotMeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot record the pool, because it is not measured: build it with `measure(true)`")
    }
}

impl Error for NotMeasured {}
