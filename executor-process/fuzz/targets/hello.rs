//! `cargo +nightly fuzz run hello`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    executor_process::fuzz::hello(bytes);
});
