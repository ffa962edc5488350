//! `cargo +nightly fuzz run packet`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    executor_process::fuzz::packet(bytes);
});
