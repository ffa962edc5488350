//! Replacing `multiprocessing.Queue`, `SimpleQueue`, `Pipe`: several producers and consumers, ends that talk both ways, poll, the end.
//!
//! In Python: `Queue()`, `put(x)`, `get(timeout)`, `put(None)` for each consumer to end it; `a, b = Pipe()`, `send`, `recv`, `poll(timeout)`,
//! `EOFError`; `Pipe(duplex=False)`.
//!
//! `cargo run --example queue_and_pipe`

use std::error::Error;
use std::time::Duration;

use executor::{Blob, Duplex, JobError, Process, Receiver, RecvError, Sender, call, channel, duplex, join_all, queue};

fn main() -> Result<(), Box<dyn Error>> {
    producers_and_consumers()?;
    timeouts()?;
    pipe()?;
    ends_through_ends()?;
    one_way()?;
    end_of_the_other()?;
    Ok(())
}

/// `q.put((producer, n))`
fn produce(producer: u32, queue: Sender<(u32, u32)>) {
    for n in 0..25 {
        if queue.send((producer, n)).is_err() {
            return; // no receiver is left
        }
    }
}

/// `for item in iter(q.get, None)`
fn consume(queue: Receiver<(u32, u32)>) -> Vec<u32> {
    queue.iter().filter_map(Result::ok).map(|(producer, n)| 100 * producer + n).collect()
}

/// `q = Queue()`, and processes that `put` and `get`. The loop ends when all producers are gone, without a `None` to send.
fn producers_and_consumers() -> Result<(), Box<dyn Error>> {
    let (to, from) = queue()?;
    let producers = (0..4).map(|n| Process::spawn(call!(produce(n, to.clone())))).collect::<Result<Vec<_>, _>>()?;
    let consumers = (0..3).map(|_| Process::spawn(call!(consume(from.clone())))).collect::<Result<Vec<_>, _>>()?;
    drop((to, from)); // ours: those of the processes are left
    let mut taken = Vec::new();
    for outcome in join_all(consumers.into_iter().map(IntoFuture::into_future)) {
        taken.extend(outcome?);
    }
    for producer in producers {
        producer.join()?;
    }
    taken.sort_unstable();
    println!("taken: {}, each once: {}", taken.len(), taken.windows(2).all(|pair| pair[0] < pair[1]));
    Ok(())
}

/// `q.get(timeout=0.01)` raises `Empty`, `q.get_nowait()` too; `q.put_nowait(x)` raises `Full`.
fn timeouts() -> Result<(), Box<dyn Error>> {
    let (to, from) = queue::<u32>()?;
    println!("get(timeout=0.01): {}", from.recv_timeout(Duration::from_millis(10)).unwrap_err());
    println!("get_nowait(): {}", from.try_recv().unwrap_err());
    let full = (0..).map(|n| to.try_send(n)).find_map(Result::err).ok_or("it has room for ever")?;
    println!("put_nowait() of one too many: full is {}, and it comes back: {}", full.is_full(), full.into_inner() > 0);
    Ok(())
}

/// `def server(conn): …  conn.send(conn.recv().upper())`
fn serve(end: Duplex<String, String>) -> usize {
    end.iter().filter_map(Result::ok).filter(|text| end.send(text.to_uppercase()).is_ok()).count()
}

/// `ours, theirs = Pipe()`, `ours.send(x)`, `ours.recv()`, `ours.poll(timeout)`, `ours.close()`.
fn pipe() -> Result<(), Box<dyn Error>> {
    let (ours, theirs) = duplex::<String, String>()?;
    println!("poll(): {}", ours.poll(Duration::ZERO));
    let server = Process::spawn(call!(serve(theirs)))?;
    for text in ["one", "two"] {
        ours.send(text.to_owned())?;
        println!("poll(None): {}, recv: {}", ours.poll(Duration::MAX), ours.recv()?);
    }
    drop(ours);
    println!("the server saw the end, after {} messages", server.join()?);
    Ok(())
}

/// Connections can be sent, as in Python. An end that is sent leaves the sender.
fn ends_through_ends() -> Result<(), Box<dyn Error>> {
    fn forward(ends: Receiver<Duplex<String, String>>) -> Result<String, String> {
        let end = ends.recv().map_err(|error| error.to_string())?;
        end.send("passed on".to_owned()).map_err(|error| error.to_string())?;
        end.recv().map_err(|error| error.to_string())
    }
    let (ours, theirs) = duplex()?;
    let server = Process::spawn(call!(serve(theirs)))?;
    let (to, from) = channel()?;
    let client = Process::spawn(call!(forward(from)))?;
    to.send(ours)?;
    println!("through an end that was sent: {}", client.join()??);
    server.join()?;
    Ok(())
}

/// `reader, writer = Pipe(duplex=False)`; for `send_bytes` of large data, send a `Blob`, which is not copied.
fn one_way() -> Result<(), Box<dyn Error>> {
    fn fill(to: Sender<Blob>) {
        let _ = to.send(Blob::from(vec![7; 1_000_000]));
    }
    let (to, from) = channel()?;
    let process = Process::spawn(call!(fill(to)))?;
    let blob = from.recv()?;
    println!("received {} bytes, all of them 7: {}", blob.len(), blob.iter().all(|&byte| byte == 7));
    process.join()?;
    Ok(())
}

/// `EOFError` as soon as the other end is closed or its process is dead, after all messages sent before.
fn end_of_the_other() -> Result<(), Box<dyn Error>> {
    fn last_words(end: Duplex<String, ()>) {
        let _ = end.send("last words".to_owned());
        std::process::abort();
    }
    let (ours, theirs) = duplex::<(), String>()?;
    let process = Process::spawn(call!(last_words(theirs)))?;
    process.wait();
    println!("from the dead: {}", ours.recv()?);
    println!("poll(): {}, recv: {}", ours.poll(Duration::ZERO), ours.recv().unwrap_err());
    println!("it is the end: {}", matches!(ours.try_recv(), Err(RecvError::Disconnected)));
    println!("send: {}", ours.send(()).unwrap_err());
    println!("its job crashed: {}", matches!(process.join(), Err(JobError::Crashed(_))));
    Ok(())
}
