//! The benchmarks run: with sizes that tell nothing about speed.

use std::process::Command;

fn bench(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_executor-bench")).args(args).output().expect("the program starts");
    (output.status.code(), String::from_utf8(output.stdout).expect("its output is text"))
}

/// Measures a work twice, by the contenders called `only`.
fn measure(work: &str, only: &[&str], numbers: &str) {
    let (code, output) = bench(&["measure", work, "2", &only.join("\t"), numbers]);
    assert_eq!(code, Some(0), "{work}");
    let names: Vec<_> = output.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(names, only, "{work}");
    for line in output.lines() {
        let values: Result<Vec<f64>, _> = line.split('\t').skip(1).map(str::parse).collect();
        assert_eq!(values.map(|values| values.len()), Ok(2), "two rounds of {work}: {line}");
    }
}

/// By some contenders: all of them together are nothing for every day.
#[test]
fn a_work_is_measured() {
    for (work, numbers) in [
        ("submits", "2\t100\t2"),
        ("ping-pong", "10"),
        ("burst", "4\t2"),
        ("sleeps", "4\t20"),
        ("rest", "4\t5"),
        ("kept", "2\t100"),
    ] {
        measure(work, &["ours", "bare channel"], numbers);
    }
}

#[test]
fn a_work_of_processes_is_measured() {
    measure("process ping-pong", &["ours", "raw pipe", "bare ipc-channel", "procspawn Pool"], "10");
    measure("process jobs", &["ours", "bare ipc-channel", "procspawn Pool"], "2\t50");
    measure("process rate", &["ours"], "2\t50");
    measure("process map", &["ours"], "2\t50");
    measure("process start", &["ours", "raw pipe", "bare ipc-channel", "procspawn::spawn", "procspawn Pool"], "1\t1");
    measure(
        "process blob",
        &["ours", "memcpy each way", "two Blobs without a pool", "ours, Blob passed on"],
        "5000\t1",
    );
    measure("process bytes", &["ours", "ours, Blob", "raw pipe", "bare ipc-channel", "procspawn Pool"], "100000\t1");
    measure("process timeout", &["ours", "procspawn join_timeout"], "5");
    measure("process handles", &["ours"], "10");
    measure("process table", &["ours", "the table alone"], "2\t1");
    measure("process descriptors", &["ours"], "20");
}

#[test]
fn works_over_nats_are_left_out_without_a_server() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_executor-bench"));
    let output = command.args(["nats", "--quick", "--csv"]).env_remove("NATS_SERVER").env("PATH", "").output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(0));
    let output = String::from_utf8(output.stdout).expect("its output is text");
    let rows: Vec<_> = output.lines().skip(1).collect();
    assert_eq!(rows.len(), 2);
    let why = if cfg!(feature = "nats") { "no `nats-server` on PATH" } else { "built without the feature `nats`" };
    assert!(rows.iter().all(|row| row.contains(&format!("left out: {why}"))), "{output}");
}

#[test]
fn a_mistake_is_told() {
    assert_eq!(bench(&["threads", "--rounds", "0"]).0, Some(2));
    assert_eq!(bench(&["growth", "--write", "--quick"]).0, Some(2));
    assert_eq!(bench(&["growth", "--beside", "somebody"]).0, Some(2));
    assert_eq!(bench(&["fibres"]).0, Some(2));
    assert_eq!(bench(&[]).0, Some(0));
}
