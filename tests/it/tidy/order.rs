//! The order of the modules of each crate: a module names only what stands in a line below its own.
//!
//! `still` lists the arrows that point the other way. It may only shrink: an arrow that is gone leaves the list, and
//! a new one is to be avoided, by moving what both modules need below them.

use std::collections::{BTreeMap, BTreeSet};

use super::arrows::{self, Module};

pub(super) struct Order {
    pub(super) directory: &'static str,
    /// From top to bottom. A module stands for those inside it that have no line of their own.
    pub(super) lines: &'static [&'static str],
    pub(super) still: &'static [(&'static str, &'static str)],
}

/// The faults of the arrows of one crate. `texts` are its files by their path below `src`.
pub(super) fn complaints(order: &Order, texts: &BTreeMap<String, String>) -> Vec<String> {
    let files: BTreeMap<Module, &String> = texts.iter().map(|(file, text)| (arrows::module_of(file), text)).collect();
    let modules: BTreeSet<Module> = files.keys().cloned().collect();
    let tests: Vec<Module> = files.iter().flat_map(|(module, text)| arrows::test_modules(module, text)).collect();
    let is_test = |module: &Module| tests.iter().any(|test| module.starts_with(test));
    let lines: BTreeMap<&str, usize> = order
        .lines
        .iter()
        .enumerate()
        .flat_map(|(line, names)| names.split(' ').map(move |name| (name, line)))
        .collect();
    let mut complaints = Vec::new();
    let mut unused: BTreeSet<_> = order.still.iter().copied().collect();
    let mut empty: BTreeSet<_> = lines.keys().copied().collect();
    for (module, text) in files.iter().filter(|(module, _)| !is_test(module)) {
        let Some((from, line)) = place(module, &lines) else {
            complaints.push(format!("{} has no line in the order", name(module)));
            continue;
        };
        empty.remove(from);
        for target in arrows::targets(module, text, &modules) {
            let Some((to, below)) = place(&target, &lines) else { continue };
            if from != to && line >= below && !order.still.contains(&(from, to)) {
                complaints.push(format!("{from} names something of {to}, which stands above or beside it"));
            }
            unused.remove(&(from, to));
        }
    }
    complaints
        .extend(unused.iter().map(|(from, to)| format!("{from} does not name {to} any more: take it off the list")));
    complaints.extend(empty.iter().map(|name| format!("{name} is no module any more: take it out of the order")));
    complaints
}

/// The line of a module: its own, or that of the closest module around it.
fn place<'a>(module: &[String], lines: &BTreeMap<&'a str, usize>) -> Option<(&'a str, usize)> {
    (usize::from(!module.is_empty())..=module.len())
        .rev()
        .find_map(|length| lines.get_key_value(name(&module[..length]).as_str()).map(|(name, line)| (*name, *line)))
}

fn name(module: &[String]) -> String {
    if module.is_empty() { "lib".to_owned() } else { module.join("::") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Order =
        Order { directory: "", lines: &["lib", "top", "low low::inner", "lowest"], still: &[("low", "top")] };

    fn complaints_of(files: &[(&str, &str)]) -> Vec<String> {
        const ALL: [&str; 5] = ["lib.rs", "top.rs", "low.rs", "low/inner.rs", "lowest/mod.rs"];
        let mut texts: BTreeMap<_, _> = ALL.iter().map(|&file| (file.to_owned(), String::new())).collect();
        texts.insert("low.rs".to_owned(), "use crate::top::Top;".to_owned());
        texts.extend(files.iter().map(|&(file, text)| (file.to_owned(), text.to_owned())));
        complaints(&ORDER, &texts)
    }

    #[test]
    fn arrows_point_down() {
        assert_eq!(complaints_of(&[]), [""; 0]);
        assert_eq!(complaints_of(&[("top.rs", "use crate::{low::{Low, inner}, lowest};")]), [""; 0]);
        for text in [
            "use crate::top::Top;",
            "use super::top;",
            "use super::{lowest, top::*};",
            "pub(crate) use crate::top::Top as Other;",
            "fn f() -> crate::top::Top { todo() }",
            "fn f() { g(|| super::top::f()) }",
            "fn f() { println!(\"{}\", crate::top::f()) }",
            "fn f() { assert!(crate::top::f()) }",
            "macro_rules! m { () => { $crate::top::f() } }",
            "mod inline { use super::super::top; }",
        ] {
            let found = complaints_of(&[("lowest/mod.rs", text)]);
            assert_eq!(found, ["lowest names something of top, which stands above or beside it"], "{text}");
        }
        assert_eq!(complaints_of(&[("lowest/mod.rs", "use crate::Top;")]).len(), 1, "what lib.rs exports is above");
        assert_eq!(complaints_of(&[("low/inner.rs", "use super::Low;")]).len(), 1, "modules of one line are apart");
    }

    #[test]
    fn tests_may_name_everything() {
        let tests = "#[cfg(test)] mod tests { use crate::top::Top; } #[cfg(all(test, unix))] use crate::top; #[cfg(test)] mod more;";
        assert_eq!(
            complaints_of(&[("lowest/mod.rs", tests), ("lowest/more/deep.rs", "use crate::top::Top;")]),
            [""; 0]
        );
    }

    #[test]
    fn the_order_is_of_what_there_is() {
        assert_eq!(complaints_of(&[("other.rs", "")]), ["other has no line in the order"]);
        assert_eq!(complaints_of(&[("low.rs", "")]), ["low does not name top any more: take it off the list"]);
        let texts = BTreeMap::from([("lib.rs".to_owned(), String::new())]);
        assert!(complaints(&ORDER, &texts).contains(&"top is no module any more: take it out of the order".to_owned()));
    }
}
