//! The benchmarks run: with sizes that tell nothing about speed.

use std::process::Command;

fn bench(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_executor-bench")).args(args).output().expect("the program starts");
    (output.status.code(), String::from_utf8(output.stdout).expect("its output is text"))
}

/// One work by one contender: all of them together are nothing for every day.
#[test]
fn a_work_is_measured() {
    for (work, numbers) in [("submits", "2\t100\t2"), ("ping-pong", "10"), ("burst", "4\t2"), ("sleeps", "4\t20")] {
        let (code, output) = bench(&["measure", work, "2", "ours\tbare channel", numbers]);
        assert_eq!(code, Some(0), "{work}");
        let lines: Vec<_> = output.lines().map(|line| line.split('\t').count()).collect();
        assert_eq!(lines, [3, 3], "a name and two rounds each of {work}: {output}");
    }
}

#[test]
fn a_mistake_is_told() {
    assert_eq!(bench(&["threads", "--rounds", "0"]).0, Some(2));
    assert_eq!(bench(&["growth", "--write", "--quick"]).0, Some(2));
    assert_eq!(bench(&["fibres"]).0, Some(2));
    assert_eq!(bench(&[]).0, Some(0));
}
