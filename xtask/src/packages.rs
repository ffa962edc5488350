//! Packages hold what a user of a crate needs, and nothing else: looked at as cargo lists them, and as it packs them.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Packages that are published, with what each may hold beyond [`EVERYWHERE`].
const PACKAGES: [(&str, &[&str]); 6] = [
    ("executor-core", &[]),
    ("executor-thread", &[]),
    ("executor-process", &[]),
    ("executor-testkit", &[]),
    ("executor-nats", &["deploy/", "docs/", "examples/"]),
    ("executor", &["docs/", "examples/", "CHANGELOG.md", "SECURITY.md"]),
];

/// Files by their path, and directories by theirs with a slash.
const EVERYWHERE: [&str; 8] = [
    ".cargo_vcs_info.json",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "src/",
];

const NEEDED: [&str; 5] = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"];

const MAX_BYTES: u64 = 1 << 20;

/// Warnings of cargo that are meant: there is no public address yet, and tests stay out of the packages.
const KNOWN: [&str; 3] =
    ["manifest has no documentation, homepage or repository", "ignoring test `it`", "ignoring example `version_"];

/// With `is_verified`, each package is built from what it holds, which takes minutes.
pub(crate) fn check(root: &Path, target: &Path, is_verified: bool) -> Result<String, String> {
    let mut complaints = Vec::new();
    let mut summary = Vec::new();
    for (package, extra) in PACKAGES {
        let listed = cargo(root, &["package", "--list", "--allow-dirty", "--quiet", "-p", package])?.0;
        let files: Vec<_> = listed.lines().collect();
        complaints.extend(faults(&files, extra).into_iter().map(|fault| format!("{package}: {fault}")));
        let directory = if package == "executor" { root.to_owned() } else { root.join(package) };
        let size = |file: &&str| fs::metadata(directory.join(file)).map_or(0, |metadata| metadata.len());
        let large = files.iter().filter(|file| size(file) > MAX_BYTES);
        complaints.extend(large.map(|file| format!("{package}: {file} is larger than {MAX_BYTES} bytes")));
        let bytes: u64 = files.iter().map(size).sum();
        summary.push(format!("{package}: {} files, {} KiB", files.len(), bytes >> 10));
    }
    let mut pack = vec!["package", "--allow-dirty"];
    pack.extend(PACKAGES.iter().flat_map(|(package, _)| ["-p", *package]));
    pack.extend((!is_verified).then_some("--no-verify"));
    let target = target.display().to_string();
    pack.extend(["--target-dir", &target]);
    let (_, said) = cargo(root, &pack)?;
    complaints.extend(warnings(&said));
    if complaints.is_empty() { Ok(summary.join("\n")) } else { Err(complaints.join("\n")) }
}

/// Runs cargo, and returns its two outputs.
fn cargo(root: &Path, arguments: &[&str]) -> Result<(String, String), String> {
    let failed = |error: &dyn std::fmt::Display| format!("cargo {}: {error}", arguments.join(" "));
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(root).output().map_err(|error| failed(&error))?;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok((stdout.into_owned(), stderr.into_owned())) } else { Err(failed(&stderr)) }
}

fn faults(files: &[&str], extra: &[&str]) -> Vec<String> {
    let is_allowed = |file: &str| {
        let mut allowed = EVERYWHERE.iter().chain(extra);
        allowed.any(|known| file == *known || known.ends_with('/') && file.starts_with(known))
    };
    let strange = files.iter().filter(|file| !is_allowed(file));
    let strange = strange.map(|file| format!("{file} is packed; leave it out in `include`, or allow it in xtask"));
    let missing = NEEDED.iter().filter(|needed| !files.contains(*needed));
    strange.chain(missing.map(|file| format!("{file} is not packed"))).collect()
}

fn warnings(said: &str) -> Vec<String> {
    let is_new = |line: &&str| line.starts_with("warning:") && !KNOWN.iter().any(|known| line.contains(known));
    said.lines().filter(is_new).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_and_missing_files_are_found() {
        let mut files = vec!["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs", "docs/GUIDE.md"];
        assert_eq!(faults(&files, &["docs/"]), [""; 0]);
        assert!(faults(&files, &[])[0].starts_with("docs/GUIDE.md is packed"));
        files.retain(|file| !file.starts_with("LICENSE"));
        files.push("srcs");
        let found = faults(&files, &["docs/"]);
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn new_warnings_are_found() {
        let said =
            "warning: manifest has no documentation, homepage or repository\n  |\nwarning: other\n   Packaged 3 files";
        assert_eq!(warnings(said), ["warning: other"]);
    }
}
