//! Prepares text from outside for a line that a person reads.

use crate::secrets::masked;

/// Longest piece of foreign text that a message carries, in characters.
const FOREIGN_TEXT: usize = 500;
/// A secret that begins within that length ends within this many more characters: 255 bytes, as base64.
const LONGEST_SECRET: usize = 344;

/// Text from outside, safe in one line that a person reads: white space becomes one space, invisible characters are
/// escaped, secrets are masked, long text is cut.
#[must_use]
pub fn foreign(text: &str) -> String {
    let mut line = masked(&escaped(text, FOREIGN_TEXT + LONGEST_SECRET)).into_owned();
    if let Some((end, _)) = line.char_indices().nth(FOREIGN_TEXT) {
        line.truncate(end);
    }
    line
}

/// A message of ours, safe in one line in the same way. It is never cut: the text that it quotes was cut before.
#[must_use]
pub fn one_line(text: &str) -> String {
    masked(&escaped(text, usize::MAX)).into_owned()
}

/// At most this many characters of the text, with the invisible ones escaped.
fn escaped(text: &str, most: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(most));
    let mut remaining = most;
    for word in text.split_whitespace() {
        if !clean.is_empty() {
            clean.push(' ');
        }
        for character in word.chars().take(remaining) {
            if is_unseen(character) {
                clean.extend(character.escape_unicode());
            } else {
                clean.push(character);
            }
            remaining -= 1;
        }
        if remaining <= 1 {
            break;
        }
        remaining -= 1;
    }
    clean
}

/// Control and format characters (Unicode's categories Cc and Cf), and characters that are drawn as nothing
/// (`Default_Ignorable_Code_Point`): they can make a line look like a different one.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    !character.is_ascii()
        && matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}'
            | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
        || character.is_control()
}

/// The one of these words that was probably meant.
#[must_use]
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    words.into_iter().min_by_key(|candidate| distance(word, candidate))
}

/// Levenshtein distance: the number of single-character edits between two words.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut costs: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.chars().enumerate() {
        let mut diagonal = costs[0];
        costs[0] = row + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = costs[column + 1];
            costs[column + 1] = replaced.min(diagonal + 1).min(costs[column] + 1);
        }
    }
    costs[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_one_line_and_is_cut() {
        assert_eq!(foreign(" a\nb\u{1b}[2J\u{202e} "), "a b\\u{1b}[2J\\u{202e}");
        assert_eq!(foreign("\u{200b}a\u{feff}\u{e0041}\u{3164}"), "\\u{200b}a\\u{feff}\\u{e0041}\\u{3164}");
        for text in ["x ".repeat(10_000), "x".repeat(10_000), "é".repeat(500), "\u{1b}".repeat(500)] {
            assert_eq!(foreign(&text).chars().count(), FOREIGN_TEXT);
        }
    }

    #[test]
    fn a_line_of_ours_is_never_cut() {
        let text = "x ".repeat(10_000);
        assert_eq!(one_line(&text), text.trim_end());
        assert_eq!(one_line(" a\nb\u{1b} rk_live_0123456789abcdefghij "), "a b\\u{1b} rk_***");
    }

    #[test]
    fn a_secret_at_the_cut_is_masked_whole() {
        let text = format!("{}rk_live_{}", "x".repeat(FOREIGN_TEXT - 6), "s".repeat(247));
        assert_eq!(foreign(&text), format!("{}rk_***", "x".repeat(FOREIGN_TEXT - 6)));
    }
}
