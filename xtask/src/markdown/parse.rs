//! Links, definitions and headings of a Markdown text, found as GitHub finds them.

use std::collections::{BTreeMap, BTreeSet};

pub(super) enum Link {
    /// The target itself: `[text](target)`, or an attribute of an HTML tag.
    Inline(String),
    /// A label in lower case: `[text][label]`, `[label][]`, or `` [`label`] ``.
    Label(String),
}

pub(super) struct Page {
    /// Each with its line, from 1.
    pub(super) links: Vec<(usize, Link)>,
    /// Target and line, by label. The first definition of a label counts.
    pub(super) definitions: BTreeMap<String, (usize, String)>,
    /// As links name headings: lower case, hyphens for spaces, no punctuation.
    pub(super) anchors: BTreeSet<String>,
}

impl Page {
    pub(super) fn of(text: &str) -> Self {
        let text = without_fences(text);
        let mut page = Self { links: Vec::new(), definitions: BTreeMap::new(), anchors: anchors(&text) };
        let plain = without_code(&text);
        page.add_definitions(&text, &plain);
        page.add_links(&text, &plain);
        page.add_attributes(&plain);
        page
    }

    fn add_definitions(&mut self, text: &str, plain: &str) {
        for (index, (line, plain)) in text.lines().zip(plain.lines()).enumerate() {
            if let (Some((label, target)), Some(_)) = (definition(line), definition(plain)) {
                self.definitions.entry(normal(label)).or_insert_with(|| (index + 1, target.to_owned()));
            }
        }
    }

    /// Brackets are matched in `plain`, where code is blank; labels are taken from `text`, which has the same places.
    fn add_links(&mut self, text: &str, plain: &str) {
        let bytes = plain.as_bytes();
        let mut open = Vec::new();
        let mut line = 1;
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'\n' => {
                    line += 1;
                    if bytes.get(at + 1) == Some(&b'\n') {
                        open.clear();
                    }
                }
                b'\\' => at += 1,
                b'[' => open.push((at, line)),
                b']' => {
                    if let Some((start, line)) = open.pop() {
                        at = self.add_link(text, plain, (start, at), line);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Adds the link whose text stands between these brackets, if that is a link; returns where it ends.
    fn add_link(&mut self, text: &str, plain: &str, (start, end): (usize, usize), line: usize) -> usize {
        let inside = &text[start + 1..end];
        let rest = &plain[end + 1..];
        let whole_line = &plain[plain[..start].rfind('\n').map_or(0, |at| at + 1)..];
        if rest.starts_with(':') && definition(whole_line.lines().next().unwrap_or_default()).is_some() {
            return end;
        }
        if let Some(target) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let target = target.split_whitespace().next().unwrap_or_default().trim_matches(['<', '>']);
            self.links.push((line, Link::Inline(target.to_owned())));
            return end;
        }
        if let ("[", Some(length)) = (rest.get(..1).unwrap_or_default(), rest.find(']')) {
            let label = &text[end + 2..end + 1 + length];
            self.links.push((line, Link::Label(normal(if label.is_empty() { inside } else { label }))));
            return end + 1 + length;
        }
        // Text in brackets is mostly that; a name in code is meant as a link.
        let is_code = inside.len() > 2 && inside.starts_with('`') && inside.ends_with('`');
        if is_code || self.definitions.contains_key(&normal(inside)) {
            self.links.push((line, Link::Label(normal(inside))));
        }
        end
    }

    fn add_attributes(&mut self, plain: &str) {
        for (index, line) in plain.lines().enumerate() {
            for name in ["href=\"", "src=\"", "srcset=\""] {
                let values = line.split(name).skip(1).filter_map(|rest| rest.split_once('"'));
                for target in values.filter_map(|(value, _)| value.split_whitespace().next()) {
                    self.links.push((index + 1, Link::Inline(target.to_owned())));
                }
            }
        }
    }
}

/// Labels are the same in either case, with any white space.
fn normal(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The label and the target of a line `[label]: target`.
fn definition(line: &str) -> Option<(&str, &str)> {
    let (label, target) = line.trim_start().strip_prefix('[')?.split_once("]:")?;
    let mut words = target.split_whitespace();
    let target = words.next()?;
    (!label.contains([']', '['])).then_some((label, target.trim_matches(['<', '>'])))
}

/// The text with an empty line for each line of a code block.
fn without_fences(text: &str) -> String {
    let mut fence: Option<&str> = None;
    let mut out = String::new();
    for line in text.lines() {
        let start = line.trim_start().trim_start_matches("> ");
        let length = start.chars().take_while(|c| start.starts_with(*c) && ['`', '~'].contains(c)).count();
        match fence {
            Some(open) if start.starts_with(open) && start[length..].trim().is_empty() => fence = None,
            None if length >= 3 => fence = Some(&start[..length]),
            Some(_) => {}
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// The text with a dot for each byte in a code span, so that every place stays where it is.
fn without_code(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let run = |at: usize| text.as_bytes()[at..].iter().take_while(|byte| **byte == b'`').count();
    let mut at = 0;
    while at < bytes.len() {
        let length = run(at);
        if length == 0 {
            at += 1;
            continue;
        }
        let inside = at + length;
        let paragraph = text[inside..].find("\n\n").map_or(text.len(), |end| inside + end);
        let mut end = inside;
        while end < paragraph && run(end) != length {
            end += run(end).max(1);
        }
        if end < paragraph {
            bytes[inside..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'.');
            at = end + length;
        } else {
            at = inside;
        }
    }
    String::from_utf8(bytes).expect("a code span is replaced as a whole")
}

fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines() {
        let title = line.trim_start_matches('#');
        if (1..=6).contains(&(line.len() - title.len())) && title.starts_with(' ') {
            let slug = slug(title.trim());
            let count = times.entry(slug.clone()).or_default();
            found.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
            *count += 1;
        }
        for name in ["id=\"", "name=\""] {
            found.extend(line.split(name).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
    found
}

fn slug(title: &str) -> String {
    let mut shown = String::new();
    let mut rest = title;
    // Of a link, the text is shown.
    while let Some((before, after)) = rest.split_once(']') {
        shown.push_str(before);
        rest = match (after.chars().next(), after.find([')', ']'])) {
            (Some('(' | '['), Some(end)) => &after[end + 1..],
            _ => after,
        };
    }
    shown.push_str(rest);
    let kept = shown.to_lowercase().chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_those_of_github() {
        assert_eq!(slug("When things go wrong: `TimedOut`, or *not*?"), "when-things-go-wrong-timedout-or-not");
        assert_eq!(slug("[multiprocessing](a.md), `a_b` & c"), "multiprocessing-a_b--c");
        let text = "# Twice\n## Twice\n####### seven\n#none\n<a id=\"own\"></a>";
        assert!(anchors(text).into_iter().eq(["own", "twice", "twice-1"]));
    }

    #[test]
    fn code_is_no_link() {
        assert_eq!(without_code("a `[b`] ``c ` [d]`` `e\n\nf`"), "a `..`] ``.......`` `e\n\nf`");
        assert_eq!(without_fences("a\n````rust\n```\n[b]\n````\nc\n~~~\nd\n~~~"), "a\n\n\n\n\nc\n\n\n\n");
    }

    #[test]
    fn links_are_found_with_their_lines() {
        let page = Page::of("[a\nb](c.md \"title\") and\n[![d](e.svg)][f]\n\n[F]: g.md\n[f]: h.md");
        let links: Vec<_> = page
            .links
            .iter()
            .map(|(line, link)| match link {
                Link::Inline(target) => (*line, target.as_str()),
                Link::Label(label) => (*line, label.as_str()),
            })
            .collect();
        assert_eq!(links, [(1, "c.md"), (3, "e.svg"), (3, "f")]);
        assert_eq!(page.definitions["f"], (5, "g.md".to_owned()));
    }
}
