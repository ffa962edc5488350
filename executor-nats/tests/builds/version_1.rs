//! Version 1 of a program.

const VERSION: u32 = 1;

include!("program.rs");
