//! Tests of every kind of executor: the contract that all of them keep, and the behaviour of each kind, one module per topic.

#![cfg(unix)]
#![allow(clippy::incompatible_msrv, reason = "tests run with the newest Rust")]

mod support;

mod after_the_end;
mod bounded;
mod bounded_scopes;
mod breaking_down;
mod build_errors;
mod callbacks;
mod caller_runs;
mod captures;
mod contract;
mod delays;
mod events;
mod giving_back;
mod hangs;
mod hooks;
mod insights;
mod job_names;
mod lanes;
#[cfg(feature = "metrics")]
mod metrics;
mod model;
mod nested_waits;
mod observers;
mod options;
mod pages;
mod panics;
mod periodic;
mod periodic_counts;
mod pool_trait;
mod progress;
mod scoped_limits;
mod scopes;
mod shutdown_inside;
mod states;
mod stats;
mod tidy;
mod wrapped_jobs;

#[cfg(all(feature = "process", target_os = "linux"))]
mod examples;
#[cfg(all(feature = "process", target_os = "linux"))]
mod from_python;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
mod managing;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod places;
#[cfg(target_os = "linux")]
mod threads;

#[cfg(all(feature = "metrics", feature = "process", target_os = "linux"))]
mod observing;
#[cfg(all(feature = "process", target_os = "linux"))]
mod processes;
#[cfg(all(feature = "process", target_os = "linux"))]
mod progress_example;
#[cfg(all(feature = "process", target_os = "linux"))]
mod property_tests;
#[cfg(feature = "rayon")]
mod rayon_forks;
#[cfg(feature = "rayon")]
mod rayon_pool;
#[cfg(feature = "rayon")]
mod rayon_shared;
#[cfg(feature = "rayon")]
mod rayon_turns;
mod recordings;
#[cfg(all(feature = "process", target_os = "linux"))]
mod rendering;
