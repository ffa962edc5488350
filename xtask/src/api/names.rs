//! The facade's name of an item, for the name that it has in its own crate.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Names {
    /// Re-exported at the root, and in `extend`: items, or modules with all that is in them.
    root: BTreeSet<String>,
    extend: BTreeSet<String>,
    /// Public paths of the inner crates.
    public: BTreeSet<String>,
    /// The same, by crate and last name: other crates are told of an item by where it is defined, which may be private.
    by_end: BTreeMap<(String, String), String>,
}

impl Names {
    /// `items` are the lines of the facade itself, such as `pub use executor::Future`.
    pub(super) fn of_facade<'a>(items: impl Iterator<Item = &'a str>) -> Self {
        let mut names = Self::default();
        for path in items.filter_map(|item| item.strip_prefix("pub use executor::")) {
            match path.strip_prefix("extend::") {
                Some(name) => names.extend.insert(name.to_owned()),
                None => names.root.insert(path.to_owned()),
            };
        }
        names
    }

    /// `items` are the lines of an inner crate.
    pub(super) fn add_items<'a>(&mut self, items: impl Iterator<Item = &'a str>) {
        for item in items.filter(|item| !item.starts_with("impl") && !item.starts_with("pub use ")) {
            let Some((start, end)) = next_path(item, 0) else { continue };
            let path = &item[start..end];
            if let (Some((name, _)), Some((_, last))) = (path.split_once("::"), path.rsplit_once("::")) {
                self.by_end.entry((name.to_owned(), last.to_owned())).or_insert_with(|| path.to_owned());
            }
            self.public.insert(path.to_owned());
        }
    }

    /// The line with every path of an inner crate as the facade names it, where it does.
    pub(super) fn translated(&self, line: &str) -> String {
        let mut out = String::new();
        let mut at = 0;
        while let Some((start, end)) = next_path(line, at) {
            out.push_str(&line[at..start]);
            out.push_str(&self.facade_path(&line[start..end]));
            at = end;
        }
        out + &line[at..]
    }

    /// Whether the first path of ours in a translated line is one of the facade.
    pub(super) fn is_public(translated: &str) -> bool {
        let ours = translated.find("executor::").unwrap_or(usize::MAX);
        ours < next_path(translated, 0).map_or(usize::MAX, |(start, _)| start)
    }

    fn facade_path(&self, path: &str) -> String {
        let ends = path.split_once("::").zip(path.rsplit_once("::"));
        let by_end = ends.and_then(|((name, _), (_, last))| self.by_end.get(&(name.to_owned(), last.to_owned())));
        let path = if self.public.contains(path) { path } else { by_end.map_or(path, String::as_str) };
        let Some((_, inside)) = path.split_once("::") else { return path.to_owned() };
        let first = inside.split("::").next().unwrap_or(inside).trim_end_matches('!');
        if self.root.contains(first) {
            format!("executor::{inside}")
        } else if self.extend.contains(first) {
            format!("executor::extend::{inside}")
        } else {
            path.to_owned()
        }
    }
}

/// The next path of an inner crate, from `at`: where it starts, and where it ends.
fn next_path(line: &str, at: usize) -> Option<(usize, usize)> {
    const STARTS: [&str; 3] = ["executor_core::", "executor_thread::", "executor_process::"];
    let start = STARTS.iter().filter_map(|start| line[at..].find(start)).min()? + at;
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let end = line[start..].find(|c| !is_part(c)).map_or(line.len(), |length| start + length);
    Some((start, start + line[start..end].trim_end_matches(':').len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_facade() {
        let facade = ["pub use executor::JobError", "pub use executor::current", "pub use executor::extend::cell"];
        let mut names = Names::of_facade(facade.into_iter());
        names.add_items(
            [
                "pub enum executor_core::JobError",
                "pub trait executor_core::cell::Abort",
                "pub fn executor_core::current::id()",
            ]
            .into_iter(),
        );
        let line = "pub fn executor_thread::f(executor_core::error::JobError, executor_core::cell::traits::Abort)";
        let expected = "pub fn executor_thread::f(executor::JobError, executor::extend::cell::Abort)";
        assert_eq!(names.translated(line), expected);
        assert!(!Names::is_public(expected));
        assert!(Names::is_public(&names.translated("pub fn executor_core::current::id() -> executor_core::JobId")));
        assert_eq!(names.translated("pub executor_core::JobError::Broken: u32"), "pub executor::JobError::Broken: u32");
    }
}
