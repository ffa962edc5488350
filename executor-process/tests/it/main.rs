//! Tests of worker processes that need a process of their own: they fork, close its descriptors, or run other programs.

#![cfg(target_os = "linux")]

mod ends;
mod forks;
mod lines;
mod shortages;
mod streams;
mod support;
