//~ cannot be sent to another process
//~ a closure goes into a `call!` with its arguments, `call!(|| ..., ())`, and must capture nothing

fn initializer(_: impl executor_core::Portable) {}

fn main() {
    initializer(|| ());
}
