//! Text in, [`Kind`] out: chooses the grammar by the first character and collects everything that is wrong.

mod conditions;
mod fields;
mod json;
mod lexer;
mod terms;

pub(crate) use json::PATTERN_WILDCARDS_MAX;
pub(crate) use lexer::{first_octets, is_cidr};

use crate::Kind;
use crate::error::{Error, ErrorKind, Errors};
use crate::selector::Selector;
use crate::span::Span;
use lexer::{Grammar, Lexed, Token, lex};

/// Parentheses may nest this deep, so that no text can exhaust the stack.
pub(crate) const NESTING_MAX: usize = 100;
/// AWS allows so many regular expressions in one pattern.
pub(crate) const REGEXES_MAX: usize = 2;

pub(crate) fn parse(text: &str) -> Result<Kind, Errors> {
    let mut errors = Vec::new();
    let kind = match text.trim().chars().next() {
        None => Some(Kind::Everything),
        Some('{') => json::parse(text, &mut errors).map(Kind::Json),
        Some('[') => fields::parse(text, &mut errors).map(Kind::Fields),
        Some(_) => terms::parse(text, &mut errors).map(Kind::Terms),
    };
    match kind {
        Some(kind) if errors.is_empty() => Ok(kind),
        _ => Err(Errors::new(errors)),
    }
}

/// A selector and nothing else.
pub(crate) fn selector(text: &str) -> Result<Selector, Errors> {
    let Lexed { tokens, mut errors } = lex(text, 0, Grammar::Json);
    if let ([(Token::Selector(selector), _)], true) = (tokens.as_slice(), errors.is_empty()) {
        return Ok(selector.clone());
    }
    let detail = "a selector such as `$.eventName`, and nothing else, is wanted here";
    if errors.is_empty() {
        errors.push(Error::new(ErrorKind::InvalidPattern, Span::new(text, 0, text.len()), detail));
    }
    Err(Errors::new(errors))
}

/// Complains about the third regular expression and those after it; `places` are where they all stand.
fn limit_regexes(text: &str, places: &[std::ops::Range<usize>], errors: &mut Vec<Error>) {
    if let Some(third) = places.get(REGEXES_MAX) {
        let detail = format!(
            "{} regular expressions, and AWS allows {REGEXES_MAX} in one filter pattern",
            places.len()
        );
        errors.push(
            Error::new(ErrorKind::RegexCount, Span::new(text, third.start, third.end), detail)
                .hint("join two of them with `|` inside one `%…%`, or use `*` wildcards"),
        );
    }
}
