//! The live table of hosts: redrawn on a terminal, elsewhere a line when a host comes or goes.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use executor_nats::NatsHandle;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::console::complain;

/// Hosts tell of themselves about as often.
const PERIOD: Duration = Duration::from_millis(500);

const HEAD: &str = "host                      workers running    done  last seen";

/// A thread that shows the table.
pub(crate) struct Table {
    bars: MultiProgress,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A host, as it was seen last.
struct Row {
    label: String,
    workers: usize,
    running: usize,
    done: u64,
    seen: Duration,
    is_there: bool,
}

impl Table {
    pub(crate) fn start(executor: NatsHandle, bars: MultiProgress) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let mut rows = Rows { bars: bars.clone(), hosts: BTreeMap::new(), drawn: Vec::new() };
        let watch = move || {
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                rows.look(&executor);
                rows.draw();
            }
            // A last report of each host, after its last job.
            thread::park_timeout(2 * PERIOD);
            rows.look(&executor);
            rows.end();
        };
        let thread = thread::Builder::new().name("table".to_owned()).spawn(watch)?;
        Ok(Self { bars, stop: Some(stop), thread: Some(thread) })
    }

    /// Prints a line above the table.
    pub(crate) fn line(&self, line: &str) {
        self.bars.suspend(|| complain(line));
    }

    /// Prints the table for the last time.
    pub(crate) fn finish(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Rows {
    bars: MultiProgress,
    hosts: BTreeMap<String, Row>,
    drawn: Vec<ProgressBar>,
}

impl Rows {
    fn look(&mut self, executor: &NatsHandle) {
        let before: Vec<_> = self.hosts.values().filter(|row| row.is_there).map(|row| row.label.clone()).collect();
        self.hosts.values_mut().for_each(|row| row.is_there = false);
        for host in executor.hosts().into_iter().filter(|host| host.is_ours) {
            let row = Row {
                label: host.label.clone(),
                workers: host.workers,
                running: host.running,
                done: host.done,
                seen: host.seen.elapsed(),
                is_there: true,
            };
            if !before.contains(&host.label) {
                self.say(format_args!(
                    "census: host {} is there, with {} {}",
                    row.label,
                    row.workers,
                    if row.workers == 1 { "worker" } else { "workers" }
                ));
            }
            self.hosts.insert(host.label, row);
        }
        for row in before.iter().filter_map(|label| self.hosts.get(label)).filter(|row| !row.is_there) {
            self.say(format_args!("census: host {} is gone; its last report counted {} jobs", row.label, row.done));
        }
    }

    fn draw(&mut self) {
        let style = ProgressStyle::with_template("{msg}").expect("the template is a constant");
        while self.drawn.len() < self.hosts.len() + 1 {
            self.drawn.push(self.bars.add(ProgressBar::no_length().with_style(style.clone())));
        }
        self.drawn[0].set_message(HEAD);
        for (bar, row) in self.drawn[1..].iter().zip(self.hosts.values()) {
            bar.set_message(row.to_string());
        }
    }

    /// Prints the table where the bars were.
    fn end(self) {
        self.drawn.iter().for_each(ProgressBar::finish_and_clear);
        // If they cannot be cleared, the terminal is gone, and they are too.
        drop(self.bars.clear());
        complain(HEAD);
        self.hosts.values().for_each(complain);
    }

    fn say(&self, what: impl fmt::Display) {
        self.bars.suspend(|| complain(what));
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, workers, running, done, seen, .. } = self;
        write!(f, "{label:25} {workers:>7} {running:>7} {done:>7}  ")?;
        if self.is_there { write!(f, "{:.1} s ago", seen.as_secs_f64()) } else { f.write_str("gone") }
    }
}
