//~ cannot be sent to another process
//~ this job can run on threads only
//~ a closure that captures cannot move to another process: pass what it captures as an argument, `call!(|captured| ..., (captured,))`

fn submit(_: impl executor_core::PortableJob) {}

fn main() {
    let n = 3_u32;
    submit(move || n + 1);
}
