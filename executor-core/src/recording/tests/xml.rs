//! Reads the XML that the pictures use: elements, attributes, text, and the five entities.

use std::collections::HashMap;

/// An element, with the text that is directly in it.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: HashMap<String, String>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// # Panics
    ///
    /// If the text is not well formed.
    pub(super) fn parse(text: &str) -> Self {
        let is_character =
            |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(text.chars().all(is_character), "a character that XML cannot hold");
        let mut rest = text.trim_end();
        let root = element(&mut rest);
        assert_eq!(rest, "", "one root");
        root
    }

    /// This element and all in it.
    pub(super) fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        self.children.iter().for_each(|child| all.extend(child.all()));
        all
    }

    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.all().into_iter().filter(move |element| element.name == name)
    }

    pub(super) fn number(&self, attribute: &str) -> f64 {
        self.attributes[attribute].parse().expect("a number")
    }

    pub(super) fn class(&self) -> &str {
        self.attributes.get("class").map_or("", String::as_str)
    }
}

fn element(rest: &mut &str) -> Element {
    let (tag, after) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).expect("a tag");
    *rest = after;
    let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
    let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(name.chars().all(|c| c.is_ascii_alphabetic()), "{name:?} is no name");
    let mut element = Element { name: name.to_owned(), attributes: all_attributes(attributes), ..Element::default() };
    if is_empty {
        return element;
    }
    loop {
        let end = rest.find('<').expect("an end");
        element.text += &unescaped(&rest[..end]);
        *rest = &rest[end..];
        if let Some(after) = rest.strip_prefix(&format!("</{name}>")) {
            *rest = after;
            return element;
        }
        element.children.push(self::element(rest));
    }
}

fn all_attributes(mut text: &str) -> HashMap<String, String> {
    let mut attributes = HashMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").expect("an attribute");
        let (value, rest) = rest.split_once('"').expect("the end of an attribute");
        assert!(attributes.insert(name.to_owned(), unescaped(value)).is_none(), "{name} twice");
        text = rest.strip_prefix(' ').unwrap_or(rest);
    }
    attributes
}

fn unescaped(text: &str) -> String {
    assert!(!text.contains('<'), "a tag in {text:?}");
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').expect("an entity");
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            _ => panic!("{entity:?} is no entity"),
        });
        plain += rest;
    }
    plain
}
