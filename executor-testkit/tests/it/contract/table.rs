//! The table in the README names every law, and how many checks it has.

use std::collections::BTreeMap;

use executor_testkit::ManualExecutor;
use executor_testkit::contract::{Law, closure_checks, portable_checks};

#[test]
fn the_readme_tells_the_laws_and_the_number_of_their_checks() {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for check in portable_checks() {
        counts.entry(check.law().name()).or_default().0 += 1;
    }
    for check in closure_checks::<ManualExecutor>() {
        counts.entry(check.law().name()).or_default().1 += 1;
    }
    let readme = include_str!("../../../README.md");
    for law in Law::ALL {
        let (portable, closures) = counts.remove(law.name()).unwrap_or_default();
        assert!(portable + closures > 0, "no check of {}", law.name());
        let line = format!("| {} | {} | {portable} + {closures} |", law.name(), law.text());
        assert!(readme.contains(&line), "README.md has no line that starts so:\n{line}");
    }
}

#[test]
fn no_two_checks_have_the_same_name() {
    let mut names: Vec<_> = portable_checks().iter().map(|check| (check.law().name(), check.name())).collect();
    names.extend(closure_checks::<ManualExecutor>().iter().map(|check| (check.law().name(), check.name())));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
