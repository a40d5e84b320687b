//! `[ … ]`: names for the fields of space-delimited messages.

use super::conditions::Parser;
use super::lexer::{Grammar, Token};
use super::limit_regexes;
use crate::error::{Error, ErrorKind};
use crate::expression::FieldTest;
use crate::fields::{Field, SingleField, SpaceDelimited};
use crate::span::Span;
use crate::terms::is_term_character;

pub(super) fn parse(text: &str, errors: &mut Vec<Error>) -> Option<SpaceDelimited> {
    let mut parser = Parser::new(text, Grammar::Fields);
    let mut fields = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    if parser.peek() != Some(&Token::CloseKind) {
        loop {
            let here = parser.here();
            let field = field(&mut parser);
            if let Some(name) = field.as_ref().and_then(name_of) {
                if seen.contains(&name) {
                    parser.errors.push(duplicate(text, &name, &here));
                }
                seen.push(name);
            }
            fields.push(field);
            if !parser.take(&Token::Comma) {
                break;
            }
        }
    }
    parser.close(']');
    limit_regexes(text, &parser.regexes, &mut parser.errors);
    errors.append(&mut parser.errors);
    Some(SpaceDelimited { fields: fields.into_iter().collect::<Option<_>>()? })
}

fn name_of(field: &Field) -> Option<String> {
    match field {
        Field::Ellipsis => Some("...".to_owned()),
        Field::Single(single) => single.name.clone(),
    }
}

fn duplicate(text: &str, name: &str, here: &std::ops::Range<usize>) -> Error {
    let detail = match name {
        "..." => "only one `...` can stand in a pattern".to_owned(),
        _ => format!("`{name}` names two fields"),
    };
    Error::new(ErrorKind::DuplicateField(name.to_owned()), Span::new(text, here.start, here.end), detail)
}

/// One entry; stands before a comma or the closer afterwards.
fn field(parser: &mut Parser<'_>) -> Option<Field> {
    let start = parser.here().start;
    let ends = |token: Option<&Token>| matches!(token, None | Some(Token::Comma | Token::CloseKind));
    if ends(parser.peek()) {
        return Some(Field::Single(SingleField {
            name: None,
            condition: None,
            span: Span::new(parser.text, start, start),
        }));
    }
    if parser.take_word("...") {
        if ends(parser.peek()) {
            return Some(Field::Ellipsis);
        }
        parser.complain(
            "nothing can be asked of `...`",
            Some("name the field to ask something of it".to_owned()),
        );
        skip_entry(parser);
        return None;
    }
    let Some(name) = parser.first_word_in_parentheses().map(str::to_owned) else {
        let hint = matches!(parser.peek(), Some(Token::Quoted(_)))
            .then(|| "a pattern of terms has no brackets; a JSON array is no filter pattern".to_owned());
        parser.complain("a field begins with its name", hint);
        skip_entry(parser);
        return None;
    };
    let named = !name.is_empty() && name.chars().all(is_term_character);
    if !named {
        parser.complain(
            format!("`{name}` cannot name a field"),
            Some("names are letters, digits, `_` and `-`".to_owned()),
        );
        skip_entry(parser);
        return None;
    }
    if matches!(parser.peek(), Some(Token::Word(_))) && ends(parser.peek_second()) {
        parser.advance();
        let span = Span::new(parser.text, start, parser.behind());
        return Some(Field::Single(SingleField { name: Some(name), condition: None, span }));
    }
    let condition = parser.any(&|parser: &mut Parser<'_>| test(parser, &name));
    while !ends(parser.peek()) {
        parser.complain(format!("`{}` cannot stand here", parser.written()), None);
        skip_entry(parser);
    }
    let span = Span::new(parser.text, start, parser.behind());
    Some(Field::Single(SingleField { name: Some(name), condition: Some(condition?), span }))
}

/// `name operator value`, where the name is the field's own.
fn test(parser: &mut Parser<'_>, name: &str) -> Option<FieldTest> {
    let start = parser.here().start;
    if !parser.take_word(name) {
        parser.complain(
            format!("each comparison of a field begins with the field's name, `{name}`"),
            Some("separate fields with commas".to_owned()),
        );
        return None;
    }
    match parser.peek() {
        Some(Token::Operator(_)) => {
            let test = parser.comparison(name)?;
            Some(FieldTest { test, span: Span::new(parser.text, start, parser.behind()) })
        }
        Some(Token::Word(word)) if ["IS", "NOT", "EXISTS"].contains(&word.as_str()) => {
            parser.complain("`IS NULL`, `NOT EXISTS` and the like are for JSON patterns only", None);
            None
        }
        _ => {
            parser.complain(
                format!("a comparison is missing after `{name}`"),
                Some("separate fields with commas".to_owned()),
            );
            None
        }
    }
}

/// Skips to the comma or the closer.
fn skip_entry(parser: &mut Parser<'_>) {
    while !matches!(parser.peek(), None | Some(Token::Comma | Token::CloseKind)) {
        parser.advance();
    }
}
