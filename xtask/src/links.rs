//! Every link of the rendered documentation, and of the Markdown files, leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::html::Html;
use crate::markdown;

const DOCUMENTED: [&str; 8] = [
    "executor-core",
    "executor-thread",
    "executor-process",
    "executor-testkit",
    "executor",
    "executor-nats",
    "executor-bench",
    "xtask",
];

/// Writes the documentation anew, so that no page of an earlier build is left, and checks it.
pub(crate) fn build_and_check(root: &Path, target: &Path) -> Result<String, String> {
    let doc = target.join("doc");
    if doc.exists() {
        fs::remove_dir_all(&doc).map_err(|error| format!("{}: {error}", doc.display()))?;
    }
    let mut command = Command::new(env!("CARGO"));
    command.args(["doc", "--no-deps", "--all-features"]).arg("--target-dir").arg(target).current_dir(root);
    for package in DOCUMENTED {
        // Rustdoc writes a link to another crate only if that one has a directory.
        let pages = doc.join(package.replace('-', "_"));
        fs::create_dir_all(&pages).map_err(|error| format!("{}: {error}", pages.display()))?;
        command.args(["-p", package]);
    }
    let status = command.status().map_err(|error| format!("cargo doc: {error}"))?;
    if !status.success() {
        return Err("cargo doc failed".to_owned());
    }
    check(root, &doc)
}

pub(crate) fn check(root: &Path, doc: &Path) -> Result<String, String> {
    let (in_markdown, mut complaints) = markdown::check(root);
    let pages = pages(doc)?;
    let in_html: usize = pages.values().map(|page| page.links.len()).sum();
    let files = |path: &Path| doc.join(path).exists();
    complaints.extend(dead(&pages, files).into_iter().map(|fault| format!("{}/{fault}", doc.display())));
    if complaints.is_empty() {
        Ok(format!("{in_markdown} links of Markdown files and {in_html} of {} HTML pages lead somewhere", pages.len()))
    } else {
        Err(format!("{} dead links:\n{}", complaints.len(), complaints.join("\n")))
    }
}

/// The HTML pages below a directory, by their path from there.
fn pages(doc: &Path) -> Result<BTreeMap<PathBuf, Html>, String> {
    let failed = |path: &Path, error: std::io::Error| {
        format!(
            "{}: {error}; write the documentation first: cargo doc --workspace --no-deps --all-features",
            path.display()
        )
    };
    let mut found = BTreeMap::new();
    let mut left = vec![doc.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).map_err(|error| failed(&directory, error))? {
            let path = entry.map_err(|error| failed(&directory, error))?.path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "html") {
                let text = fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
                found.insert(path.strip_prefix(doc).expect("the walk stays below").to_owned(), Html::of(&text));
            }
        }
    }
    Ok(found)
}

/// Each dead link once for each page: a path and a line, and the fault there.
fn dead(pages: &BTreeMap<PathBuf, Html>, exists: impl Fn(&Path) -> bool) -> BTreeSet<String> {
    let mut complaints = BTreeSet::new();
    for (path, page) in pages {
        let at = |line: &usize| format!("{}:{line}", path.display());
        for (line, target) in &page.links {
            if let Some(fault) = fault(path, target, pages, &exists) {
                complaints.insert(format!("{}: `{target}`: {fault}", at(line)));
            }
        }
        complaints.extend(page.unlinked.iter().map(|(line, text)| format!("{}: no link: {text}", at(line))));
    }
    complaints
}

fn fault(
    from: &Path,
    target: &str,
    pages: &BTreeMap<PathBuf, Html>,
    exists: &impl Fn(&Path) -> bool,
) -> Option<&'static str> {
    // Rustdoc writes these into pages whether or not there is something behind them.
    let is_own = target.contains("trait.impl/")
        || (target == "#main-content" && from.starts_with("src"))
        || (target == "./index.html" && ["help.html", "settings.html"].iter().any(|page| from == Path::new(page)));
    // Rustdoc copies what another crate says of its traits onto the page of each type that implements them, with links that only the pages
    // of that crate resolve. A path of ours that leads nowhere is an error of rustdoc's.
    let is_copied = target.contains("::") || target == "dispatcher#setting-the-default-subscriber";
    let is_elsewhere =
        target.contains("://") || ["data:", "javascript:", "mailto:"].iter().any(|s| target.starts_with(s));
    if is_elsewhere || is_own || is_copied {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = path.split('?').next().unwrap_or_default();
    let to = if path.is_empty() { from.to_owned() } else { resolved(from, path) };
    let to = if path.ends_with('/') { to.join("index.html") } else { to };
    match pages.get(&to) {
        None if exists(&to) => None,
        None => Some("no such file"),
        Some(Html { redirect: Some(next), .. }) => fault(&to, &format!("{next}#{anchor}"), pages, exists),
        Some(page) => (!has_anchor(page, &to, anchor)).then_some("the page has no such anchor"),
    }
}

fn resolved(from: &Path, path: &str) -> PathBuf {
    let mut to = from.parent().unwrap_or(Path::new("")).to_owned();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => drop(to.pop()),
            Component::Normal(name) => to.push(name),
            _ => {}
        }
    }
    to
}

/// Pages of source code have an anchor for each line, and a script that knows ranges of them.
fn has_anchor(page: &Html, path: &Path, anchor: &str) -> bool {
    let has = |anchor: &str| anchor.is_empty() || page.anchors.contains(anchor);
    match anchor.split_once('-') {
        Some((first, last)) if path.starts_with("src") => has(first) && has(last),
        _ => has(anchor) || has(&percent_decoded(anchor)),
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faulty(text: &str) -> Vec<usize> {
        let source = Html::of("<a id=1></a><a id=2></a>");
        let item = Html::of("<b id=\"impl-A%3CT%3E\"></b><b id=\"x<y\"></b>");
        let redirect = Html::of("<meta http-equiv=\"refresh\" content=\"0;URL=../b/struct.B.html\">");
        let pages = BTreeMap::from([
            (PathBuf::from("a/index.html"), Html::of(text)),
            (PathBuf::from("a/b/struct.B.html"), item),
            (PathBuf::from("a/private/struct.B.html"), redirect),
            (PathBuf::from("src/a/lib.rs.html"), source),
        ]);
        let exists = |path: &Path| path == Path::new("static/main.js");
        dead(&pages, exists).iter().filter_map(|fault| fault.split(':').nth(1)?.parse().ok()).collect()
    }

    #[test]
    fn dead_links_are_found() {
        let text = "<a href=\"b/struct.C.html\">\n<a href=\"b/struct.B.html#none\">\n<img src=\"../docs/x.svg\">\n\
                    <a href=\"../src/a/lib.rs.html#1-3\">\n<a href=\"#gone\">\n<p>[the guide][guide]</p>\n\
                    <a href=\"private/struct.B.html#none\">";
        assert_eq!(faulty(text), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn live_links_are_fine() {
        let text = "<a href=\"crate::Span\"><a href=\"super::Span\"><a href=\"b/struct.B.html#impl-A%3CT%3E\"><a href=\"b/struct.B.html#x%3Cy\"><a href=\"./b/../index.html\">\
                    <a href=\"../src/a/lib.rs.html#1-2\"><a href=\"https://example.org/#x\"><script src=\"../static/main.js\">\
                    </script><a href=\"#\">\
                    <a href=\"private/struct.B.html#x%3Cy\"><a href=\"index.html?search=x\"><p id=here><a href=\"#here\"><a href=\"../a/\">";
        assert_eq!(faulty(text), [0; 0]);
    }

    #[test]
    fn missing_documentation_is_reported() {
        let error = pages(Path::new("/nonexistent")).err().expect("there is no such directory");
        assert!(error.contains("cargo doc"), "{error}");
    }
}
