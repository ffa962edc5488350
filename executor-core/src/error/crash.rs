//! The error of a job whose process died.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::backtrace::{Backtrace, BacktraceTail};
use super::exit::Exit;
use super::line::line_or_all;
use super::saved::{Saved, SavedNote};

/// The process that ran a job died. The job has no result; no other job is affected.
///
/// `{}` writes one line: the job, the process, and how it ended. `{:#}` adds the file that the job was [saved](Crashed::saved) to, the
/// [backtrace](Crashed::backtrace), and the end of its [stderr](Crashed::stderr). The first `{:#}` reads the program's symbols, which can take a second or more.
#[derive(Clone, Debug)]
pub struct Crashed(Arc<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    job: String,
    name: Option<String>,
    pid: u32,
    host: Option<String>,
    exit: Exit,
    ran: Duration,
    cause: Option<String>,
    is_out_of_memory: bool,
    peak_memory: Option<u64>,
    stderr: Option<String>,
    saved: Option<Saved>,
    backtrace: Option<Backtrace>,
}

/// For authors of executors: the facts of a crash.
impl Crashed {
    /// Creates the error: the process `pid` ended with `exit` while it ran `job`, which had run for `ran`.
    pub fn new(job: impl Into<String>, pid: u32, exit: Exit, ran: Duration) -> Self {
        Self(Arc::new(Parts {
            job: job.into(),
            name: None,
            pid,
            host: None,
            exit,
            ran,
            cause: None,
            is_out_of_memory: false,
            peak_memory: None,
            stderr: None,
            saved: None,
            backtrace: None,
        }))
    }

    /// Sets the name that the job was given.
    #[must_use]
    pub fn with_name(self, name: Option<impl Into<String>>) -> Self {
        self.with(|parts| parts.name = name.map(Into::into))
    }

    /// Sets the host of the process, where that is another one.
    #[must_use]
    pub fn with_host(self, host: Option<impl Into<String>>) -> Self {
        self.with(|parts| parts.host = host.map(Into::into))
    }

    /// Sets the reason beyond the signal, such as "its stack overflowed".
    #[must_use]
    pub fn with_cause(self, cause: Option<impl Into<String>>) -> Self {
        self.with(|parts| parts.cause = cause.map(Into::into))
    }

    /// Sets whether the process died because memory was refused to it, or ran out.
    #[must_use]
    pub fn with_out_of_memory(self, is_out_of_memory: bool) -> Self {
        self.with(|parts| parts.is_out_of_memory = is_out_of_memory)
    }

    /// Sets the peak memory of the process, in bytes.
    #[must_use]
    pub fn with_peak_memory(self, bytes: Option<u64>) -> Self {
        self.with(|parts| parts.peak_memory = bytes)
    }

    /// Sets the end of what the job wrote to stderr.
    #[must_use]
    pub fn with_stderr(self, text: Option<impl Into<String>>) -> Self {
        self.with(|parts| parts.stderr = text.map(Into::into))
    }

    /// Sets the file that the job was saved to, or why there is none.
    #[must_use]
    pub fn with_saved(self, saved: Option<Saved>) -> Self {
        self.with(|parts| parts.saved = saved)
    }

    /// Sets the backtrace.
    #[must_use]
    pub fn with_backtrace(self, backtrace: Option<Backtrace>) -> Self {
        self.with(|parts| parts.backtrace = backtrace)
    }

    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl Crashed {
    /// Returns the path of the job's function or type.
    pub fn job(&self) -> &str {
        &self.0.job
    }

    /// Returns the name that the job was given with [`JobOptions::name`](crate::JobOptions::name).
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns the process id of the worker; if the job was lost with its host, that of the host's program.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// Returns the name of the host that the process ran on. `None` if it is this host.
    pub fn host(&self) -> Option<&str> {
        self.0.host.as_deref()
    }

    /// Returns how the worker process ended.
    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    /// Returns the name of the signal that killed the worker process, such as `SIGSEGV`. `None` if it exited.
    pub fn signal(&self) -> Option<&'static str> {
        self.0.exit.signal()
    }

    /// Returns how long the job had run.
    pub fn ran(&self) -> Duration {
        self.0.ran
    }

    /// Returns the reason beyond the signal, if it is known, such as "its stack overflowed".
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Returns whether the job most likely needed too much memory: the worker died when its `memory_limit` refused an allocation, or the
    /// kernel killed it because memory ran out. A web service can answer that the request is too large (413), and any other crash with 500.
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor::{Crashed, Exit, JobError};
    ///
    /// fn status(error: &JobError) -> u16 {
    ///     match error {
    ///         JobError::Crashed(crash) if crash.is_out_of_memory() => 413,
    ///         _ => 500,
    ///     }
    /// }
    ///
    /// let crash = Crashed::new("app::resize", 7, Exit::Signal(6), Duration::from_millis(3));
    /// assert_eq!(status(&JobError::Crashed(crash.clone())), 500);
    /// assert_eq!(status(&JobError::Crashed(crash.with_out_of_memory(true))), 413);
    /// ```
    pub fn is_out_of_memory(&self) -> bool {
        self.0.is_out_of_memory
    }

    /// Returns the peak resident memory of the worker process since its start, in bytes, or that of a process that it waited for, if that
    /// is higher. Reserved memory that was never used does not count. `None` if the system does not report it.
    pub fn peak_memory(&self) -> Option<u64> {
        self.0.peak_memory
    }

    /// Returns the last 8 KiB of what the job wrote to stderr, if the pool was built with `capture_output`; otherwise `None`. Bytes that are not UTF-8
    /// become `�`. Empty if the job wrote nothing.
    ///
    /// ```
    /// # #[cfg(all(feature = "process", target_os = "linux"))]
    /// # {
    /// use executor::{JobError, OutputLine, ProcessPool, call};
    ///
    /// fn parse(page: u32) {
    ///     eprintln!("page {page} has no end");
    ///     std::process::abort()
    /// }
    ///
    /// let pool = ProcessPool::builder().processes(1).capture_output(OutputLine::print).build()?;
    /// match pool.submit(call!(parse(12))).result() {
    ///     Err(JobError::Crashed(crash)) => assert_eq!(crash.stderr(), Some("page 12 has no end\n")),
    ///     other => panic!("{other:?}"),
    /// }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stderr(&self) -> Option<&str> {
        self.0.stderr.as_deref()
    }

    /// Returns the file that the job was saved to, if the pool was built with `keep_failed`.
    pub fn saved(&self) -> Option<&Path> {
        self.0.saved.as_ref().and_then(Saved::path)
    }

    /// Returns the functions that the worker was in when it caused a signal such as SIGSEGV or SIGABRT. `None` if it exited, if the signal
    /// came from outside, such as SIGKILL, and if no backtrace could be taken.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_ref()
    }
}

impl fmt::Display for Crashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { job, name, pid, host, exit, ran, cause, peak_memory, stderr, saved, backtrace, .. } = &*self.0;
        if *exit == Exit::Lost {
            return lost(f, &self.0);
        }
        line_or_all(f, format_args!("{} crashed: its worker process {pid}", Named(job, name.as_deref())))?;
        if let Some(host) = host {
            line_or_all(f, format_args!(" on host `{host}`"))?;
        }
        write!(f, " {exit}")?;
        if let Some(cause) = cause {
            line_or_all(f, format_args!(" ({cause})"))?;
        }
        write!(f, " after {}", Rounded(*ran))?;
        if let Some(bytes) = peak_memory {
            write!(f, ", with a peak memory of {}", Size(*bytes))?;
        }
        f.write_str("; no other job is affected")?;
        if f.alternate() {
            write!(f, "{}{}", SavedNote(saved.as_ref()), BacktraceTail(backtrace.as_ref()))?;
            write!(f, "{}", StderrTail(stderr.as_deref()))
        } else {
            Ok(())
        }
    }
}

/// The job was lost with its host, about which this host knows little.
fn lost(f: &mut fmt::Formatter<'_>, parts: &Parts) -> fmt::Result {
    let Parts { job, name, pid, host, cause, .. } = parts;
    line_or_all(f, format_args!("{} was lost with its host", Named(job, name.as_deref())))?;
    if let Some(host) = host {
        line_or_all(f, format_args!(" `{host}`"))?;
    }
    write!(f, " (process {pid})")?;
    if let Some(cause) = cause {
        line_or_all(f, format_args!(": {cause}"))?;
    }
    f.write_str("; the job may have run, in part or to its end; if it may run twice, submit it with `retry`")
}

impl Error for Crashed {}

/// A job, by the path of its function or type, and by the name that it was given, if it was.
pub(super) struct Named<'a>(pub(super) &'a str, pub(super) Option<&'a str>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(path, Some(name)) if name != path => write!(f, "job `{name}` (`{path}`)"),
            Self(path, _) => write!(f, "job `{path}`"),
        }
    }
}

/// The end of what a job wrote to stderr, as a paragraph that ends another text, or nothing.
struct StderrTail<'a>(Option<&'a str>);

impl fmt::Display for StderrTail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.unwrap_or_default().lines();
        lines.into_iter().try_for_each(|line| write!(f, "\n    stderr: {line}"))
    }
}

/// Bytes, in the unit that leaves a number below 1,024.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n < 1 << 10 => write!(f, "{n} bytes"),
            n if n < 1 << 20 => write!(f, "{} KiB", n >> 10),
            n if n < 10 << 30 => write!(f, "{} MiB", n >> 20),
            n => write!(f, "{} GiB", n >> 30),
        }
    }
}

/// A duration to three digits: what is measured across processes is no more exact.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            s if s < 1e-3 => write!(f, "{:.0} µs", s * 1e6),
            s if s < 1.0 => write!(f, "{:.0} ms", s * 1e3),
            s => write!(f, "{s:.1} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_job_process_and_signal() {
        let crash = Crashed::new("app::parse", 4242, Exit::Signal(11), Duration::from_millis(3));
        assert_eq!(
            crash.to_string(),
            "job `app::parse` crashed: its worker process 4242 was killed by SIGSEGV after 3 ms; no other job is affected"
        );
        let exit = Crashed::new("app::parse", 7, Exit::Code(3), Duration::from_micros(250));
        assert_eq!(
            exit.to_string(),
            "job `app::parse` crashed: its worker process 7 exited with code 3 after 250 µs; no other job is affected"
        );
        let far = exit.with_host(Some("web-3"));
        assert_eq!(
            far.to_string(),
            "job `app::parse` crashed: its worker process 7 on host `web-3` exited with code 3 after 250 µs; no other job is affected"
        );
    }

    #[test]
    fn lost_job_names_its_host_and_the_remedy() {
        let lost = Crashed::new("app::parse", 7, Exit::Lost, Duration::ZERO);
        let rest = "; the job may have run, in part or to its end; if it may run twice, submit it with `retry`";
        assert_eq!(lost.to_string(), format!("job `app::parse` was lost with its host (process 7){rest}"));
        let lost = lost.with_name(Some("page 3")).with_host(Some("web-3")).with_cause(Some("it was silent"));
        assert_eq!(
            lost.to_string(),
            format!("job `page 3` (`app::parse`) was lost with its host `web-3` (process 7): it was silent{rest}")
        );
    }

    #[test]
    fn sizes_are_told_in_a_fitting_unit() {
        for (bytes, text) in
            [(0, "0 bytes"), (1023, "1023 bytes"), (1 << 10, "1 KiB"), (37 << 20, "37 MiB"), (10 << 30, "10 GiB")]
        {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
