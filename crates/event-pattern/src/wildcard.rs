//! Wildcard patterns: `*` is any run of bytes, the rest is literal.
//!
//! A pattern is kept as the literal pieces between its stars. Matching takes each piece at its first place after the one before:
//! as the pieces have no stars, a later place can never help, so nothing is ever tried twice.

use std::fmt;

/// A parsed wildcard pattern.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Wildcard {
    text: Box<str>,
    /// One more than there are stars; the first and last may be empty.
    pieces: Box<[Box<str>]>,
}

impl fmt::Debug for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wildcard").field(&self.text).finish()
    }
}

/// Why a wildcard pattern is refused. Positions count bytes from the opening quote. The texts are the service's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WildcardError {
    #[error("Consecutive wildcard characters at pos {0}")]
    Consecutive(usize),
    #[error("Invalid escape character at pos {0}")]
    Escape(usize),
}

impl Wildcard {
    pub(crate) fn parse(text: &str) -> Result<Wildcard, WildcardError> {
        let mut pieces = Vec::new();
        let mut piece = String::new();
        let mut characters = text.char_indices().peekable();
        while let Some((offset, character)) = characters.next() {
            match character {
                '*' => {
                    if characters.peek().is_some_and(|(_, next)| *next == '*') {
                        return Err(WildcardError::Consecutive(offset + 1));
                    }
                    pieces.push(std::mem::take(&mut piece).into_boxed_str());
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => piece.push(escaped),
                    _ => return Err(WildcardError::Escape(offset + 1)),
                },
                _ => piece.push(character),
            }
        }
        pieces.push(piece.into_boxed_str());
        Ok(Wildcard { text: text.into(), pieces: pieces.into() })
    }

    /// The text in the pattern, escapes and all.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The literal pieces around the stars, unescaped: `a*b` has `a` and `b`, `*` has two empty ones, and a pattern without a star
    /// has one.
    #[must_use]
    pub fn pieces(&self) -> &[Box<str>] {
        &self.pieces
    }

    /// Whether the whole of `value` fits.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        let (Some(first), Some(last)) = (self.pieces.first(), self.pieces.last()) else { return false };
        let Some(middle) = self.pieces.get(1..self.pieces.len() - 1) else {
            return value == &**first;
        };
        let Some(rest) = value.strip_prefix(&**first) else { return false };
        let Some(mut rest) = rest.strip_suffix(&**last) else { return false };
        for piece in middle {
            let Some(at) = rest.find(&**piece) else { return false };
            rest = rest.get(at + piece.len()..).unwrap_or_default();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Wildcard, WildcardError};

    #[test]
    fn fits() {
        for (pattern, value, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "a\nb", true),
            ("a*b", "ab", true),
            ("a*b", "acb", true),
            ("a*b", "acbc", false),
            ("a*a", "a", false),
            ("*ab*ab*", "abab", true),
            ("*ab*ab*", "aab", false),
            ("*aab", "aaab", true),
            (r"*\**", "a*b", true),
            (r"*\**", "ab", false),
            (r"a\\*", r"a\b", true),
            ("é*", "éa", true),
        ] {
            assert_eq!(Wildcard::parse(pattern).expect(pattern).matches(value), fits, "{pattern} {value}");
        }
    }

    #[test]
    fn refused() {
        for (pattern, error) in [
            ("a**", WildcardError::Consecutive(2)),
            (r"a\", WildcardError::Escape(2)),
            (r"a\q", WildcardError::Escape(2)),
            (r"é\q", WildcardError::Escape(3)),
        ] {
            assert_eq!(Wildcard::parse(pattern), Err(error), "{pattern}");
        }
    }
}
