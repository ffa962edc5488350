//! Compiles, which shows that the others fail for their own reasons.

use executor_core::{Future, Job, PortableJob, call};
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

fn run_any<F, T>(closure: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn run<J: Job>(job: J) -> J::Output {
        job.run()
    }
    run(closure)
}

fn main() {
    submit(Thumbnail);
    submit(call!(|a: u32| a + 1, (1,)));
    submit(call(len, (1, String::from("owned"))));
    submit(call!(len(1, String::from("owned"))));
    let _: u32 = run_any(|| 1);
    let _: Future<u32> = Future::ready("7".parse::<u32>()).flatten();
    let _: Vec<Future<u32>> = [Future::ready(Ok::<_, String>(7))].into_iter().map(Future::flatten).collect();
}
