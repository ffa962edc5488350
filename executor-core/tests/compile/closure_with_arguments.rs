//~ closure is expected to take 0 arguments, but it takes 1 argument

fn submit<J: executor_core::Job>(_: J) -> executor_core::Future<J::Output> {
    panic!()
}

fn main() {
    let _ = submit(|n: u32| n);
}
