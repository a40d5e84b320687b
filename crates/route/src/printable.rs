//! Text that others wrote, made safe to look at.
//!
//! Names, user agents and parameters of an event are the attacker's to choose. A control character can act on a terminal, one
//! that reorders text can make a name read as another, and one that shows nothing can hide in it. They become visible escapes
//! here, so that no format has to think of them again; what a format takes for markup is still its own to escape.

use std::fmt::Write as _;

/// Whether a character acts on text around it, or shows nothing: controls, and the formatting characters of Unicode that
/// reorder, join, separate or hide.
///
/// ```
/// use route::printable::is_hidden;
///
/// assert!(is_hidden('\u{1b}') && is_hidden('\u{202e}') && is_hidden('\u{200b}'));
/// assert!(!is_hidden('é') && !is_hidden('日') && !is_hidden(' '));
/// ```
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// One line of at most `characters_max` characters, with `…` where something was cut: white space becomes a blank, and
/// [hidden](is_hidden) characters become their code point.
///
/// ```
/// use route::printable::line;
///
/// assert_eq!(line("a\nb\u{1b}[31mc", 80), "a b\\u{1b}[31mc");
/// assert_eq!(line("user\u{202e}nimda", 80), "user\\u{202e}nimda");
/// assert_eq!(line("abcdef", 4), "abc…");
/// ```
#[must_use]
pub fn line(text: &str, characters_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(characters_max * 4));
    for c in text.chars().take(characters_max.saturating_add(1)) {
        match c {
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => out.push(' '),
            _ if is_hidden(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    cut(out.trim(), characters_max)
}

/// At most `characters_max` characters of `text`, with `…` where something was cut.
#[must_use]
pub fn cut(text: &str, characters_max: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(characters_max) else {
        return text.to_owned();
    };
    let kept = text.get(..end).unwrap_or_default();
    let shorter = kept.char_indices().next_back().and_then(|(last, _)| kept.get(..last)).unwrap_or_default();
    let mut out = shorter.to_owned();
    if characters_max > 0 {
        out.push('…');
    }
    out
}

/// JSON text on one line in which no [hidden](is_hidden) character stands as such: it is the same JSON, since outside of its
/// strings there can only be white space of that kind, and inside of them an escape means the character.
///
/// ```
/// use route::printable::json_line;
///
/// assert_eq!(json_line("{\n\"a\": \"\u{9b}31m\u{e0041}\"}"), "{ \"a\": \"\\u009b31m\\udb40\\udc41\"}");
/// ```
#[must_use]
pub fn json_line(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.trim().chars() {
        match c {
            '\t' | '\n' | '\r' => out.push(' '),
            _ if is_hidden(c) => {
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cutting_counts_characters() {
        assert_eq!(cut("日本語", 3), "日本語");
        assert_eq!(cut("日本語", 2), "日…");
        assert_eq!(cut("日本語", 1), "…");
        assert_eq!(cut("日本語", 0), "");
        assert_eq!(line(&"\u{1b}".repeat(50), 10).chars().count(), 10, "escapes count as what they become");
    }

    proptest! {
        #[test]
        fn a_line_is_one_line_and_hides_nothing(text in "\\PC*|.*", max in 0_usize..50) {
            let shown = line(&text, max);
            prop_assert!(!shown.chars().any(is_hidden), "{shown:?}");
            prop_assert!(shown.chars().count() <= max);
        }

        #[test]
        fn json_stays_the_same_json(text in any::<String>()) {
            let value = serde_json::json!({ "k": [text] });
            let line = json_line(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert!(!line.chars().any(is_hidden), "{line:?}");
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
        }
    }
}
