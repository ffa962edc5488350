//! The backtrace of a job whose process died, or whose time was over.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// The functions that a job was in, innermost first.
///
/// Cheap to clone. Names are looked up when they are first needed. This reads the program's file, and can take a second or more if the file
/// is large.
///
/// ```
/// use executor::{Backtrace, Frame};
///
/// let backtrace = Backtrace::new(|| vec![Frame::new("app::parse").at("src/parse.rs", Some(17))]);
/// assert_eq!(backtrace.frames()[0].function(), "app::parse");
/// assert_eq!(backtrace.to_string(), "at app::parse (src/parse.rs:17)");
/// ```
#[derive(Clone)]
pub struct Backtrace(Arc<Lazy>);

struct Lazy {
    frames: OnceLock<Vec<Frame>>,
    resolve: Box<dyn Fn() -> Vec<Frame> + Send + Sync>,
}

impl Backtrace {
    /// For authors of executors: creates a backtrace from a function that is called once, when the names are first needed.
    pub fn new(resolve: impl Fn() -> Vec<Frame> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Lazy { frames: OnceLock::new(), resolve: Box::new(resolve) }))
    }

    /// Returns the functions, innermost first. The first call blocks while the program's symbols are read.
    pub fn frames(&self) -> &[Frame] {
        self.0.frames.get_or_init(&self.0.resolve)
    }
}

impl fmt::Display for Backtrace {
    /// Writes a line for each frame, without a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, frame) in self.frames().iter().enumerate() {
            let start = if index == 0 { "" } else { "\n" };
            write!(f, "{start}at {frame}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.frames()).finish()
    }
}

/// The same as a paragraph that ends another text, or nothing. Reads symbols.
pub(super) struct BacktraceTail<'a>(pub(super) Option<&'a Backtrace>);

impl fmt::Display for BacktraceTail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = self.0.map(Backtrace::frames).unwrap_or_default();
        frames.iter().try_for_each(|frame| write!(f, "\n    at {frame}"))
    }
}

/// One function of a [`Backtrace`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    function: String,
    file: Option<String>,
    line: Option<u32>,
    calls: usize,
}

impl Frame {
    /// For authors of executors: creates a frame from the path of a function.
    pub fn new(function: impl Into<String>) -> Self {
        Self { function: function.into(), file: None, line: None, calls: 1 }
    }

    /// For authors of executors: sets the file and the line.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: Option<u32>) -> Self {
        (self.file, self.line) = (Some(file.into()), line);
        self
    }

    /// For authors of executors: sets how many times in a row the function is on the stack.
    #[must_use]
    pub fn called(mut self, calls: usize) -> Self {
        self.calls = calls;
        self
    }

    /// Returns the path of the function. If the program has no symbols, this is its address in the program's file.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// Returns the source file, if it is known.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Returns the line in the source file, from 1, if it is known.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// Returns how many times in a row the function is on the stack: more than 1 if it calls itself.
    pub fn calls(&self) -> usize {
        self.calls
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, " ({file}:{line})")?,
            (Some(file), None) => write!(f, " ({file})")?,
            (None, _) => {}
        }
        if self.calls > 1 { write!(f, ", {} times", self.calls) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn names_are_looked_up_once_and_not_before_somebody_looks() {
        let lookups = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lookups);
        let backtrace = Backtrace::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            vec![Frame::new("deeper").at("src/a.rs", Some(3)).called(7), Frame::new("outer").at("src/a.rs", None)]
        });
        let copy = backtrace.clone();
        assert_eq!(lookups.load(Ordering::Relaxed), 0);
        assert_eq!(backtrace.to_string(), "at deeper (src/a.rs:3), 7 times\nat outer (src/a.rs)");
        assert_eq!(copy.frames().len(), 2);
        assert_eq!(lookups.load(Ordering::Relaxed), 1);
    }
}
