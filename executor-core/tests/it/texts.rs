//! The text of each error, to the letter: a program's logs, and its users, depend on it.

use std::error::Error;
use std::time::Duration;

use executor_core::cell::QueuedControl;
use executor_core::{
    Backtrace, Broken, BuildError, Cancelled, CodecError, Crashed, Exit, Frame, Future, JobError, JobName, JobOptions,
    JobPath, Panicked, Refused, Rejected, Rejection, RemoteError, Saved, TimedOut, promise,
};

/// Both forms are the same.
#[track_caller]
fn says(error: &dyn Error, text: &str) {
    assert_eq!(error.to_string(), text);
    assert_eq!(format!("{error:#}"), text);
}

/// One line, and all that is known.
#[track_caller]
fn says_more(error: &dyn Error, line: &str, all: &str) {
    assert_eq!(error.to_string(), line);
    assert_eq!(format!("{error:#}"), all);
}

#[test]
fn a_cancel() {
    says(&JobError::cancelled(), "the job was cancelled");
    let name = JobName::from(JobPath::fixed(&"thumbnails::Thumbnail"));
    let named = Cancelled::new(Some(name));
    says(&named, "job `thumbnails::Thumbnail` was cancelled");
    says(&JobError::Cancelled(named), "job `thumbnails::Thumbnail` was cancelled");
    let options = JobOptions::new().name("two\nlines");
    let name = JobName::new(options.values().label.as_ref(), JobPath::of::<u8>());
    let named = JobError::Cancelled(Cancelled::new(Some(name)));
    says_more(&named, "job `two; lines` was cancelled", "job `two\nlines` was cancelled");
}

#[test]
fn rejections() {
    let texts = [
        (
            Rejection::Shutdown,
            "the job was rejected: the executor was shut down or dropped; submit before the shutdown, or to another executor",
        ),
        (
            Rejection::Full,
            "the job was rejected: the executor's queue is full; try again later, or raise the queue's limit",
        ),
        (
            Rejection::Dropped,
            "the job was rejected: it was dropped because the executor's queue was full; raise the queue's limit",
        ),
        (
            Rejection::Broken,
            "the job was rejected: the executor is broken; the errors of its earlier jobs give the reason; fix that, then \
             create a new executor",
        ),
    ];
    for (reason, text) in texts {
        says(&reason, text);
        says(&JobError::rejected(reason), text);
        says(&Rejected::new("a job that has no text of its own", reason), text);
        let named = Refused::new(reason, Some(JobPath::fixed(&"thumbnails::Thumbnail").into()));
        let text = text.replacen("the job ", "job `thumbnails::Thumbnail` ", 1);
        says(&JobError::Rejected(named.clone()), &text);
        says(&Rejected::with_error("a job that has no text of its own", named), &text);
    }
}

#[test]
fn panics() {
    let told = Panicked::new(Box::new("no luck"), Some("src/main.rs:3:5".into()));
    says(&JobError::Panicked(told), "the job panicked at src/main.rs:3:5: no luck");
    let told = Panicked::new(Box::new("no luck".to_owned()), None);
    says(&JobError::Panicked(told), "the job panicked: no luck");
    let told = Panicked::new(Box::new(7), None);
    says(&JobError::Panicked(told), "the job panicked: (a payload that is not text)");
    let told = Panicked::remote("far away", Some("src/lib.rs:1:1".into()));
    says(&JobError::Panicked(told), "the job panicked at src/lib.rs:1:1: far away");
}

#[test]
fn a_panic_names_its_job() {
    let told = || Panicked::new(Box::new("no luck"), Some("src/main.rs:3:5".into()));
    let job = told().with_job("app::fetch", None);
    assert_eq!((job.job(), job.name()), (Some("app::fetch"), None));
    says(&JobError::Panicked(job), "job `app::fetch` panicked at src/main.rs:3:5: no luck");
    let named = told().with_job("app::fetch", Some("page 12".into()));
    assert_eq!(named.name(), Some("page 12"));
    // The innermost code that is named is the job.
    let named = named.with_job("app::wrapper", Some("other".into()));
    says(&JobError::Panicked(named), "job `page 12` (`app::fetch`) panicked at src/main.rs:3:5: no luck");
}

#[test]
fn a_panic_of_several_lines() {
    let told = Panicked::new(Box::new("`left == right` failed\n  left: 1\n right: 2"), None);
    says_more(
        &JobError::Panicked(told.with_job("app\n::fetch", None)),
        "job `app; ::fetch` panicked: `left == right` failed; left: 1; right: 2",
        "job `app\n::fetch` panicked: `left == right` failed\n  left: 1\n right: 2",
    );
}

#[test]
fn a_panic_goes_on_with_its_payload_once_and_then_with_its_message() {
    let panicked = Panicked::new(Box::new(7_u8), None);
    let resume =
        |panicked: Panicked| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| panicked.resume())).unwrap_err();
    assert_eq!(resume(panicked.clone()).downcast_ref(), Some(&7_u8));
    let again = resume(panicked);
    assert_eq!(again.downcast_ref::<String>().unwrap(), "(a payload that is not text)");
}

#[test]
fn a_time_that_is_over() {
    let error = JobError::TimedOut(TimedOut::new("app::fetch", Duration::from_millis(1500)));
    says(&error, "job `app::fetch` did not finish within 1.5 s; raise the limit or split the job");
    let seen = TimedOut::new("app::fetch", Duration::from_secs(2))
        .with_backtrace(Some(backtrace()))
        .with_saved(Some(Saved::to("/var/jobs/a.job")));
    says_more(
        &seen,
        "job `app::fetch` did not finish within 2 s; raise the limit or split the job",
        "job `app::fetch` did not finish within 2 s; raise the limit or split the job; to run this job alone, start this program \
         with EXECUTOR_REPLAY=/var/jobs/a.job\n    at app::parse (src/main.rs:3), 40 times\n    at app::job",
    );
    assert_eq!(JobError::TimedOut(seen).saved(), Some("/var/jobs/a.job".as_ref()));
}

/// No symbols are read for it, and no file is waited for, which is never written here.
#[test]
fn one_line_is_cheap() {
    let expensive = || Some(Backtrace::new(|| panic!("it reads symbols")));
    let (saved, saving) = Saved::later();
    let late = TimedOut::new("app::fetch", Duration::from_secs(2)).with_backtrace(expensive());
    let crash = Crashed::new("app::fetch", 7, Exit::Code(3), Duration::ZERO).with_backtrace(expensive());
    let (late, crash) = (late.with_saved(Some(saved.clone())), crash.with_saved(Some(saved.clone())));
    let panicked = Panicked::remote("no luck", None).with_saved(Some(saved));
    for error in [JobError::TimedOut(late), JobError::Crashed(crash), JobError::Panicked(panicked)] {
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    drop(saving);
}

fn backtrace() -> Backtrace {
    Backtrace::new(|| vec![Frame::new("app::parse").at("src/main.rs", Some(3)).called(40), Frame::new("app::job")])
}

#[test]
fn a_failed_job_that_is_kept() {
    let kept = Panicked::new(Box::new(7_u8), Some("src/main.rs:3:5".into())).with_saved(Some(Saved::to("/a.job")));
    let line = "the job panicked at src/main.rs:3:5: (a payload that is not text)";
    let all = format!("{line}; to run this job alone, start this program with EXECUTOR_REPLAY=/a.job");
    says_more(&kept, line, &all);
    let kept = JobError::Panicked(kept);
    assert_eq!(kept.saved(), Some("/a.job".as_ref()));
    let JobError::Panicked(kept) = kept else { unreachable!() };
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| kept.resume())).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&7_u8), "it has its payload");
    let not_kept = Panicked::remote("no luck", None).with_saved(Some(Saved::failed("/full: no space left")));
    let all = "the job panicked: no luck; the job could not be saved for a replay: /full: no space left";
    says_more(&not_kept, "the job panicked: no luck", all);
    assert_eq!(JobError::Panicked(not_kept).saved(), None);
}

#[test]
fn a_crash_with_all_that_can_be_known() {
    let crash = Crashed::new("app::parse", 7, Exit::Signal(11), Duration::from_millis(3))
        .with_stderr(Some("page 7\nhas no end"))
        .with_name(Some("page 12"))
        .with_cause(Some("its stack overflowed"))
        .with_peak_memory(Some(37 << 20))
        .with_saved(Some(Saved::failed("/full: no space left")))
        .with_backtrace(Some(backtrace()));
    let line = "job `page 12` (`app::parse`) crashed: its worker process 7 was killed by SIGSEGV (its stack overflowed) after \
                3 ms, with a peak memory of 37 MiB; no other job is affected";
    let all = format!(
        "{line}; the job could not be saved for a replay: /full: no space left\n    at app::parse (src/main.rs:3), 40 times\n    \
         at app::job\n    stderr: page 7\n    stderr: has no end"
    );
    says_more(&JobError::Crashed(crash.clone()), line, &all);
    assert_eq!((crash.name(), crash.peak_memory()), (Some("page 12"), Some(37 << 20)));
    assert_eq!(crash.backtrace().unwrap().frames().len(), 2);
}

#[test]
fn crashes() {
    let crash = |exit, ran| JobError::Crashed(Crashed::new("app::parse", 4242, exit, ran));
    let texts = [
        (Exit::Code(3), Duration::ZERO, "exited with code 3 after 0 µs"),
        (Exit::Code(0), Duration::from_micros(17), "exited with code 0 after 17 µs"),
        (Exit::Signal(64), Duration::from_micros(1600), "was killed by signal 64 after 2 ms"),
        (Exit::Signal(0), Duration::from_millis(1600), "was killed by signal 0 after 1.6 s"),
        (Exit::Signal(-1), Duration::from_secs(90), "was killed by signal -1 after 90.0 s"),
    ];
    for (exit, ran, text) in texts {
        let whole = format!("job `app::parse` crashed: its worker process 4242 {text}; no other job is affected");
        says(&crash(exit, ran), &whole);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn signals_by_name() {
    let named = [(1, "SIGHUP"), (6, "SIGABRT"), (9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM"), (31, "SIGSYS")];
    for (number, name) in named {
        let crash = Crashed::new("job", 1, Exit::Signal(number), Duration::ZERO);
        assert_eq!(crash.signal(), Some(name));
        says(
            &crash,
            &format!(
                "job `job` crashed: its worker process 1 was killed by {name} after 0 µs; no other job is affected"
            ),
        );
    }
    assert_eq!(Crashed::new("job", 1, Exit::Code(11), Duration::ZERO).signal(), None);
}

#[test]
fn codec_error_text() {
    let error = JobError::Codec(CodecError::new("decode the result", "app::draw", "app::Picture", "unexpected end"));
    says(
        &error,
        "job `app::draw` (result `app::Picture`): could not decode the result: unexpected end; \
         its types must survive a round trip through the pool's codec",
    );
}

fn thumbnail() {}

#[test]
fn broken_error_text() {
    says(&JobError::Broken(Broken::new("no room; make some")), "the job did not complete: no room; make some");
    let (dropped, future) = promise::<u8>();
    drop(dropped);
    let text = "its promise was dropped without a result; call `complete` or `fail` on every promise";
    says(&future.result().unwrap_err(), &format!("the job did not complete: {text}"));
    let (dropped, future) = promise::<u8>();
    drop(dropped);
    says(&future.map_ok(|n| n).result().unwrap_err(), &format!("the job did not complete: {text}"));
    let (job, future) = Future::of_job(thumbnail);
    drop(QueuedControl::withdraw(job, JobError::Broken(Broken::new("no room"))));
    let error = future.result().unwrap_err();
    assert_eq!(error.job(), Some("it::texts::thumbnail"));
    says(&error, "job `it::texts::thumbnail` did not complete: no room");
}

#[test]
fn a_jobs_own_error_speaks_for_itself() {
    let error = Future::ready("x".parse::<u8>()).flatten().result().unwrap_err();
    says(&error, "invalid digit found in string");
    let JobError::Failed(failed) = &error else { panic!("{error:?}") };
    assert!(failed.get_ref().is::<std::num::ParseIntError>());
    // Those who write executors, or code on top of them, make one themselves.
    says_more(&JobError::failed("no\n title"), "no; title", "no\n title");
    let outer = std::io::Error::other(Link(Some(Box::new(Link(None)))));
    says_more(&JobError::failed(outer), "a link", "a link: a link");
    // From another process, it has its causes, and they are the sources of what it became.
    let remote: Result<(), RemoteError> = Err(RemoteError::new("outside"));
    let error = Future::ready(remote).flatten().result().unwrap_err();
    says(&error, "outside");
    assert!(error.source().is_none());
}

#[derive(Debug)]
struct Link(Option<Box<Link>>);

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a link")
    }
}

impl Error for Link {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_deref().map(|link| link as _)
    }
}

#[test]
fn a_pool_that_cannot_be_built() {
    let error = BuildError::setting("threads", 0, "1 or more");
    says(&error, "cannot build the pool: `threads` is 0, but must be 1 or more");
    let error = BuildError::host("program", "was deleted; start it from a file that stays");
    says(&error, "cannot build the pool: `program` was deleted; start it from a file that stays");
    assert_eq!(error.name(), "program");
}

#[test]
fn a_closure_is_refused_by_call() {
    let token = ();
    let closure = move |n: u32| {
        let () = token;
        n
    };
    let panic = std::panic::catch_unwind(|| executor_core::call(closure, (1,))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert_eq!(
        text,
        "`call` takes a function, and was given the closure `it::texts::a_closure_is_refused_by_call::{{closure}}`: write \
         `call!(|a, b| ..., (a, b))`, with an exclamation mark"
    );
}
