//! `cargo +nightly fuzz run kept`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    executor_process::fuzz::kept(bytes);
});
