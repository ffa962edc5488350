//~ `Rc<u32>` cannot be sent between threads safely

fn submit<J: executor_core::Job>(_: J) -> executor_core::Future<J::Output> {
    panic!()
}

fn main() {
    let n = std::rc::Rc::new(1_u32);
    let _ = submit(move || *n);
}
