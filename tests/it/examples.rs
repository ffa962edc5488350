//! The example programs, run as a person would run them.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Directory, within_patience};

/// A run's exit status and output.
struct Run {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stderr))
    }

    /// The one line on stderr about this path.
    fn complaint(&self, path: &str) -> &str {
        let prefix = format!("{path}: ");
        let mut lines = self.stderr.lines().filter_map(|line| line.strip_prefix(&prefix));
        let line = lines.next().unwrap_or_else(|| panic!("nothing about {path}:\n{}", self.stderr));
        assert_eq!(lines.next(), None, "more than one line about {path}");
        line
    }

    /// The lines on stderr that are not the census's progress.
    fn complaints(&self) -> Vec<&str> {
        self.stderr.lines().filter(|line| !line.starts_with("census: ")).collect()
    }
}

/// Where cargo puts an example of the profile that this test was built with.
pub(crate) fn example(name: &str) -> Command {
    let this = std::env::current_exe().expect("this program has a path");
    let profile = this.ancestors().nth(2).expect("a test lies in `deps` of its profile's directory");
    let program = profile.join("examples").join(name);
    assert!(program.exists(), "{} is not built: `cargo build --examples`, or run all tests", program.display());
    Command::new(program)
}

fn run(command: &mut Command) -> Run {
    let output = command.stdin(Stdio::null()).output().expect("it can be started");
    let stderr = String::from_utf8(output.stderr).expect("messages are text");
    Run { status: output.status, stdout: output.stdout, stderr }
}

fn census(directory: &Path, options: &[&str]) -> Run {
    run(example("census").args(options).arg(directory))
}

/// Run inside of the directory, so that paths start with `./`.
fn digest(directory: &Path, options: &[&OsStr]) -> Run {
    run(example("digest").args(options).current_dir(directory))
}

fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().expect("a file is in a directory")).expect("the directory can be made");
    fs::write(path, bytes).expect("the file can be written");
}

fn hostile() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/census/hostile")
}

/// Paths that cannot be visited or read, and what is to be said about each.
fn obstacles(directory: &Path) -> Vec<(&'static str, &'static str)> {
    symlink("nowhere", directory.join("broken.rs")).expect("a link may lead nowhere");
    symlink("itself.rs", directory.join("itself.rs")).expect("a link may lead to itself");
    fs::create_dir(directory.join("round")).expect("a directory can be made");
    symlink("..", directory.join("round/about")).expect("a link may lead back");
    let mut obstacles = vec![
        ("broken.rs", "broken link: No such file"),
        ("itself.rs", "Too many levels of symbolic links"),
        ("round/about", "link loop: it leads back to "),
    ];
    let locked = directory.join("locked.rs");
    write(&locked, "");
    fs::set_permissions(&locked, PermissionsExt::from_mode(0o000)).expect("the owner may change the mode");
    // Root reads it anyway.
    if File::open(&locked).is_err() {
        obstacles.push(("locked.rs", "Permission denied"));
    }
    obstacles
}

// SAFETY: it is a text, to be parsed and never run.
const ONE: &str = "pub fn one() -> u32 {\n    unsafe { std::hint::unreachable_unchecked() }\n}\n";
const TWO: &str = "trait T { fn a(); fn b() { if true { loop { panic!() } } } }\nfn c() { None::<u8>.unwrap(); }\n";

#[test]
fn census_counts_the_same_everywhere() {
    within_patience(|| {
        let directory = Directory::new();
        write(directory.path().join("first/src/lib.rs"), ONE);
        write(directory.path().join("first/src/two.rs"), TWO);
        write(directory.path().join("first/README.md"), "fn not_rust() {}");
        write(directory.path().join("registry/src/index/second-1.0.0/src/deep/mod.rs"), TWO);
        write(directory.path().join("registry/src/index/second-1.0.0/broken.rs"), "fn (");
        write(directory.path().join("empty.rs"), "");
        for with in ["processes", "threads", "rayon", "none"] {
            let run = census(directory.path(), &["--json", "--with", with]);
            assert_eq!((run.status.code(), run.complaints()), (Some(0), vec![]), "{with}");
            let document = run.json();
            assert_eq!((&document["with"], &document["complete"]), (&json!(with), &json!(true)));
            let totals = json!({
                "files": 5, "unparsed": 1, "failed": 0, "lines": 7, "functions": 7, "unsafe_blocks": 1, "panics": 4,
                "deepest": 3,
            });
            assert_eq!(document["totals"], totals, "{with}");
            let names: Vec<_> = document["crates"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
            let own = directory.path().file_name().unwrap().to_str().unwrap();
            assert_eq!(names, [own, "first", "second-1.0.0"], "{with}");
            let most_unsafe = json!([{ "path": "first/src/lib.rs", "lossy": false, "unsafe_blocks": 1 }]);
            assert_eq!(document["most_unsafe"], most_unsafe, "{with}");
        }
        let cold = census(directory.path(), &["--cold", "--verbose", "--workers", "1"]);
        assert_eq!(cold.status.code(), Some(0));
        assert!(cold.complaint("registry/src/index/second-1.0.0/broken.rs").starts_with("unparsed: "));
        let table = String::from_utf8(cold.stdout).expect("a table is text");
        assert!(table.lines().any(|line| line.starts_with("second-1.0.0 ")), "{table}");
    });
}

#[test]
fn census_takes_no_file_after_its_time() {
    within_patience(|| {
        let directory = Directory::new();
        write(directory.path().join("registry/src/index/one-1.0.0/lib.rs"), ONE);
        for with in ["processes", "none"] {
            let run = census(directory.path(), &["--json", "--seconds", "0", "--with", with]);
            let document = run.json();
            assert_eq!((&document["complete"], &document["totals"]["files"]), (&json!(false), &json!(0)), "{with}");
            assert_eq!((run.status.code(), run.complaints()), (Some(0), vec![]), "{with}");
            assert!(run.stderr.starts_with("census: ") && run.stderr.contains("for 0 s at most"), "{}", run.stderr);
        }
        let text = census(directory.path(), &["--seconds", "0"]).stdout;
        assert!(String::from_utf8_lossy(&text).contains("This is a part of "));
        let all = census(directory.path(), &["--json", "--seconds", "0", "--all"]);
        assert_eq!(all.json()["totals"]["files"], 1, "{}", all.stderr);
    });
}

#[test]
fn census_of_unpacked_sources_has_a_limit() {
    within_patience(|| {
        let home = Directory::new();
        write(home.path().join("registry/src/index/one-1.0.0/lib.rs"), ONE);
        let run = run(example("census").arg("--json").env("CARGO_HOME", home.path()));
        assert!(run.stderr.contains("for 10 s at most"), "{}", run.stderr);
        assert_eq!(run.json()["crates"][0]["name"], "one-1.0.0", "{}", run.stderr);
    });
}

#[test]
fn census_survives_a_crash() {
    within_patience(|| {
        let run = census(&hostile(), &["--json"]);
        assert_eq!(run.status.code(), Some(1), "{}", run.stderr);
        let crash = run.complaint("nested.rs");
        assert!(crash.starts_with("job `census::analyse::analyse` crashed: "), "{crash}");
        assert!(crash.contains("SIGSEGV") || crash.contains("SIGABRT"), "{crash}");
        let totals = &run.json()["totals"];
        assert_eq!((&totals["files"], &totals["failed"]), (&json!(1), &json!(1)));
    });
}

#[test]
fn census_dies_of_a_crash_on_threads() {
    within_patience(|| {
        let run = census(&hostile(), &["--with", "threads"]);
        assert!(run.status.signal().is_some(), "{}", run.status);
    });
}

#[test]
fn census_reports_what_it_cannot_read() {
    within_patience(|| {
        let directory = Directory::new();
        write(directory.path().join("fine.rs"), ONE);
        write(directory.path().join("latin.rs"), b"// caf\xe9\n");
        write(directory.path().join(OsStr::from_bytes(b"name\xff.rs")), ONE);
        write(directory.path().join(OsStr::from_bytes(b"latin\n\xff.rs")), b"\xff");
        // Opening a fifo blocks until there is a writer.
        mknodat(CWD, directory.path().join("fifo.rs"), FileType::Fifo, Mode::RWXU, 0).expect("a fifo can be made");
        File::create(directory.path().join("huge.rs")).and_then(|file| file.set_len(1 << 30)).expect("a hole is cheap");
        let obstacles = obstacles(directory.path());
        let run = census(directory.path(), &["--json"]);
        assert_eq!(run.status.code(), Some(1), "{}", run.stderr);
        for (path, reason) in &obstacles {
            assert!(run.complaint(path).contains(reason), "{}", run.stderr);
        }
        assert_eq!(run.complaint("latin.rs"), "not UTF-8: byte 6 starts no character");
        assert_eq!(run.complaint("latin\\n\u{fffd}.rs"), "not UTF-8: byte 0 starts no character");
        assert_eq!(run.complaint("huge.rs"), "larger than 16 MiB");
        let document = run.json();
        assert_eq!(document["totals"]["failed"], obstacles.len() + 3);
        assert_eq!(document["totals"]["unsafe_blocks"], 2);
        let lossy = json!({ "path": "name\u{fffd}.rs", "lossy": true, "unsafe_blocks": 1 });
        assert_eq!(document["most_unsafe"][1], lossy);
    });
}

/// The line of `sha256sum`, for a name that needs no escapes.
fn line(name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut line: Vec<u8> =
        Sha256::digest(content).iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
    line.extend(b"  ./");
    line.extend(name);
    line.push(b'\n');
    line
}

#[test]
fn digest_is_right_for_files_of_any_size() {
    within_patience(|| {
        const MIB: usize = 1024 * 1024;
        let directory = Directory::new();
        let content: Vec<u8> = (0..=2 * MIB).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let lengths = [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1];
        let mut expected = Vec::new();
        for (number, length) in lengths.into_iter().enumerate() {
            write(directory.path().join(number.to_string()), &content[..length]);
            expected.extend(line(number.to_string().as_bytes(), &content[..length]));
        }
        let run = digest(directory.path(), &[]);
        assert_eq!((run.status.code(), run.stdout), (Some(0), expected));
        let bytes: usize = lengths.iter().sum();
        assert!(run.stderr.starts_with(&format!("files: 7, bytes: {bytes}, failed: 0\n")), "{}", run.stderr);
    });
}

#[test]
fn digest_writes_every_name_in_order() {
    within_patience(|| {
        let directory = Directory::new();
        // As their bytes are ordered, with one directory among them.
        let plain: [&[u8]; 6] = [b"a b", b"a-b", b"a.txt", b"a/b", b"a0", b"a\xff"];
        for name in plain {
            write(directory.path().join(OsStr::from_bytes(name)), name);
        }
        write(directory.path().join("b\nc"), "same");
        write(directory.path().join("b\rc"), "same");
        write(directory.path().join("b\\c"), "same");
        let run = digest(directory.path(), &[]);
        let mut expected: Vec<u8> = plain.into_iter().flat_map(|name| line(name, name)).collect();
        for name in [r"b\nc", r"b\rc", r"b\\c"] {
            expected.push(b'\\');
            expected.extend(line(name.as_bytes(), b"same"));
        }
        assert_eq!(run.stdout.escape_ascii().to_string(), expected.escape_ascii().to_string());
        assert_eq!(run.status.code(), Some(0));
        assert!(run.stderr.contains("\ngroups of duplicates: 1, bytes wasted on them: 8"), "{}", run.stderr);
        check_with_sha256sum(directory.path(), &run.stdout);
    });
}

/// Lets `sha256sum`, where there is one, check what was printed.
fn check_with_sha256sum(directory: &Path, digests: &[u8]) {
    let list = Directory::new();
    write(list.path().join("list"), digests);
    let mut command = Command::new("sha256sum");
    match command.args(["--check", "--quiet"]).arg(list.path().join("list")).current_dir(directory).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        output => assert!(output.as_ref().is_ok_and(|output| output.status.success()), "{output:?}"),
    }
}

#[test]
fn digest_reports_what_it_cannot_read() {
    within_patience(|| {
        let directory = Directory::new();
        write(directory.path().join("fine"), "fine");
        mknodat(CWD, directory.path().join("fifo"), FileType::Fifo, Mode::RWXU, 0).expect("a fifo can be made");
        let obstacles = obstacles(directory.path());
        let run = digest(directory.path(), &[]);
        assert_eq!(run.status.code(), Some(1), "{}", run.stderr);
        for (path, reason) in obstacles {
            assert!(run.complaint(&format!("./{path}")).contains(reason), "{}", run.stderr);
        }
        assert!(run.stdout.starts_with(&line(b"fine", b"fine")), "{}", run.stdout.escape_ascii());
    });
}

#[test]
fn digest_fits_into_its_file_limit() {
    within_patience(|| {
        let directory = Directory::new();
        let names: Vec<_> = (100..300).map(|number| number.to_string()).collect();
        for name in &names {
            write(directory.path().join(name), name);
        }
        for (limit, workers) in [("40", "1"), ("64", "2"), ("64", "64")] {
            let mut limited = Command::new("sh");
            limited.args(["-c", "ulimit -n \"$0\"; exec \"$@\"", limit]).arg(example("digest").get_program());
            let run = run(limited.args(["--workers", workers]).current_dir(directory.path()));
            assert_eq!(run.status.code(), Some(0), "{limit} files: {}", run.stderr);
            let lines: Vec<_> = names.iter().map(|name| line(name.as_bytes(), name.as_bytes())).collect();
            assert_eq!(run.stdout, lines.concat(), "{limit} files");
        }
    });
}

#[test]
fn digest_survives_a_crash() {
    within_patience(|| {
        let directory = Directory::new();
        for name in ["a", "b", "c/a", "d"] {
            write(directory.path().join(name), name);
        }
        let run = digest(directory.path(), &["--crash", "a", "--workers", "1"].map(OsStr::new));
        assert_eq!(run.status.code(), Some(1), "{}", run.stderr);
        for path in ["./a", "./c/a"] {
            let crash = run.complaint(path);
            assert!(crash.starts_with("job `digest::parts::crash` crashed: ") && crash.contains("SIGABRT"), "{crash}");
        }
        assert_eq!(run.stdout, [line(b"b", b"b"), line(b"d", b"d")].concat());
    });
}

#[test]
fn closed_stdout_is_no_error() {
    within_patience(|| {
        let directory = Directory::new();
        write(directory.path().join("one.rs"), ONE);
        for (name, options) in
            [("census", vec![]), ("census", vec!["--json"]), ("census", vec!["--help"]), ("digest", vec![])]
        {
            let (reader, writer) = io::pipe().expect("a pipe");
            drop(reader);
            let run = run(example(name).args(options).arg(directory.path()).stdout(writer));
            assert_eq!((run.status.code(), run.complaints()), (Some(0), vec![]), "{name}");
        }
    });
}

#[test]
fn they_explain_themselves() {
    within_patience(|| {
        for name in ["census", "digest"] {
            let help = run(example(name).arg("--help"));
            assert_eq!((help.status.code(), &*help.stderr), (Some(0), ""));
            assert!(String::from_utf8_lossy(&help.stdout).contains("\nOptions:\n"));
            let mistakes: [&[&str]; 5] =
                [&["--nonsense"], &["a", "b"], &["--workers", "0"], &["--with", "magic"], &["--crash"]];
            for mistake in mistakes {
                let run = run(example(name).args(mistake.iter().map(OsString::from)));
                assert_eq!((run.status.code(), &*run.stdout), (Some(2), &b""[..]), "{name} {mistake:?}");
                assert!(run.stderr.starts_with(&format!("{name}: ")), "{}", run.stderr);
            }
        }
    });
}

#[test]
fn a_connection_per_thread_is_enough() {
    within_patience(|| {
        let run = run(&mut example("connection_per_thread"));
        let text = String::from_utf8(run.stdout).expect("its output is text");
        assert!(run.status.success(), "{}", run.stderr);
        assert_eq!(text, "sum of squares: 333833500\n1000 requests went over at most 4 connections: true\n");
    });
}
