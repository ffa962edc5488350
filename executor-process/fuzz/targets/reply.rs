//! `cargo +nightly fuzz run reply`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    executor_process::fuzz::reply(bytes);
});
