//! An event pattern inside a rule, as the pattern language's tree with the rule file's places.
//!
//! The pattern compiler is told where every key and value stands in the YAML, so what it finds wrong is underlined
//! there. A pattern may also be one text that holds JSON.

use super::Reader;
use crate::catalogue::Check;
use crate::yaml::{Node, Value};
use event_pattern::json::{self, Member, NodeValue};
use event_pattern::{Level, LintKind, Pattern};
use std::ops::Range;
use std::sync::Arc;

impl Reader<'_, '_> {
    pub(super) fn pattern(&mut self, node: &Node) -> Option<Arc<Pattern>> {
        let in_text = node.as_text();
        let compiled = match in_text {
            Some(text) => Pattern::parse(text),
            None => Pattern::compile(&self.pattern_node(node)),
        };
        // Places in JSON inside a text are places in that text; places in YAML are the file's own.
        let place = |reader: &Self, span: event_pattern::Span| match in_text {
            Some(_) => reader.part(node, span.offset..span.offset + span.length.max(1)),
            None => span.offset..span.offset + span.length,
        };
        match compiled {
            Ok(pattern) => {
                for lint in pattern.lints().into_iter().filter(|lint| lint.kind.level() == Level::Warning) {
                    let range = place(self, lint.span);
                    let written = self.complaints.text().get(range.clone()).unwrap_or_default().to_owned();
                    let (check, quoted) = match lint.kind {
                        LintKind::AccountNumber => (Check::NumberForText, Some(format!("\"{written}\""))),
                        LintKind::ConsoleSignin => (Check::NeverMatches, None),
                        _ => (Check::PatternLint, None),
                    };
                    let mut diagnostic =
                        self.complaints.diagnostic(check, range, lint.message).help(lint.hint);
                    if let Some(quoted) = quoted.filter(|_| !written.contains(['"', '{'])) {
                        diagnostic = diagnostic.replace_with(quoted);
                    }
                    self.complaints.push(diagnostic);
                }
                self.values_never_written(&pattern, &|reader, span| place(reader, span));
                self.record_fields(node, &|reader, span| place(reader, span));
                Some(Arc::new(pattern))
            }
            Err(errors) => {
                for error in errors.iter() {
                    let range = if error.located { place(self, error.span) } else { node.range.clone() };
                    let diagnostic =
                        self.complaints.diagnostic(Check::InvalidPattern, range, error.message.clone());
                    self.complaints.push(diagnostic.maybe_help(error.hint.clone()));
                }
                None
            }
        }
    }

    pub(super) fn pattern_node(&self, node: &Node) -> json::Node {
        let value = match &node.value {
            Value::Null => NodeValue::Null,
            Value::Bool(value) => NodeValue::Bool(*value),
            Value::Number(number) => NodeValue::Number(number.to_string()),
            Value::Text(text) => NodeValue::String(text.text.to_string()),
            Value::Sequence(items) => {
                NodeValue::Array(items.iter().map(|item| self.pattern_node(item)).collect())
            }
            Value::Mapping(entries) => NodeValue::Object(
                entries
                    .iter()
                    .map(|entry| Member {
                        key: entry.key.to_string(),
                        key_span: self.pattern_span(&entry.key_range),
                        value: self.pattern_node(&entry.value),
                    })
                    .collect(),
            ),
        };
        json::Node { span: self.pattern_span(&node.range), value }
    }

    fn pattern_span(&self, range: &Range<usize>) -> event_pattern::Span {
        let span = self.complaints.span(range.clone());
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        event_pattern::Span {
            offset: span.offset,
            length: span.length,
            line: narrow(span.line),
            column: narrow(span.column),
        }
    }
}

/// How the names of services end in `eventSource`.
const SERVICE_SUFFIX: &str = ".amazonaws.com";

impl Reader<'_, '_> {
    /// Values that no event has, so that the whole pattern never matches.
    fn values_never_written(
        &mut self,
        pattern: &Pattern,
        place: &dyn Fn(&Self, event_pattern::Span) -> Range<usize>,
    ) {
        let mut told = Vec::new();
        for field in pattern.alternatives().iter().flat_map(event_pattern::Alternative::fields) {
            let wrong: fn(&str) -> Option<String> = match field.path().as_str() {
                "detail.eventSource" => |text| {
                    let service = text.strip_prefix("aws.").unwrap_or(text);
                    let bare =
                        !text.ends_with(SERVICE_SUFFIX) && !text.contains('.') || text.starts_with("aws.");
                    bare.then(|| format!("{service}{SERVICE_SUFFIX}"))
                },
                "source" => |text| {
                    let service = text.strip_suffix(SERVICE_SUFFIX)?;
                    Some(format!("aws.{service}"))
                },
                // The old name of signing in has a lint of the pattern language.
                "detail-type" => |text| {
                    let known = cloudtrail::eventbridge::DETAIL_TYPES;
                    let cloudtrails = text.to_ascii_lowercase().contains("cloudtrail");
                    let nearest = crate::nearest::nearest(text, known)?;
                    (cloudtrails && !known.contains(&text) && !text.contains("Signin"))
                        .then(|| nearest.to_owned())
                },
                _ => continue,
            };
            for (term, span) in field.terms().iter().zip(field.term_spans()) {
                let event_pattern::Term::Equals(text) = term else { continue };
                let Some(instead) = wrong(text) else { continue };
                if told.contains(span) {
                    continue;
                }
                told.push(*span);
                let range = place(self, *span);
                let message = format!("no event has the {} `{text}`", field.path());
                let quoted = format!("\"{instead}\"");
                let diagnostic = self.complaints.diagnostic(Check::NeverMatches, range, message);
                self.complaints.push(diagnostic.help(format!("write `{instead}`")).replace_with(quoted));
            }
        }
    }
}
