//! Text in, [`Kind`] out: chooses the grammar by the first character and collects everything that is wrong.

mod conditions;
mod fields;
mod json;
mod lexer;
mod terms;

use crate::Kind;
use crate::error::{Error, ErrorKind, Errors};
use crate::span::Span;

/// Parentheses may nest this deep, so that no text can exhaust the stack.
pub(crate) const NESTING_MAX: usize = 100;
/// AWS allows so many regular expressions in one pattern.
const REGEXES_MAX: usize = 2;

pub(crate) fn parse(text: &str) -> Result<Kind, Errors> {
    let mut errors = Vec::new();
    let kind = match text.trim().chars().next() {
        None => Some(Kind::Everything),
        Some('{') => json::parse(text, &mut errors).map(Kind::Json),
        Some('[') => fields::parse(text, &mut errors).map(Kind::Fields),
        Some(_) => terms::parse(text, &mut errors).map(Kind::Terms),
    };
    if kind.is_none() && errors.is_empty() {
        // Every refusal above says why; this keeps a forgotten one from passing as a pattern.
        errors.push(Error::new(
            ErrorKind::InvalidPattern,
            Span::new(text, 0, text.len()),
            "not a filter pattern",
        ));
    }
    match (Errors::from_list(errors), kind) {
        (None, Some(kind)) => Ok(kind),
        (Some(errors), _) => Err(errors),
        (None, None) => Ok(Kind::Everything),
    }
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
