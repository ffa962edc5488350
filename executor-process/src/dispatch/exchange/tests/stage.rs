//! A pool of one worker, which a function of the test plays: a thread that has the worker's ends of everything, and a process that
//! can be killed.

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use executor_core::queue_id::QueueId;
use executor_core::{Future, JobOptions, Priority, call};
use executor_thread::WhenFull;
use executor_thread::scheduler::{Batch, Config, Runner, Scheduler};
use ipc_channel::ipc::{self, IpcReceiver, IpcSender};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dispatch::job::{EncodedJob, Queued};
use crate::dispatch::runner::{ProcessRunner, Serving};
use crate::dispatch::settings::PoolSettings;
use crate::ipc::codec::Codec;
use crate::ipc::socket::{self, Wait};
use crate::pool::submit::{SubmitPolicy, cell};
use crate::protocol::message::{JobMessage, Reply, Request};
use crate::protocol::status_page::{Appender, Claim, Page};
use crate::supervisor::child::{Child, Pids};
use crate::supervisor::claims::Kill;
use crate::supervisor::delivery::Delivery;
use crate::supervisor::lifeline::Lifeline;
use crate::supervisor::reply_receiver::ReplyReceiver;
use crate::supervisor::start::{Worker, WorkerSettings};
use crate::transport::{ParentEnd, WorkerEnd};

fn same(number: u64) -> u64 {
    number
}

fn encode<J: executor_core::PortableJob<Output = u64>>(options: &JobOptions, job: &J) -> EncodedJob {
    let policy = SubmitPolicy { codec: Codec::Postcard, when_full: WhenFull::Block, retry: 0 };
    policy.encode(options, job).expect("a number")
}

/// A worker's side.
pub(super) struct Part {
    /// Whether it is the first worker of its stage.
    pub(super) is_first: bool,
    pub(super) page: Arc<Page>,
    /// The same socket as `payloads` has.
    pub(super) socket: OwnedFd,
    process: Arc<Child>,
    replies: IpcSender<Reply>,
    /// The same socket as `replies` has.
    way: OwnedFd,
    payloads: WorkerEnd,
}

/// How the worker goes on when the function has played.
pub(super) enum Played {
    /// Nothing, until the parent closes the channel.
    Waits,
    /// The jobs are done as they should be.
    Honestly,
}

type Play = Arc<dyn Fn(&Part, &[(usize, u64)]) -> Played + Send + Sync>;

impl Part {
    /// False if the parent has closed the channel.
    pub(super) fn say(&self, reply: Reply) -> bool {
        self.replies.send(reply).is_ok()
    }

    /// Its process is killed, and was reaped when this returns.
    pub(super) fn die(&self) {
        self.process.kill();
        self.process.wait();
    }

    /// Sends a packet that ipc-channel would not.
    pub(super) fn forge(&self, packet: &[u8]) {
        socket::send(&self.way, &[], packet, &[], Wait::No).expect("there is room");
    }

    /// Sends a message that is no reply.
    pub(super) fn say_raw<T: Serialize + DeserializeOwned>(&self, what: T) {
        drop(self.replies.clone().to_opaque().to::<T>().send(what));
    }

    fn serve(&self, requests: &IpcReceiver<Request>, play: &Play, has_job: &AtomicBool) {
        while let Ok(request) = requests.recv() {
            let Request::Run(jobs) = request else { continue };
            let numbers: Vec<_> = jobs.iter().map(|sent| (sent.slot, sent.job)).collect();
            if self.is_first {
                has_job.store(true, Ordering::Release);
            }
            if let Played::Honestly = play(self, &numbers) {
                for sent in jobs {
                    self.work(sent);
                }
                self.say(Reply::Done);
            }
        }
    }

    fn work(&self, JobMessage { slot, job, work, body, .. }: JobMessage) {
        let opened = self.payloads.open(body).expect("it was sent by an honest parent");
        if !self.page.start(slot, job) {
            return;
        }
        let work = work.job_entry().expect("it is in this program");
        let answer = work(Codec::Postcard, opened, None, &self.payloads, &mut Appender::nowhere());
        let answer = self.payloads.pack(answer);
        if self.page.change(slot, job, Claim::Started, Claim::Done) {
            self.say(Reply::Answer { slot, job, answer });
        }
    }
}

/// The part of the workers that the test sees.
#[derive(Default)]
struct Seen {
    processes: Mutex<Vec<Arc<Child>>>,
    /// Whether the first one has read a job.
    has_job: AtomicBool,
}

struct Actor {
    inner: ProcessRunner,
    play: Play,
    seen: Arc<Seen>,
    pids: Arc<Pids>,
    delivery: Arc<Delivery>,
}

impl Actor {
    fn worker(&self) -> Worker {
        let mut command = Command::new("sleep");
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.arg("1000").stdin(Stdio::null());
        let (process, _) = Child::spawn(&mut command, Duration::ZERO, &self.pids).expect("a system has `sleep`");
        let (request_sender, requests) = ipc::channel().expect("a channel");
        let (replies, way, inbox) = ReplyReceiver::pair();
        let (_, lifeline) = Lifeline::new().expect("a pipe");
        process.connected(inbox.of_end(), lifeline, 0);
        let (page, file) = Page::new().expect("memory");
        let (ours, theirs) = socket::pair().expect("sockets");
        let mut processes = self.seen.processes.lock().unwrap();
        let part = Part {
            is_first: processes.is_empty(),
            page: Arc::new(Page::open(&file).expect("it is a page")),
            socket: theirs.try_clone().expect("there are descriptors left"),
            process: Arc::clone(&process),
            replies,
            way,
            payloads: WorkerEnd::new(theirs),
        };
        processes.push(Arc::clone(&process));
        let (play, seen, own) = (Arc::clone(&self.play), Arc::clone(&self.seen), Arc::clone(&process));
        thread::spawn(move || {
            part.serve(&requests, &play, &seen.has_job);
            own.kill();
        });
        let delivery = Arc::clone(&self.delivery);
        Worker::played(Arc::clone(&process), (request_sender, inbox), page, ParentEnd::new(ours), delivery)
    }
}

impl Runner for Actor {
    type Job = Queued;

    fn run(&mut self, job: Queued, batch: &mut Batch<'_, Queued>) -> bool {
        let is_gone = |serving: &mut Serving| serving.worker.as_ref().is_none_or(|worker| worker.process.is_gone());
        if self.inner.with(is_gone) {
            let worker = self.worker();
            self.inner.with(|serving| serving.worker = Some(worker));
        }
        self.inner.run(job, batch)
    }
}

/// The pool. Shut down when it is dropped.
pub(super) struct Stage {
    scheduler: Scheduler<Actor>,
    seen: Arc<Seen>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.scheduler.shutdown(true);
    }
}

impl Stage {
    pub(super) fn new(play: impl Fn(&Part, &[(usize, u64)]) -> Played + Send + Sync + 'static) -> Self {
        let (play, seen, pids): (Play, _, _) = (Arc::new(play), Arc::<Seen>::default(), Arc::<Pids>::default());
        let settings = WorkerSettings { pids: Arc::clone(&pids), ..WorkerSettings::plain() };
        let settings = Arc::new(PoolSettings::plain(settings));
        let theirs = Arc::clone(&seen);
        let scheduler = Scheduler::new(Config::new("stage", 1), move |name| Actor {
            inner: ProcessRunner::new(Arc::clone(&settings), Arc::clone(name)),
            play: Arc::clone(&play),
            seen: Arc::clone(&theirs),
            pids: Arc::clone(&pids),
            delivery: Arc::clone(&settings.worker.delivery),
        });
        Self { scheduler, seen }
    }

    /// A job that returns the number.
    pub(super) fn submit(&self, number: u64) -> Future<u64> {
        self.submit_with(&JobOptions::new(), call(same, (number,)))
    }

    /// A job for which this number of workers has failed before it began.
    pub(super) fn submit_after_failures(&self, failed_starts: u32, number: u64) -> Future<u64> {
        let encoded = encode(&JobOptions::new(), &call(same, (number,)));
        self.push(self.scheduler.queue(), EncodedJob { failed_starts, ..encoded }, &call(same, (number,)))
    }

    /// A job of which an error makes the serving thread panic.
    pub(super) fn submit_with_faulty_type(&self, number: u64) -> Future<u64> {
        let mut encoded = encode(&JobOptions::new(), &call(same, (number,)));
        encoded.job_type.codec_error = |_, _, _| panic!("a mistake of ours");
        self.push(self.scheduler.queue(), encoded, &call(same, (number,)))
    }

    /// A job that returns the number, with a time limit.
    pub(super) fn submit_for(&self, limit: Duration, number: u64) -> Future<u64> {
        self.submit_with(&JobOptions::new().timeout(limit), call(same, (number,)))
    }

    /// The same as `submit`, and its end is told to `queue_id` in place of the pool.
    pub(super) fn submit_at(&self, queue_id: QueueId, number: u64) -> Future<u64> {
        self.submit_to(queue_id, &JobOptions::new(), call(same, (number,)))
    }

    fn submit_with<J: executor_core::PortableJob<Output = u64>>(&self, options: &JobOptions, job: J) -> Future<u64> {
        self.submit_to(self.scheduler.queue(), options, job)
    }

    fn submit_to<J>(&self, queue_id: QueueId, options: &JobOptions, job: J) -> Future<u64>
    where
        J: executor_core::PortableJob<Output = u64>,
    {
        self.push(queue_id, encode(options, &job), &job)
    }

    fn push<J>(&self, queue_id: QueueId, encoded: EncodedJob, _: &J) -> Future<u64>
    where
        J: executor_core::PortableJob<Output = u64>,
    {
        let cell = cell::<J>(encoded, queue_id);
        assert!(self.scheduler.push(Priority::Normal, cell.clone()).is_ok(), "it is open");
        Future::of(cell)
    }

    fn first(&self) -> Arc<Child> {
        Arc::clone(&self.seen.processes.lock().unwrap()[0])
    }

    /// Blocks until the first worker is reaped.
    pub(super) fn assert_first_is_killed(&self) {
        self.first().wait();
    }

    pub(super) fn kill_first(&self) {
        self.first().kill();
    }

    /// Whether the first worker is reaped before the end of `limit`.
    pub(super) fn first_is_gone_within(&self, limit: Duration) -> bool {
        self.first().wait_until(Some(Instant::now() + limit))
    }

    /// Blocks until the first worker has read a job.
    pub(super) fn first_has_a_job(&self) -> bool {
        while !self.seen.has_job.load(Ordering::Acquire) {
            thread::yield_now();
        }
        true
    }
}
