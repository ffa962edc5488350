//! The order of the modules of each crate: a module names only what stands in a line below its own.
//!
//! `still` lists the arrows that point the other way. It may only shrink: an arrow that is gone leaves the list, and
//! a new one is to be avoided, by moving what both modules need below them.

use std::collections::{BTreeMap, BTreeSet};

use super::arrows::{self, Module};

pub(super) struct Order {
    pub(super) directory: &'static str,
    /// From top to bottom. A module stands for those inside it that have no line of their own.
    lines: &'static [&'static str],
    still: &'static [(&'static str, &'static str)],
}

pub(super) const ORDERS: [Order; 4] = [
    Order {
        directory: "executor-core/src",
        lines: &[
            "lib",
            "call error event executor future handles mapped options promise queue remote shutdown wait",
            "bytes job map set",
            "cell drive",
            "panics status tally",
            "current stats",
            "home",
            "sync",
            "spin",
        ],
        still: &[
            ("call", "lib"),
            ("cell", "lib"),
            ("current", "cell"),
            ("current", "lib"),
            ("executor", "lib"),
            ("future", "lib"),
            ("handles", "lib"),
            ("home", "tally"),
            ("job", "lib"),
            ("map", "lib"),
            ("mapped", "lib"),
            ("panics", "lib"),
            ("promise", "lib"),
            ("set", "lib"),
            ("shutdown", "lib"),
            ("tally", "lib"),
            ("wait", "lib"),
        ],
    },
    Order {
        directory: "executor-thread/src",
        lines: &[
            "lib",
            "manage periodic rayon_pool scope view",
            "builder limits rayon_pool::away",
            "rayon_pool::crew",
            "pool rayon_pool::sharing rayon_pool::worker",
            "submit traits",
            "push",
            "runner",
            "scheduler",
            "scheduler::callbacks scheduler::config scheduler::counting scheduler::debug scheduler::ending scheduler::guest scheduler::hooks scheduler::queued scheduler::timer",
            "scheduler::threads",
            "scheduler::room",
            "scheduler::worker",
            "scheduler::batch",
            "scheduler::shared",
            "fork scheduler::state scheduler::stops",
            "scheduler::delay scheduler::lanes scheduler::members scheduler::sync scheduler::waiters",
            "scheduler::dead scheduler::number",
        ],
        still: &[
            ("builder", "lib"),
            ("manage", "lib"),
            ("periodic", "lib"),
            ("pool", "lib"),
            ("push", "lib"),
            ("rayon_pool::worker", "rayon_pool::crew"),
            ("runner", "pool"),
            ("scheduler", "limits"),
            ("scheduler", "periodic"),
            ("scheduler", "push"),
            ("scheduler::batch", "scheduler"),
            ("scheduler::callbacks", "scheduler"),
            ("scheduler::config", "scheduler"),
            ("scheduler::counting", "scheduler"),
            ("scheduler::debug", "scheduler"),
            ("scheduler::delay", "scheduler"),
            ("scheduler::ending", "lib"),
            ("scheduler::ending", "runner"),
            ("scheduler::ending", "scheduler"),
            ("scheduler::guest", "scheduler"),
            ("scheduler::lanes", "scheduler"),
            ("scheduler::members", "scheduler"),
            ("scheduler::number", "scheduler"),
            ("scheduler::room", "scheduler"),
            ("scheduler::shared", "scheduler"),
            ("scheduler::shared", "scheduler::room"),
            ("scheduler::shared", "scheduler::threads"),
            ("scheduler::shared", "scheduler::worker"),
            ("scheduler::state", "scheduler"),
            ("scheduler::state", "scheduler::callbacks"),
            ("scheduler::stops", "scheduler"),
            ("scheduler::threads", "runner"),
            ("scheduler::threads", "scheduler"),
            ("scheduler::threads", "scheduler::callbacks"),
            ("scheduler::timer", "scheduler"),
            ("scheduler::worker", "scheduler"),
            ("scheduler::worker", "scheduler::guest"),
            ("scheduler::worker", "scheduler::threads"),
            ("scope", "lib"),
            ("submit", "lib"),
            ("view", "lib"),
        ],
    },
    Order {
        directory: "executor-process/src",
        lines: &[
            "lib",
            "fuzz",
            "process",
            "builder manage periodic pool view",
            "mapper submit",
            "budget exchange",
            "fall",
            "runner",
            "brake estimate time_limit",
            "job",
            "kind",
            "chunk",
            "postmortem",
            "symbols",
            "host spawn",
            "child inbox recycle surroundings",
            "lifeline rendezvous seat",
            "watcher",
            "chunk::work",
            "worker",
            "transport",
            "chunk::record frame replay worker::invitation",
            "about worker::image",
            "text",
            "page",
            "trace",
            "manager",
            "blob channel codec os_str peer random shortage",
            "memory socket strays",
            "payload",
            "attachments",
        ],
        still: &[
            ("about", "job"),
            ("builder", "lib"),
            ("channel", "lib"),
            ("chunk", "job"),
            ("chunk", "kind"),
            ("chunk::work", "kind"),
            ("codec", "transport"),
            ("codec", "worker"),
            ("frame", "kind"),
            ("fuzz", "lib"),
            ("host", "kind"),
            ("job", "runner"),
            ("manage", "lib"),
            ("manager", "lib"),
            ("mapper", "lib"),
            ("periodic", "lib"),
            ("pool", "lib"),
            ("postmortem", "job"),
            ("postmortem", "kind"),
            ("random", "worker::image"),
            ("rendezvous", "inbox"),
            ("replay", "postmortem"),
            ("spawn", "brake"),
            ("spawn", "budget"),
            ("strays", "rendezvous"),
            ("symbols", "kind"),
            ("transport", "kind"),
            ("transport", "watcher"),
            ("view", "lib"),
            ("watcher", "child"),
            ("watcher", "seat"),
            ("worker", "kind"),
            ("worker", "surroundings"),
            ("worker::image", "kind"),
            ("worker::invitation", "surroundings"),
        ],
    },
    Order {
        directory: "executor-testkit/src",
        lines: &[
            "lib",
            "chaos::submit contract::check contract::closures contract::portable contract::table manual manual::driving manual::room model::check model::closures model::manual model::script model::subject model::task",
            "chaos contract manual::builder manual::view model::driver model::machine model::watchdog",
            "chaos::builder contract::laws contract::macros contract::subject manual::shared manual::submit model::stage model::world",
            "chaos::trouble contract::tools manual::clock manual::inside manual::own_thread model",
            "chaos::log manual::lanes model::op model::shape",
        ],
        still: &[
            ("chaos", "chaos::submit"),
            ("chaos::builder", "chaos"),
            ("contract", "contract::check"),
            ("contract", "lib"),
            ("contract::macros", "contract"),
            ("contract::macros", "lib"),
            ("contract::table", "lib"),
            ("manual::builder", "manual"),
            ("manual::inside", "manual::shared"),
            ("manual::own_thread", "manual::shared"),
            ("model", "lib"),
            ("model", "model::check"),
            ("model", "model::closures"),
            ("model", "model::script"),
            ("model", "model::subject"),
            ("model", "model::task"),
            ("model::manual", "lib"),
        ],
    },
];

/// What is wrong with the arrows of one crate. `texts` are its files by their path below `src`.
pub(super) fn complaints(order: &Order, texts: &BTreeMap<String, String>) -> Vec<String> {
    let files: BTreeMap<Module, &String> = texts.iter().map(|(file, text)| (arrows::module_of(file), text)).collect();
    let modules: BTreeSet<Module> = files.keys().cloned().collect();
    let lines: BTreeMap<&str, usize> = order
        .lines
        .iter()
        .enumerate()
        .flat_map(|(line, names)| names.split(' ').map(move |name| (name, line)))
        .collect();
    let mut complaints = Vec::new();
    let mut unused: BTreeSet<_> = order.still.iter().copied().collect();
    let mut empty: BTreeSet<_> = lines.keys().copied().collect();
    for (module, text) in files.iter().filter(|(module, _)| !arrows::is_test(module)) {
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
        let tests = "#[cfg(test)] mod tests { use crate::top::Top; } #[cfg(all(test, unix))] use crate::top; fn f() {}";
        assert_eq!(complaints_of(&[("lowest/mod.rs", tests), ("lowest/tests.rs", "use crate::top::Top;")]), [""; 0]);
    }

    #[test]
    fn the_order_is_of_what_there_is() {
        assert_eq!(complaints_of(&[("other.rs", "")]), ["other has no line in the order"]);
        assert_eq!(complaints_of(&[("low.rs", "")]), ["low does not name top any more: take it off the list"]);
        let texts = BTreeMap::from([("lib.rs".to_owned(), String::new())]);
        assert!(complaints(&ORDER, &texts).contains(&"top is no module any more: take it out of the order".to_owned()));
    }
}
