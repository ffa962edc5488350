//! Where the jobs of a script say that they run, and wait until they may go on: in this process under a lock, in another over a socket.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use executor_core::Future;
use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};

use super::op::JobNumber;

/// The coordinators of this process, for jobs that find theirs by number.
static COORDINATORS: Mutex<BTreeMap<u64, Weak<Coordinator>>> = Mutex::new(BTreeMap::new());

/// The side of the script.
pub(crate) struct Coordinator {
    number: u64,
    port: Option<u16>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<JobNumber, Presence>,
    open: BTreeSet<JobNumber>,
    is_over: bool,
    submit_child: Option<Arc<SubmitChild>>,
    children: BTreeMap<JobNumber, Future<u64>>,
}

/// Submits a job, which returns its number, to the executor under test.
type SubmitChild = dyn Fn(JobNumber) -> Future<u64> + Send + Sync;

/// The reports of a job about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    /// How often it has started.
    pub(crate) starts: usize,
    /// How often it has done what it had to do.
    pub(crate) ends: usize,
    /// The process where it started last.
    pub(crate) pid: u32,
}

/// Where a job finds its coordinator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Address {
    pid: u32,
    number: u64,
    port: Option<u16>,
}

impl Coordinator {
    /// A coordinator, with a socket if jobs come from other processes.
    pub(crate) fn new(has_others: bool) -> Arc<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: only the uniqueness of the number matters.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let listener =
            has_others.then(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket on the loopback"));
        let port = listener.as_ref().map(|listener| listener.local_addr().expect("it is bound").port());
        let coordinator = Arc::new(Self { number, port, state: Mutex::default(), changed: Condvar::new() });
        COORDINATORS.lock().insert(number, Arc::downgrade(&coordinator));
        if let Some(listener) = listener {
            let coordinator = Arc::downgrade(&coordinator);
            spawn("model-listener", move || serve(&listener, &coordinator));
        }
        coordinator
    }

    pub(crate) fn address(&self) -> Address {
        Address { pid: std::process::id(), number: self.number, port: self.port }
    }

    /// Sets how jobs submit jobs.
    pub(crate) fn set_submit_child(&self, submit_child: Arc<SubmitChild>) {
        self.state.lock().submit_child = Some(submit_child);
    }

    /// Lets a job go on, now or when it comes.
    pub(crate) fn open(&self, job: JobNumber) {
        self.state.lock().open.insert(job);
        self.changed.notify_all();
    }

    /// Lets every job go on, and no job submit any more.
    pub(crate) fn close(&self) {
        let submit_child = {
            let mut state = self.state.lock();
            state.is_over = true;
            state.submit_child.take()
        };
        // It may hold the last owner of the executor.
        drop(submit_child);
        self.changed.notify_all();
        COORDINATORS.lock().remove(&self.number);
        // The listener looks whether there is a coordinator when a connection comes.
        if let Some(port) = self.port {
            drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
        }
    }

    pub(crate) fn presence(&self, job: JobNumber) -> Presence {
        self.state.lock().jobs.get(&job).copied().unwrap_or_default()
    }

    /// The future of a job that a job submitted, once.
    pub(crate) fn take_child(&self, job: JobNumber) -> Option<Future<u64>> {
        self.state.lock().children.remove(&job)
    }

    /// Wakes the threads that wait for a change.
    pub(crate) fn notify(&self) {
        // Takes the lock, so that a thread that is about to wait is woken too.
        drop(self.state.lock());
        self.changed.notify_all();
    }

    /// Waits for a change, but at most `limit`: an executor's own steps notify no thread here.
    pub(crate) fn wait_for_change(&self, limit: Duration) {
        self.changed.wait_for(&mut self.state.lock(), limit);
    }

    fn enter(&self, job: JobNumber, pid: u32, is_held: bool) {
        let mut state = self.state.lock();
        let presence = state.jobs.entry(job).or_default();
        presence.starts += 1;
        presence.pid = pid;
        self.changed.notify_all();
        while is_held && !state.is_over && !state.open.contains(&job) {
            self.changed.wait(&mut state);
        }
    }

    fn leave(&self, job: JobNumber) {
        self.state.lock().jobs.entry(job).or_default().ends += 1;
        self.changed.notify_all();
    }

    fn submit(&self, child: JobNumber, waits: bool) {
        let Some(submit_child) = self.state.lock().submit_child.clone() else { return };
        let future = submit_child(child);
        if waits {
            future.wait();
        }
        self.state.lock().children.insert(child, future);
        self.changed.notify_all();
    }
}

impl Address {
    /// Says that the job runs, and waits where it is to.
    pub(crate) fn enter(&self, job: JobNumber, is_held: bool) -> Entered {
        if std::process::id() != self.pid {
            return Entered::From(self.port.and_then(|port| connect(port, job, is_held).ok()));
        }
        let coordinator = COORDINATORS.lock().get(&self.number).and_then(Weak::upgrade);
        if let Some(coordinator) = &coordinator {
            coordinator.enter(job, self.pid, is_held);
        }
        Entered::Here(coordinator, job)
    }
}

/// A job that its coordinator knows to run. When this is dropped, the job has done what it had to do.
pub(crate) enum Entered {
    Here(Option<Arc<Coordinator>>, JobNumber),
    From(Option<TcpStream>),
}

impl Entered {
    /// Submits a job from inside of this one.
    pub(crate) fn submit(&self, child: JobNumber, waits: bool) {
        if let Self::Here(Some(coordinator), _) = self {
            coordinator.submit(child, waits);
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        match self {
            Self::Here(Some(coordinator), job) => coordinator.leave(*job),
            // An error means that the coordinator is gone.
            Self::From(Some(stream)) => drop(stream.write_all(&[1]).and_then(|()| stream.read(&mut [0]))),
            _ => {}
        }
    }
}

/// Connects a job of another process to its coordinator.
fn connect(port: u16, job: JobNumber, is_held: bool) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    let mut words = job.to_le_bytes().to_vec();
    words.extend(std::process::id().to_le_bytes());
    words.push(is_held.into());
    stream.write_all(&words)?;
    stream.read_exact(&mut [0])?;
    Ok(stream)
}

fn serve(listener: &TcpListener, coordinator: &Weak<Coordinator>) {
    for stream in listener.incoming() {
        let (Some(coordinator), Ok(stream)) = (coordinator.upgrade(), stream) else { return };
        if coordinator.state.lock().is_over {
            return;
        }
        spawn("model-job", move || drop(serve_job(stream, &coordinator)));
    }
}

/// Tells the coordinator what a job of another process does.
fn serve_job(mut stream: TcpStream, coordinator: &Coordinator) -> std::io::Result<()> {
    let mut words = [0; 9];
    stream.read_exact(&mut words)?;
    let (numbers, is_held) = words.split_at(8);
    let (job, pid) = numbers.split_at(4);
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let (job, pid) = (number(job), number(pid));
    coordinator.enter(job, pid, is_held == [1]);
    stream.write_all(&[0])?;
    stream.read_exact(&mut [0])?;
    coordinator.leave(job);
    stream.write_all(&[0])
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name(name.to_owned()).spawn(body).expect("a thread of the model");
}
