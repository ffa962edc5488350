//! Replacing `multiprocessing.Process`: start, join, a name and a pid, daemon, exit codes, terminate and kill, a subclass with `run`.
//!
//! In Python: `Process(target=…, args=…, name=…, daemon=True)`, `start()`, `join(timeout)`, `is_alive()`, `exitcode`, `terminate()`,
//! `kill()`, `current_process()`, `class Greeter(Process)`, all below `if __name__ == "__main__"`, which is not needed here.
//!
//! `cargo run --example process_basics`

use std::error::Error;
use std::thread;
use std::time::Duration;

use executor::{Exit, Job, JobError, Process, Receiver, call, channel, current};
use serde::{Deserialize, Serialize};

fn main() -> Result<(), Box<dyn Error>> {
    start_and_join()?;
    name_and_pid()?;
    subclass_with_run()?;
    is_alive_and_timeouts()?;
    exit_codes()?;
    terminate_and_kill()?;
    daemon()?;
    environment()?;
    Ok(())
}

fn square(number: u64) -> u64 {
    number * number
}

fn wait_for_ever() {
    loop {
        thread::park();
    }
}

/// `p = Process(target=square, args=(12,))`, `p.start()`, `p.join()`: `spawn` starts the process, and `join` returns the result, for
/// which Python needs a queue.
fn start_and_join() -> Result<(), Box<dyn Error>> {
    println!("joined: {}", Process::spawn(call!(square(12)))?.join()?);
    Ok(())
}

/// `Process(name="worker")`, `p.name`, `p.pid`; in the process `current_process().name` and `os.getpid()`.
fn name_and_pid() -> Result<(), Box<dyn Error>> {
    fn own_name_and_pid() -> (String, u32) {
        (current::worker_name().map(|name| name.to_string()).unwrap_or_default(), std::process::id())
    }
    let process = Process::builder().name("worker").spawn(call!(own_name_and_pid()))?;
    let (name, pid) = (process.name().to_owned(), process.pid());
    println!("it is {name}, and says so: {}", process.join()? == (name.clone(), pid));
    println!("its pid is not ours: {}", pid != std::process::id());
    Ok(())
}

/// `class Greeter(Process): def __init__(self, whom): …; def run(self): …`: a job type of your own. Its fields are the attributes of `__init__`.
fn subclass_with_run() -> Result<(), Box<dyn Error>> {
    #[derive(Serialize, Deserialize)]
    struct Greeter {
        whom: String,
    }
    impl Job for Greeter {
        type Output = String;

        fn run(self) -> String {
            format!("hello, {}", self.whom)
        }
    }
    println!("run: {}", Process::spawn(Greeter { whom: "world".to_owned() })?.join()?);
    Ok(())
}

/// `p.is_alive()`, `p.join(timeout)`, `p.exitcode`, which is `None` while the process lives. After its limit, `join_timeout` returns the process.
fn is_alive_and_timeouts() -> Result<(), Box<dyn Error>> {
    fn wait_for_a_word(words: Receiver<String>) -> String {
        words.recv().unwrap_or_default()
    }
    let (word, words) = channel()?;
    let process = Process::spawn(call!(wait_for_a_word(words)))?;
    println!("alive: {}, exit code: {:?}", process.is_alive(), process.exit_code());
    let Err(process) = process.join_timeout(Duration::from_millis(10)) else { return Err("it had no word".into()) };
    println!("join(timeout=0.01): it runs on");
    word.send("now".to_owned())?;
    println!("it ended by itself: {:?}, alive: {}", process.wait(), process.is_alive());
    println!("joined: {}", process.join()?);
    Ok(())
}

/// `p.exitcode`: the argument of `exit`, or minus a signal's number; 1 after an exception in Python, 101 after a panic in Rust.
fn exit_codes() -> Result<(), Box<dyn Error>> {
    fn fail() {
        std::panic::resume_unwind(Box::new("failed")); // a panic without the hook's message
    }
    fn leave(code: i32) {
        std::process::exit(code);
    }
    fn crash() {
        std::process::abort();
    }
    for process in [Process::spawn(call!(fail()))?, Process::spawn(call!(leave(3)))?, Process::spawn(call!(crash()))?] {
        let exit = process.wait().ok_or("nobody else waits for it")?;
        println!("it {exit}; its job: {}", kind(&process.join()));
    }
    Ok(())
}

fn kind<T>(outcome: &Result<T, JobError>) -> &'static str {
    match outcome {
        Ok(_) => "done",
        Err(JobError::Panicked(_)) => "panicked",
        Err(JobError::Crashed(_)) => "crashed",
        Err(_) => "something else",
    }
}

/// `p.terminate()` is SIGTERM, `p.kill()` is SIGKILL; both also end the processes that it started.
fn terminate_and_kill() -> Result<(), Box<dyn Error>> {
    let processes = [Process::spawn(call!(wait_for_ever()))?, Process::spawn(call!(wait_for_ever()))?];
    processes[0].terminate();
    processes[1].kill();
    for process in processes {
        let signal = process.wait().and_then(Exit::signal).unwrap_or("no signal");
        println!("ended by {signal}; its job: {}", kind(&process.join()));
    }
    Ok(())
}

/// `Process(daemon=True)`: the process is killed when its handle is dropped. No process outlives its parent, not even a parent that
/// is killed.
fn daemon() -> Result<(), Box<dyn Error>> {
    let process = Process::builder().kill_on_drop(true).spawn(call!(wait_for_ever()))?;
    drop(process);
    println!("a daemon is dropped, and gone");
    Ok(())
}

/// The counterparts of `env` and `cwd` of `subprocess`, and of `os.nice`.
fn environment() -> Result<(), Box<dyn Error>> {
    fn about() -> (String, String) {
        let directory = std::env::current_dir().unwrap_or_default();
        (std::env::var("MODE").unwrap_or_default(), directory.display().to_string())
    }
    let (mode, directory) =
        Process::builder().env("MODE", "quiet").current_dir("/").nice(1).spawn(call!(about()))?.join()?;
    println!("mode {mode} in {directory}");
    Ok(())
}
