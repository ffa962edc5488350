//! The public interface of the crate `executor` as text, recorded in the repository, so that a change of it is seen as a change of a file.
//!
//! Rustdoc describes each crate by itself, and the facade only re-exports. So the items of the inner crates are listed, by the names that
//! the facade gives them; one that it does not re-export is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use public_api::Builder;

use names::Names;

mod names;

const RECORD: &str = "docs/public-api.txt";
const FACADE: &str = "executor";
/// Each without `executor-`.
const INNER: [&str; 3] = ["core", "thread", "process"];
/// Of rustdoc's JSON, as the library `public-api` reads it.
const FORMAT: &str = "57";

const HEAD: &str = "\
# The public interface of the crate `executor` with all features, without methods that a trait prescribes.
# Written by `cargo run -p xtask -- api update`.
";

/// An item of a crate, by rustdoc's number, with that of what it belongs to.
struct Item {
    id: u32,
    parent: Option<u32>,
    text: String,
}

pub(crate) fn check(root: &Path, target: &Path) -> Result<String, String> {
    let Some(now) = listed(root, target)? else { return Ok(unreadable()) };
    let recorded = fs::read_to_string(root.join(RECORD)).map_err(|error| format!("{RECORD}: {error}"))?;
    let changes = changes(&recorded, &now);
    if changes.is_empty() {
        return Ok(format!("the public interface is the one of {RECORD}: {} lines", now.lines().count()));
    }
    let cure = "if that is meant: cargo run -p xtask -- api update";
    Err(format!("the public interface is not the one of {RECORD}; {cure}\n{}", changes.join("\n")))
}

pub(crate) fn update(root: &Path, target: &Path) -> Result<String, String> {
    let Some(now) = listed(root, target)? else { return Ok(unreadable()) };
    fs::write(root.join(RECORD), &now).map_err(|error| format!("{RECORD}: {error}"))?;
    Ok(format!("{RECORD}: {} lines", now.lines().count()))
}

fn unreadable() -> String {
    format!(
        "not checked: this toolchain's rustdoc does not write format {FORMAT} of its JSON, as that of Rust 1.95 does"
    )
}

/// The whole text, or `None` if rustdoc's JSON has another format.
fn listed(root: &Path, target: &Path) -> Result<Option<String>, String> {
    // A directory of its own: build scripts run again where `RUSTC_BOOTSTRAP` differs.
    let target = target.join("public-api");
    let Some(facade) = items(root, &target, FACADE)? else { return Ok(None) };
    let mut names = Names::of_facade(facade.iter().map(|item| item.text.as_str()));
    let mut inner = Vec::new();
    for name in INNER {
        let Some(items) = items(root, &target, &format!("executor-{name}"))? else { return Ok(None) };
        names.add_items(items.iter().map(|item| item.text.as_str()));
        inner.extend(shown(items));
    }
    Ok(Some(HEAD.to_owned() + &text(inner, &names)))
}

fn items(root: &Path, target: &Path, package: &str) -> Result<Option<Vec<Item>>, String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["rustdoc", "--quiet", "--lib", "--all-features", "-p", package, "--target-dir"]).arg(target);
    command.args(["--", "-Zunstable-options", "--output-format", "json"]).current_dir(root).env("RUSTC_BOOTSTRAP", "1");
    let status = command.status().map_err(|error| format!("cargo rustdoc: {error}"))?;
    if !status.success() {
        return Err(format!("cargo rustdoc -p {package} failed"));
    }
    let path = target.join("doc").join(package.replace('-', "_")).with_extension("json");
    let json = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if !json.contains(&format!("\"format_version\":{FORMAT}")) {
        return Ok(None);
    }
    let api = Builder::from_rustdoc_json(&path).omit_blanket_impls(true).build().map_err(|error| error.to_string())?;
    let item = |item: &public_api::PublicItem| Item {
        id: item.id().0,
        parent: item.parent_id().map(|id| id.0),
        text: item.to_string(),
    };
    Ok(Some(api.items().map(item).collect()))
}

/// Without what another line says already: methods of an `impl` of a trait, and most of the traits that no one implements by hand.
fn shown(items: Vec<Item>) -> Vec<String> {
    const UNSAID: [&str; 5] = ["Freeze", "UnsafeUnpin", "UnwindSafe", "RefUnwindSafe", "StructuralPartialEq"];
    let of_traits: BTreeSet<_> = items
        .iter()
        .filter(|item| item.text.starts_with("impl") && item.text.contains(" for "))
        .map(|item| item.id)
        .collect();
    let is_prescribed = |item: &Item| {
        let is_function = item.text.split_once('(').is_some_and(|(before, _)| before.contains("fn "));
        is_function && item.parent.is_some_and(|parent| of_traits.contains(&parent))
    };
    let is_unsaid = |text: &str| {
        let Some((implemented, _)) = text.split_once(" for ") else { return false };
        UNSAID.iter().any(|name| implemented.ends_with(&format!("::{name}")))
    };
    let is_shown = |item: &Item| !is_prescribed(item) && !is_unsaid(&item.text) && !item.text.starts_with("pub use ");
    items.into_iter().filter(is_shown).map(|item| item.text).collect()
}

fn text(items: Vec<String>, names: &Names) -> String {
    let mut lines = Vec::new();
    for item in items {
        let line = names.translated(&item);
        // The first name of ours is the item itself; of an `impl`, one of them is its type or its trait.
        let is_public = if line.starts_with("impl") { line.contains("executor::") } else { Names::is_public(&line) };
        if is_public && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

fn changes(recorded: &str, now: &str) -> Vec<String> {
    let count = |text: &str| {
        let mut lines = BTreeMap::new();
        text.lines().for_each(|line| *lines.entry(line.to_owned()).or_insert(0) += 1);
        lines
    };
    let (before, after): (BTreeMap<String, i32>, BTreeMap<String, i32>) = (count(recorded), count(now));
    let lacks = |lines: &BTreeMap<String, i32>, line: &str, times: i32| lines.get(line).copied().unwrap_or(0) < times;
    let gone = before.iter().filter(|(line, times)| lacks(&after, line, **times)).map(|(line, _)| format!("-{line}"));
    let new = after.iter().filter(|(line, times)| lacks(&before, line, **times)).map(|(line, _)| format!("+{line}"));
    gone.chain(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_a_trait_prescribes_are_left_out() {
        let item = |id, parent, text: &str| Item { id, parent, text: text.to_owned() };
        let items = vec![
            item(1, None, "pub struct executor_core::A"),
            item(2, Some(1), "impl executor_core::A"),
            item(3, Some(2), "pub fn executor_core::A::f(&self)"),
            item(4, Some(1), "impl core::future::future::Future for executor_core::A"),
            item(5, Some(4), "pub type executor_core::A::Output = u32"),
            item(6, Some(4), "pub fn executor_core::A::poll(self)"),
            item(7, Some(1), "impl core::marker::Send for executor_core::A"),
            item(8, Some(1), "impl !core::panic::unwind_safe::UnwindSafe for executor_core::A"),
        ];
        let left: Vec<_> = shown(items).iter().filter_map(|text| text.rsplit(' ').next().map(str::to_owned)).collect();
        let expected =
            ["executor_core::A", "executor_core::A", "executor_core::A::f(&self)", "executor_core::A", "u32"];
        assert_eq!(left[..5], expected);
        assert_eq!(left.len(), 6, "{left:?}");
    }

    #[test]
    fn items_of_the_facade_are_listed_by_its_names() {
        let items =
            ["pub struct executor_core::A<T>", "pub mod executor_core::inner", "pub fn executor_core::A<T>::f(self)"];
        let mut names = Names::of_facade(["pub use executor::A"].into_iter());
        names.add_items(items.into_iter());
        let listed = text(items.map(str::to_owned).into(), &names);
        assert_eq!(listed, "pub struct executor::A<T>\npub fn executor::A<T>::f(self)\n");
    }

    #[test]
    fn changes_are_shown() {
        assert_eq!(changes("a\nb\nc\n", "a\nc\nd\nc\n"), ["-b", "+c", "+d"]);
        assert!(changes("a\nb\n", "a\nb\n").is_empty());
    }
}
