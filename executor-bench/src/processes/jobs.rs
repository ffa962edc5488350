//! The jobs of the workers. They are functions, since a closure of one process means nothing in another.

use std::hint::black_box;
use std::time::Duration;

use executor_process::{Blob, Receiver, Sender, SharedSlice};

use crate::works::pause;

pub(crate) fn successor(number: u64) -> u64 {
    black_box(number) + 1
}

pub(crate) fn echo(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// Makes a result as large as what it gets, and reads all of that.
pub(crate) fn copy(blob: Blob) -> Blob {
    Blob::copy_of(&blob).expect("there is memory")
}

pub(crate) fn echo_numbers(numbers: Vec<f64>) -> Vec<f64> {
    numbers
}

/// As [`copy`], of numbers.
pub(crate) fn copy_numbers(numbers: SharedSlice<f64>) -> SharedSlice<f64> {
    SharedSlice::copy_of(&numbers).expect("there is memory")
}

pub(crate) fn pass_on(blob: Blob) -> Blob {
    blob
}

pub(crate) fn nap((): ()) {
    pause(Duration::from_secs(60));
}

/// Blocks its worker until the other end of `gate` is dropped.
pub(crate) fn block(started: Sender<()>, gate: Receiver<()>) {
    started.send(()).expect("somebody waits for it");
    assert!(gate.recv().is_err(), "nobody sends anything");
}
