//! Jobs and outcomes that become bytes and come back, over pools of threads and processes, and bytes that are damaged.

use std::process::abort;
use std::time::Duration;

use executor_core::{
    Backtrace, Broken, Cancelled, CodecError, Crashed, Executor, Exit, Frame, Panicked, Refused, Rejection,
    RemoteError, TimedOut, call,
};
use executor_thread::ThreadPool;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{Blob, Manager, ProcessPool, Receiver, Sender, channel};

const BOTH: [Codec; 2] = [Codec::Postcard, Codec::MessagePack];

/// A job with something of each kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Repeat {
    text: String,
    times: Vec<u16>,
    blob: Blob,
    large: Option<Vec<u8>>,
}

impl Job for Repeat {
    type Output = (Vec<String>, Blob, usize);

    fn run(self) -> Self::Output {
        let texts = self.times.iter().map(|times| self.text.repeat(usize::from(*times))).collect();
        (texts, Blob::from(&self.blob[..]), self.large.map_or(0, |large| large.len()))
    }
}

fn some_job() -> Repeat {
    let blob = Blob::from(b"some bytes");
    Repeat { text: "ab".to_owned(), times: vec![0, 2, 1], blob, large: Some(vec![7; 100_000]) }
}

/// The outcome of `job` as bytes that were sent to a pool and back.
fn outcome<J: PortableJob>(codec: Codec, job: &J, pool: &impl Executor<RemoteJob>) -> RemoteOutcome {
    let bytes = RemoteJob::new(codec, job).unwrap().to_bytes();
    let outcome = pool.submit(RemoteJob::from_bytes(&bytes).unwrap()).result();
    RemoteOutcome::from_bytes(&RemoteOutcome::new(outcome, "web-3").to_bytes()).unwrap()
}

fn run<J: PortableJob>(codec: Codec, job: &J, pool: &impl Executor<RemoteJob>) -> Result<J::Output, JobError> {
    outcome(codec, job, pool).open::<J>()
}

fn double(n: u64) -> u64 {
    2 * n
}

fn echo(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

fn fails(text: String) -> u32 {
    panic!("no luck: {text}")
}

fn crashes(code: i32) {
    if code < 0 { abort() } else { std::process::exit(code) }
}

#[test]
fn results_come_back_from_threads_and_processes() {
    let (threads, processes) = (ThreadPool::new(1), ProcessPool::new(1).unwrap());
    for codec in BOTH {
        assert_eq!(run(codec, &some_job(), &threads).unwrap(), some_job().run());
        assert_eq!(run(codec, &some_job(), &processes).unwrap(), some_job().run());
        assert_eq!(run(codec, &call!(double(21)), &threads).unwrap(), 42);
        assert_eq!(run(codec, &call!(double(21)), &processes).unwrap(), 42);
        assert_eq!(run(codec, &call!(echo(vec![7; 1000])), &processes).unwrap(), vec![7; 1000]);
    }
}

fn open<J: PortableJob>(_: &J, result: RemoteResult) -> J::Output {
    result.open::<J>().unwrap()
}

#[test]
fn remote_job_may_hold_another() {
    let inner = RemoteJob::new(Codec::MessagePack, &call!(double(21))).unwrap();
    let result = run(Codec::Postcard, &inner, &ThreadPool::new(1)).unwrap();
    assert_eq!(open(&call!(double(0)), result), 42);
}

#[test]
fn errors_name_the_job_inside() {
    let (threads, processes) = (ThreadPool::new(1), ProcessPool::new(1).unwrap());
    let job = call!(fails("today".to_owned()));
    let path = RemoteJob::new(Codec::Postcard, &job).unwrap().name().to_owned();
    assert!(path.ends_with("::fails"), "{path}");
    for error in [run(Codec::Postcard, &job, &threads), run(Codec::Postcard, &job, &processes)].map(Result::unwrap_err)
    {
        let JobError::Panicked(panicked) = &error else { panic!("{error:?}") };
        assert_eq!((panicked.job(), panicked.message()), (Some(&*path), "no luck: today"));
        let place = panicked.place().expect("it is known");
        assert_eq!(error.to_string(), format!("job `{path}` panicked at {place}: no luck: today"));
    }
    threads.shutdown(true);
    let refused = run(Codec::Postcard, &job, &threads).unwrap_err();
    processes.shutdown(true);
    let refused_there = run(Codec::Postcard, &job, &processes).unwrap_err();
    assert_eq!((refused.job(), refused.rejection()), (Some(&*path), Some(Rejection::Shutdown)));
    assert_eq!((refused_there.job(), refused_there.rejection()), (Some(&*path), Some(Rejection::Shutdown)));
}

#[test]
fn crash_tells_process_and_host() {
    let pool = ProcessPool::new(1).unwrap();
    for (code, exit, how) in [(-1, Exit::Signal(6), "was killed by SIGABRT"), (3, Exit::Code(3), "exited with code 3")]
    {
        let JobError::Crashed(crash) = run(Codec::Postcard, &call!(crashes(code)), &pool).unwrap_err() else {
            panic!("{code}")
        };
        assert_eq!((crash.exit(), crash.host()), (exit, Some("web-3")));
        let text = crash.to_string();
        assert!(crash.job().ends_with("::crashes") && crash.pid() > 0, "{text}");
        assert!(text.contains(&format!("its worker process {} on host `web-3` {how}", crash.pid())), "{text}");
        assert_eq!(crash.backtrace().is_some(), code < 0, "{crash:#}");
    }
}

/// An error of each kind.
fn errors() -> Vec<JobError> {
    let label = executor_core::Label { name: Some("page 12".into()), tag: None };
    let name = || JobName::given(Some(&std::sync::Arc::new(label.clone())));
    let frames =
        || Some(Backtrace::new(|| vec![Frame::new("deeper").at("src/a.rs", Some(3)).called(7), Frame::new("outer")]));
    let crash = Crashed::new("app::parse", 7, Exit::Signal(11), Duration::from_millis(3));
    let limit = Duration::from_secs(5);
    let cause = "x".parse::<u32>().unwrap_err();
    let mut errors = vec![
        JobError::Cancelled(Cancelled::new(None)),
        JobError::Cancelled(Cancelled::new(name())),
        JobError::Panicked(Panicked::remote("left != right\n left: 1", Some("src/main.rs:3:5".to_owned()))),
        JobError::Panicked(Panicked::remote("no luck", None).with_job("app::parse", Some("page 12".into()))),
        JobError::TimedOut(TimedOut::new("poll", limit).with_backtrace(frames())),
        JobError::TimedOut(TimedOut::not_started("poll", limit)),
        JobError::Crashed(crash.clone().with_host(Some("web-2"))),
        JobError::Crashed(
            crash
                .with_name(Some("page 12"))
                .with_host(Some("web-2"))
                .with_cause(Some("its stack overflowed"))
                .with_out_of_memory(true)
                .with_peak_memory(Some(5 << 20))
                .with_stderr(Some("page 12 has no end\nbye"))
                .with_backtrace(frames()),
        ),
        JobError::Codec(CodecError::new("decode the result", "app::draw", "app::Picture", "unexpected end")),
        JobError::Broken(Broken::new("no worker starts").with_job(name())),
        JobError::Broken(Broken::new("its promise was dropped")),
        JobError::failed(cause.clone()),
        JobError::failed(RemoteError::from(std::io::Error::other(cause))),
    ];
    for reason in [Rejection::Shutdown, Rejection::Full, Rejection::Dropped, Rejection::Broken, Rejection::Forked] {
        errors.extend([JobError::rejected(reason), JobError::Rejected(Refused::new(reason, name()))]);
    }
    errors
}

#[test]
fn errors_come_back_as_they_were() {
    for error in errors() {
        let texts = (error.to_string(), format!("{error:#}"));
        let (kind, job) = (std::mem::discriminant(&error), error.job().map(ToOwned::to_owned));
        let sent = RemoteOutcome::new(Err(error), "web-3").to_bytes();
        let came = RemoteOutcome::from_bytes(&sent).unwrap();
        assert_eq!(came.host(), "web-3");
        let error = came.error().expect("it is an error").clone();
        assert_eq!((error.to_string(), format!("{error:#}")), texts);
        assert_eq!((std::mem::discriminant(&error), error.job().map(ToOwned::to_owned)), (kind, job));
        assert_eq!(came.open::<Repeat>().unwrap_err().to_string(), texts.0);
    }
}

#[test]
fn long_chain_of_causes_becomes_one_text() {
    #[derive(Debug)]
    struct Link(usize, Option<Box<Link>>);
    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "cause {}", self.0)
        }
    }
    impl std::error::Error for Link {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_deref().map(|link| link as _)
        }
    }
    for (len, has_causes) in [(128, true), (130, false)] {
        let chain = (0..=len).rev().fold(None, |next, number| Some(Box::new(Link(number, next))));
        let outcome = RemoteOutcome::new(Err(JobError::failed(chain.unwrap())), "web-3").to_bytes();
        let error = RemoteOutcome::from_bytes(&outcome).unwrap().error().unwrap().clone();
        assert_eq!(std::error::Error::source(&error).is_some(), has_causes, "{len}");
        assert!(format!("{error:#}").ends_with(&format!(": cause {len}")), "{error:#}");
    }
}

fn sends(_: Sender<u8>) {}

fn receives(_: Option<Receiver<u8>>) {}

fn counts(_: crate::manager::Value<u8>) {}

fn foreign(_: ipc_channel::ipc::IpcSender<u8>) {}

fn all(blobs: Vec<Blob>) -> usize {
    blobs.len()
}

#[test]
fn handles_of_this_host_are_refused() {
    let (sender, receiver) = channel().unwrap();
    let manager = Manager::new().unwrap();
    let value = manager.value(7_u8).unwrap();
    let end = ipc_channel::ipc::channel().unwrap().0;
    for codec in BOTH {
        let refused = [
            (RemoteJob::new(codec, &call!(sends(sender.clone()))), "a `Sender` cannot leave this host, because"),
            (
                RemoteJob::new(codec, &call!(receives(Some(receiver.clone())))),
                "a `Receiver` cannot leave this host, because",
            ),
            (RemoteJob::new(codec, &call!(counts(value.clone()))), "cannot leave this host, because"),
            (
                RemoteJob::new(codec, &call!(foreign(end.clone()))),
                "of the crate `ipc-channel` cannot leave this host, because",
            ),
            (RemoteJob::new(codec, &call!(|n: u8| n, (7,))), "a closure cannot leave this host; write a function"),
            (RemoteJob::new(codec, &call!(all(vec![Blob::from(b"x"); 65]))), "more than 64 handles"),
        ];
        for (refused, why) in refused {
            let error = refused.unwrap_err();
            assert!(matches!(error, JobError::Codec(_)) && error.to_string().contains(why), "{codec:?}: {error}");
        }
        assert_eq!(run(codec, &call!(all(vec![Blob::from(b"x"); 64])), &ThreadPool::new(1)).unwrap(), 64);
    }
}

fn returns_a_sender() -> Sender<u8> {
    channel().unwrap().0
}

#[test]
fn handle_in_a_result_is_refused() {
    let error = run(Codec::Postcard, &call!(returns_a_sender()), &ThreadPool::new(1)).unwrap_err();
    assert!(matches!(error, JobError::Codec(_)) && error.to_string().contains("a `Sender` cannot leave"), "{error}");
}

/// The bytes of a small job and of a small outcome.
fn small() -> [Vec<u8>; 2] {
    let job = RemoteJob::new(Codec::Postcard, &call!(echo(vec![7; 3]))).unwrap();
    let outcome = RemoteOutcome::new(Ok(job.clone().run()), "web-3");
    [job.to_bytes(), outcome.to_bytes()]
}

fn is_taken(bytes: &[u8]) -> bool {
    RemoteJob::from_bytes(bytes).is_ok() | RemoteOutcome::from_bytes(bytes).is_ok()
}

#[test]
fn damage_is_found() {
    for whole in small() {
        assert!(is_taken(&whole));
        assert!((0..whole.len()).all(|len| !is_taken(&whole[..len])), "cut off");
        assert!(!is_taken(&[&whole[..], &[0]].concat()), "too long");
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_taken(&damaged), "bit {bit}");
        }
    }
    let [job, outcome] = small();
    assert!(RemoteJob::from_bytes(&outcome).is_err() && RemoteOutcome::from_bytes(&job).is_err(), "the other kind");
}

#[test]
fn job_of_another_build_is_refused() {
    let job = RemoteJob::new(Codec::Postcard, &call!(double(1))).unwrap();
    let forged = frame::seal(Kind::Job, &(Fingerprint::default(), job.wire()));
    let error = RemoteJob::from_bytes(&forged).unwrap_err().to_string();
    assert!(
        error.contains("it is of another build of the program (00000000000000000000000000000000; this is "),
        "{error}"
    );
    assert!(error.contains(&build_fingerprint().unwrap()), "{error}");
}

#[test]
fn forged_error_with_many_causes_is_refused() {
    let causes = vec!["cause"; 100_000];
    let error = serde_json::json!({ "message": "forged", "causes": causes });
    let error: RemoteError = serde_json::from_value(error).unwrap();
    let forged =
        frame::seal(Kind::Outcome, &("web-3", Err::<RemoteResult, _>(portable_error::PortableError::Failed(error))));
    let error = RemoteOutcome::from_bytes(&forged).unwrap_err().to_string();
    assert!(error.ends_with("its error has too many causes"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_in_a_frame_are_an_error_or_a_job(body in vec(any::<u8>(), 0..200), is_job: bool) {
        is_taken(&if is_job { sealed_job(&body) } else { sealed_outcome(&body) });
        prop_assert!(!is_taken(&body));
    }

    #[test]
    fn forged_job_runs_or_is_an_error(entry in 0_usize..1 << 26, arguments in vec(any::<u8>(), 0..40), is_own: bool) {
        let job = RemoteJob::new(Codec::Postcard, &some_job()).unwrap();
        let entry = if is_own { job.wire().entry } else { entry };
        let wire = Wire { entry, codec: Codec::Postcard, arguments: arguments.into(), run: None };
        let forged = frame::seal(Kind::Job, &(Fingerprint::of_program().unwrap(), wire));
        let job = RemoteJob::from_bytes(&forged);
        // Another entry that is found by chance is that of a job that may end this process.
        if is_own {
            let _ = job.unwrap().run().open::<Repeat>();
        }
    }

    #[test]
    fn jobs_come_back(text in ".{0,20}", times in vec(0_u16..5, 0..5), bytes in vec(any::<u8>(), 0..50), has_large: bool) {
        let job = Repeat { text, times, blob: Blob::from(&bytes[..]), large: has_large.then_some(bytes) };
        for codec in BOTH {
            let sent = RemoteJob::new(codec, &job).unwrap();
            let came = RemoteJob::from_bytes(&sent.to_bytes()).unwrap();
            prop_assert_eq!(came.name(), sent.name());
            prop_assert_eq!(came.run().open::<Repeat>().unwrap(), job.clone().run());
        }
    }
}
