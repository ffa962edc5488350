//! Queries of Linux about threads and memory.

use std::fs;
use std::path::PathBuf;

use super::eventually;

/// A thread, of this process or another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task(PathBuf);

impl Task {
    pub(crate) fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.0.join(file)).ok()
    }

    fn name(&self) -> Option<String> {
        self.read("comm").map(|name| name.trim_end().to_owned())
    }

    /// How often it went to sleep or was pushed off its core, if it sleeps now.
    fn switches_if_asleep(&self) -> Option<u64> {
        let status = self.read("status")?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if !field("State:")?.starts_with('S') {
            return None;
        }
        let voluntary: u64 = field("voluntary_ctxt_switches:")?.parse().ok()?;
        let forced: u64 = field("nonvoluntary_ctxt_switches:")?.parse().ok()?;
        Some(voluntary + forced)
    }
}

/// How long they have run, in the kernel's ticks. It reads them one by one, so let them sleep.
pub(crate) fn ticks(tasks: &[Task]) -> u64 {
    let of = |task: &Task| {
        let stat = task.read("stat")?;
        // The name, in brackets, may hold anything. Behind it, the 12th and 13th field are the times of the program and the kernel.
        let (_, fields) = stat.rsplit_once(')')?;
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>()
    };
    tasks.iter().map(|task| of(task).expect("the thread is there")).sum()
}

/// Every thread of the process `pid`.
pub(crate) fn tasks_of(pid: u32) -> Vec<Task> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.flatten().map(|entry| Task(entry.path())).collect()
}

/// Every thread of this process but the calling one.
pub(crate) fn other_tasks() -> Vec<Task> {
    let me = fs::read_link("/proc/thread-self").expect("a thread knows itself");
    let me = me.file_name().expect("it has a number").to_owned();
    let mut tasks = tasks_of(std::process::id());
    tasks.retain(|Task(path)| path.file_name() != Some(&me));
    tasks
}

/// The threads of this process whose name starts so. The kernel keeps 15 bytes of it.
pub(crate) fn tasks_named(prefix: &str) -> Vec<Task> {
    let mut tasks = tasks_of(std::process::id());
    tasks.retain(|task| task.name().is_some_and(|name| name.starts_with(prefix)));
    tasks
}

/// Waits until every one of them sleeps, and says how often each has switched by then.
///
/// One that waits for a lock sleeps as well, but then somebody runs, or the counts differ between two looks.
pub(crate) fn settle(tasks: &[Task]) -> Vec<u64> {
    let look = || tasks.iter().map(Task::switches_if_asleep).collect::<Option<Vec<u64>>>();
    let mut settled = Vec::new();
    eventually("all threads sleep", || {
        let (before, after) = (look(), look());
        let is_settled = before.is_some() && before == after;
        settled = after.unwrap_or_default();
        is_settled
    });
    settled
}

/// The memory of this process that is in use, in bytes, without pages of files: how many of its program are there differs from run to run.
pub(crate) fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it tells the memory");
    let kilobytes: usize = line.trim().trim_end_matches("kB").trim().parse().expect("in kilobytes");
    kilobytes * 1024
}

/// Whether the process exists; a zombie does.
#[cfg(feature = "process")]
pub(crate) fn exists(pid: u32) -> bool {
    PathBuf::from("/proc").join(pid.to_string()).exists()
}
