//! Thread pools with futures, and the scheduler that they are built on. Part of the `executor` crate: depend on that one.
//!
//! | to | see |
//! |---|---|
//! | run closures on threads | [`ThreadPool`], [`ThreadPoolBuilder`], [`ThreadHandle`] |
//! | bound the queue | [`QueueLimit`], [`WhenFull`], [`SubmitAsync`] |
//! | run closures that borrow | [`ThreadHandle::scope`], [`Scope`], [`ScopedFuture`] |
//! | run a closure again and again | [`ThreadHandle::every`], [`Period`], [`Periodic`] |
//! | run closures that use `par_iter` inside | `RayonPool`, `RayonPoolBuilder`, `RayonHandle` (feature `rayon`) |
//! | build another kind of worker | [`scheduler`], [`fork`] |

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
pub mod fork;
mod manage;
mod options;
mod periodic;
mod pool;
#[cfg(feature = "rayon")]
mod rayon_builder;
#[cfg(feature = "rayon")]
mod rayon_pool;
mod runner;
pub mod scheduler;
mod scope;
mod submit;
mod submit_async;
mod traits;

pub use builder::ThreadPoolBuilder;
pub use executor_core::{QueueLimit, WhenFull};
pub use pool::{ThreadHandle, ThreadPool};
#[cfg(feature = "rayon")]
pub use rayon_builder::RayonPoolBuilder;
#[cfg(feature = "rayon")]
pub use rayon_pool::{RayonHandle, RayonPool};
pub use scheduler::{Period, Periodic};
pub use scope::{Scope, ScopedFuture};
pub use submit_async::SubmitAsync;
