//~ cannot be sent to another process
//~ this job can run on threads only
//~ a closure goes into a `call!` with its arguments, `call!(|| ..., ())`, and must capture nothing
//~ pass what it captures as an argument, `call!(|captured| ..., (captured,))`

fn submit(_: impl executor_core::PortableJob) {}

fn main() {
    let n = 3_u32;
    submit(move || n + 1);
}
