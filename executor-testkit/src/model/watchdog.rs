//! Shows the state of every thread of this process, to find out why something hangs.

use std::fmt::Write as _;
use std::fs::File;
use std::process::{Command, Stdio};
use std::{env, fs, process};

/// Every thread, with its stack where `gdb` is there and may look, and else with what the kernel tells: its name, its state, and where in the kernel
/// it sleeps. Safe code can read no other thread's stack by itself.
pub(crate) fn threads() -> String {
    let mut text = String::from("threads:\n");
    let mut tasks: Vec<_> = fs::read_dir("/proc/self/task").into_iter().flatten().flatten().collect();
    tasks.sort_by_key(fs::DirEntry::file_name);
    for task in tasks {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let status = read("status");
        let state = status.lines().find_map(|line| line.strip_prefix("State:")).unwrap_or("gone").trim();
        let (name, place) = (read("comm"), read("wchan"));
        let _ = writeln!(text, "  {} {}: {state}, {place}", task.file_name().display(), name.trim_end());
    }
    match stacks() {
        Some(stacks) => text + "stacks:\n" + &stacks,
        None => text + "stacks: none; install gdb, and allow it to look (kernel.yama.ptrace_scope=0)\n",
    }
}

/// `gdb` stops this process while it looks. So its output goes to a file, since no thread could empty a pipe, and `timeout` ends
/// `gdb` if it hangs.
fn stacks() -> Option<String> {
    let pid = process::id().to_string();
    let path = env::temp_dir().join(format!("executor-stacks-{pid}"));
    let arguments = ["20", "gdb", "-nx", "--batch", "-iex", "set debuginfod enabled off", "-p", &pid];
    let status = Command::new("timeout")
        .args(arguments)
        .args(["-ex", "thread apply all backtrace 24"])
        .stdin(Stdio::null())
        .stdout(File::create(&path).ok()?)
        .stderr(Stdio::null())
        .status();
    let all = fs::read_to_string(&path).unwrap_or_default();
    drop(fs::remove_file(&path));
    let is_of_a_stack = |line: &&str| line.starts_with('#') || line.starts_with("Thread");
    let short = |line: &str| line.chars().take(160).chain(['\n']).collect::<String>();
    let stacks: String = all.lines().filter(is_of_a_stack).map(short).collect();
    (status.is_ok() && stacks.contains('#')).then_some(stacks)
}
