//! Thread and process pools with futures.

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use executor_core::*;
#[cfg(feature = "process")]
pub use executor_process::*;
pub use executor_thread::*;
