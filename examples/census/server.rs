//! A NATS server of its own, for a first look.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use executor::{Process, call};

/// A started server is given this time until it listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server on this machine, with its data in a temporary directory. Dropped, it ends, and the data is removed.
pub(crate) struct Server {
    process: Option<Process<i32>>,
    directory: PathBuf,
    url: String,
}

impl Server {
    /// Starts the server that `NATS_SERVER` names, or `nats-server` on the `PATH`, on a free port.
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        // Empty after a script that has failed.
        let named = env::var("NATS_SERVER").ok().filter(|named| !named.is_empty());
        let program = named.unwrap_or_else(|| "nats-server".to_owned());
        let directory = env::temp_dir().join(format!("census-nats-{}", process::id()));
        fs::create_dir_all(&directory)?;
        // A process of the library ends with this program, in whichever way that ends, and so does what it has started.
        let path = directory.display().to_string();
        let process = Process::builder().name("nats-server").kill_on_drop(true).spawn(call!(run(program, path)))?;
        let mut server = Self { process: Some(process), directory, url: String::new() };
        let start = Instant::now();
        loop {
            if let Some(url) = url(&server.directory) {
                server.url = url;
                return Ok(server);
            }
            let is_alive = server.process.as_ref().is_some_and(Process::is_alive);
            if !is_alive || start.elapsed() > PATIENCE {
                return Err("the NATS server does not start; name one in NATS_SERVER: executor-nats/servers.sh prints the path of one".into());
            }
            thread::park_timeout(Duration::from_millis(10));
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// The server writes the ports that it has chosen to a file.
fn url(directory: &Path) -> Option<String> {
    let entries = fs::read_dir(directory).ok()?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.find(|path| path.extension().is_some_and(|extension| extension == "ports"))?;
    let ports: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(ports["nats"][0].as_str()?.to_owned())
}

/// Runs the server until its end.
fn run(program: String, directory: String) -> i32 {
    let mut command = Command::new(program);
    command.args(["-js", "-a", "127.0.0.1", "-p", "-1", "-sd", &directory, "--ports_file_dir", &directory]);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.as_ref().ok().and_then(process::ExitStatus::code).unwrap_or(-1)
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
            drop(process.join());
        }
        // An error leaves files in the directory of temporary files.
        drop(fs::remove_dir_all(&self.directory));
    }
}
