//~ cannot be sent to another process
//~ a closure goes into a `call!` with its arguments, `call!(|| ..., ())`, and must capture nothing

fn submit(_: impl executor_core::PortableJob) {}

fn main() {
    submit(|| 42);
}
