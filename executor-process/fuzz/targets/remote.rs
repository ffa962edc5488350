//! `cargo +nightly fuzz run remote`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    executor_process::fuzz::remote(bytes);
});
