//! Where the system refuses another process, the pool goes on with those that it has.

use executor_core::call;

use crate::support::{Latch, alone, eventually, pid, pool, wait_at};

/// The limit counts the processes of a user, but not of root: from now on, this process is of a user that has no other.
fn give_up_rights() {
    let user = 100_000 + pid();
    // SAFETY: no other thread of this process relies on its rights.
    unsafe { assert!(libc::geteuid() != 0 || libc::setresuid(user, user, user) == 0) };
}

/// Lowers the limit of processes, or raises it again. Returns what it was.
fn limit_processes(most: libc::rlim_t) -> libc::rlim_t {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the one writes to `limit`, the other reads it.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NPROC, &raw mut limit), 0);
        let before = std::mem::replace(&mut limit.rlim_cur, most);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit), 0);
        before
    }
}

#[test]
fn jobs_go_to_workers_that_live() {
    alone(jobs_go_to_workers_that_live, || {
        give_up_rights();
        let (pool, latch) = (pool(2), Latch::new());
        let two = || [0, 1].map(|number| pool.submit(call!(wait_at(latch.way(), number))));
        let jobs = two();
        let mut guests = latch.accept(2);
        let (second, first) = (guests.remove(1), guests.remove(0));
        let (number, lost) = (second.number, second.pid);
        drop(second);
        jobs[number as usize].wait();
        // SAFETY: it is a child of ours, and is not waited for yet.
        assert_eq!(unsafe { libc::kill(lost.cast_signed(), libc::SIGKILL) }, 0);
        eventually("one worker is left", || pool.pids() == [first.pid]);

        let before = limit_processes(0);
        let waiting: Vec<_> = (0..8).map(|_| pool.submit(call!(pid()))).collect();
        eventually("the thread without a process has left", || pool.stats().workers == 1);
        assert!(waiting.iter().all(|future| !future.is_done()));
        let survivor = first.pid;
        drop(first);
        for future in waiting {
            assert_eq!(future.result().unwrap(), survivor);
        }
        limit_processes(before);

        let jobs_after = two();
        let guests = latch.accept(2);
        assert_ne!(guests[0].pid, guests[1].pid, "there are two again");
        drop(guests);
        for job in jobs.into_iter().chain(jobs_after) {
            job.result().unwrap();
        }
    });
}

/// From now on, no thread of this process can start another process, but threads.
fn refuse_processes() {
    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: u16::try_from(code).unwrap(), jt, jf, k };
    let call = |number: libc::c_long, jf: u8| {
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, jf, u32::try_from(number).unwrap())
    };
    let answer = |with: u32| step(libc::BPF_RET | libc::BPF_K, 0, 0, with);
    let error = |number: i32| libc::SECCOMP_RET_ERRNO | number.unsigned_abs();
    // The C library goes from `clone3`, whose flags a filter cannot see, to `clone`, whose flags are its first argument.
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        call(libc::SYS_clone3, 1),
        answer(error(libc::ENOSYS)),
        call(libc::SYS_clone, 3),
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 16),
        step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 1, 0, libc::CLONE_THREAD.cast_unsigned()),
        answer(error(libc::EAGAIN)),
        answer(ALLOW),
    ];
    let program = libc::sock_fprog { len: 8, filter: steps.as_mut_ptr() };
    // SAFETY: the first takes numbers only; the other reads the program, whose steps are there.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_TSYNC);
        assert_eq!(libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program), 0);
    }
}

/// Each thread that finds no process leaves its job to the others, and spends none of the budget.
#[test]
fn shortage_breaks_no_pool() {
    alone(shortage_breaks_no_pool, || {
        let latch = Latch::new();
        let pool = executor_process::ProcessPool::builder().processes(8).restart_budget(2, crate::support::PATIENCE);
        let pool = pool.build().expect("this program can start workers");
        let first = pool.submit(call!(wait_at(latch.way(), 0)));
        let guest = latch.accept(1).remove(0);
        refuse_processes();
        let waiting: Vec<_> = (0..100).map(|_| pool.submit(call!(pid()))).collect();
        eventually("threads have come and left", || pool.stats().workers == 1);
        assert!(!pool.is_broken() && waiting.iter().all(|future| !future.is_done()));
        let worker = guest.pid;
        drop(guest);
        for future in waiting {
            assert_eq!(future.result().unwrap(), worker);
        }
        first.result().unwrap();
        // SAFETY: it is a child of ours, and is not waited for yet.
        assert_eq!(unsafe { libc::kill(worker.cast_signed(), libc::SIGKILL) }, 0);
        eventually("it is gone", || pool.pids().is_empty());
        let text = pool.submit(call!(pid())).result().unwrap_err().to_string();
        assert!(text.contains("could not be started in 4 attempts") && text.contains("raise `ulimit -u`"), "{text}");
    });
}
