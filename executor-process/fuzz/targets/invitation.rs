//! `cargo +nightly fuzz run invitation`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    executor_process::fuzz::invitation(bytes);
});
