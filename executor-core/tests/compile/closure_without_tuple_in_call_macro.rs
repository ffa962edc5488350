//~ or a closure that captures nothing, and a tuple of its arguments, `call!(|a, b| ..., (a, b))`: without arguments, `call!(|| ..., ())`

fn main() {
    let _ = executor_core::call!(|| 42);
}
