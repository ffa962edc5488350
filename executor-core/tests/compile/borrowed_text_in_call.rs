//~ `(&str,)` must implement `OwnedArguments<

fn len(text: &'static str) -> usize {
    text.len()
}

fn submit(_: impl executor_core::PortableJob) {}

fn main() {
    submit(executor_core::call(len, ("borrowed",)));
}
