//! The arrows between the modules of a crate: which module names something of which other, outside of tests.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemMod, ItemUse, Macro, Meta, Path, UseTree, Visibility};

/// A module by its path from the crate's root, which has none: `["scheduler", "shared"]`.
pub(super) type Module = Vec<String>;

/// The module that a file of `src` holds.
pub(super) fn module_of(file: &str) -> Module {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    if path == "lib" { Module::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// The modules in files of their own that `module` declares for tests alone.
pub(super) fn test_modules(module: &Module, text: &str) -> Vec<Module> {
    let of_tests = |item: &Item| match item {
        Item::Mod(item) if item.content.is_none() && item.attrs.iter().any(is_for_tests) => {
            Some([module.as_slice(), &[item.ident.to_string()]].concat())
        }
        _ => None,
    };
    parsed(module, text).items.iter().filter_map(of_tests).collect()
}

fn parsed(module: &Module, text: &str) -> File {
    syn::parse_str(text).unwrap_or_else(|error| panic!("{}: {error}", module.join("::")))
}

/// The modules that `module` names, each as the deepest of `modules` that the name's path leads to. It does not count itself.
pub(super) fn targets(module: &Module, text: &str, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let file = parsed(module, text);
    let mut names = Names { at: module.clone(), modules, found: BTreeSet::new() };
    names.visit_file(&file);
    names.found.remove(module);
    names.found
}

struct Names<'a> {
    at: Module,
    modules: &'a BTreeSet<Module>,
    found: BTreeSet<Module>,
}

impl Names<'_> {
    /// Paths of other crates, and of what is in scope, lead to no module.
    fn add(&mut self, segments: &[String]) {
        let mut path = match segments[0].as_str() {
            "crate" => Module::new(),
            "self" | "super" => self.at.clone(),
            child => {
                let inner = [self.at.as_slice(), &[child.to_owned()]].concat();
                if !self.modules.contains(&inner) {
                    return;
                }
                self.at.clone()
            }
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(path.pop()),
                name => path.push(name.to_owned()),
            }
        }
        while !path.is_empty() && !self.modules.contains(&path) {
            path.pop();
        }
        self.found.insert(path);
    }

    fn add_tree(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |name: String| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) => self.add(&with(name.ident.to_string())),
            UseTree::Rename(rename) => self.add(&with(rename.ident.to_string())),
            UseTree::Glob(_) => self.add(&with("*".to_owned())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(prefix, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() {
            self.at.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.at.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            self.add_tree(&[], &item.tree);
        }
    }

    /// `pub(in crate::x)` says who may see, and needs nothing of them.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_none() && segments.len() > 1 {
            self.add(&segments);
        }
        visit::visit_path(self, path);
    }

    /// The body of a macro is no syntax yet: its paths are found by how they begin. Paths by `$crate` into lib.rs are for other crates.
    fn visit_macro(&mut self, item: &'ast Macro) {
        visit::visit_macro(self, item);
        let text = item.tokens.to_string().replace(['(', '[', '{'], " ( ").replace('$', " $ ");
        let words: Vec<_> = text.split_whitespace().collect();
        for (index, word) in words.iter().enumerate().filter(|(_, word)| ["crate", "super"].contains(word)) {
            let steps = words[index + 1..].chunks(2).take_while(|step| step[0] == "::" && step.len() == 2);
            let path: Vec<_> = steps.map(|step| step[1].to_owned()).collect();
            // `pub(crate)` is no path.
            let Some(first) = path.first() else { continue };
            let is_for_others =
                index > 0 && words[index - 1] == "$" && !self.modules.contains([first.clone()].as_slice());
            if !is_for_others {
                self.add(&[&[(*word).to_owned()], path.as_slice()].concat());
            }
        }
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    let condition = list.tokens.to_string();
    list.path.is_ident("cfg") && (condition == "test" || condition.starts_with("all (test"))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
