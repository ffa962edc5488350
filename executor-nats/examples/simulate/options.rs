//! The command line.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

pub(crate) const HELP: &str = "\
The traffic of many hosts against one NATS server, without the work.

  --url URL           the server. Default: nats://127.0.0.1:4222
  --workers N         simulated workers. Default: 10000
  --per-host N        workers of a host. Default: 16
  --job-ms N          the time that a job runs. Default: 10000
  --seconds N         how long to measure. Default: 60
  --connections N     the hosts share as many. Default: 8
  --lease-s N         as `Namespace::lease`. Default: 10
  --server-pid N      report the processor time and the memory of this process
";

pub(crate) struct Options {
    pub(crate) url: String,
    pub(crate) workers: usize,
    pub(crate) per_host: usize,
    pub(crate) job: Duration,
    pub(crate) time: Duration,
    pub(crate) connections: usize,
    pub(crate) lease: Duration,
    pub(crate) server_pid: Option<u32>,
}

impl Options {
    /// `None` if help was asked for.
    pub(crate) fn from_args() -> Result<Option<Self>, Box<dyn Error>> {
        let mut options = Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            workers: 10_000,
            per_host: 16,
            job: Duration::from_secs(10),
            time: Duration::from_secs(60),
            connections: 8,
            lease: Duration::from_secs(10),
            server_pid: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            if name == "--help" {
                return Ok(None);
            }
            let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
            match name.as_str() {
                "--url" => options.url = value,
                "--workers" => options.workers = number(&name, &value)?,
                "--per-host" => options.per_host = number(&name, &value)?,
                "--job-ms" => options.job = Duration::from_millis(number(&name, &value)?),
                "--seconds" => options.time = Duration::from_secs(number(&name, &value)?),
                "--connections" => options.connections = number(&name, &value)?,
                "--lease-s" => options.lease = Duration::from_secs(number(&name, &value)?),
                "--server-pid" => options.server_pid = Some(number(&name, &value)?),
                _ => return Err(format!("`{name}` is no option: see --help").into()),
            }
        }
        options.per_host = options.per_host.min(options.workers);
        if [options.workers, options.per_host, options.connections].contains(&0) || options.lease.is_zero() {
            return Err("workers, hosts, connections and lease must not be 0".into());
        }
        Ok(Some(options))
    }

    pub(crate) fn hosts(&self) -> usize {
        self.workers.div_ceil(self.per_host)
    }
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("`{name}` takes a number, not `{value}`"))
}
