//! A worker process that is a template: it has run the function of `ProcessPoolBuilder::template`, and workers are forked from it.
//!
//! A forked worker takes the places that the template had: the same numbers of descriptors, the same address of the page. So whatever holds
//! these, as handlers of signals do, goes on to use them.

use std::any::Any;
use std::fmt::Write;
use std::fs;
use std::io;
use std::mem::forget;
use std::os::fd::OwnedFd;
use std::process;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use executor_core::current;
use executor_core::spin::Spin;
use rustix::process::{getpgrp, getpid};

use super::clone::{self, Cloner};
#[cfg(feature = "_records")]
use super::records;
use super::start_packet::StartPacket;
use super::{crash_handler, fork_check, output, process_setup, termination};
use crate::ipc::socket::{self, Wait};
use crate::protocol::message::Reply;
use crate::protocol::status_page::Page;
use crate::transport::Opened;

/// The kernel may list a thread for a moment after it was joined, and longer where all cores are busy.
const LAST_MOMENTS: Duration = Duration::from_secs(2);

/// The most threads that an error names.
const MOST_NAMED: usize = 8;

/// The means by which a template forks workers.
pub(super) struct Template {
    cloner: Cloner,
    /// The value that `load` returned, for all workers.
    state: Option<Rc<dyn Any>>,
}

/// A process that was asked for.
pub(super) enum Forked {
    /// This is the template still. The answer for the parent.
    Template(Reply),
    /// This is the new process, which was given this socket.
    Worker(OwnedFd),
}

impl Template {
    /// Makes this worker, which has run `load`, a template.
    ///
    /// # Errors
    ///
    /// Why it cannot be one.
    pub(super) fn new() -> Result<Self, String> {
        let threads = other_threads().map_err(|error| format!("its threads could not be counted ({error})"))?;
        if !threads.is_empty() {
            return Err(left_behind(&threads));
        }
        if getpgrp() != getpid() {
            return Err("it has left its process group; stay in it".to_owned());
        }
        let cloner = Cloner::new().map_err(|error| error.to_string())?;
        // A first spin counts the cores, for which files are read: once here, for all workers.
        Spin::new().until(Duration::ZERO, || false);
        // Each worker would write out its copy of what is left in a buffer.
        output::flush_all();
        let state = current::take_state();
        current::set_template_state(state.clone());
        Ok(Self { cloner, state })
    }

    /// Forks a worker, which gets the socket in `opened`.
    pub(super) fn fork(&self, opened: Result<Opened, String>) -> Forked {
        let socket = opened.and_then(|mut opened| match opened.descriptors.pop().map(Arc::try_unwrap) {
            Some(Ok(socket)) => Ok(socket),
            _ => Err("its socket is missing".to_owned()),
        });
        let copied = socket.map(|socket| (self.cloner.copy(), socket));
        Forked::Template(match copied {
            Ok((Ok(None), socket)) => {
                // Never dropped there: that would copy its memory, and undo what is the template's, such as a temporary file.
                forget(self.state.clone());
                return Forked::Worker(socket);
            }
            Ok((Ok(Some(pid)), _)) => Reply::Forked(pid),
            Ok((Err(error), _)) => Reply::NotReady(format!("its template could not be forked ({error})")),
            Err(reason) => Reply::NotReady(reason),
        })
    }
}

/// Makes this process, which was just forked from a template, a worker of its own: `replies` and `page` are those of the template, in whose
/// places come those that lie in `socket`. Returns where requests come from, or `None` if the parent has given up.
///
/// # Errors
///
/// When the system refuses any of it.
pub(super) fn begin_copy(socket: &OwnedFd, replies: &OwnedFd, page: &Page) -> io::Result<Option<OwnedFd>> {
    fork_check::begin_copy();
    termination::begin_copy();
    let packet = StartPacket::receive(socket)?;
    page.replace(&packet.page)?;
    clone::replace(replies, &packet.replies)?;
    if let Some(output) = &packet.output {
        output::redirect(output)?;
    }
    crash_handler::begin_copy();
    #[cfg(feature = "_records")]
    records::begin_copy();
    // Until the parent knows of this process, it belongs to the template's group, and ends with that.
    if socket::receive(socket, Wait::Forever)?.is_none() {
        return Ok(None);
    }
    process_setup::begin_copy(packet.lifeline)?;
    Ok(Some(packet.requests))
}

/// The names of the threads of this process but for the one that runs.
fn other_threads() -> io::Result<Vec<String>> {
    let deadline = Instant::now() + LAST_MOMENTS;
    let own = process::id().to_string();
    loop {
        let mut names = Vec::new();
        for thread in fs::read_dir("/proc/self/task")? {
            let thread = thread?;
            if thread.file_name() != *own {
                // One that has ended meanwhile has no name.
                let name = fs::read_to_string(thread.path().join("comm"));
                names.extend(name.map(|name| name.trim_end().to_owned()));
            }
        }
        if names.is_empty() || Instant::now() >= deadline {
            return Ok(names);
        }
        thread::yield_now();
    }
}

fn left_behind(threads: &[String]) -> String {
    let mut text = format!("it left {} running, which no forked worker would have: ", count(threads.len()));
    for (index, name) in threads.iter().take(MOST_NAMED).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}`{name}`");
    }
    if threads.len() > MOST_NAMED {
        text.push_str(", …");
    }
    text.push_str("; end and join its threads, or start them in `initializer`");
    text
}

fn count(threads: usize) -> String {
    if threads == 1 { "a thread".to_owned() } else { format!("{threads} threads") }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn error_names_some_of_the_threads() {
        let names = |n: usize| (0..n).map(|n| format!("pool-{n}")).collect::<Vec<_>>();
        let one = "it left a thread running, which no forked worker would have: `pool-0`; end and join its threads, or \
                   start them in `initializer`";
        assert_eq!(left_behind(&names(1)), one);
        assert!(
            left_behind(&names(2))
                .contains("2 threads running, which no forked worker would have: `pool-0`, `pool-1`;")
        );
        assert!(left_behind(&names(9)).contains("`pool-7`, …;"));
    }

    #[test]
    fn other_threads_are_named() {
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let thread = thread::Builder::new().name("left-behind".into()).spawn(move || ends.recv().is_err()).unwrap();
        assert!(other_threads().unwrap().contains(&"left-behind".to_owned()));
        drop(end);
        thread.join().unwrap();
    }
}
