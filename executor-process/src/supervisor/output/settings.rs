//! Whether output is captured, and for which handler.

use std::fmt;
use std::sync::Arc;

use super::OutputLine;

/// The most bytes of a job's output, if nothing else was set.
const OUTPUT_LIMIT: usize = 1 << 20;

type Handler = Arc<dyn Fn(&OutputLine) + Send + Sync>;

/// The settings of a pool whose output is captured.
#[derive(Clone)]
pub(crate) struct Capture {
    pub(crate) handler: Handler,
    /// The most bytes of a job that the handler gets.
    pub(crate) limit: usize,
}

/// The settings of a builder.
#[derive(Clone)]
pub(crate) struct CaptureSettings {
    handler: Option<Handler>,
    pub(crate) limit: usize,
}

impl Default for CaptureSettings {
    fn default() -> Self {
        Self { handler: None, limit: OUTPUT_LIMIT }
    }
}

impl fmt::Debug for CaptureSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_captured = self.handler.is_some();
        f.debug_struct("CaptureSettings").field("is_captured", &is_captured).field("limit", &self.limit).finish()
    }
}

impl CaptureSettings {
    pub(crate) fn set_handler(&mut self, handler: impl Fn(&OutputLine) + Send + Sync + 'static) {
        self.handler = Some(Arc::new(handler));
    }

    /// `None` if output is not to be captured.
    pub(crate) fn capture(&self) -> Option<Capture> {
        let handler = self.handler.as_ref().map(Arc::clone)?;
        Some(Capture { handler, limit: self.limit })
    }
}
