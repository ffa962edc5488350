use std::sync::Mutex;

use executor_core::JobId;
use rustix::io::write;

use super::*;
use crate::ipc::socket;
use crate::supervisor::delivery::DeliveryUser;

type Heard = Arc<Mutex<Vec<(Option<JobId>, String)>>>;

/// The output of a worker that a test plays, the ends that it writes to, and the lines that are heard.
fn output(limit: usize) -> (Output, [OwnedFd; 2], Heard, DeliveryUser) {
    let (ours, theirs) = pipes().unwrap();
    let (heard, delivery) = (Heard::default(), Arc::<Delivery>::default());
    let (lines, user) = (Arc::clone(&heard), delivery.user());
    let handler = move |line: &OutputLine| lines.lock().unwrap().push((line.job(), line.to_string()));
    let source = Source::new("w".into(), 7);
    (Output::new(Capture { handler: Arc::new(handler), limit }, delivery, source, ours), theirs, heard, user)
}

fn job() -> SourceJob {
    SourceJob {
        id: JobId::next(),
        attempt: 1,
        label: None,
        path: "f",
        #[cfg(feature = "tracing")]
        span: None,
    }
}

fn end(output: &Output) {
    output.end();
    output.delivery.catch_up(output.take_last_call());
}

#[test]
fn output_between_jobs_is_of_none() {
    let (output, [out, err], heard, _user) = output(100);
    write(&out, b"before").unwrap();
    let first = job();
    output.begin(first.clone());
    write(&out, b"one\ntw").unwrap();
    output.drain();
    write(&out, b"o").unwrap();
    write(&err, b"three\n\xff").unwrap();
    output.drain();
    end(&output);
    write(&err, b"after\n").unwrap();
    let second = job();
    output.begin(second.clone());
    assert_eq!(output.stderr(), "", "it is of no job");
    end(&output);
    let id = Some(first.id);
    let expected = [
        (None, "(w pid=7) before"),
        (id, "(f pid=7) one"),
        (id, "(f pid=7) three"),
        (id, "(f pid=7) two"),
        (id, "(f pid=7) \u{fffd}"),
        (None, "(w pid=7) after"),
    ];
    assert_eq!(*heard.lock().unwrap(), expected.map(|(id, line)| (id, line.to_owned())));
}

#[test]
fn the_limit_is_of_both_streams() {
    let (output, [out, err], heard, _user) = output(8);
    output.begin(job());
    write(&out, b"12345\n").unwrap();
    output.drain();
    write(&err, b"1234\n").unwrap();
    write(&out, b"678").unwrap();
    output.drain();
    assert_eq!(output.stderr(), "1234\n", "the end is kept beyond the limit");
    end(&output);
    let lines: Vec<_> = heard.lock().unwrap().iter().map(|(_, line)| line.clone()).collect();
    let cut = |bytes: u32, stream: &str| format!("(f pid=7) [{bytes} more bytes of {stream} were dropped]");
    assert_eq!(lines, ["(f pid=7) 12345", "(f pid=7) 67", &cut(1, "stdout"), &cut(5, "stderr")]);
}

/// A process that the worker has started may write for ever, and hold the pipe.
#[test]
fn a_writer_without_end_holds_up_no_reader() {
    let (output, [out, err], _heard, _user) = output(100);
    let (replies, theirs) = socket::pair().unwrap();
    output.begin(job());
    let writer = std::thread::spawn(move || while write(&out, &[b'x'; 1024]).is_ok() {});
    for _ in 0..100 {
        output.drain();
    }
    assert!(!output.read_until_ready(replies.as_fd(), Some(Duration::from_millis(1))).unwrap(), "there is no reply");
    drop(theirs);
    assert!(output.read_until_ready(replies.as_fd(), None).unwrap());
    end(&output);
    drop(output);
    writer.join().unwrap();
    drop(err);
}

#[test]
fn closed_streams_are_not_waited_for() {
    let (output, ends, _heard, _user) = output(100);
    let (replies, _theirs) = socket::pair().unwrap();
    drop(ends);
    assert!(!output.read_until_ready(replies.as_fd(), Some(Duration::from_millis(1))).unwrap());
    assert!(output.state.borrow().streams.iter().all(|stream| stream.pipe.is_none()));
    assert!(!output.read_until_ready(replies.as_fd(), Some(Duration::from_millis(1))).unwrap());
}

#[test]
fn the_tail_keeps_the_end() {
    let mut tail = Vec::new();
    push_tail(&mut tail, &[1; TAIL - 1]);
    push_tail(&mut tail, &[2; 3]);
    assert_eq!((tail.len(), tail[0], &tail[TAIL - 3..]), (TAIL, 1, &[2; 3][..]));
    push_tail(&mut tail, &vec![3; 3 * TAIL]);
    assert_eq!(tail, [3; TAIL]);
}
