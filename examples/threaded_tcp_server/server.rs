//! The server: one thread accepts, a job serves each connection, line by line.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use executor::{Job, QueueLimit, ThreadPool, WhenFull};
use socket2::{Domain, Socket, Type};

/// The longest line that is read: a client that never ends its line costs this much memory, and no more.
const LONGEST: u64 = 1024;

/// The limits of the server.
pub(crate) struct Limits {
    /// Connections that are served at once, each on a thread.
    pub(crate) served: usize,
    /// Connections that wait for a thread, beyond those.
    pub(crate) waiting: usize,
    /// How long a client may say nothing, or take nothing.
    pub(crate) silence: Duration,
}

/// A running server. [`stop`](Server::stop) it.
pub(crate) struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: JoinHandle<()>,
}

struct Shared {
    listener: Socket,
    is_stopping: AtomicBool,
    /// Those that are served or wait, by number.
    open: Mutex<HashMap<u64, Arc<TcpStream>>>,
}

impl Server {
    pub(crate) fn start(limits: Limits) -> io::Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        // std's own `bind` takes 128: more that come at once would be told to try again by silence.
        listener.listen(4096)?;
        let address = listener.local_addr()?.as_socket().expect("it was bound to one");
        let shared = Shared { listener, is_stopping: AtomicBool::new(false), open: Mutex::default() };
        let shared = Arc::new(shared);
        let pool = ThreadPool::builder()
            .threads(limits.served)
            .stack_size(128 * 1024)
            .queue(QueueLimit::bounded(limits.waiting, WhenFull::Reject))
            .build()
            .map_err(io::Error::other)?;
        let (there, silence) = (shared.clone(), limits.silence);
        let acceptor = thread::Builder::new().name("accept".to_owned()).spawn(move || there.accept(&pool, silence))?;
        Ok(Self { shared, address, acceptor })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.open().len()
    }

    /// Accepts no more, answers every line that has come, and returns when the last thread is gone. How many connections are left: none.
    pub(crate) fn stop(self) -> usize {
        // SeqCst, on both sides: either this finds the connection, or its job finds the flag.
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        // Ends the `accept` that blocks.
        drop(self.shared.listener.shutdown(Shutdown::Both));
        for stream in self.shared.open().values() {
            // Data that has arrived can still be read; then each read, also one that waits now, sees the end.
            drop(stream.shutdown(Shutdown::Read));
        }
        self.acceptor.join().expect("it does not panic");
        self.shared.open().len()
    }
}

impl Shared {
    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<TcpStream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, pool: &ThreadPool, silence: Duration) {
        let listener = TcpListener::from(self.listener.try_clone().expect("a descriptor for the listener"));
        for number in 0.. {
            let accepted = listener.accept();
            if self.is_stopping.load(Ordering::SeqCst) {
                break;
            }
            // One client that has gone already, or a shortage of descriptors: the others are none the worse.
            let Ok((stream, _)) = accepted else { continue };
            drop(stream.set_read_timeout(Some(silence)));
            drop(stream.set_write_timeout(Some(silence)));
            let stream = Arc::new(stream);
            self.open().insert(number, stream.clone());
            let connection = Connection { number, stream, shared: self.clone() };
            match pool.try_submit(connection) {
                Ok(future) => drop(future),
                Err(rejected) => drop((&*rejected.into_job().stream).write_all(b"full, try later\n")),
            }
        }
        pool.shutdown(true);
    }
}

/// The job: a client from its greeting to its end.
struct Connection {
    number: u64,
    stream: Arc<TcpStream>,
    shared: Arc<Shared>,
}

impl Job for Connection {
    type Output = ();

    fn run(self) {
        if self.shared.is_stopping.load(Ordering::SeqCst) {
            drop(self.stream.shutdown(Shutdown::Read));
        }
        if let Err(error) = self.serve()
            && matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
        {
            drop((&*self.stream).write_all(b"silent for too long\n"));
        }
    }
}

impl Connection {
    fn serve(&self) -> io::Result<()> {
        let mut stream = &*self.stream;
        stream.write_all(b"hello\n")?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while (&mut reader).take(LONGEST).read_line(&mut line)? > 0 && line.ends_with('\n') {
            stream.write_all(line.to_uppercase().as_bytes())?;
            line.clear();
        }
        Ok(())
    }
}

impl Drop for Connection {
    /// Also where the job is refused, or panics. The last owner of the stream closes it.
    fn drop(&mut self) {
        self.shared.open().remove(&self.number);
    }
}
