//~ `call` takes a function, and `call!` also a closure that captures nothing
//~ pass what it captures as an argument, `call!(|captured| ..., (captured,))`

fn main() {
    let text = String::from("captured");
    let _ = executor_core::call(move |a: usize| a + text.len(), (1_usize,));
}
