//! Terms: words, quoted texts and regular expressions, separated by white space.

use super::lexer::{quoted, regex};
use super::limit_regexes;
use crate::error::{Error, ErrorKind};
use crate::span::Span;
use crate::terms::{Content, Role, Term, Terms, is_term_character};

pub(super) fn parse(text: &str, errors: &mut Vec<Error>) -> Option<Terms> {
    let mut list = Vec::new();
    let mut regexes = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or("");
        let begin = at + rest.len() - rest.trim_start().len();
        let Some(first) = text.get(begin..).and_then(|rest| rest.chars().next()) else { break };
        let role = match first {
            '?' => Role::Optional,
            '-' => Role::Excluded,
            _ => Role::Required,
        };
        let content_at = begin + usize::from(role != Role::Required);
        let (result, end) = content(text, begin, content_at);
        match result.and_then(|content| ends_there(text, end).map(|()| content)) {
            Ok(content) => {
                if matches!(content, Content::Regex(_)) {
                    regexes.push(begin..end);
                }
                list.push(Term { role, content, span: Span::new(text, begin, end) });
                at = end;
            }
            Err(error) => {
                errors.push(error);
                let rest = text.get(end..).unwrap_or("");
                at = end + rest.find(char::is_whitespace).unwrap_or(rest.len());
            }
        }
    }
    limit_regexes(text, &regexes, errors);
    Some(Terms { list })
}

/// What stands at `at`, behind the sign of the term that began at `begin`; and where it ends.
fn content(text: &str, begin: usize, at: usize) -> (Result<Content, Error>, usize) {
    let rest = text.get(at..).unwrap_or("");
    match rest.chars().next() {
        Some('"') => {
            let (result, end) = quoted(text, at);
            (result.map(Content::Text), end)
        }
        Some('%') => {
            let (result, end) = regex(text, at);
            (result.map(Content::Regex), end)
        }
        Some(first) if is_term_character(first) => {
            let length = rest.find(|c| !is_term_character(c)).unwrap_or(rest.len());
            (Ok(Content::Text(rest.get(..length).unwrap_or("").to_owned())), at + length)
        }
        Some(first) if !first.is_whitespace() => {
            (Err(illegal(text, begin, at, first)), at + first.len_utf8())
        }
        _ => {
            let sign = text.get(begin..at).unwrap_or("");
            let error = Error::new(
                ErrorKind::InvalidPattern,
                Span::new(text, begin, at),
                format!("`{sign}` is followed by no term"),
            );
            (
                Err(error.hint(format!(
                    "write the term right behind it, or `\"{sign}\"` for the character itself"
                ))),
                at,
            )
        }
    }
}

/// A term ends at white space or at the end of the pattern.
fn ends_there(text: &str, end: usize) -> Result<(), Error> {
    match text.get(end..).and_then(|rest| rest.chars().next()) {
        Some(next) if !next.is_whitespace() => Err(illegal(text, end, end, next)),
        _ => Ok(()),
    }
}

/// The character at `at` cannot stand in a term; AWS names the term from `begin`.
fn illegal(text: &str, begin: usize, at: usize, character: char) -> Error {
    let end = at + character.len_utf8();
    let term = text.get(begin..end).unwrap_or("").to_owned();
    let hint = match character {
        '*' => "terms are found anywhere in the message, so no `*` is needed: `ERR` finds `ERROR`".to_owned(),
        '$' | '=' | '!' | '<' | '>' | '&' | '|' if text.contains("$.") => {
            "conditions on JSON fields stand in braces: `{ $.eventName = \"value\" }`".to_owned()
        }
        '"' | '%' => "separate terms with a space".to_owned(),
        _ => "put terms with other characters than letters, digits, `_` and `-` in double quotes: `\"…\"`"
            .to_owned(),
    };
    let detail = format!("`{}` cannot stand in a term", character.escape_debug());
    Error::new(ErrorKind::InvalidTerm(term), Span::new(text, at, end), detail).hint(hint)
}
