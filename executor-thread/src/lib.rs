//! A thread pool with futures, for I/O-bound jobs, and the scheduler under it.
//!
//! | to | see |
//! |---|---|
//! | run closures on threads | [`ThreadPool`], [`ThreadPoolBuilder`], [`ThreadHandle`] |
//! | make another kind of worker | [`scheduler`] |

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod manage;
mod pool;
mod runner;
pub mod scheduler;
mod view;

pub use builder::ThreadPoolBuilder;
pub use pool::{ThreadHandle, ThreadPool};
pub use view::ThreadView;
