//~ cannot be sent to another process
//~ the arguments of a `call!` must own their data (`String`, not `&str`) and implement serde's `Serialize` and `Deserialize`

fn len(data: &'static [u32]) -> usize {
    data.len()
}

fn submit(_: impl executor_core::PortableJob) {}

fn main() {
    const DATA: &[u32] = &[1, 2, 3];
    submit(executor_core::call(len, (DATA,)));
}
