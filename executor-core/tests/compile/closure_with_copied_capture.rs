//~ `call` takes a function, and `call!` also a closure that captures nothing: pass what it captures as an argument, `call!(|captured| ..., (captured,))`

fn main() {
    let n = 3_u32;
    let _ = executor_core::call(move |a: u32| a + n, (1_u32,));
}
