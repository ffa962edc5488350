//! A thread pool with futures, for I/O-bound jobs, and the scheduler under it.
//!
//! | to | see |
//! |---|---|
//! | run closures on threads | [`ThreadPool`], [`ThreadPoolBuilder`], [`ThreadHandle`] |
//! | bound the queue | [`Queue`], [`WhenFull`], [`SubmitAsync`] |
//! | make another kind of worker | [`scheduler`] |

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod manage;
mod pool;
mod queue;
mod runner;
pub mod scheduler;
mod submit;
mod view;

pub use builder::ThreadPoolBuilder;
pub use pool::{ThreadHandle, ThreadPool};
pub use queue::{Queue, WhenFull};
pub use submit::SubmitAsync;
pub use view::ThreadView;
