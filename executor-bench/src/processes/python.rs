//! Python's process pools, each in an interpreter of its own.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::rc::Rc;
use std::sync::OnceLock;
use std::{env, fs, io, process};

use crate::python::Python;
use crate::rounds::Entrant;

const SCRIPT: &str = include_str!("pools.py");

/// Where a measuring process finds an interpreter with loky, or, behind a `!`, why there is none.
const LOKY: &str = "EXECUTOR_BENCH_LOKY";

/// A pool of Python's.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// `concurrent.futures.ProcessPoolExecutor`.
    Executor,
    /// `multiprocessing.Pool`.
    Pool,
    Loky,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Executor, Self::Pool, Self::Loky];

    /// The name in the tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Executor => "CPython executor",
            Self::Pool => "CPython Pool",
            Self::Loky => "loky",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Executor => "executor",
            Self::Pool => "pool",
            Self::Loky => "loky",
        }
    }

    /// Whether there may be an interpreter for it.
    pub(crate) fn is_there(self) -> bool {
        self.interpreter().is_ok()
    }

    fn interpreter(self) -> Result<OsString, String> {
        if self != Self::Loky {
            return Ok("python3".into());
        }
        let told = env::var_os(LOKY).ok_or("it was not asked for")?;
        match told.to_str().and_then(|told| told.strip_prefix('!')) {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(told),
        }
    }
}

/// The script as a file: processes that are not forked read it again.
///
/// The file has a directory of its own, since Python looks for modules beside its script first, and others may write files
/// into the directory for temporary ones.
struct Script(PathBuf);

impl Script {
    fn write(kind: Kind) -> io::Result<Self> {
        let directory = env::temp_dir().join(format!("executor-bench-{}-{}", process::id(), kind.argument()));
        DirBuilder::new().mode(0o700).create(&directory)?;
        let script = Self(directory);
        fs::write(script.path(), SCRIPT)?;
        Ok(script)
    }

    fn path(&self) -> PathBuf {
        self.0.join("pools.py")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // A script that stays in the directory for temporary files is no reason to fail.
        let _: io::Result<()> = fs::remove_dir_all(&self.0);
    }
}

/// An interpreter that was started, or why it was not.
struct Started {
    // Ends before its script is removed.
    python: Python,
    _script: Script,
}

/// A kind's interpreter, started when it is first asked for something, and warm from then on.
#[derive(Clone)]
pub(crate) struct Pools {
    kind: Kind,
    started: Rc<RefCell<Option<Result<Started, String>>>>,
}

impl Pools {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, started: Rc::default() }
    }

    fn start(kind: Kind) -> Result<Started, String> {
        let interpreter = kind.interpreter()?;
        let script = Script::write(kind).map_err(|error| format!("its script cannot be written: {error}"))?;
        let path = script.path();
        let path = path.to_str().ok_or("the directory for temporary files is not UTF-8")?;
        let python = Python::run(&interpreter, &[path, kind.argument()])?;
        Ok(Started { python, _script: script })
    }

    /// A contender that does the work of this line.
    pub(crate) fn entrant(&self, name: impl Into<String>, work: String) -> Entrant<'static> {
        let Self { kind, started } = self.clone();
        Entrant::fallible(name, move || {
            let mut started = started.borrow_mut();
            let started = started.get_or_insert_with(|| Self::start(kind));
            started.as_mut().map_err(|reason| reason.clone())?.python.measure(&work)
        })
    }
}

/// A contender of each kind for the same work.
pub(crate) fn entrants(work: &str) -> impl Iterator<Item = Entrant<'static>> {
    Kind::ALL.into_iter().map(move |kind| Pools::new(kind).entrant(kind.name(), work.to_owned()))
}

/// The environment variable that tells a measuring process about loky. If `may_install` is set and loky is missing, loky is
/// installed into a virtual environment beside this program, which needs the network.
pub(crate) fn loky(may_install: bool) -> (&'static str, OsString) {
    static TOLD: OnceLock<OsString> = OnceLock::new();
    let told = || install(may_install).map_or_else(|reason| format!("!{reason}").into(), PathBuf::into_os_string);
    (LOKY, TOLD.get_or_init(told).clone())
}

fn install(may_install: bool) -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let directory = program.with_file_name("executor-bench-loky");
    let interpreter = directory.join("bin/python");
    let has_loky = || run(&interpreter, &["-c".as_ref(), "import loky".as_ref()]);
    if has_loky().is_ok() {
        return Ok(interpreter);
    }
    if !may_install {
        return Err("not installed; a run without --quick does it".to_owned());
    }
    eprintln!("installing loky in {}", directory.display());
    run("python3".as_ref(), &["-m".as_ref(), "venv".as_ref(), directory.as_os_str()])?;
    run(&interpreter, &["-m", "pip", "install", "--quiet", "loky"].map(OsStr::new))?;
    has_loky()?;
    Ok(interpreter)
}

fn run(program: &Path, arguments: &[&OsStr]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let Output { status, stderr, .. } = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("not installed: {}", last_line(&String::from_utf8_lossy(&stderr))))
}

/// Returns the last line, which names the error, short enough for a table and without characters that end a cell.
fn last_line(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    line.trim().replace(['|', '\t'], " ").chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::interleave;

    #[test]
    fn the_script_measures() {
        let executor = Pools::new(Kind::Executor);
        let works = ["ping-pong 2", "pipelined 2 10", "map 2 10 3", "start 1", "payload 300 1"];
        let entrants = works.iter().map(|work| executor.entrant(*work, (*work).to_owned())).collect();
        for (work, measured) in interleave(entrants, 1, &[]) {
            match measured {
                Ok(samples) => assert!(samples.median() > 0.0, "{work}"),
                Err(reason) => assert_eq!(reason, "no python3 is found", "{work}"),
            }
        }
    }

    #[test]
    fn a_reason_fits_into_a_table() {
        assert_eq!(last_line("a\nERROR: no | route\n \n"), "ERROR: no   route");
        assert_eq!(last_line(""), "it does not say why");
        assert_eq!(last_line(&"x".repeat(100)).len(), 80);
    }
}
