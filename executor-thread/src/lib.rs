//! A thread pool with futures, for I/O-bound jobs, and the scheduler under it.
//!
//! | to | see |
//! |---|---|
//! | run closures on threads | [`ThreadPool`], [`ThreadPoolBuilder`], [`ThreadHandle`] |
//! | bound the queue | [`Queue`], [`WhenFull`], [`SubmitAsync`] |
//! | run closures that borrow | [`ThreadPool::scope`], [`Scope`], [`ScopedFuture`] |
//! | run a closure again and again | [`ThreadPool::every`], [`Period`], [`Periodic`] |
//! | run closures that use `par_iter` inside | `RayonPool`, `RayonHandle` (feature `rayon`) |
//! | make another kind of worker | [`scheduler`], [`fork`] |

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
pub mod fork;
mod limits;
mod manage;
mod periodic;
mod pool;
mod push;
#[cfg(feature = "rayon")]
mod rayon_pool;
mod runner;
pub mod scheduler;
mod scope;
mod submit;
mod traits;
mod view;

pub use builder::ThreadPoolBuilder;
pub use executor_core::{Queue, WhenFull};
pub use periodic::{Period, Periodic};
pub use pool::{ThreadHandle, ThreadPool};
#[cfg(feature = "rayon")]
pub use rayon_pool::{RayonHandle, RayonPool};
pub use scope::{Scope, ScopedFuture};
pub use submit::SubmitAsync;
pub use view::ThreadView;
