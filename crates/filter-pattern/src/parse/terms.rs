//! Terms: words, quoted texts and regular expressions, separated by white space.

use super::lexer::{quoted, regex, shown};
use super::{ERRORS_MAX, REGEXES_MAX, is_space, limit_regexes};
use crate::error::{Error, ErrorKind};
use crate::span::Span;
use crate::terms::{Content, Role, Term, Terms, is_term_character};

pub(super) fn parse(text: &str, errors: &mut Vec<Error>) -> Option<Terms> {
    let mut list = Vec::new();
    let mut regexes = Vec::new();
    let mut at = 0;
    while errors.len() < ERRORS_MAX {
        let rest = text.get(at..).unwrap_or("");
        let begin = at + rest.len() - rest.trim_start_matches(is_space).len();
        let Some(first) = text.get(begin..).and_then(|rest| rest.chars().next()) else { break };
        let role = match first {
            '?' => Role::Optional,
            '-' => Role::Excluded,
            _ => Role::Required,
        };
        let content_at = begin + usize::from(role != Role::Required);
        let (result, end) = content(text, begin, content_at, regexes.len() < REGEXES_MAX);
        if text.get(content_at..).is_some_and(|content| content.starts_with('%')) {
            regexes.push(begin..end);
        }
        match result.and_then(|content| ends_there(text, end).map(|()| content)) {
            Ok(content) => {
                at = end;
                // One that was not compiled is one too many, which is complained about below.
                let Some(content) = content else { continue };
                list.push(Term { role, content, span: Span::new(text, begin, end) });
            }
            Err(error) => {
                errors.push(error);
                let rest = text.get(end..).unwrap_or("");
                at = end + rest.find(is_space).unwrap_or(rest.len());
            }
        }
    }
    limit_regexes(text, &regexes, errors);
    Some(Terms { list })
}

/// What stands at `at`, behind the sign of the term that began at `begin`; and where it ends. `None` for a regular
/// expression that is not to be compiled.
fn content(text: &str, begin: usize, at: usize, compile: bool) -> (Result<Option<Content>, Error>, usize) {
    let rest = text.get(at..).unwrap_or("");
    match rest.chars().next() {
        Some('"') => {
            let (result, end) = quoted(text, at);
            (result.map(|text| Some(Content::Text(text))), end)
        }
        Some('%') => {
            let (result, end) = regex(text, at, compile);
            (result.map(|regex| regex.map(Content::Regex)), end)
        }
        Some(first) if is_term_character(first) => {
            let length = rest.find(|c| !is_term_character(c)).unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or("").to_owned();
            (Ok(Some(Content::Text(word))), at + length)
        }
        Some(first) if !is_space(first) => (Err(illegal(text, begin, at, first)), at + first.len_utf8()),
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
        Some(next) if !is_space(next) => Err(illegal(text, end, end, next)),
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
        _ if character.is_whitespace() => "separate terms with plain spaces".to_owned(),
        '"' | '%' => "separate terms with a space".to_owned(),
        _ => "put terms with other characters than letters, digits, `_` and `-` in double quotes: `\"…\"`"
            .to_owned(),
    };
    let detail = format!("`{}` cannot stand in a term", shown(character));
    Error::new(ErrorKind::InvalidTerm(term), Span::new(text, at, end), detail).hint(hint)
}
