//! Jobs, futures, errors and the executor traits: the parts that thread pools and process pools share.
//!
//! Part of the `executor` crate, which re-exports all of it: applications depend on that one. This crate starts no thread and has no
//! unsafe code. It is for authors of executors.
//!
//! | to | see |
//! |---|---|
//! | describe the work | [`Job`], [`PortableJob`], [`call()`], [`call!`] |
//! | submit it, shut down | [`Executor`], [`ClosureExecutor`], [`Shutdown`], [`ShutdownPolicy`], [`Rejected`] |
//! | set names, priorities and time limits | [`JobOptions`], [`Priority`] |
//! | bound a queue | [`QueueLimit`], [`WhenFull`] |
//! | get the outcome | [`Future`], [`JobError`], [`RemoteError`], [`Canceller`], [`AbortOnDrop`] |
//! | wait for several | [`wait()`], [`as_completed`], [`join_all`], [`try_join_all`], [`JobSet`], [`Map`] |
//! | signal between jobs | [`Event`] |
//! | ask from inside a job | [`current`] |
//! | see what a pool is doing | [`Stats`], [`Insights`], [`Histogram`], [`Recording`], [`Dump`] |
//! | write an executor | [`promise()`], [`cell`], [`queue_id`], [`drive`], [`panics`], [`bytes`], [`job_counters`], [`observe`], [`wrap`] |

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod bytes;
mod call;
pub mod cell;
mod control;
pub mod current;
pub mod drive;
pub mod dump;
mod error;
mod event;
mod executor;
mod future;
mod handles;
mod job;
pub mod job_counters;
mod label;
mod map;
mod mapped;
mod notify;
pub mod observe;
mod options;
pub mod panics;
mod pool;
mod promise;
mod queue;
pub mod queue_id;
mod recording;
pub mod registry;
mod remote;
mod serialize;
mod set;
mod shutdown;
pub mod spin;
mod stats;
mod status;
mod steered;
mod sync;
#[cfg(feature = "tracing")]
pub mod trace;
mod two_fields;
mod wait;
pub mod wrap;

pub use call::{Call, OwnedArguments, call};
pub use dump::{Dump, Stall};
pub use error::{
    Backtrace, Broken, BuildError, Cancelled, CodecError, Crashed, Exit, Failed, Frame, JobError, JobName, JobPath,
    Panicked, Refused, Rejection, Saved, Saving, TimedOut,
};
pub use event::Event;
pub use executor::{ClosureExecutor, ClosureMapper, Executor, Rejected, Shutdown};
pub use future::{AbortOnDrop, Future};
pub use handles::{Canceller, Helper};
#[doc(hidden)]
pub use job::Remake;
pub use job::{Job, Portable, PortableJob};
pub use label::Label;
pub use map::{Map, Mapper, Unordered};
pub use observe::JobOutcome;
pub use options::{JobOptions, OptionValues, Priority};
pub use pool::Pool;
pub use promise::{Promise, promise};
pub use queue::{QueueLimit, WhenFull};
pub use recording::{NotMeasured, Recording};
pub use remote::RemoteError;
pub use set::{AsCompleted, JobSet, as_completed};
pub use shutdown::{ShutdownPolicy, ShutdownReport, ShutdownStep};
pub use stats::{Histogram, Insights, SlowJob, Stats, WorkTimes, WorkerStats};
pub use status::{JobId, Status};
pub use wait::{Until, Waited, join_all, try_join_all, wait, wait_timeout};

#[doc(hidden)]
pub mod __private {
    pub use crate::call::probe::{OwnInstead, Owned, Probe, probe};
    pub use crate::call::{Arguments, ClosureCall, Named, closure_call, is_function};
    pub use crate::error::Spaced;
}
