//~ `u32` is not a job
//~ pass the function and its arguments, not its result: `call!(double(21))` to processes or threads, `|| double(21)` to threads

fn execute(_: impl executor_core::Job) {}

fn double(n: u32) -> u32 {
    2 * n
}

fn main() {
    execute(double(21));
}
