//! What executors, and the code on top of them, are tested with.
//!
//! For whoever writes an executor, and for applications that must be sure of what happens at shutdown.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod model;
