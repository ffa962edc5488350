//! A manager's client, one step at a time, beside a bare socket and `CPython`'s.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use executor_process::Manager;

use super::{Contender, Lazy, Ours};
use crate::python::Python;
use crate::rounds::Entrant;
use crate::works::float;

const SCRIPT: &str = include_str!("managers.py");

/// The names in the tables.
pub(crate) const SOCKET: &str = "bare socket";
pub(crate) const PYTHON: &str = "CPython Manager";

/// Does `step` `steps` times. Returns the nanoseconds per step.
fn timed(steps: u64, mut step: impl FnMut()) -> f64 {
    let started = Instant::now();
    (0..steps).for_each(|_| step());
    started.elapsed().as_secs_f64() * 1e9 / float(steps)
}

/// A thread that sends back what it gets: the least that a question and its answer can be.
struct Echo {
    /// `None` once the thread was told to end.
    socket: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    fn new() -> Self {
        let (socket, mut theirs) = UnixStream::pair().expect("there are descriptors");
        let echo = move || {
            let mut bytes = [0; 16];
            while theirs.read_exact(&mut bytes).is_ok() && theirs.write_all(&bytes).is_ok() {}
        };
        Self { socket: Some(socket), thread: Some(thread::spawn(echo)) }
    }

    fn ask(&mut self) {
        let socket = self.socket.as_mut().expect("taken by drop only");
        socket.write_all(&[7; 16]).expect("the thread lives");
        socket.read_exact(&mut [0; 16]).expect("the thread lives");
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.socket = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Does the client's steps with our manager.
fn ours(work: &'static str, steps: u64) -> Entrant<'static> {
    let made = Lazy::new(|| {
        let manager = Manager::new().expect("there are descriptors");
        let value = manager.value(0_u64).expect("it is there");
        let lock = manager.lock().expect("it is there");
        let queue = manager.queue::<u64>(None).expect("it is there");
        (manager, value, lock, queue)
    });
    Entrant::new(Ours::NAME, move || {
        made.with(|(_, value, lock, queue)| match work {
            "get" => timed(steps, || _ = value.get().expect("it is there")),
            "update" => timed(steps, || value.update(|value| *value += 1).expect("it is there")),
            "lock" => timed(steps, || drop(lock.lock().expect("it is there"))),
            _ => timed(steps, || {
                queue.put(1).expect("it is there");
                assert_eq!(queue.get().expect("it is there"), 1);
            }),
        })
    })
}

pub(super) fn entrants(work: &'static str, steps: u64) -> Vec<Entrant<'static>> {
    let echo = Lazy::new(Echo::new);
    let python = Lazy::new(|| Python::run(OsStr::new("python3"), &["-c", SCRIPT]));
    vec![
        ours(work, steps),
        Entrant::new(SOCKET, move || echo.with(|echo| timed(steps, || echo.ask()))),
        // Slower by a factor that makes waiting for all its steps dull.
        Entrant::fallible(PYTHON, move || {
            let line = format!("{work} {}", (steps / 4).max(1));
            python.with(|python| python.as_mut().map_err(|reason| reason.clone())?.measure(&line))
        }),
    ]
}
