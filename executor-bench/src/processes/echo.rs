//! The least that a worker process can be: this program again, which sends back what it gets. Over two pipes, or over two of
//! ipc-channel's channels.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, error::Error, thread};

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::jobs::successor;

/// The argument that makes this program an echo process; for internal use only.
pub(crate) const COMMAND: &str = "echo";

const NUMBERS_BY_PIPE: &str = "numbers-by-pipe";
const BYTES_BY_PIPE: &str = "bytes-by-pipe";
const NUMBERS_BY_CHANNEL: &str = "numbers-by-channel";
const BYTES_BY_CHANNEL: &str = "bytes-by-channel";

/// Answers until there is nothing more to be read.
pub(crate) fn main(what: &str, server: &str) -> Result<(), Box<dyn Error>> {
    match what {
        NUMBERS_BY_PIPE => answer_numbers()?,
        BYTES_BY_PIPE => answer_bytes()?,
        NUMBERS_BY_CHANNEL => answer_messages(server, successor)?,
        BYTES_BY_CHANNEL => answer_messages(server, |bytes: Vec<u8>| bytes)?,
        _ => return Err(format!("there is no echo of {what}").into()),
    }
    Ok(())
}

/// Standard input and output, without the buffers of the standard library.
fn pipes() -> io::Result<(File, File)> {
    let (input, output) = (io::stdin().as_fd().try_clone_to_owned()?, io::stdout().as_fd().try_clone_to_owned()?);
    Ok((input.into(), output.into()))
}

fn answer_numbers() -> io::Result<()> {
    let (mut input, mut output) = pipes()?;
    let mut bytes = [0; 8];
    while input.read_exact(&mut bytes).is_ok() {
        output.write_all(&successor(u64::from_le_bytes(bytes)).to_le_bytes())?;
    }
    Ok(())
}

fn answer_bytes() -> io::Result<()> {
    let (mut input, mut output) = pipes()?;
    let (mut len, mut bytes) = ([0; 8], Vec::new());
    while input.read_exact(&mut len).is_ok() {
        bytes.resize(usize::try_from(u64::from_le_bytes(len)).expect("fits into memory"), 0);
        input.read_exact(&mut bytes)?;
        output.write_all(&bytes)?;
    }
    Ok(())
}

fn answer_messages<T>(server: &str, answer: fn(T) -> T) -> Result<(), Box<dyn Error>>
where
    T: Serialize + DeserializeOwned,
{
    let to_server = IpcSender::<(IpcSender<T>, IpcReceiver<T>)>::connect(server.to_owned())?;
    let (questions, received) = ipc::channel()?;
    let (answers, taken) = ipc::channel()?;
    to_server.send((questions, taken))?;
    while let Ok(question) = received.recv() {
        answers.send(answer(question))?;
    }
    Ok(())
}

fn spawn(what: &str, server: &str, prepare: impl FnOnce(&mut Command)) -> Child {
    let mut command = Command::new(env::current_exe().expect("this program knows where it is"));
    prepare(command.args([COMMAND, what, server]));
    command.spawn().expect("this program starts")
}

/// A child at the other end of two pipes.
pub(crate) struct Pipe {
    child: Child,
    /// `None` once it was told to end.
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Pipe {
    pub(crate) const NAME: &'static str = "raw pipe";

    fn new(what: &str) -> Self {
        let mut child = spawn(what, "", |command| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        });
        let output = child.stdout.take().expect("it is piped");
        Self { input: child.stdin.take(), output, child }
    }

    pub(crate) fn of_numbers() -> Self {
        Self::new(NUMBERS_BY_PIPE)
    }

    pub(crate) fn of_bytes() -> Self {
        Self::new(BYTES_BY_PIPE)
    }

    pub(crate) fn successor(&mut self, number: u64) -> u64 {
        let mut bytes = number.to_le_bytes();
        self.input().write_all(&bytes).expect("the child reads");
        self.output.read_exact(&mut bytes).expect("the child answers");
        u64::from_le_bytes(bytes)
    }

    /// The child reads all before it writes any.
    pub(crate) fn echo(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut answer = vec![0; bytes.len()];
        let len = u64::try_from(bytes.len()).expect("a length").to_le_bytes();
        self.input().write_all(&len).and_then(|()| self.input().write_all(bytes)).expect("the child reads");
        self.output.read_exact(&mut answer).expect("the child answers");
        answer
    }

    fn input(&mut self) -> &mut ChildStdin {
        self.input.as_mut().expect("taken by drop only")
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.input = None;
        self.child.wait().expect("a child is waited for once");
    }
}

/// A child at the other end of two channels.
pub(crate) struct Channel<T: Serialize + DeserializeOwned> {
    child: Child,
    /// `None` once it was told to end.
    questions: Option<IpcSender<T>>,
    answers: IpcReceiver<T>,
}

/// The name in the tables.
pub(crate) const CHANNEL: &str = "bare ipc-channel";

impl<T: Serialize + DeserializeOwned> Channel<T> {
    fn new(what: &str) -> Self {
        let (server, name) = IpcOneShotServer::new().expect("a socket can be made");
        let child = spawn(what, &name, |_| {});
        let (_, (questions, answers)) = server.accept().expect("the child connects");
        Self { child, questions: Some(questions), answers }
    }

    fn questions(&self) -> &IpcSender<T> {
        self.questions.as_ref().expect("taken by drop only")
    }

    pub(crate) fn ask(&self, message: T) -> T {
        self.questions().send(message).expect("the child reads");
        self.answers.recv().expect("the child answers")
    }
}

impl Channel<u64> {
    /// The sum of the answers to these numbers. A thread sends them, without waiting for answers.
    pub(crate) fn ask_all(&self, numbers: Range<u64>) -> u64 {
        let (questions, count) = (self.questions(), numbers.end - numbers.start);
        thread::scope(|scope| {
            scope.spawn(move || numbers.for_each(|number| questions.send(number).expect("the child reads")));
            (0..count).map(|_| self.answers.recv().expect("the child answers")).sum()
        })
    }
}

impl Channel<u64> {
    pub(crate) fn of_numbers() -> Self {
        Self::new(NUMBERS_BY_CHANNEL)
    }
}

impl Channel<Vec<u8>> {
    pub(crate) fn of_bytes() -> Self {
        Self::new(BYTES_BY_CHANNEL)
    }
}

impl<T: Serialize + DeserializeOwned> Drop for Channel<T> {
    fn drop(&mut self) {
        self.questions = None;
        self.child.wait().expect("a child is waited for once");
    }
}
