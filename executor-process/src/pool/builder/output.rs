//! The settings of captured output.

use super::ProcessPoolBuilder;
use crate::supervisor::output::OutputLine;

impl ProcessPoolBuilder {
    /// Passes each line that a job writes to stdout or stderr to `handler` in this process, instead of to this process's own streams.
    /// [`OutputLine::print`] is a handler that prints the lines with the name of the job. Default: workers write to the streams of this process.
    ///
    /// It covers all writers: `println!`, the message of a panic, C code, and child processes. A job's lines are handled before its outcome is
    /// set, also if its worker crashed after it wrote them, and [`Crashed::stderr`](executor_core::Crashed::stderr) returns the end of its
    /// stderr. Each stream keeps its order; the order of lines from both is as they arrive.
    ///
    /// - A line belongs to the job that runs when the line arrives. Output of an initializer, and of threads and child processes
    ///   between two jobs, belongs to no job. Constructors that run before the worker is ready still write to this process's streams.
    /// - If a job is aborted or times out, it has its outcome at once, and its last lines may come later.
    /// - Text that Rust's `print!` has buffered without a newline is lost if the worker dies.
    /// - Between two jobs, a worker is not read: a thread that writes more than 64 KiB then waits for the next job.
    /// - Workers get one job at a time: short jobs run faster in a `map` than by single submits.
    ///
    /// **The handler** runs on a thread of its own, one line at a time. If it panics, only that line is lost. If it blocks, an outcome waits for it
    /// for at most 1 s, then jobs go on without it. Up to 4 MiB of output and log records wait for it; the handler is told how much was
    /// dropped beyond that. It should not wait for a job of this pool: the job's outcome may wait for the handler. A shutdown in the handler
    /// does not block. If the handler still blocks when the pool has shut down for 1 s, its thread ends when it returns.
    ///
    /// A child process that outlives its worker gets SIGPIPE when it writes to a stream that nothing reads any more.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use executor::{JobOptions, OutputLine, ProcessPool, call};
    ///
    /// fn scan(page: u32) { println!("scans page {page}") }
    ///
    /// let lines = Arc::new(Mutex::new(Vec::new()));
    /// let handled = Arc::clone(&lines);
    /// let handler = move |line: &OutputLine| handled.lock().unwrap().push(format!("{}: {}", line.name().unwrap(), line.text()));
    /// let pool = ProcessPool::builder().processes(1).capture_output(handler).build()?;
    /// pool.with(JobOptions::new().name("scanner")).submit(call!(scan(12))).result()?;
    /// assert_eq!(*lines.lock().unwrap(), ["scanner: scans page 12"]);
    ///
    /// let printing = ProcessPool::builder().processes(1).capture_output(OutputLine::print).build()?;
    /// printing.submit(call!(scan(13))).result()?; // prints: (app::scan pid=4242) scans page 13
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capture_output(mut self, handler: impl Fn(&OutputLine) + Send + Sync + 'static) -> Self {
        self.output.set_handler(handler);
        self
    }

    /// Limits how much output of one job the handler of [`capture_output`](Self::capture_output) gets, in bytes of both streams
    /// together. The rest is dropped, without slowing the job down, and the handler gets a line whose
    /// [`dropped`](OutputLine::dropped) says how much. Default: 1 MiB.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use executor::{OutputLine, ProcessPool, call};
    ///
    /// fn flood() { (0..1000).for_each(|n| println!("line {n:04}")) }
    ///
    /// let lines = Arc::new(Mutex::new(Vec::new()));
    /// let handled = Arc::clone(&lines);
    /// let handler = move |line: &OutputLine| handled.lock().unwrap().push(line.clone());
    /// let pool = ProcessPool::builder().processes(1).capture_output(handler).output_limit(50).build()?;
    /// pool.submit(call!(flood())).result()?;
    /// let lines = lines.lock().unwrap();
    /// assert_eq!((lines.len(), lines[4].text(), lines[5].dropped()), (6, "line 0004".into(), Some(9_950)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output.limit = bytes;
        self
    }
}
