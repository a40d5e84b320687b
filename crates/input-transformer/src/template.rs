//! Templates: text with `<variables>`, and what becomes of them.
//!
//! A template that begins with a quote is *text*: one or more JSON strings, mostly one a line. Any other is *JSON*. A variable
//! outside of quotes stands for a value and is replaced by its JSON; one between quotes is a part of a text. How it is written there
//! depends on the template's kind, see the reference.
//!
//! Invariant: with each variable outside of quotes replaced by some value, a template is JSON. So what it makes can only go wrong by what
//! stands between quotes.

use std::collections::BTreeMap;

use crate::error::InputError;
use crate::event::Event;
use crate::json::{Kind, Roots, SyntaxError, escape_into, position, scan};
use crate::occasion::{Occasion, Reserved, ReservedValue};
use crate::path::{Found, InputPath};
use crate::payload::{InvalidJson, Payload};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    kind: TemplateKind,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TemplateKind {
    Json,
    Text,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable { variable: Variable, quoted: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Variable {
    Path(InputPath),
    Reserved(Reserved),
}

/// A `<name>` in a template.
struct Placeholder<'t> {
    start: usize,
    name: &'t str,
    quoted: bool,
}

impl Placeholder<'_> {
    fn end(&self) -> usize {
        self.start + self.name.len() + "<>".len()
    }
}

impl Template {
    pub(crate) fn parse(text: &str, paths: &BTreeMap<String, InputPath>) -> Result<Template, InputError> {
        let kind = if text.trim_start().starts_with('"') { TemplateKind::Text } else { TemplateKind::Json };
        let placeholders = placeholders(text);
        let mut parts = Vec::new();
        let mut done = 0;
        for placeholder in &placeholders {
            let reserved = Reserved::ALL.into_iter().find(|reserved| reserved.name() == placeholder.name);
            let variable = match (reserved, paths.get(placeholder.name)) {
                (Some(reserved), _) => Variable::Reserved(reserved),
                (None, Some(path)) => Variable::Path(path.clone()),
                (None, None) => return Err(undefined(text, placeholder, paths)),
            };
            parts.extend(text.get(done..placeholder.start).map(|before| Part::Text(before.to_owned())));
            parts.push(Part::Variable { variable, quoted: placeholder.quoted });
            done = placeholder.end();
        }
        parts.extend(text.get(done..).map(|rest| Part::Text(rest.to_owned())));
        check(text, kind, &placeholders)
            .map_err(|error| InputError::Template { text: text.to_owned(), error })?;
        Ok(Template { kind, parts })
    }

    pub(crate) fn render(&self, event: &Event, occasion: &Occasion<'_>) -> Payload {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Variable { variable, quoted } => {
                    self.write(&mut text, variable, *quoted, event, occasion);
                }
            }
        }
        match scan(&text, self.kind.roots()) {
            Ok(_) => Payload::Delivered(text),
            Err(error) => Payload::Invalid(InvalidJson { text, error }),
        }
    }

    fn write(
        &self,
        out: &mut String,
        variable: &Variable,
        quoted: bool,
        event: &Event,
        occasion: &Occasion<'_>,
    ) {
        match variable {
            Variable::Path(path) => {
                let found = path.find(event);
                match found {
                    Found::Nothing if quoted => {}
                    Found::Nothing => out.push_str("\"\""),
                    Found::One(value) if quoted => match value.as_str() {
                        Some(text) => self.write_text(out, &text),
                        None => self.write_json(out, &found),
                    },
                    Found::List(_) if quoted => self.write_json(out, &found),
                    _ => found.write_json(out),
                }
            }
            Variable::Reserved(reserved) => match reserved.value(event, occasion) {
                ReservedValue::Text(text) if quoted => self.write_text(out, &text),
                ReservedValue::Text(text) => {
                    out.push('"');
                    escape_into(out, &text);
                    out.push('"');
                }
                // Never escaped, and its quotes stay: it is of use outside of quotes only.
                ReservedValue::Json(json) => out.push_str(&json),
            },
        }
    }

    /// A string between quotes.
    fn write_text(&self, out: &mut String, text: &str) {
        match self.kind {
            TemplateKind::Json => escape_into(out, text),
            TemplateKind::Text => out.push_str(text),
        }
    }

    /// Any other value between quotes.
    fn write_json(&self, out: &mut String, found: &Found<'_>) {
        match self.kind {
            TemplateKind::Json => found.write_json(out),
            TemplateKind::Text => {
                let mut json = String::new();
                found.write_json(&mut json);
                out.extend(json.chars().filter(|c| *c != '"'));
            }
        }
    }
}

impl TemplateKind {
    fn roots(self) -> Roots {
        match self {
            TemplateKind::Json => Roots::One,
            TemplateKind::Text => Roots::OneOrMore,
        }
    }
}

/// Every `<name>`: at least one character that is no angle bracket, between two that are.
fn placeholders(text: &str) -> Vec<Placeholder<'_>> {
    let mut placeholders = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    let mut opening = None;
    for (at, character) in text.char_indices() {
        match character {
            '<' => opening = Some((at, quoted)),
            '>' => {
                let place = opening.take().and_then(|(start, quoted)| {
                    let name = text.get(start + 1..at).filter(|name| !name.is_empty())?;
                    Some(Placeholder { start, name, quoted })
                });
                placeholders.extend(place);
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = character == '\\' && quoted && !escaped;
    }
    placeholders
}

/// Whether the template is JSON, with `[]` for each variable outside of quotes: as short as the shortest variable, it can stand for any
/// value and for nothing else, neither as a name nor as a part of a number.
fn check(text: &str, kind: TemplateKind, placeholders: &[Placeholder<'_>]) -> Result<(), SyntaxError> {
    let mut filled = text.to_owned();
    for placeholder in placeholders.iter().filter(|placeholder| !placeholder.quoted) {
        let value = format!("[]{}", " ".repeat(placeholder.name.len()));
        filled.replace_range(placeholder.start..placeholder.end(), &value);
    }
    for token in scan(&filled, kind.roots())?.iter().filter(|token| token.kind == Kind::Name) {
        let inside = |placeholder: &&Placeholder<'_>| (token.start..token.end).contains(&placeholder.start);
        if let Some(placeholder) = placeholders.iter().find(inside) {
            let (line, column) = position(text, placeholder.start);
            let message = "a variable cannot stand in the name of a member".to_owned();
            return Err(SyntaxError { message, line, column });
        }
    }
    Ok(())
}

fn undefined(text: &str, placeholder: &Placeholder<'_>, paths: &BTreeMap<String, InputPath>) -> InputError {
    let (line, column) = position(text, placeholder.start);
    let name = placeholder.name;
    let known = paths.keys().map(String::as_str).chain(Reserved::ALL.map(Reserved::name));
    let same = |known: &&str| known.eq_ignore_ascii_case(name.trim());
    let hint = known.into_iter().find(same).map(|known| format!("; did you mean `<{known}>`?"));
    InputError::Placeholder { name: name.to_owned(), line, column, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(paths: &[(&str, &str)]) -> BTreeMap<String, InputPath> {
        paths.iter().map(|(name, path)| ((*name).to_owned(), InputPath::parse(path).unwrap())).collect()
    }

    fn refusal(template: &str) -> String {
        let paths = paths(&[("a", "$.a"), ("name", "$.name")]);
        Template::parse(template, &paths).unwrap_err().to_string()
    }

    #[test]
    fn templates_that_can_never_be_json() {
        for (template, wanted) in [
            (
                "instance <a> is in state <name>",
                "the template is not JSON: expected a value; text stands in double quotes (line 1, column 9)",
            ),
            ("{\"a\": <a>", "the template is not JSON: the text ends too early (line 1, column 10)"),
            ("{\"a\": <a><name>}", "the template is not JSON: expected `,` or `}` (line 1, column 11)"),
            ("{\"a\": 5<a>}", "the template is not JSON: expected `,` or `}` (line 1, column 9)"),
            ("{<a>: 1}", "the template is not JSON: expected a name in double quotes (line 1, column 3)"),
            (
                "{\n\"x<a>\": 1}",
                "the template is not JSON: a variable cannot stand in the name of a member (line 2, column 3)",
            ),
            ("<a> <a>", "the template is not JSON: unexpected text after the value (line 1, column 6)"),
            (
                "\"a\" b",
                "the template is not JSON: expected a value; text stands in double quotes (line 1, column 6)",
            ),
            (
                "\"a\n\"",
                "the template is not JSON: a control character must be escaped in a string (line 2, column 1)",
            ),
            (" ", "the template is not JSON: there is no value (line 1, column 2)"),
        ] {
            assert_eq!(refusal(template), wanted, "{template}");
        }
    }

    #[test]
    fn variables_that_are_not_defined() {
        for (template, wanted) in [
            ("{\"x\": <x>}", "the template's variable `<x>` is not defined (line 1, column 7)"),
            (
                "\n\"é <Name>\"",
                "the template's variable `<Name>` is not defined (line 2, column 4); did you mean `<name>`?",
            ),
            (
                "\"< a>\"",
                "the template's variable `< a>` is not defined (line 1, column 2); did you mean `<a>`?",
            ),
            ("\"a<br/>b\"", "the template's variable `<br/>` is not defined (line 1, column 3)"),
            (
                "\"1 < 2 and 2 > 1\"",
                "the template's variable `< 2 and 2 >` is not defined (line 1, column 4)",
            ),
            (
                "<AWS.events.event.JSON>",
                "the template's variable `<AWS.events.event.JSON>` is not defined (line 1, column 1); did you mean `<aws.events.event.json>`?",
            ),
        ] {
            assert_eq!(refusal(template), wanted, "{template}");
        }
    }

    #[test]
    fn angle_brackets_that_are_no_variable() {
        let paths = paths(&[("a", "$.a")]);
        let event = Event::parse(r#"{"a": "x"}"#).unwrap();
        let occasion = Occasion { rule_arn: "", rule_name: "", ingestion_time: jiff::Timestamp::UNIX_EPOCH };
        for (template, wanted) in [
            ("\"1 < 2\"", "\"1 < 2\""),
            ("\"2 > 1\"", "\"2 > 1\""),
            ("\"<>\"", "\"<>\""),
            ("\"<<a>>\"", "\"<x>\""),
            ("\"1 < <a>\"", "\"1 < x\""),
            ("{\"\\\\\": <a>}", "{\"\\\\\": \"x\"}"),
        ] {
            let template = Template::parse(template, &paths).unwrap();
            assert_eq!(template.render(&event, &occasion), Payload::Delivered(wanted.to_owned()));
        }
    }
}
