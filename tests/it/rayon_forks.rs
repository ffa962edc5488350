//! A job of a `RayonPool` that forks: in the new process, a copy of rayon's thread goes on, and runs nothing of the pool's.

use std::io::{Read, Write, pipe};
use std::process;
use std::sync::mpsc;

use crate::support::boxed;
use crate::support::{alone, kinds};

/// Seconds. Rayon's thread waits for ever in the copy; SIGALRM ends it.
const LIMIT: u32 = 3;

#[test]
fn forked_rayon_job_runs_no_other() {
    alone(forked_rayon_job_runs_no_other, || {
        let (pool, (mut seen, tell)) = (kinds::rayon(1), pipe().unwrap());
        let (hold, held) = mpsc::channel::<()>();
        let forked = pool.submit(boxed(move || {
            let _ = held.recv();
            // SAFETY: the new process goes on as a copy of this thread, and calls nothing of the test's. The signal ends it.
            unsafe {
                let child = libc::fork();
                if child == 0 {
                    libc::alarm(LIMIT);
                }
                child
            }
        }));
        let next = pool.submit(boxed(move || (&tell).write_all(&process::id().to_le_bytes())));
        drop(hold);
        assert!(forked.result().unwrap() > 0);
        next.result().unwrap().unwrap();
        let mut pids = Vec::new();
        // To its end, which is that of the copy: it has the pipe, too.
        seen.read_to_end(&mut pids).unwrap();
        assert_eq!(pids, process::id().to_le_bytes(), "the copy has run the next job, too");
    });
}
