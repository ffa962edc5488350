//! Tools for testing executors and code that uses them.
//!
//! For authors of executors, and for applications that must be sure of what happens at shutdown.
//!
//! | to | see |
//! |---|---|
//! | run jobs one by one, on virtual time | [`ManualExecutor`] |
//! | test that an executor keeps the laws | [`contract!`], [`contract`](mod@contract) |
//! | make trouble, by a seed | [`Chaos`] |
//! | hold an executor beside a model of shutdown | [`model`] |

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod chaos;
#[cfg(unix)]
pub mod contract;
mod manual;
pub mod model;

pub use chaos::{Chaos, ChaosBuilder, Deed, Trouble};
pub use manual::{ManualExecutor, ManualExecutorBuilder, ManualHandle};
