//~ the job's result `Result<String, std::io::Error>` cannot be sent to another process
//~ errors such as `std::io::Error` cannot move to another process: return `Result<T, RemoteError>`

fn read(path: String) -> Result<String, std::io::Error> {
    std::fs::read_to_string(path)
}

fn submit(_: impl executor_core::PortableJob) {}

fn main() {
    submit(executor_core::call!(read("Cargo.toml".to_owned())));
}
