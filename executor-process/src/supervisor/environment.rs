//! The environment of a worker: variables, directory, limits.

use std::alloc::handle_alloc_error;
use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use executor_core::BuildError;

use crate::ipc::os_error::with_remedy;
use crate::protocol::crash_record::{Place, Trace};
use crate::protocol::program_image::{self, EXECUTABLE};
use crate::protocol::start_info::{Limits, PREFIX};

/// The variables by which libraries decide how many threads to start. `threads_per_process` documents them.
const THREAD_COUNTS: [&str; 11] = [
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "MATMUL_NUM_THREADS", // the crate matrixmultiply, and ndarray through it
    "TOKIO_WORKER_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
];

/// The bytes of memory that a worker needs to start: no worker lives with a lower limit.
const LEAST_MEMORY: u64 = 16 << 20;

/// How many threads the libraries in a worker should start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Threads {
    /// That many, where the environment does not say.
    Default(usize),
    /// That many, whatever the environment says.
    Exactly(usize),
}

/// The differences between a worker's environment and its parent's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// Variables to set, or to remove.
    pub(crate) variables: BTreeMap<OsString, Option<OsString>>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) limits: Limits,
}

impl Environment {
    pub(crate) fn set(&mut self, key: OsString, value: Option<OsString>) {
        self.variables.insert(key, value);
    }

    /// # Errors
    ///
    /// The setting that cannot be.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        for (key, value) in &self.variables {
            check_variable(key, value.as_deref())?;
        }
        if let Some(directory) = &self.directory
            && !directory.is_dir()
        {
            return Err(BuildError::setting(
                "current_dir",
                format!("{:?}", directory.to_string_lossy()),
                "an existing directory",
            ));
        }
        if !(-20..=19).contains(&self.limits.nice) {
            return Err(BuildError::setting("nice", self.limits.nice, "from -20 to 19"));
        }
        match self.limits.memory {
            Some(bytes) if bytes < LEAST_MEMORY => Err(BuildError::setting(
                "memory_limit",
                format_args!("{bytes} bytes"),
                format_args!("at least {LEAST_MEMORY}, which a worker needs to start"),
            )),
            _ => Ok(()),
        }
    }

    /// The cause of a crash, if most likely an allocation was refused.
    pub(crate) fn refusal(&self, trace: &Trace) -> Option<String> {
        let limit = self.limits.memory?;
        let refusal = program_image::own(handle_alloc_error as *const () as usize)?;
        trace.is_out_of_memory(limit, Place::Own(refusal as u64)).then(|| {
            format!("most likely because it was refused memory: its `memory_limit` is {} MiB; raise it", limit >> 20)
        })
    }

    /// Why no process was started.
    pub(crate) fn why_not(&self, error: &io::Error) -> String {
        match &self.directory {
            Some(directory) if !directory.is_dir() => format!(
                "no process could be started: the `current_dir` {} no longer exists; create it again",
                directory.display()
            ),
            _ => match program_image::lacks(Path::new(EXECUTABLE)) {
                Some(problem) => format!("no process could be started: {EXECUTABLE} {problem}"),
                None => format!("no process could be started from {EXECUTABLE} ({})", with_remedy(error)),
            },
        }
    }

    /// The command that starts a worker. The worker gets its start information as a variable and its value, and `socket` as stdin: the one
    /// descriptor that comes through a start.
    pub(crate) fn command(&self, threads: Threads, (variable, text): (&str, &str), socket: OwnedFd) -> Command {
        let mut command = Command::new(EXECUTABLE);
        if let Some(name) = env::args_os().next() {
            command.arg0(name);
        }
        for name in THREAD_COUNTS {
            match threads {
                Threads::Exactly(n) => command.env(name, n.to_string()),
                Threads::Default(n) if env::var_os(name).is_none() => command.env(name, n.to_string()),
                Threads::Default(_) => &mut command,
            };
        }
        if self.limits.memory.is_some() {
            // Where memory runs out while std prints a backtrace, std waits for its own lock forever.
            command.env("RUST_BACKTRACE", "0");
        }
        for (key, value) in &self.variables {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command.env(variable, text).stdin(socket).process_group(0);
        command
    }
}

fn check_variable(key: &OsStr, value: Option<&OsStr>) -> Result<(), BuildError> {
    let setting = if value.is_some() { "env" } else { "env_remove" };
    let (bytes, shown) = (key.as_bytes(), key.to_string_lossy());
    if bytes.is_empty() || bytes.contains(&b'=') || bytes.contains(&0) {
        let allowed = "a variable's name, not empty, without `=` and without a NUL character";
        return Err(BuildError::setting(setting, format!("{shown:?}"), allowed));
    }
    if bytes.starts_with(PREFIX.as_bytes()) {
        return Err(BuildError::setting(setting, shown, "another variable: the pool uses this one itself"));
    }
    match value {
        Some(value) if value.as_bytes().contains(&0) => {
            let value = value.to_string_lossy();
            Err(BuildError::setting(setting, format!("{value:?} for {shown:?}"), "a value without a NUL character"))
        }
        _ => Ok(()),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::fs::File;

    use super::*;

    fn variables(environment: &Environment, threads: Threads) -> BTreeMap<OsString, Option<OsString>> {
        let socket = File::open("/dev/null").unwrap().into();
        let command = environment.command(threads, ("START", "text"), socket);
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned))).collect()
    }

    #[test]
    fn each_documented_library_gets_its_thread_count() {
        let source = include_str!("../pool/builder.rs");
        let (docs, _) = source.split_once("pub fn threads_per_process").unwrap();
        let (_, docs) = docs.rsplit_once("\n\n").unwrap();
        let set = variables(&Environment::default(), Threads::Exactly(3));
        for name in THREAD_COUNTS {
            assert_eq!(set[OsStr::new(name)].as_deref(), Some(OsStr::new("3")), "{name}");
            assert!(docs.contains(&format!("`{name}`")), "`threads_per_process` does not document {name}");
        }
        assert_eq!(docs.matches("_THREADS`").count(), THREAD_COUNTS.len(), "{docs}");
    }

    #[test]
    fn env_overrides_the_thread_count() {
        let mut environment = Environment::default();
        environment.set("POLARS_MAX_THREADS".into(), Some("8".into()));
        environment.set("OMP_NUM_THREADS".into(), None);
        let set = variables(&environment, Threads::Exactly(3));
        assert_eq!(set[OsStr::new("POLARS_MAX_THREADS")].as_deref(), Some(OsStr::new("8")));
        assert_eq!(set[OsStr::new("OMP_NUM_THREADS")], None);
    }

    #[test]
    fn a_memory_limit_turns_backtraces_of_std_off() {
        let name = OsString::from("RUST_BACKTRACE");
        let set = |environment: &Environment| variables(environment, Threads::Default(1)).get(&name).cloned();
        let mut environment = Environment::default();
        assert_eq!(set(&environment), None, "inherited");
        environment.limits.memory = Some(1 << 30);
        assert_eq!(set(&environment), Some(Some("0".into())));
        environment.set(name.clone(), Some("1".into()));
        assert_eq!(set(&environment), Some(Some("1".into())));
    }
}
