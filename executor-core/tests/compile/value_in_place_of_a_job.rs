//~ `u32` is not a job
//~ a job is a closure, a `call!`, or a value whose type implements `Job`
//~ pass the function and its arguments, not its result: `call!(double(21))` to processes or threads, `|| double(21)` to threads

use executor_core::{Future, PortableJob};

struct Pool;

impl Pool {
    fn submit<J: PortableJob>(&self, _: J) -> Future<J::Output> {
        panic!()
    }
}

fn double(n: u32) -> u32 {
    2 * n
}

fn main() {
    let _ = Pool.submit(double(21));
}
