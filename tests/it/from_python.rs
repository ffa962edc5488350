//! The example programs for Python users: each prints what it does, and the same text in every run.

use crate::examples::example;
use crate::support::{program, within_patience};

/// Runs it, and checks what it prints to the letter.
fn prints(name: &'static str, options: &'static [&str], expected: &'static str) {
    within_patience(move || assert_eq!(output(name, options), expected));
}

fn output(name: &str, options: &[&str]) -> String {
    let output = program::output(example(name).args(options));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{stderr}", output.status);
    String::from_utf8(output.stdout).expect("its output is text")
}

#[test]
fn urls_are_fetched_by_a_thread_each() {
    prints(
        "thread_pool_urls",
        &[],
        "/: 200, 5 bytes
/long: 200, 13 bytes
/empty: 200, 0 bytes
/missing: 404, 12 bytes
ftp://nowhere: not an http URL
the pool is shut down, submit is refused: true
",
    );
}

#[test]
fn primes_are_found_by_processes() {
    prints(
        "process_pool_primes",
        &[],
        "97: prime
1000003: prime
1000005: not prime
2147483647: prime
10000000019: prime
10000000021: not prime
primes below 20000: 2262 = [669, 560, 525, 508]
",
    );
}

#[test]
fn measurements_are_standardized_by_processes() {
    prints(
        "standardize",
        &["900000"],
        "900000 measurements: mean 22.1025, deviation 1.1838
standardized: mean 0.0000, deviation 1.0000
",
    );
}

#[test]
fn processes_start_end_and_are_ended() {
    prints(
        "process_basics",
        &[],
        "joined: 144
it is worker, and says so: true
its pid is not ours: true
run: hello, world
alive: true, exit code: None
join(timeout=0.01): it runs on
it ended by itself: Some(Code(0)), alive: false
joined: now
it exited with code 101; its job: panicked
it exited with code 3; its job: crashed
it was killed by SIGABRT; its job: crashed
ended by SIGTERM; its job: crashed
ended by SIGKILL; its job: crashed
a daemon is dropped, and gone
mode quiet in /
",
    );
}

#[test]
fn queues_and_pipes_lead_from_process_to_process() {
    prints(
        "queue_and_pipe",
        &[],
        "taken: 100, each once: true
get(timeout=0.01): the channel has no message yet; wait longer, or use `recv`
get_nowait(): the channel has no message yet; wait longer, or use `recv`
put_nowait() of one too many: full is true, and it comes back: true
poll(): false
poll(None): true, recv: ONE
poll(None): true, recv: TWO
the server saw the end, after 2 messages
through an end that was sent: PASSED ON
received 1000000 bytes, all of them 7: true
from the dead: last words
poll(): true, recv: the channel is closed: all senders are gone, and all messages were received
it is the end: true
send: a message `()` was not sent: all receivers of its channel are gone
its job crashed: true
",
    );
}

#[test]
fn a_manager_keeps_what_processes_share() {
    prints(
        "manager",
        &[],
        r#"map: [("be", 2), ("not", 2), ("or", 1), ("to", 2)]
map: Some(1) is taken out, 3 are left
list: [1, 4, 9, 16, 25, 36], of which the last is Some(36)
namespace: ["depth", "name"], depth Some(3)
namespace: `name` is a `alloc::string::String`, not a `u32`; read it as the type with which it was set
array: [3, 2, 11]
value: 400
queue: 0 were lost, the sum is 55
queue: None with a time limit
queue: an item `core::option::Option<u32>` was not put into the queue: it is full; try again later, or use `put`, which waits
lock: ["line 0", "line 1", "line 2"]
lock: taken again: false
lock: taken in time: false
semaphore: never more than two: true
bounded semaphore: the semaphore already has all its permits; call `release` once for each forgotten permit, or create it with `Manager::semaphore`, which has no bound
condition: 3 in stock
condition: notified in time: false
event: set in time: false
barrier: both have met, 1 of them led
barrier: alone: None
crashed: true; the lock was abandoned: true, the value is 7
after the manager: the manager is gone: it was dropped, or its process has ended; keep the `Manager` while its handles are used
"#,
    );
}

#[test]
fn threads_locks_and_events_do_as_they_do_in_python() {
    prints(
        "threads",
        &[],
        r#"current thread: main
joined: worker
joined after a panic: Some("failed")
a daemon is started, and not waited for
2 workers: pool-0, pool-1
counted under a lock: 4000
acquire(blocking=False) of a held lock: false
locked twice by one thread: 2
after the event: 6, it is set: true
"#,
    );
}

#[test]
fn a_timer_runs_later_or_is_cancelled() {
    prints(
        "timer",
        &[],
        "before its time: Queued
it ran no earlier than told: true
cancelled: true
what became of it: job `timer::main::{{closure}}` was cancelled
cancelled after its end: false
in the order of their times: first, second, third
three ticks, then cancelled
the last one ran before the shutdown returned
",
    );
}

#[test]
fn a_server_with_a_thread_for_each_client_drops_none() {
    prints(
        "threaded_tcp_server",
        &[],
        "51 clients are held at once, one of them silent
50 of 50 were answered, past the silent one
50 of 50 were answered by a server that stops
dropped: 0, connections left: 0, threads left: 0
the first: hello
the third: full, try later
the second, when the first has gone: hello
a silent client: hello, silent for too long
",
    );
}

#[test]
fn a_thousand_clients_at_once_are_held_and_answered() {
    prints(
        "threaded_tcp_server",
        &["--clients", "1000"],
        "1001 clients are held at once, one of them silent
1000 of 1000 were answered, past the silent one
1000 of 1000 were answered by a server that stops
dropped: 0, connections left: 0, threads left: 0
the first: hello
the third: full, try later
the second, when the first has gone: hello
a silent client: hello, silent for too long
",
    );
}

#[test]
fn datagrams_come_back() {
    prints(
        "udp_echo",
        &[],
        r#""one" came back as "one", from the server: true
"two" came back as "two", from the server: true
"" came back as "", from the server: true
into 6 bytes: "a long"
connected to the server: true, "end"
echoed: 5
no answer in time: true
"#,
    );
}

#[test]
fn unix_sockets_are_files() {
    prints(
        "unix_sockets",
        &[],
        "answer: OVER A STREAM
bound again: false
connected to nobody: ConnectionRefused
bound again, once removed: true
first from here
second from here
over a pair, then the end
",
    );
}

#[test]
fn version_6_is_spoken_where_there_is_one() {
    const ALL: &str = "::1 is version 6: true
greeted: ::1
greeted over version 6: ::1
greeted over version 4: ::ffff:127.0.0.1
";
    within_patience(|| {
        let text = output("ipv6", &[]);
        assert!(text == ALL || text == "this machine has no IPv6\n", "{text}");
    });
}

#[test]
fn sockets_have_every_verb() {
    prints(
        "nonblocking_sockets",
        &[],
        r#"accept with nobody there: WouldBlock
connect_ex: EINPROGRESS
connect_ex, when it is done: None
accept gives the client's own address: true
getpeername is the listener's: true
fileno is a small number: true
recv(4, MSG_PEEK): 4 bytes, which stay
recv(4), twice: "4567"
recv(4), where less is left: "89"
recv after settimeout: WouldBlock
send took a part only: true
send with no room: WouldBlock
sendall: all of it arrived: true
recv after the other's close: "bye", then 0 bytes
connect_ex to nobody: ECONNREFUSED
connect with a timeout: TimedOut
recvfrom: 8 bytes, from the sender: true
"#,
    );
}

#[test]
fn frames_keep_messages_apart() {
    prints(
        "lock_step",
        &[],
        r#"two sends, one receive: "helloworld"
one send of 1048576 bytes, more than one receive: true
nobody begins: true
nobody begins: true
"hello" -> "olleh"
"world" -> "dlrow"
"" -> ""
1048576 bytes -> 1048576 bytes
too long: a message of more than 1 MiB
messages served: 4
"#,
    );
}

#[test]
fn futures_cross_the_border_to_async_code() {
    prints(
        "async_bridge",
        &[],
        "tokio: 30
smol: 30
tokio went on while a job blocked: true
smol went on while a job blocked: true
tokio's time limit is over: true
and the job was asked to stop: true
smol's time limit is over: true, and the job was asked to stop: true
a task of tokio is cancelled: true, and the job was asked to stop: true
a task of smol is cancelled: true, and the job was asked to stop: true
awaited in tokio, and cancelled by a job: job `async_bridge::cancelled::{{closure}}::{{closure}}` was cancelled
awaited in smol, and cancelled by a job: job `async_bridge::cancelled::{{closure}}::{{closure}}` was cancelled
",
    );
}

#[test]
fn generators_are_iterators() {
    prints(
        "generators",
        &[],
        "fibonacci: [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]
even squares, after a zero: [0, 0, 4, 64]
averages: [10.0, 15.0, 30.0]
countdown: Some(3), Some(2)
closed at 1
digits, by a pool: [1, 1, 1, 1, 1, 1, 1, 2]
stream: [2, 6, 18, 54, 162]
",
    );
}

#[test]
fn green_threads_are_scoped_jobs() {
    prints(
        "green_threads",
        &[],
        "values: [5, 4, 5]
waited side by side: 100
done in time: 0, pending: 1
later: 42
imap: [1, 8, 27, 64, 125]
",
    );
}

#[test]
fn http_is_spoken_by_tasks_that_share_a_thread() {
    prints(
        "async_http",
        &[],
        "/hello: 200, hello
/nowhere: 404, no such page
20 of 20 by tasks, 4 at once
/prime/1000003: 200, prime
/crash: 500, its job ended by SIGABRT
/prime/1000005: 200, not prime
no answer in time: true
20 of 20 by jobs, 4 at once
/hello, while a job of the server blocks: 200, hello
/wait, from a server that stops: 200, waited
it takes no more: true
",
    );
}
