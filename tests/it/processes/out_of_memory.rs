//! A worker for which its memory cgroup has no room left: the kernel kills it, and the error says so.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use executor::call;

use super::deaths::{crash, kill};
use super::{pool, worker_of};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{alone, eventually};

/// More than this program needs, and less than its job takes.
const LIMIT: usize = 96 << 20;

/// A memory cgroup of this process's own, in either version of cgroups. This process is in it as long as it is there.
struct Group {
    path: PathBuf,
    /// Where this process was before.
    home: PathBuf,
}

impl Group {
    /// # Errors
    ///
    /// Where this process may not make one.
    fn enter() -> io::Result<Self> {
        let home = own()?;
        let name = format!("executor-test-{}", std::process::id());
        // Version 2 allows none below a group that has processes, but maybe beside that.
        let path = home.ancestors().take(2).find_map(|around| limited(&around.join(&name)).transpose());
        let path = path.ok_or_else(|| io::Error::other(format!("{} has no memory to give", home.display())))??;
        let group = Self { path, home };
        fs::write(group.path.join("cgroup.procs"), "0")?;
        Ok(group)
    }
}

/// This process's own group: the one of version 1 that accounts for memory, or that of version 2.
fn own() -> io::Result<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let of = |name: &str| {
        let mut fields = groups.lines().map(|line| line.splitn(3, ':').skip(1).collect::<Vec<_>>());
        fields.find_map(|fields| fields[0].split(',').any(|found| found == name).then(|| fields[1].to_owned()))
    };
    let (mount, group) = match of("memory") {
        Some(group) => ("/sys/fs/cgroup/memory", group),
        None => ("/sys/fs/cgroup", of("").ok_or(io::ErrorKind::NotFound)?),
    };
    Ok(Path::new(mount).join(group.trim_start_matches('/')))
}

/// A new group with that limit. `None` where memory is not accounted for.
fn limited(path: &Path) -> io::Result<Option<PathBuf>> {
    fs::create_dir(path)?;
    for (limit, with_swap, of_swap) in
        [("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", LIMIT), ("memory.max", "memory.swap.max", 0)]
    {
        if path.join(limit).is_file() {
            fs::write(path.join(limit), LIMIT.to_string()).inspect_err(|_| drop(fs::remove_dir(path)))?;
            // Where there is no swap, the file may be missing.
            drop(fs::write(path.join(with_swap), of_swap.to_string()));
            return Ok(Some(path.to_owned()));
        }
    }
    fs::remove_dir(path)?;
    Ok(None)
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(fs::write(self.home.join("cgroup.procs"), "0"));
        eventually("its group is empty", || fs::remove_dir(&self.path).is_ok());
    }
}

fn hold(bytes: usize) -> usize {
    std::hint::black_box(vec![1_u8; bytes]).len()
}

fn wait_at(rendezvous: Arrival) {
    rendezvous.arrive(1);
}

#[test]
fn a_job_that_takes_all_memory_is_told_why_it_was_killed() {
    alone(a_job_that_takes_all_memory_is_told_why_it_was_killed, || {
        let _group = match Group::enter() {
            Ok(group) => group,
            Err(error) => return eprintln!("skipped: there can be no memory cgroup ({error})"),
        };
        let (pool, rendezvous) = (pool(1), Rendezvous::new());
        let first = worker_of(&pool);
        let killed = crash(pool.submit(call!(hold(8 * LIMIT))));
        assert_eq!((killed.pid(), killed.signal()), (first, Some("SIGKILL")));
        let text = format!("{killed:#}");
        assert!(
            text.contains(" was killed by SIGKILL (most likely by the kernel's OOM killer, because memory ran out; "),
            "{text}"
        );
        assert!(killed.peak_memory().is_some_and(|bytes| bytes > LIMIT as u64 / 2), "{text}");
        assert_eq!(pool.submit(call!(hold(1))).result().unwrap(), 1, "no other job is affected");
        // That one was counted for its worker, and not for the next.
        let future = pool.submit(call!(wait_at(rendezvous.arrival())));
        kill(rendezvous.accept().pid());
        assert_eq!(crash(future).cause(), None);
        let text = pool_with_a_greedy_initializer();
        assert!(text.contains("it was killed by SIGKILL (most likely by the kernel's OOM killer, "), "{text}");
    });
}

fn pool_with_a_greedy_initializer() -> String {
    let pool = executor::ProcessPool::builder().processes(1).initializer(call!(hold(8 * LIMIT)));
    let pool = pool.build().expect("this program can start workers");
    pool.submit(call!(hold(1))).result().unwrap_err().to_string()
}
