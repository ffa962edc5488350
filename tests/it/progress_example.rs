//! The example `progress`, run where there is no terminal.

use std::fs;

use crate::examples::example;
use crate::support::{Directory, program, within_patience};

#[test]
fn without_a_terminal_there_are_lines_and_no_bars() {
    within_patience(|| {
        let directory = Directory::new();
        for folder in ["one", "two", "two/three"] {
            fs::create_dir(directory.path().join(folder)).expect("a directory can be made");
        }
        for (file, text) in [("a", "1\n2\n"), ("one/b", "3\n"), ("one/c", "no line"), ("two/three/d", "4\n5\n6\n")] {
            fs::write(directory.path().join(file), text).expect("a file can be written");
        }
        let output = program::output(example("progress").arg(directory.path()));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "4 folders, 7 lines\n");
        let lines = (1..=4).fold(String::new(), |lines, done| lines + &format!("folders: {done} of 4\n"));
        assert_eq!((String::from_utf8_lossy(&output.stderr).into_owned(), output.status.success()), (lines, true));
    });
}

#[test]
fn a_folder_that_is_missing_costs_a_line() {
    within_patience(|| {
        let missing = Directory::new().path().join("missing");
        let output = program::output(example("progress").arg(&missing));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "0 folders, 0 lines\n");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr, format!("{}: No such file or directory (os error 2)\n", missing.display()));
    });
}
