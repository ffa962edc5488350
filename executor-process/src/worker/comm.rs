//! The name that `ps` and `top` show for a worker (`/proc/PID/comm`). Started as `/proc/self/exe`, it would be `exe`.

use std::env;
use std::ffi::{CString, OsString};
use std::path::Path;

use rustix::thread::set_name;

use crate::protocol::limits::cut;

/// The kernel keeps no more (prctl(2), `PR_SET_NAME`).
const MOST: usize = 15;

/// How many bytes of a pool's name are kept if the whole does not fit.
const SHORT: usize = 4;

/// Names this process. Its arguments stay the program's own: a job may start the program again by the first.
pub(super) fn set(worker: &str) {
    let text = comm(&program(), worker);
    // A name with a zero in it is refused by the builders; a system that refuses this call has no use for the name.
    let _ = CString::new(text).map(|text| set_name(&text));
}

/// The program's name, as it was started.
fn program() -> String {
    let path = env::args_os().next().filter(|path| !path.is_empty());
    let path = path.or_else(|| env::current_exe().ok().map(OsString::from)).unwrap_or_default();
    Path::new(&path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// `program:worker`, with what does not fit left out: first of the worker's name, then of the program's. The worker's number stays whole.
fn comm(program: &str, worker: &str) -> String {
    let (name, number) = split(worker);
    if program.len() + 1 + worker.len() <= MOST {
        return format!("{program}:{worker}");
    }
    let name = cut(name, SHORT.min(MOST.saturating_sub(1 + number.len())));
    let left = MOST.saturating_sub(1 + name.len() + number.len());
    let text = format!("{}:{name}{number}", cut(program, left));
    cut(&text, MOST).to_owned()
}

/// The name, and the number that a pool has added, with its hyphen.
fn split(worker: &str) -> (&str, &str) {
    let name = worker.trim_end_matches(|c: char| c.is_ascii_digit());
    match name.strip_suffix('-') {
        Some(name) => worker.split_at(name.len()),
        None => (worker, ""),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_workers_stay_whole() {
        for (program, worker, wanted) in [
            ("app", "parser-3", "app:parser-3"),
            ("census", "executor-0", "census:exec-0"),
            ("measurements", "executor-4095", "measu:exec-4095"),
            ("measurements", "process-123456789012", ":p-123456789012"),
            ("app", "a process with a long name", "app:a pr"),
            ("größe", "wörter-und-sätze-12", "größe:wör-12"),
            ("", "executor-0", ":executor-0"),
            ("app", "", "app:"),
        ] {
            let text = comm(program, worker);
            assert!(text.len() <= MOST, "{text}");
            assert_eq!(text, wanted);
        }
    }
}
