//! The links of the repository's Markdown files: every file, heading and label that one names exists.
//!
//! Pages that are also modules of the crate's documentation follow one more rule: a link to a file is a reference link, and
//! `docs/rustdoc_links.md` says where the label leads there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use parse::{Link, Page};

#[path = "markdown/parse.rs"]
mod parse;

/// A line, from 1, and the fault there, with the cure.
type Complaint = (usize, String);

/// Definitions for rustdoc, which stand before a page: of links, and of pictures.
const FOR_RUSTDOC: [&str; 2] = ["docs/rustdoc_links.md", "docs/rustdoc_pictures.md"];

/// The modules of pages, each with its `include_str!`.
const PAGES: &str = "src/pages.rs";

/// The number of links, and the dead ones among them.
pub(crate) fn check(root: &Path) -> (usize, Vec<String>) {
    let read = |path: &Path| fs::read_to_string(root.join(path)).unwrap_or_default();
    let for_rustdoc = FOR_RUSTDOC.iter().flat_map(|path| Page::of(&read(Path::new(path))).definitions).collect();
    let modules = included(&read(Path::new(PAGES)));
    let mut links = 0;
    let mut complaints = Vec::new();
    for path in files(root) {
        if is_for_rustdoc(&path) {
            continue;
        }
        let page = Page::of(&read(&path));
        let directory = root.join(&path).parent().expect("a file is in a directory").to_owned();
        let mut found = dead(&page, |target| match target {
            "" => Some(page.anchors.clone()),
            target if is_page(Path::new(target)) => {
                fs::read_to_string(directory.join(target)).ok().map(|text| Page::of(&text).anchors)
            }
            target => directory.join(target).exists().then(BTreeSet::new),
        });
        if modules.contains(&path) {
            found.extend(dead_in_rustdoc(&page, &for_rustdoc));
        }
        links += page.links.len();
        found.sort();
        complaints.extend(found.into_iter().map(|(line, fault)| format!("{}:{line}: {fault}", path.display())));
    }
    (links, complaints)
}

/// Every Markdown file by its path from the root, without git's own files and cargo's output.
fn files(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        if is_made_by_tools(&directory) {
            continue;
        }
        for entry in fs::read_dir(&directory).expect("a readable directory") {
            let path = entry.expect("a readable directory").path();
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            } else if is_page(&path) {
                found.insert(path.strip_prefix(root).expect("the walk stays below its root").to_owned());
            }
        }
    }
    found
}

/// Whether a directory is git's own or cargo's output: by its name too, for a build that begins in `target/loom` leaves no
/// tag in `target`.
pub(crate) fn is_made_by_tools(path: &Path) -> bool {
    let is_output = || path.ends_with("target") && path.with_file_name("Cargo.toml").exists();
    path.ends_with(".git") || is_output() || path.join("CACHEDIR.TAG").exists()
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

fn is_for_rustdoc(path: &Path) -> bool {
    FOR_RUSTDOC.iter().any(|known| path == Path::new(known))
}

/// The pages that a module of `src` includes right below the definitions for rustdoc.
fn included(text: &str) -> BTreeSet<PathBuf> {
    let file = |line: &str| Some(PathBuf::from(line.split_once("include_str!(\"../")?.1.split_once('"')?.0));
    let lines: Vec<_> = text.lines().collect();
    let pairs = lines.windows(2).filter(|pair| file(pair[0]).is_some_and(|file| is_for_rustdoc(&file)));
    pairs.filter_map(|pair| file(pair[1])).filter(|path| !is_for_rustdoc(path)).collect()
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:") || target.starts_with("data:")
}

/// Links to files, headings and labels that are not there. `anchors` gives those of a file by its path from the page, if
/// there is such a file.
fn dead(page: &Page, anchors: impl Fn(&str) -> Option<BTreeSet<String>>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut check = |line: usize, target: &str| {
        if is_elsewhere(target) {
            return;
        }
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        match anchors(path) {
            None => complaints.push((line, format!("`{path}` is not there; correct the link, or write the file"))),
            // Other files have anchors that this does not know, such as the lines of source code.
            Some(known)
                if !anchor.is_empty() && (path.is_empty() || is_page(Path::new(path))) && !known.contains(anchor) =>
            {
                complaints.push((line, format!("`{target}` has no heading #{anchor}; correct the link")));
            }
            Some(_) => {}
        }
    };
    for (line, target) in page.definitions.values() {
        check(*line, target);
    }
    for (line, link) in &page.links {
        if let Link::Inline(target) = link {
            check(*line, target);
        }
    }
    let undefined = page.links.iter().filter_map(|(line, link)| match link {
        Link::Label(label) if !page.definitions.contains_key(label) => {
            Some((*line, format!("[{label}] is not defined on this page; define it, or write plain text")))
        }
        _ => None,
    });
    complaints.extend(undefined);
    complaints
}

/// Links that work in the repository and not in the crate's documentation.
fn dead_in_rustdoc(page: &Page, for_rustdoc: &BTreeMap<String, (usize, String)>) -> Vec<Complaint> {
    let fault = |link: &Link| match link {
        Link::Inline(target) if !is_elsewhere(target) && !target.starts_with('#') => {
            Some(format!("`{target}` is a file, which rustdoc does not copy; write a reference link"))
        }
        Link::Label(label) => {
            let (_, target) = page.definitions.get(label)?;
            let is_file = !is_elsewhere(target) && !target.starts_with('#');
            (is_file && !for_rustdoc.contains_key(label))
                .then(|| format!("[{label}] leads to a file; define it in {} too", FOR_RUSTDOC[0]))
        }
        Link::Inline(_) => None,
    };
    page.links.iter().filter_map(|(line, link)| Some((*line, fault(link)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faulty(text: &str) -> Vec<usize> {
        let page = Page::of(text);
        let anchors = |path: &str| match path {
            "" => Some(page.anchors.clone()),
            "b.md" => Some(Page::of("# The `b` file, again\n```\n# no heading\n```\n## [Twice](x)\n## Twice").anchors),
            "dir" => Some(BTreeSet::new()),
            _ => None,
        };
        let mut lines: Vec<_> = dead(&page, anchors).into_iter().map(|(line, _)| line).collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn dead_files_and_headings_are_found() {
        assert_eq!(faulty("[a](a.md)\n[b](b.md) and [b](b.md#c)\n[b](b.md#no-heading) [x](#gone)"), [1, 2, 3, 3]);
        assert_eq!(faulty("# Here\n[b](b.md#the-b-file-again) [d](dir) [h](#here)\n[t](b.md#twice-1)"), [0; 0]);
        assert_eq!(faulty("[c](https://c.example/#d) `[a](a.md)` \\[a](a.md)\n```\n[a](a.md)\n```"), [0; 0]);
    }

    #[test]
    fn dead_pictures_are_found() {
        assert_eq!(faulty("![a](a.svg)\n<img src=\"b.svg\">\n<source srcset=\"c.svg 2x\">"), [1, 2, 3]);
    }

    #[test]
    fn labels_without_a_definition_are_found() {
        assert_eq!(faulty("[a][b]\n[`Code`] and [text]\n[c][]\n\n[d]: b.md"), [1, 2, 3]);
        assert_eq!(faulty("[a\nb][b], [`B`], [b][], [B]\n\n[b]: b.md\n[`b`]: b.md"), [0; 0]);
        assert_eq!(faulty("[a][b]\n\n[b]: gone.md"), [3]);
    }

    #[test]
    fn links_of_files_in_rustdoc_are_found() {
        let lines = |text| -> Vec<_> {
            let for_rustdoc = Page::of("[guide]: crate::guide").definitions;
            dead_in_rustdoc(&Page::of(text), &for_rustdoc).into_iter().map(|(line, _)| line).collect()
        };
        assert_eq!(lines("[a](a.md)\n[b][b]\n[g][guide]\n\n[b]: b.md\n[guide]: GUIDE.md"), [1, 2]);
        assert_eq!(lines("[a](https://a.example) [b](#b) [c][c]\n\n[c]: https://c.example"), [0; 0]);
    }

    #[test]
    fn included_pages_are_known() {
        let page = |name: &str| format!("#[doc = include_str!(\"../{name}\")]");
        let labels = FOR_RUSTDOC.map(page).join("\n");
        let text = [page("README.md"), labels.clone(), page("docs/GUIDE.md"), labels.clone(), page("SECURITY.md")];
        assert!(included(&text.join("\n")).into_iter().eq(["SECURITY.md", "docs/GUIDE.md"].map(PathBuf::from)));
    }
}
