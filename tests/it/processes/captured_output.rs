//! Captured output of worker processes, by job.

use std::io::Write;
use std::panic::resume_unwind;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use executor::{
    Crashed, JobError, JobOptions, OutputLine, OutputStream, Process, ProcessPool, ProcessPoolBuilder, call,
};

use crate::support::eventually;
use crate::support::system::exists;

/// A handler's lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<OutputLine>>>);

impl Lines {
    fn handler(&self) -> impl Fn(&OutputLine) + Send + Sync + 'static {
        let lines = self.clone();
        move |line: &OutputLine| lines.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone())
    }

    fn all(&self) -> Vec<OutputLine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The texts of the lines of a stream.
    fn texts(&self, stream: OutputStream) -> Vec<String> {
        let all = self.all();
        all.iter()
            .filter(|line| line.stream() == stream && line.dropped().is_none())
            .map(|line| line.text().into_owned())
            .collect()
    }
}

fn one() -> ProcessPoolBuilder {
    ProcessPool::builder().processes(1)
}

fn capturing(builder: ProcessPoolBuilder) -> (ProcessPool, Lines) {
    let lines = Lines::default();
    let pool = builder.capture_output(lines.handler()).build().expect("this program can start workers");
    (pool, lines)
}

fn crashed<T: std::fmt::Debug>(outcome: Result<T, JobError>) -> Crashed {
    match outcome {
        Err(JobError::Crashed(crash)) => crash,
        other => panic!("{other:?}"),
    }
}

fn speak() -> u32 {
    println!("to stdout");
    eprintln!("to stderr");
    // SAFETY: C strings.
    unsafe { libc::printf(c"from C\n".as_ptr()) };
    assert!(Command::new("sh").args(["-c", "echo from a child; echo its error >&2"]).status().unwrap().success());
    print!("without an end");
    std::process::id()
}

#[test]
fn all_writers_are_heard_before_the_outcome() {
    let (pool, lines) = capturing(one());
    let named = pool.with(JobOptions::new().name("speaker"));
    for _ in 0..20 {
        lines.0.lock().unwrap().clear();
        let future = named.submit(call!(speak()));
        let id = future.id();
        let pid = future.result().unwrap();
        let expected = ["to stdout", "from C", "from a child", "without an end"];
        assert_eq!(lines.texts(OutputStream::Stdout), expected);
        assert_eq!(lines.texts(OutputStream::Stderr), ["to stderr", "its error"]);
        for line in lines.all() {
            assert_eq!(
                (line.job(), line.name(), line.pid(), line.worker_name()),
                (Some(id), Some("speaker"), pid, "executor-0")
            );
            assert!(line.path().unwrap().ends_with("speak"), "{line:?}");
            assert_eq!(line.is_complete(), line.text() != "without an end");
            assert_eq!(line.to_string(), format!("(speaker pid={pid}) {}", line.text()));
        }
    }
}

fn say(n: u32) {
    println!("{n}");
}

/// Jobs that are queued would be sent ahead otherwise.
#[test]
fn lines_belong_to_the_job_that_wrote_them() {
    let (pool, lines) = capturing(one());
    let futures: Vec<_> = (0..500).map(|n| (n, pool.submit(call!(say(n))))).collect();
    let ids: Vec<_> = futures.iter().map(|(n, future)| (Some(future.id()), n.to_string())).collect();
    for (_, future) in futures {
        future.result().unwrap();
    }
    let lines: Vec<_> = lines.all().iter().map(|line| (line.job(), line.text().into_owned())).collect();
    assert_eq!(lines, ids);
}

#[test]
fn items_of_a_map_are_heard() {
    let (pool, lines) = capturing(ProcessPool::builder().processes(2));
    assert_eq!(pool.map(0..100_u32, call_say).map(Result::unwrap).count(), 100);
    let mut texts = lines.texts(OutputStream::Stdout);
    texts.sort_by_key(|text| text.parse::<u32>().unwrap());
    assert_eq!(texts, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
}

fn abort() {
    std::process::abort()
}

fn call_say(n: u32) {
    say(n);
}

fn die(how: u32) {
    println!("begins");
    eprint!("{}", "x".repeat(10_000));
    eprintln!("\nthe last words \u{fffd}");
    match how {
        0 => std::process::abort(),
        1 => std::process::exit(3),
        _ => panic!("no luck"),
    }
}

#[test]
fn a_crash_has_its_stderr() {
    let (pool, lines) = capturing(one());
    for how in 0..2 {
        lines.0.lock().unwrap().clear();
        let crash = crashed(pool.submit(call!(die(how))).result());
        let stderr = crash.stderr().expect("it is captured");
        assert!(stderr.ends_with("xxx\nthe last words \u{fffd}\n"), "{stderr}");
        assert_eq!(stderr.len(), 8192);
        assert_eq!(lines.texts(OutputStream::Stdout), ["begins"]);
        assert_eq!(lines.texts(OutputStream::Stderr).len(), 2);
        let error = JobError::Crashed(crash);
        assert!(format!("{error:#}").ends_with("\n    stderr: the last words \u{fffd}"), "{error:#}");
        assert!(!error.to_string().contains("last words"), "{error}");
    }
    assert!(matches!(pool.submit(call!(die(2))).result(), Err(JobError::Panicked(_))));
    assert!(lines.texts(OutputStream::Stderr).iter().any(|line| line.contains("no luck")), "{:?}", lines.all());
    // The next job does not have the words of the one before.
    let crash = crashed(pool.submit(call!(abort())).result());
    assert_eq!(crash.stderr(), Some(""));
}

#[test]
fn without_capture_there_is_no_stderr() {
    let pool = one().build().unwrap();
    assert_eq!(crashed(pool.submit(call!(abort())).result()).stderr(), None);
}

fn flood(mib: usize) {
    let line = [&[b'y'; 1023][..], b"\n"].concat().repeat(1024);
    let mut stdout = std::io::stdout().lock();
    for _ in 0..mib {
        stdout.write_all(&line).unwrap();
    }
}

#[test]
fn a_flood_is_cut_and_the_cut_is_told() {
    let (pool, lines) = capturing(one());
    for _ in 0..2 {
        lines.0.lock().unwrap().clear();
        pool.submit(call!(flood(256))).result().unwrap();
        let all = lines.all();
        let bytes: usize = all
            .iter()
            .map(|line| line.bytes().len() + usize::from(line.is_complete() && line.dropped().is_none()))
            .sum();
        assert_eq!(bytes, 1 << 20);
        let last = all.last().unwrap();
        assert_eq!((last.dropped(), last.stream()), (Some(255 << 20), OutputStream::Stdout));
        assert!(last.to_string().ends_with("[267386880 more bytes of stdout were dropped]"), "{last}");
        assert!(all[..1024].iter().all(|line| line.dropped().is_none()));
    }
}

/// A handler that blocks until the sender is dropped.
fn blocked(pool: ProcessPoolBuilder) -> (ProcessPool, Sender<()>, Lines) {
    let (wake, sleep) = channel::<()>();
    let (sleep, lines) = (Mutex::new(sleep), Lines::default());
    let note = lines.handler();
    let pool = pool.capture_output(move |line: &OutputLine| {
        let _ = sleep.lock().unwrap().recv();
        note(line);
    });
    (pool.build().unwrap(), wake, lines)
}

#[test]
fn a_blocked_handler_holds_up_no_job() {
    let (pool, wake, lines) = blocked(one().output_limit(64 << 20));
    for _ in 0..20 {
        let outcome = pool.submit(call!(flood(1))).result_timeout(Duration::from_secs(60));
        outcome.expect("it waits for the handler").unwrap();
    }
    drop(wake);
    // The queue is bounded, and nothing is lost in silence.
    let total =
        || -> u64 { lines.all().iter().map(|line| line.dropped().unwrap_or(line.bytes().len() as u64 + 1)).sum() };
    eventually("all that was dropped is told", || {
        pool.submit(call!(say(0))).result().unwrap();
        total() >= 20 << 20
    });
    let dropped: u64 = lines.all().iter().filter_map(OutputLine::dropped).sum();
    assert!(dropped >= 15 << 20, "{dropped}");
}

#[test]
fn a_blocked_handler_holds_up_no_shutdown() {
    let (pool, wake, _) = blocked(one());
    pool.submit(call!(say(1))).result().unwrap();
    drop(pool);
    drop(wake);
}

#[test]
fn a_panicking_handler_costs_its_line() {
    let lines = Lines::default();
    let note = lines.handler();
    let handler = move |line: &OutputLine| {
        if line.text() == "1" {
            // Without a message, which would take long: it has a backtrace.
            resume_unwind(Box::new("no luck"));
        }
        note(line);
    };
    let pool = one().capture_output(handler).build().unwrap();
    assert_eq!(pool.map(0..4_u32, call_say).map(Result::unwrap).count(), 4);
    assert_eq!(lines.texts(OutputStream::Stdout), ["0", "2", "3"]);
}

/// The child leaves the group, so that it outlives the worker.
fn leave_a_child() -> u32 {
    use std::os::unix::process::CommandExt;
    println!("leaves a child");
    let mut command = Command::new("sh");
    command.args(["-c", "while echo still here; do sleep 0.01; done"]).stdin(std::process::Stdio::null());
    // SAFETY: it is async-signal-safe.
    unsafe { command.pre_exec(|| if libc::setsid() > 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }) };
    command.spawn().unwrap().id()
}

#[test]
fn a_child_that_stays_delays_no_outcome() {
    let (pool, lines) = capturing(one());
    let child = pool.submit(call!(leave_a_child())).result().unwrap();
    assert_eq!(lines.texts(OutputStream::Stdout)[0], "leaves a child");
    crashed(pool.submit(call!(abort())).result());
    drop(pool);
    eventually("the child ends by SIGPIPE", || !exists(child));
}

fn fork_in_a_job() {
    println!("before");
    // SAFETY: the new process calls what is async-signal-safe, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let text = b"from the fork\n";
        // SAFETY: as above.
        unsafe {
            libc::write(1, text.as_ptr().cast(), text.len());
            libc::_exit(0);
        }
    }
    // SAFETY: it waits for the process that was made above.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    println!("after");
}

#[test]
fn a_fork_writes_for_its_job() {
    let (pool, lines) = capturing(one());
    pool.submit(call!(fork_in_a_job())).result().unwrap();
    assert_eq!(lines.texts(OutputStream::Stdout), ["before", "from the fork", "after"]);
}

#[test]
fn initializers_and_ending_workers_are_heard() {
    struct Farewell;
    impl Drop for Farewell {
        fn drop(&mut self) {
            println!("ends");
            println!("{}", "z".repeat(200_000));
        }
    }
    fn init() -> Farewell {
        println!("prepares");
        Farewell
    }
    let (pool, lines) = capturing(one().initializer(call!(init())));
    pool.submit(call!(say(1))).result().unwrap();
    drop(pool);
    let all = lines.all();
    let texts: Vec<_> = all.iter().map(|line| line.text().into_owned()).collect();
    assert_eq!(texts[..3], ["prepares", "1", "ends"]);
    assert_eq!(texts[3..].concat().len(), 200_000);
    let jobs: Vec<_> = all.iter().map(|line| line.job().is_some()).collect();
    assert_eq!(jobs[..3], [false, true, false]);
}

fn fail() {
    print!("the license");
    panic!("is over");
}

#[test]
fn a_failing_initializer_is_heard_before_its_error() {
    let (pool, lines) = capturing(one().initializer(call!(fail())));
    assert!(matches!(pool.submit(call!(say(1))).result(), Err(JobError::Broken(_))));
    assert_eq!(lines.texts(OutputStream::Stdout), ["the license"; 4], "of four workers");
    assert!(lines.texts(OutputStream::Stderr).iter().any(|line| line == "is over"));
}

#[test]
fn a_retired_worker_is_heard_to_its_end() {
    struct Farewell;
    impl Drop for Farewell {
        fn drop(&mut self) {
            println!("ends");
        }
    }
    fn init() -> Farewell {
        Farewell
    }
    let (pool, lines) = capturing(one().max_jobs_per_process(1).initializer(call!(init())));
    for _ in 0..3 {
        pool.submit(call!(say(1))).result().unwrap();
    }
    drop(pool);
    let ends = lines.texts(OutputStream::Stdout).iter().filter(|text| *text == "ends").count();
    assert_eq!(ends, 3, "{:?}", lines.all());
}

#[test]
fn a_process_is_heard() {
    let lines = Lines::default();
    let process = Process::builder().name("talker").capture_output(lines.handler()).spawn(call!(say(7))).unwrap();
    process.join().unwrap();
    let all = lines.all();
    assert_eq!((all.len(), all[0].name(), all[0].text()), (1, Some("talker"), "7".into()));
}

fn long_line() {
    println!("{}", "l".repeat(300_000));
}

#[test]
fn a_long_line_comes_in_parts() {
    let (pool, lines) = capturing(one());
    pool.submit(call!(long_line())).result().unwrap();
    let all = lines.all();
    assert!(
        all.len() > 1
            && all[..all.len() - 1].iter().all(|line| !line.is_complete())
            && all.last().unwrap().is_complete()
    );
    assert_eq!(all.iter().map(|line| line.bytes().len()).sum::<usize>(), 300_000);
}

fn close_streams() {
    println!("closes");
    // SAFETY: the numbers of the standard streams.
    unsafe {
        libc::close(1);
        libc::close(2);
    }
}

#[test]
fn closed_streams_are_no_trouble() {
    let (pool, lines) = capturing(one());
    pool.submit(call!(close_streams())).result().unwrap();
    for n in 0..20 {
        assert_eq!(pool.submit(call!(u32::pow(n, 2))).result().unwrap(), n * n);
    }
    assert_eq!(lines.texts(OutputStream::Stdout), ["closes"]);
}
