//! Version 2 of a program.

const VERSION: u32 = 2;

include!("program.rs");
