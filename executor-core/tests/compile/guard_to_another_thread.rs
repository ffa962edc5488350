//~ cannot be sent between threads safely
use executor_core::current;

fn main() {
    let blocked = current::block();
    std::thread::spawn(move || drop(blocked));
}
