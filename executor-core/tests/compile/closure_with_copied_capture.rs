//~ `call` takes a function or a closure that captures nothing: pass what it captures as an argument, `call(f, (captured,))`

fn main() {
    let n = 3_u32;
    let _ = executor_core::call(move |a: u32| a + n, (1_u32,));
}
