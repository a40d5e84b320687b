//! `{ … }`: conditions on the fields of JSON messages.

use serde_json::value::RawValue;

use super::conditions::Parser;
use super::lexer::{Grammar, NO_NEGATION, Token};
use super::limit_regexes;
use crate::condition::Test;
use crate::error::{Error, ErrorKind};
use crate::expression::{Condition, Expr};
use crate::span::Span;

/// AWS allows one wildcard in a selector.
const SELECTOR_WILDCARDS_MAX: usize = 1;
/// AWS allows three wildcards in a pattern.
pub(crate) const PATTERN_WILDCARDS_MAX: usize = 3;

pub(super) fn parse(text: &str, errors: &mut Vec<Error>) -> Option<Expr> {
    if let Some(error) = event_pattern_pasted(text) {
        errors.push(error);
        return None;
    }
    let mut parser = Parser::new(text, Grammar::Json);
    let expr = if parser.peek() == Some(&Token::CloseKind) {
        parser.complain(
            "the pattern has no condition",
            Some("an empty filter pattern, without braces, matches every message".to_owned()),
        );
        None
    } else {
        parser.any(&condition)
    };
    parser.close('}');
    limit_regexes(text, &parser.regexes, &mut parser.errors);
    if let Some(expr) = &expr {
        limit_wildcards(expr, &mut parser.errors);
    }
    errors.append(&mut parser.errors);
    expr
}

/// An EventBridge event pattern is JSON; a filter pattern never is.
fn event_pattern_pasted(text: &str) -> Option<Error> {
    let inside = text.trim_start().strip_prefix('{')?.trim_start();
    if !inside.starts_with('"') || serde_json::from_str::<&RawValue>(text).is_err() {
        return None;
    }
    let start = text.find(':')?;
    Some(
        Error::new(
            ErrorKind::InvalidTerm(":".to_owned()),
            Span::new(text, start, start + 1),
            "this is a JSON document, such as an EventBridge event pattern, and not a filter pattern",
        )
        .hint("in a rule, write it under `pattern:`; as a filter: `{ $.key = \"value\" }`"),
    )
}

/// `selector test`.
fn condition(parser: &mut Parser<'_>) -> Option<Condition> {
    let start = parser.here().start;
    let selector = match parser.peek() {
        Some(Token::Selector(selector)) => selector.clone(),
        other => {
            let hint = match other {
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("NOT") => Some(NO_NEGATION.to_owned()),
                Some(Token::Word(word)) => Some(format!("write `$.{word}`")),
                Some(Token::Quoted(text)) => Some(format!("write `$.{text}`, without quotes")),
                _ => None,
            };
            parser.complain("a condition begins with a selector such as `$.eventName`", hint);
            return None;
        }
    };
    parser.advance();
    let subject = selector.to_string();
    let test = match parser.peek() {
        Some(Token::Operator(_)) => parser.comparison(&subject)?,
        Some(Token::Word(_)) => keyword_test(parser, &subject)?,
        _ => {
            parser.complain(
                format!("`{subject}` is asked nothing"),
                Some(format!("add a comparison, `IS NULL` or `NOT EXISTS`; `{subject} = *` holds for any string or number")),
            );
            return None;
        }
    };
    Some(Condition { selector, test, span: Span::new(parser.text, start, parser.behind()) })
}

/// `IS NULL`, `IS TRUE`, `IS FALSE`, `NOT EXISTS`.
fn keyword_test(parser: &mut Parser<'_>, subject: &str) -> Option<Test> {
    let present = || Some(format!("`{subject} = *` holds where the field is any string or number"));
    if parser.take_word("IS") {
        for (word, test) in [("NULL", Test::IsNull), ("TRUE", Test::IsTrue), ("FALSE", Test::IsFalse)] {
            if parser.take_word(word) {
                return Some(test);
            }
        }
        let written = parser.written().to_owned();
        let kind = match parser.peek() {
            Some(Token::Word(_)) => ErrorKind::InvalidTerm(written.clone()),
            _ => ErrorKind::InvalidPattern,
        };
        let hint = match written.as_str() {
            "NOT" => present(),
            _ if is_keyword(&written) => {
                Some(format!("keywords are upper case: `{}`", written.to_uppercase()))
            }
            _ => None,
        };
        parser.complain_as(kind, "`IS` is followed by `NULL`, `TRUE` or `FALSE`", hint);
        return None;
    }
    if parser.take_word("NOT") {
        if parser.take_word("EXISTS") {
            return Some(Test::NotExists);
        }
        let hint = is_keyword(parser.written()).then(|| "write `NOT EXISTS`, in upper case".to_owned());
        parser.complain("`NOT` is followed by `EXISTS`", hint);
        return None;
    }
    let written = parser.written().to_owned();
    let upper = written.to_uppercase();
    let hint = match upper.as_str() {
        "EXISTS" => Some(format!(
            "only `NOT EXISTS` can be asked; `{subject} = *` holds where the field is any string or number"
        )),
        "IS" | "NOT" => Some(format!("keywords are upper case: `{upper}`")),
        "IN" => Some(format!("write `{subject} = a || {subject} = b`")),
        "LIKE" | "CONTAINS" | "MATCHES" => {
            Some(format!("write `{subject} = \"*text*\"` or `{subject} = %regex%`"))
        }
        _ => None,
    };
    parser.complain(format!("`{written}` is no operator"), hint);
    None
}

fn is_keyword(word: &str) -> bool {
    ["NULL", "TRUE", "FALSE", "EXISTS"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

fn limit_wildcards(expr: &Expr, errors: &mut Vec<Error>) {
    let mut total = 0;
    for condition in expr.conditions() {
        let wildcards = condition.selector.wildcards();
        let before = total;
        total += wildcards;
        if wildcards > SELECTOR_WILDCARDS_MAX {
            let detail = format!(
                "`{}` has {wildcards} wildcards, and AWS allows one in a selector",
                condition.selector
            );
            errors.push(
                Error::new(ErrorKind::SelectorWildcards, condition.span, detail)
                    .hint("name an element instead of all but one of them, such as `[0]`"),
            );
        }
        if before <= PATTERN_WILDCARDS_MAX && total > PATTERN_WILDCARDS_MAX {
            let detail = format!(
                "the wildcards of this and earlier selectors are more than the {PATTERN_WILDCARDS_MAX} AWS allows in a filter pattern"
            );
            errors.push(Error::new(ErrorKind::PatternWildcards, condition.span, detail));
        }
    }
}
