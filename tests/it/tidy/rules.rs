//! The rules themselves: what is wrong with a text, line by line.
//!
//! This file is read by the rules too. A `·` in a pattern or an example is taken out before use, so that none of them
//! is what it describes.

/// A line, from 1, and what is wrong there, with what to do.
pub(super) type Complaint = (usize, String);

const MAX_LINES: usize = 400;

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

fn plain(pattern: &str) -> String {
    pattern.replace('·', "")
}

pub(super) fn length(text: &str) -> Vec<Complaint> {
    let lines = text.lines().count();
    let is_long = lines > MAX_LINES;
    is_long.then(|| (lines, format!("more than {MAX_LINES} lines; split it by topic"))).into_iter().collect()
}

pub(super) fn unfinished(text: &str) -> Vec<Complaint> {
    const PATTERNS: [(&str, &str); 6] = [
        ("to·do!", "finish it"),
        ("un·implemented!", "finish it"),
        ("d·bg!", "take it out"),
        ("#[ig·nore", "make the test fit to run, or take it out"),
        ("#[cfg_attr(miri, ig·nore", "make the test fit to run, or take it out"),
        ("thread::sl·eep", "wait for what is to happen, not for a time"),
    ];
    let found = |line: &str| PATTERNS.iter().find(|(pattern, _)| line.contains(&plain(pattern)));
    numbered(text)
        .filter_map(|(number, line)| {
            found(line).map(|(pattern, cure)| (number, format!("`{}`; {cure}", plain(pattern))))
        })
        .collect()
}

/// A block, an impl, or a list of foreign items that is unsafe has a comment that starts with its reason right above:
/// above its attributes, or the first lines of its statement.
pub(super) fn safety(text: &str) -> Vec<Complaint> {
    const STARTS: [&str; 4] = ["un·safe {", "un·safe impl", "un·safe extern \"C\" {", "#[un·safe("];
    const CODE_BETWEEN: usize = 3;
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let is_comment = |line: &&str| line.starts_with("//");
    let has_reason = |index: usize| {
        let mut code = 0;
        for line in lines[..index].iter().rev().take_while(|line| !line.is_empty()) {
            code += usize::from(!is_comment(line) && !line.starts_with("#["));
            if line.starts_with("// SAFETY:") {
                return true;
            }
            if code > CODE_BETWEEN {
                break;
            }
        }
        false
    };
    numbered(text)
        .filter(|(_, line)| !is_comment(&line.trim()) && STARTS.iter().any(|start| line.contains(&plain(start))))
        .filter(|(number, _)| !has_reason(number - 1))
        .map(|(number, _)| (number, "unsafe for no reason given; write a `// SAFETY:` comment right above".to_owned()))
        .collect()
}

/// Of code that is no test.
pub(super) fn catches(text: &str) -> Vec<Complaint> {
    numbered(text)
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test"))
        .filter(|(_, line)| !line.trim().starts_with("//") && line.contains(&plain("catch·_unwind(")))
        .map(|(number, _)| (number, "catches a panic by itself; use `panics::catch` or `drop_catching`".to_owned()))
        .collect()
}

pub(super) fn crate_root(text: &str, is_safe: bool) -> Vec<Complaint> {
    let level = if is_safe { "#![forbid(unsafe_code)]" } else { "#![deny(unsafe_code)]" };
    let mut complaints = Vec::new();
    if !text.starts_with("//! ") {
        complaints.push((1, "no documentation of the crate; start with what it is for".to_owned()));
    }
    if !text.lines().any(|line| line == level) {
        complaints.push((1, format!("no `{level}`; add it below the documentation")));
    }
    complaints
}

pub(super) fn manifest(text: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let (mut section, mut has_lints) = ("", false);
    for (number, line) in numbered(text) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if line.contains('=') && section.ends_with("dependencies") && section != "workspace.dependencies" {
            if !line.contains("workspace = true") {
                let what = "a version of its own; name it in [workspace.dependencies], and say `workspace = true` here";
                complaints.push((number, what.to_owned()));
            }
        } else if section == "lints" && line == "workspace = true" {
            has_lints = true;
        }
    }
    if !has_lints {
        complaints.push((1, "no lints; add `workspace = true` under [lints]".to_owned()));
    }
    complaints
}

/// Talk of those who made it, which says nothing to those who read it: numbers of tasks, places on one machine.
pub(super) fn inside_talk(text: &str) -> Vec<Complaint> {
    const WORDS: [&str; 9] = [
        "SP·EC",
        "issue ·#",
        "this sess·ion",
        "last sess·ion",
        "next sess·ion",
        "Cla·ude",
        "/wo·rk/",
        "/ro·ot/",
        "/ho·me/",
    ];
    let is_numbered = |line: &str| {
        let lower = line.to_lowercase();
        lower
            .match_indices("issue ")
            .any(|(at, word)| lower[at + word.len()..].starts_with(|c: char| c.is_ascii_digit()))
    };
    let is_word = |line: &str, word: &str| {
        line.match_indices(word).any(|(at, _)| {
            let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next())
        })
    };
    let found = |line: &str| {
        let word = WORDS
            .iter()
            .map(|word| plain(word))
            .find(|word| if word.ends_with(['/', '#']) { line.contains(word) } else { is_word(line, word) });
        word.or_else(|| is_numbered(line).then(|| "issue …".to_owned()))
    };
    numbered(text)
        .filter_map(|(number, line)| {
            Some((number, format!("`{}`; say it so that any reader understands", found(line)?)))
        })
        .collect()
}

/// Names of inner crates in the documentation of items, but for the targets of links, which no reader sees. `own` is the crate that users of
/// this file name themselves, if there is one.
pub(super) fn facade(text: &str, own: Option<&str>) -> Vec<Complaint> {
    const CRATES: [&str; 4] = ["executor·_core", "executor·_thread", "executor·_process", "executor·_testkit"];
    let seen = |line: &str| -> String {
        let mut parts = line.split("](");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.filter_map(|part| part.split_once(')')).fold(first, |seen, (_, rest)| seen + rest)
    };
    let is_documentation = |line: &str| line.starts_with("///") || line.starts_with("//!");
    let names = |line: &str, name: &str| seen(line).contains(&format!("{name}::"));
    let inner: Vec<_> = CRATES.iter().map(|name| plain(name)).filter(|name| Some(name.as_str()) != own).collect();
    numbered(text)
        .filter(|(_, line)| is_documentation(line.trim_start()))
        .filter_map(|(number, line)| Some((number, inner.iter().find(|name| names(line, name))?)))
        .map(|(number, name)| (number, format!("`{name}::`; name the item of `executor`, as users do")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    /// The lines that `rule` complains about, in an example where a `·` is taken out.
    fn lines(rule: impl Fn(&str) -> Vec<Complaint>, example: &str) -> Vec<usize> {
        rule(&plain(example)).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(lines(length, &"\n".repeat(MAX_LINES)), NONE);
        assert_eq!(lines(length, &"\n".repeat(MAX_LINES + 1)), [MAX_LINES + 1]);
    }

    #[test]
    fn unfinished_code_is_found() {
        let bad = "to·do!()\nun·implemented!()\nd·bg!(x);\n#[ig·nore = \"slow\"]\nstd::thread::sl·eep(long);\nfine();";
        assert_eq!(lines(unfinished, bad), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn unsafe_code_without_a_reason_is_found() {
        assert_eq!(lines(safety, "un·safe { f() }"), [1]);
        assert_eq!(lines(safety, "// Fast.\nun·safe impl Send for A {}"), [2]);
        assert_eq!(lines(safety, "#[un·safe(no_mangle)]\nfn f() {}"), [1]);
        assert_eq!(lines(safety, "// SAFETY: of another.\n\nlet a = un·safe { f() };"), [3]);
        assert_eq!(lines(safety, "// SAFETY: too far.\na\nb\nc\nd\nun·safe { f() };"), [6]);
        assert_eq!(lines(safety, "// SAFETY: nothing\n// else does.\n#[inline]\nlet a =\n    un·safe { f() };"), NONE);
        assert_eq!(lines(safety, "// un·safe { in a comment }\nun·safe extern \"C\" fn f() {}"), NONE);
        assert_eq!(lines(safety, "fn f() { un·safe { g() } }"), [1]);
        assert_eq!(lines(safety, "un·safe extern \"C\" {"), [1]);
    }

    #[test]
    fn a_catch_of_its_own_is_found() {
        let bad =
            "let caught = panic::catch·_unwind(f);\n// catch·_unwind(f)\n#[cfg(test)]\nmod tests { catch·_unwind(f) }";
        assert_eq!(lines(catches, bad), [1]);
    }

    #[test]
    fn a_poor_crate_root_is_found() {
        assert_eq!(lines(|text| crate_root(text, false), "mod a;"), [1, 1]);
        assert_eq!(lines(|text| crate_root(text, true), "//! A crate.\n#![deny(unsafe_code)]"), [1]);
        assert_eq!(lines(|text| crate_root(text, true), "//! A crate.\n#![forbid(unsafe_code)]"), NONE);
    }

    #[test]
    fn a_manifest_on_its_own_is_found() {
        let bad = "[dependencies]\na = \"1\"\nb.workspace = true\n[target.'cfg(x)'.dev-dependencies]\nc = { version = \"2\" }";
        assert_eq!(lines(manifest, bad), [2, 5, 1]);
        let good =
            "[workspace.dependencies]\na = \"1\"\n[dependencies]\na = { workspace = true }\n[lints]\nworkspace = true";
        assert_eq!(lines(manifest, good), NONE);
    }

    #[test]
    fn inside_talk_is_found() {
        let bad =
            "as the SP·EC says\nIssue ·3 wants it\nsee issue ·#4\nin the last sess·ion\nfrom /wo·rk/main\nby Cla·ude";
        assert_eq!(lines(inside_talk, bad), [1, 2, 3, 4, 5, 6]);
        assert_eq!(lines(inside_talk, "SPECIFIC, a process session, in front of /workers"), NONE);
    }

    #[test]
    fn an_inner_crate_in_documentation_is_found() {
        let bad =
            "//! use executor·_core::Job;\n    /// # Ok::<(), executor·_thread::Error>(())\nuse executor·_core::Job;";
        assert_eq!(lines(|text| facade(text, None), bad), [1, 2]);
        let good = "/// See [`Job`](executor·_core::Job), and [two](a) of (them).\n/// use executor::Job;\n// executor·_core::cell";
        assert_eq!(lines(|text| facade(text, None), good), NONE);
        let tests = "/// use executor·_testkit::contract;\n/// [a](b) executor·_core::Job";
        assert_eq!(lines(|text| facade(text, Some(&plain("executor·_testkit"))), tests), [2]);
    }
}
