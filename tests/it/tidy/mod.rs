//! House rules, kept by reading the repository's own files. Each rule is a function of a text, in [`rules`], and is
//! tested there on a text that breaks it; here it is applied to every file that it is about.

mod arrows;
#[path = "../../../xtask/src/markdown.rs"]
mod markdown;
mod order;
mod orders;
mod rules;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rules::Complaint;
use walkdir::{DirEntry, WalkDir};

struct File {
    /// From the root of the repository.
    path: PathBuf,
    text: String,
}

impl File {
    fn is(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|found| found == extension)
    }

    fn is_named(&self, name: &str) -> bool {
        self.path.ends_with(name)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository, without git's own and without cargo's output.
fn files() -> Vec<File> {
    let is_ours = |entry: &DirEntry| !markdown::is_made_by_tools(entry.path());
    let entries = WalkDir::new(root()).sort_by_file_name().into_iter().filter_entry(is_ours);
    let read = |entry: DirEntry| {
        let path = entry.path().strip_prefix(root()).expect("the walk stays below its root").to_owned();
        let bytes = fs::read(entry.path()).expect("a file of the repository can be read");
        let Ok(text) = String::from_utf8(bytes) else {
            panic!("{}: is no text; keep what is generated or compressed out of the repository", path.display())
        };
        File { path, text }
    };
    let files: Vec<_> = entries
        .map(|entry| entry.expect("a readable directory"))
        .filter(|entry| entry.file_type().is_file())
        .map(read)
        .collect();
    assert!(files.len() > 50, "the rules see {} files only, in {}", files.len(), root().display());
    files
}

/// Fails with every complaint of `rule` about the files that `is_about` picks.
fn keep(is_about: impl Fn(&File) -> bool, rule: impl Fn(&File) -> Vec<Complaint>) {
    let mut seen = 0;
    let mut complaints = Vec::new();
    for file in files().iter().filter(|file| is_about(file)) {
        seen += 1;
        complaints.extend(rule(file).into_iter().map(|(line, what)| format!("{}:{line}: {what}", file.path.display())));
    }
    assert_ne!(seen, 0, "the rule looks at no file");
    assert!(complaints.is_empty(), "{} against the house rules:\n{}\n", complaints.len(), complaints.join("\n"));
}

#[test]
fn output_of_cargo_is_passed_over() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tidy");
    let at = |name: &str| root.join(name);
    for directory in [".git", "target/loom", "elsewhere", "sources/target"] {
        fs::create_dir_all(at(directory)).expect("a directory");
    }
    fs::write(at("Cargo.toml"), "").expect("a file");
    fs::write(at("elsewhere/CACHEDIR.TAG"), "").expect("a file");
    // A build that begins with `target/loom` leaves no tag in `target`.
    for made_by_tools in [".git", "target", "elsewhere"] {
        assert!(markdown::is_made_by_tools(&at(made_by_tools)), "{made_by_tools}");
    }
    for ours in ["", "sources", "sources/target"] {
        assert!(!markdown::is_made_by_tools(&at(ours)), "{ours:?}");
    }
}

#[test]
fn rust_files_are_short() {
    keep(|file| file.is("rs"), |file| rules::length(&file.text));
}

#[test]
fn nothing_is_unfinished_and_no_test_sleeps() {
    keep(|file| file.is("rs"), |file| rules::unfinished(&file.text));
}

#[test]
fn unsafe_code_says_why_it_is_sound() {
    keep(|file| file.is("rs"), |file| rules::safety(&file.text));
}

#[test]
fn panics_are_caught_in_one_place() {
    // A scope hands the panic of its closure on, once its jobs have ended.
    const CATCHES: [&str; 3] = [
        "executor-core/src/panics.rs",
        "executor-core/src/panics/drops.rs",
        "executor-thread/src/scope/erase_lifetime.rs",
    ];
    let is_code = |file: &File| {
        let is_library =
            ["core", "thread", "process"].iter().any(|name| file.path.starts_with(format!("executor-{name}/src")));
        is_library && file.is("rs") && !CATCHES.iter().any(|path| file.path == Path::new(path))
    };
    keep(is_code, |file| rules::catches(&file.text));
}

#[test]
fn modules_name_those_below_them() {
    let files = files();
    let mut complaints = Vec::new();
    for order in &orders::ORDERS {
        let inside = |file: &File| Some(file.path.strip_prefix(order.directory).ok()?.to_str()?.to_owned());
        let texts: BTreeMap<_, _> = files
            .iter()
            .filter(|file| file.is("rs"))
            .filter_map(|file| Some((inside(file)?, file.text.clone())))
            .collect();
        assert!(texts.len() > 10, "{} has {} files only", order.directory, texts.len());
        complaints
            .extend(order::complaints(order, &texts).into_iter().map(|what| format!("{}: {what}", order.directory)));
    }
    assert!(complaints.is_empty(), "{} against the order of modules:\n{}\n", complaints.len(), complaints.join("\n"));
}

#[test]
fn documentation_imports_the_facade() {
    const LIBRARIES: [&str; 5] =
        ["src", "executor-core/src", "executor-thread/src", "executor-process/src", "executor-testkit/src"];
    let is_documented = |file: &File| file.is("rs") && LIBRARIES.iter().any(|path| file.path.starts_with(path));
    keep(is_documented, |file| {
        let is_testkit = file.path.starts_with("executor-testkit");
        rules::facade(&file.text, is_testkit.then_some("executor_testkit"))
    });
}

#[test]
fn libraries_have_documentation_and_a_level_for_unsafe_code() {
    let is_lib = |file: &File| file.is_named("src/lib.rs");
    let is_safe = |file: &File| {
        ["executor-core", "executor-nats", "executor-testkit"].iter().any(|name| file.path.starts_with(name))
    };
    keep(is_lib, |file| rules::crate_root(&file.text, is_safe(file)));
}

#[test]
fn manifests_take_dependencies_and_lints_from_the_workspace() {
    keep(|file| file.is_named("Cargo.toml"), |file| rules::manifest(&file.text));
}

#[test]
fn files_speak_to_their_readers_only() {
    // The lock file and the licences have words of others.
    let is_ours = |file: &File| !file.is("lock") && !file.path.starts_with("LICENSE-APACHE");
    keep(is_ours, |file| rules::inside_talk(&file.text));
}

/// Fails where `count` finds more than `left` in all files for readers, and where it finds less, so that the number is lowered.
fn shrinks(what: &str, left: usize, count: impl Fn(&str, bool) -> usize) {
    let is_read = |file: &&File| (file.is("rs") || file.is("md")) && !file.is_named("CHANGELOG.md");
    let found: usize = files().iter().filter(is_read).map(|file| count(&file.text, file.is("rs"))).sum();
    assert!(found <= left, "{found} {what}, and there were {left}: write the new ones otherwise");
    assert!(found == left, "{found} {what} are left of {left}: write the lower number here");
}

#[test]
fn sentences_begin_with_the_thing() {
    shrinks("sentences or names of tests begin with a relative pronoun", 0, words::pronouns);
}

#[test]
fn conditions_are_said_plainly() {
    shrinks("words stand for a plain condition", 0, words::riddles);
}

#[test]
fn links_lead_somewhere() {
    let (links, dead) = markdown::check(root());
    assert!(links > 100, "the rule sees {links} links only");
    assert!(dead.is_empty(), "{} dead links:\n{}\n", dead.len(), dead.join("\n"));
}
