//! `cargo +nightly fuzz run start_info`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    executor_process::fuzz::start_info(bytes);
});
