//! Programs that must not compile, and the compiler's errors: each file of `tests/compile` starts with the texts that its
//! error must hold, after `//~`. Only the crate's own words are compared to the letter; the compiler's may change.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn misuse_fails_to_compile_with_advice() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile");
    fs::create_dir_all(&scratch).unwrap();
    let (mut cases, mut bins) = (Vec::new(), String::new());
    for entry in fs::read_dir(package.join("tests/compile")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        writeln!(bins, "[[bin]]\nname = {name:?}\npath = {path:?}").unwrap();
        cases.push((name, fs::read_to_string(path).unwrap()));
    }
    let head = format!(
        "[package]\nname = \"cases\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nexecutor-core.path = {package:?}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n"
    );
    fs::write(scratch.join("Cargo.toml"), head + &bins).unwrap();
    // The same versions of what is compiled already, so that nothing needs the network.
    drop(fs::copy(package.join("../Cargo.lock"), scratch.join("Cargo.lock")));

    // A build, not a check: whether a closure captures is known only when code is generated. One for all, so that several compile at once.
    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--keep-going", "--bins", "--message-format=json"])
        .arg("--target-dir")
        .arg(scratch.join("target"))
        .current_dir(&scratch)
        .output()
        .unwrap();
    let (messages, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut wrong = Vec::new();
    for (name, source) in &cases {
        let of_case = |line: &&str| line.contains(&format!("\"name\":\"{name}\""));
        let (said, built): (Vec<_>, Vec<_>) =
            messages.lines().filter(of_case).partition(|line| line.starts_with(r#"{"reason":"compiler-message""#));
        let said = said.concat();
        let wanted: Vec<_> = source.lines().map_while(|line| line.strip_prefix("//~ ")).collect();
        if built.is_empty() == wanted.is_empty() {
            wrong.push(format!("{name}.rs: built: {}, which is wrong:\n{said}\n{stderr}", !built.is_empty()));
        }
        // As text is written there.
        for text in wanted.into_iter().map(|text| text.replace('\\', r"\\").replace('"', "\\\"")) {
            if !said.contains(&text) {
                wrong.push(format!("{name}.rs: `{text}` is missing in:\n{said}"));
            }
        }
    }
    assert!(cases.len() > 5, "{cases:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
