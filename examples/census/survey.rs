//! The pipeline: a path is walked to, its file is read on a thread, its text is parsed elsewhere, and the counts add up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use executor::{BuildError, Future, Job, JobError, JobOptions, JobSet, Pool, Recording, RemoteError, ThreadPool};

use crate::analyse::Analysis;
use crate::console::Console;
use crate::options::Options;
use crate::places::Parsers;
use crate::read::{Text, read};
use crate::tally::Tally;
use crate::walk::{Source, Walk};

/// How many files are read at once. Reading waits, so this has little to do with the number of cores.
pub(crate) const READERS: usize = 8;

/// The counts, and how long they took.
pub(crate) struct Survey {
    pub(crate) tally: Tally,
    pub(crate) times: Times,
    /// Whether every file was taken before the time limit.
    pub(crate) is_complete: bool,
    /// The jobs of the pools, for `--timeline`.
    pub(crate) recording: Option<Recording>,
}

/// `walk`, `read` and `parse` are sums over the threads and processes that work at the same time.
#[derive(Default)]
pub(crate) struct Times {
    pub(crate) walk: Duration,
    pub(crate) read: Duration,
    pub(crate) parse: Duration,
    pub(crate) elapsed: Duration,
}

/// How far a file has come.
enum Step {
    Read(Text),
    Parsed(Result<Analysis, RemoteError>),
}

/// Counts what is in the directory. `to_job` makes the job that `parsers` run, from a file's text.
///
/// One set holds every file in flight, whichever step it waits for; what a step leads to goes into the set again. So
/// this thread waits for whatever comes next, and memory is bounded as the set and the size of a file are.
pub(crate) fn survey<J>(
    options: &Options,
    parsers: &Parsers<J>,
    to_job: impl Fn(String) -> J,
    console: &Console,
) -> Result<Survey, BuildError>
where
    J: Job<Output = Result<Analysis, RemoteError>>,
{
    let start = Instant::now();
    let readers = ThreadPool::builder().threads(READERS).name("read").measure(options.timeline.is_some()).build()?;
    let recording = options.timeline.as_ref().map(|_| record(&readers, parsers.pool.as_deref()));
    let named = readers.with(JobOptions::new().name("read"));
    let in_flight = options.in_flight();
    let mut walk = Walk::new(&options.directory);
    let mut flights = Flights::default();
    let mut tally = Tally::default();
    let mut times = Times::default();
    let mut is_complete = true;
    loop {
        while is_complete
            && flights.len() < in_flight
            && let Some(found) = walk.next()
        {
            match found {
                Ok(_) if options.limit.is_some_and(|limit| start.elapsed() >= limit) => is_complete = false,
                Ok(source) => {
                    let (path, cold) = (source.path.clone(), options.cold);
                    let reading = named.submit(move || read(&path, cold)).flatten().map_ok(Step::Read);
                    flights.insert(source, reading);
                }
                Err(blocked) => {
                    console.report(&blocked.name, &blocked.reason);
                    tally.totals.failed += 1;
                }
            }
        }
        let Some((source, outcome)) = flights.next() else { break };
        match outcome {
            Ok(Step::Read(Text { text, spent })) => {
                times.read += spent;
                console.has_read(text.len());
                flights.insert(source, parsers.executor.submit(to_job(text)).map_ok(Step::Parsed));
            }
            Ok(Step::Parsed(Ok(analysis))) => {
                times.parse += analysis.parsing;
                console.has_parsed();
                tally.add(&source, &analysis);
            }
            Ok(Step::Parsed(Err(reason))) => {
                console.has_parsed();
                if options.verbose {
                    console.report(&source.name, format_args!("unparsed: {reason}"));
                }
                tally.add_unparsed(&source);
            }
            Err(error) => {
                console.report(&source.name, format_args!("{error}"));
                tally.totals.failed += 1;
            }
        }
    }
    recording.iter().for_each(Recording::stop);
    console.clear();
    times.walk = walk.spent();
    times.elapsed = start.elapsed();
    Ok(Survey { tally, times, is_complete, recording })
}

/// Starts a recording of all pools, which are measured.
fn record(readers: &ThreadPool, parsers: Option<&dyn Pool>) -> Recording {
    let pools: Vec<&dyn Pool> = [readers as &dyn Pool].into_iter().chain(parsers).collect();
    Recording::of(&pools).expect("they are built with `measure(true)`")
}

/// Futures, and the file that each is about.
#[derive(Default)]
struct Flights {
    steps: JobSet<Step>,
    sources: HashMap<usize, Source>,
}

impl Flights {
    fn len(&self) -> usize {
        self.steps.len()
    }

    fn insert(&mut self, source: Source, step: Future<Step>) {
        self.sources.insert(self.steps.insert(step), source);
    }

    fn next(&mut self) -> Option<(Source, Result<Step, JobError>)> {
        let (key, outcome) = self.steps.next()?;
        let source = self.sources.remove(&key).expect("each step in the set is about a file");
        Some((source, outcome))
    }
}
