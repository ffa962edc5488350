//! A `nats-server` of our own, with an empty store.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, process};

use crate::works::pause;

/// The variable that names the program.
const VARIABLE: &str = "NATS_SERVER";

const START_TIME: Duration = Duration::from_secs(20);

/// The server's program: the variable's value, or one on `PATH`.
pub(super) fn program() -> Option<PathBuf> {
    if let Some(program) = env::var_os(VARIABLE) {
        return Some(program.into());
    }
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join("nats-server")).find(|program| program.is_file())
}

/// A server that is stopped, and whose store is removed, when this is dropped.
pub(super) struct NatsServer {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl NatsServer {
    pub(super) fn start() -> Result<Self, String> {
        let program = program().ok_or_else(|| format!("no `nats-server` on PATH; set {VARIABLE}"))?;
        let folder = env::temp_dir().join(format!("executor-bench-nats-{}", process::id()));
        let server = Self::spawn(&program, folder).map_err(|error| format!("{}: {error}", program.display()))?;
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", server.port)).is_err() {
            if started.elapsed() > START_TIME {
                return Err(format!("{} does not listen", program.display()));
            }
            pause(Duration::from_millis(10));
        }
        Ok(server)
    }

    fn spawn(program: &Path, folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(program)
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, folder, port })
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // Neither fails as long as the child is not waited for.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}
