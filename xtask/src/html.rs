//! Links and anchors of an HTML page, as rustdoc writes such pages.

use std::collections::HashSet;

#[derive(Default)]
pub(crate) struct Html {
    pub(crate) anchors: HashSet<String>,
    /// Each with its line, from 1.
    pub(crate) links: Vec<(usize, String)>,
    /// Where the page sends its reader at once, the anchor kept.
    pub(crate) redirect: Option<String>,
    /// Lines where the text shows the syntax of a Markdown link, which had no target.
    pub(crate) unlinked: Vec<(usize, String)>,
}

impl Html {
    pub(crate) fn of(text: &str) -> Self {
        let mut page = Self::default();
        let mut rest = text;
        let mut line = 1;
        let mut code = 0_usize;
        while let Some((before, after)) = rest.split_once('<') {
            if code == 0 {
                page.read_text(before, line);
            }
            line += before.matches('\n').count();
            let end = end_of(after);
            let tag = &after[..end];
            let name = tag.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default();
            match name {
                "code" | "pre" => code += 1,
                "/code" | "/pre" => code = code.saturating_sub(1),
                _ => {}
            }
            page.read_tag(tag, line);
            line += tag.matches('\n').count();
            rest = after.get(end + 1..).unwrap_or_default();
            // These hold no tags, whatever they look like.
            if let Some(close) = ["script", "style"].iter().find(|closed| **closed == name) {
                let skipped = rest.find(&format!("</{close}")).unwrap_or(rest.len());
                line += rest[..skipped].matches('\n').count();
                rest = &rest[skipped..];
            }
        }
        page.read_text(rest, line);
        page
    }

    fn read_tag(&mut self, tag: &str, line: usize) {
        if tag.starts_with(['/', '!']) {
            return;
        }
        for (name, value) in attributes(tag) {
            match name {
                "id" | "name" => drop(self.anchors.insert(decoded(value))),
                "href" | "src" => self.links.push((line, decoded(value))),
                "content" => {
                    let target = tag.contains("\"refresh\"").then(|| value.split_once("URL=")).flatten();
                    self.redirect = target.map(|(_, target)| decoded(target)).or(self.redirect.take());
                }
                "srcset" => {
                    self.links.extend(value.split_whitespace().next().map(|target| (line, decoded(target))));
                }
                _ => {}
            }
        }
    }

    fn read_text(&mut self, text: &str, line: usize) {
        for (index, shown) in text.lines().enumerate() {
            if let Some(at) = ["][", "]("].iter().find_map(|syntax| shown.find(syntax)) {
                let start = shown[..at].rfind('[').unwrap_or(at);
                self.unlinked.push((line + index, shown[start..].trim().to_owned()));
            }
        }
    }
}

/// The place of the `>` that ends a tag: not one in a quoted value.
fn end_of(tag: &str) -> usize {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') if tag[..at].ends_with('=') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    tag.len()
}

fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        let value = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => after[1..].split(quote).next().unwrap_or_default(),
            _ => after.split(char::is_whitespace).next().unwrap_or_default(),
        };
        let start = value.as_ptr().addr() - after.as_ptr().addr();
        found.push((name, value));
        rest = &after[start + value.len()..];
    }
    found
}

fn decoded(value: &str) -> String {
    const ENTITIES: [(&str, &str); 6] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    ENTITIES.iter().fold(value.to_owned(), |value, (entity, plain)| value.replace(entity, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_and_links_are_found() {
        let page = Html::of(
            "<h2 id=\"a\" class='x'>\n<a href=#1 id=1>1</a><a\nhref=\"b.html?c=d&amp;e#f\">\n<img src='g.svg' alt=\"a > b\">\
             <script>\"<a href='x'>\"\n</script><a href=\"h\"></a>",
        );
        assert_eq!(page.anchors, HashSet::from(["a", "1"].map(str::to_owned)));
        let links = [(2, "#1"), (2, "b.html?c=d&e#f"), (4, "g.svg"), (5, "h")];
        assert_eq!(page.links, links.map(|(line, target)| (line, target.to_owned())));
        assert!(page.unlinked.is_empty());
    }

    #[test]
    fn links_without_a_target_are_found() {
        let page = Html::of("<p>See\n[the guide][guide], <code>a[0][1]</code> and [x](y)");
        let lines: Vec<_> = page.unlinked.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 2]);
    }
}
