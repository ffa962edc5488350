//! `cargo +nightly fuzz run outcomes`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    executor_process::fuzz::outcomes(bytes);
});
