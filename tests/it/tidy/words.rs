//! Habits of language that a stranger trips over, counted: sentences and names that begin with a relative pronoun, and words that stand for a plain
//! condition. Their numbers may only shrink.
//!
//! This file is read by the rules too. A `·` in a word is taken out before use.

/// Begin no sentence, heading or test name, unless that is a question.
const PRONOUNS: [&str; 4] = ["Wh·o", "Wh·om", "Wh·oever", "Wh·at"];

/// Say the condition first, and a number as such.
const RIDDLES: [&str; 6] = ["b·e it", "so m·any", "for so l·ong", "no·body", "who·ever", "comes to the s·ame"];

fn plain(word: &str) -> String {
    word.replace('·', "")
}

/// The part of a line that is written for readers: comments of code, or all of a text.
fn prose(line: &str, is_code: bool) -> Option<&str> {
    if !is_code {
        return Some(line.trim_start_matches(['#', '-', '|', '*', ' ']));
    }
    let (_, comment) = line.split_once("//")?;
    Some(comment.trim_start_matches(['/', '!', ' ']))
}

/// How many sentences and names of tests begin with a relative pronoun and are no question.
pub(super) fn pronouns(text: &str, is_code: bool) -> usize {
    let begins = |sentence: &str| {
        let mut words = sentence.split(|c: char| !c.is_alphanumeric() && c != '\'');
        let first = words.next().unwrap_or_default();
        PRONOUNS.iter().any(|word| plain(word) == first) && !sentence.trim_end().ends_with('?')
    };
    let is_test = |line: &str| {
        let name = line.trim_start().strip_prefix("fn ").unwrap_or_default();
        PRONOUNS.iter().any(|word| name.starts_with(&format!("{}_", plain(word).to_lowercase())))
    };
    let in_line = |line: &str| {
        let sentences = prose(line, is_code)
            .map_or(0, |prose| prose.split_inclusive(['.', '?']).filter(|part| begins(part.trim())).count());
        sentences + usize::from(is_code && is_test(line))
    };
    text.lines().map(in_line).sum()
}

/// How many words stand for a plain condition or number.
pub(super) fn riddles(text: &str, is_code: bool) -> usize {
    let in_line = |line: &str| {
        let prose = prose(line, is_code).unwrap_or_default().to_lowercase();
        let is_word = |at: usize, len: usize| {
            let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
            is_edge(prose[..at].chars().next_back()) && is_edge(prose[at + len..].chars().next())
        };
        let count =
            |word: &str| prose.match_indices(&plain(word)).filter(|(at, found)| is_word(*at, found.len())).count();
        RIDDLES.iter().map(|word| count(word)).sum::<usize>()
    };
    text.lines().map(in_line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_with_a_pronoun_in_front_are_found() {
        let text =
            plain("// Wh·oever comes. Wh·at is it? The thread tells wh·o.\nfn wh·at_is_there() {}\nlet Wh·at = 1;\n");
        assert_eq!(pronouns(&text, true), 2);
        assert_eq!(pronouns(&plain("## Wh·at it is\n\nWh·y? Whale.\n"), false), 1);
    }

    #[test]
    fn riddles_are_found_in_prose_only() {
        let text = plain("// It waits for so l·ong, b·e it read or not.\nlet no·body = 1; // by no·body\n");
        assert_eq!(riddles(&text, true), 3);
        assert_eq!(riddles(&plain("so m·anyfold"), false), 0);
    }
}
