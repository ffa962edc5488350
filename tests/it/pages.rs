//! The pages for Python users, compared with the names that the installed Python has.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Directory, within_patience};

fn pages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/from_python")
}

/// The script's output for the pages in a directory, or `None` if there is no Python.
fn compare(directory: &Path) -> Option<Output> {
    let script = pages().join("names.py");
    match Command::new("python3").arg("-B").arg(script).arg(directory).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("not compared: there is no python3");
            None
        }
        Err(error) => panic!("python3 cannot be started: {error}"),
    }
}

#[test]
fn every_name_of_python_has_a_row_and_every_row_has_code() {
    within_patience(|| {
        let Some(output) = compare(&pages()) else { return };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains(" 0 complaints"), "{text}");
    });
}

#[test]
fn missing_rows_are_named() {
    within_patience(|| {
        let directory = Directory::new();
        for entry in fs::read_dir(pages()).expect("the pages are there") {
            let path = entry.expect("a readable directory").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).expect("a page is text");
                let spoilt = spoil(path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default(), text);
                fs::write(directory.path().join(path.file_name().expect("it has one")), spoilt)
                    .expect("a file can be written");
            }
        }
        let Some(output) = compare(directory.path()) else { return };
        let text = String::from_utf8_lossy(&output.stdout);
        let complaints: Vec<_> = text.lines().filter_map(|line| Some(line.split_once(".md")?.1)).collect();
        let expected = [
            ": no row for queue.LifoQueue",
            ": no row for queue.Queue.empty",
            ": no row for queue.Queue.full",
            ": no row for queue.Queue.qsize",
            ": no row for queue.SimpleQueue.empty",
            ": no row for queue.SimpleQueue.qsize",
            ":10: no code on the page uses `submit_soon`",
            ":11: neither what to use instead, nor why there is nothing",
        ];
        assert_eq!(complaints, expected, "{text}");
        assert!(!output.status.success());
    });
}

/// Takes rows away from one page, and puts two that are wrong into another.
fn spoil(page: &str, text: String) -> String {
    match page {
        "queue" => {
            let stays = |line: &&str| !line.starts_with("| `LifoQueue") && !line.starts_with("| `q.qsize");
            text.lines().filter(stays).map(|line| line.to_owned() + "\n").collect()
        }
        "threading" => {
            let head = "| Python | here | the difference |\n|---|---|---|\n";
            let wrong = "| `soon()` | `pool.submit_soon(f)` | |\n| `never()` | | |\n";
            text.replacen(head, &format!("{head}{wrong}"), 1)
        }
        _ => text,
    }
}
