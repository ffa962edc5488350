//! The files in flight. A file waits for one job at a time: its next part is read, then added, then the next is read.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use executor::{Future, JobError, JobSet, ProcessPool, ThreadPool, call};

use crate::parts::{self, Added, Bytes, Sum, Whole};
use crate::walk::Blocked;

/// How many files are known at most: digests are kept while they wait for the one of an earlier path.
const KNOWN: usize = 4096;

/// A path, and what came of it.
pub(crate) type Digested = (PathBuf, Result<Whole, String>);

/// Digests files, and yields what comes of each in the order of the paths.
pub(crate) struct Pipeline<'a, W> {
    paths: W,
    readers: &'a ThreadPool,
    workers: &'a ProcessPool,
    /// How many parts are in flight at most.
    most: usize,
    crash: Option<OsString>,
    /// In order. The front entry is the path with number `shift`.
    known: VecDeque<Known>,
    shift: usize,
    steps: JobSet<Step>,
    /// The number of the file that each step is about.
    files: HashMap<usize, usize>,
}

struct Known {
    path: PathBuf,
    /// `None` while a job is in flight.
    outcome: Option<Result<Whole, String>>,
}

/// How far a file has come. It takes what the next step needs along.
enum Step {
    Read(File, Sum, Bytes),
    Added(File, Added),
}

impl<'a, W: Iterator<Item = Result<PathBuf, Blocked>>> Pipeline<'a, W> {
    pub(crate) fn new(
        paths: W,
        readers: &'a ThreadPool,
        workers: &'a ProcessPool,
        most: usize,
        crash: Option<OsString>,
    ) -> Self {
        let (known, steps, files) = (VecDeque::new(), JobSet::new(), HashMap::new());
        Self { paths, readers, workers, most, crash, known, shift: 0, steps, files }
    }

    fn fill(&mut self) {
        while self.steps.len() < self.most
            && self.known.len() < KNOWN
            && let Some(found) = self.paths.next()
        {
            match found {
                Ok(path) => {
                    let number = self.shift + self.known.len();
                    self.known.push_back(Known { path: path.clone(), outcome: None });
                    let read = move || {
                        let file = File::open(path)?;
                        let part = parts::read_part(&file)?;
                        Ok::<_, io::Error>((file, part))
                    };
                    let read = self.readers.submit(read).flatten();
                    self.insert(number, read.map_ok(|(file, part)| Step::Read(file, Sum::default(), part)));
                }
                Err(Blocked { path, reason }) => self.known.push_back(Known { path, outcome: Some(Err(reason)) }),
            }
        }
    }

    fn insert(&mut self, number: usize, step: Future<Step>) {
        self.files.insert(self.steps.insert(step), number);
    }

    /// Starts what follows from a step of the file `number`.
    fn go_on(&mut self, number: usize, outcome: Result<Step, JobError>) {
        let known = &mut self.known[number - self.shift];
        match outcome {
            Ok(Step::Read(file, sum, part)) => {
                let added = if self.crash.is_some() && known.path.file_name() == self.crash.as_deref() {
                    self.workers.submit(call!(parts::crash()))
                } else {
                    self.workers.submit(call!(parts::add_part(sum, part)))
                };
                self.insert(number, added.flatten().map_ok(|added| Step::Added(file, added)));
            }
            Ok(Step::Added(file, Added::More(sum))) => {
                let read = self.readers.submit(move || parts::read_part(&file).map(|part| Step::Read(file, sum, part)));
                self.insert(number, read.flatten());
            }
            Ok(Step::Added(_, Added::Last(whole))) => known.outcome = Some(Ok(whole)),
            Err(error) => known.outcome = Some(Err(format!("{error}"))),
        }
    }
}

impl<W: Iterator<Item = Result<PathBuf, Blocked>>> Iterator for Pipeline<'_, W> {
    type Item = Digested;

    fn next(&mut self) -> Option<Digested> {
        loop {
            self.fill();
            if self.known.front().is_some_and(|known| known.outcome.is_some()) {
                let Known { path, outcome } = self.known.pop_front()?;
                self.shift += 1;
                return Some((path, outcome?));
            }
            // Nothing in flight, and nothing known: that was all.
            let (key, outcome) = self.steps.next()?;
            let number = self.files.remove(&key).expect("each step in the set is about a file");
            self.go_on(number, outcome);
        }
    }
}

impl<W> Drop for Pipeline<'_, W> {
    /// The consumer of the rest is gone.
    fn drop(&mut self) {
        self.steps.cancel_all();
    }
}
