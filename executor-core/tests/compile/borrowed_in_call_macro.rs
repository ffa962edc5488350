//~ `&str` is borrowed, and the arguments of a `call!` must own their data
//~ borrowed argument
//~ pass a `String` instead of `&str`, a `Vec<T>` instead of `&[T]`, a clone instead of a reference

fn len(first: u32, text: &'static str) -> usize {
    first as usize + text.len()
}

fn main() {
    let _ = executor_core::call!(len(1, "borrowed"));
}
