//! A thread pool with futures, for I/O-bound jobs, and the scheduler under it.
//!
//! | to | see |
//! |---|---|
//! | run closures on threads | [`ThreadPool`], [`ThreadPoolBuilder`], [`ThreadHandle`] |
//! | run closures that use `par_iter` inside | `RayonPool`, `RayonHandle` (feature `rayon`) |
//! | make another kind of worker | [`scheduler`] |

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod pool;
#[cfg(feature = "rayon")]
mod rayon_pool;
mod runner;
pub mod scheduler;

pub use builder::ThreadPoolBuilder;
pub use pool::{ThreadHandle, ThreadPool};
#[cfg(feature = "rayon")]
pub use rayon_pool::{RayonHandle, RayonPool};
