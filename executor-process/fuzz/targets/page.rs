//! `cargo +nightly fuzz run page`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    executor_process::fuzz::page(bytes);
});
