//! Compiles, which shows that the others fail for their own reasons.

use executor_core::{Job, PortableJob, call};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Thumbnail;

impl Job for Thumbnail {
    type Output = u32;
    fn run(self) -> u32 {
        64
    }
}

fn len(first: u32, text: String) -> usize {
    first as usize + text.len()
}

fn submit(_: impl PortableJob) {}

fn main() {
    submit(Thumbnail);
    submit(call!(|a: u32| a + 1, (1,)));
    submit(call(len, (1, String::from("owned"))));
    submit(call!(len(1, String::from("owned"))));
}
