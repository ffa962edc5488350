//~ `u32` cannot be sent to another process
//~ pass the function and its arguments, not its result: `call!(double(21))`, not `double(21)`

fn submit(_: impl executor_core::PortableJob) {}

fn double(n: u32) -> u32 {
    2 * n
}

fn main() {
    submit(double(21));
}
