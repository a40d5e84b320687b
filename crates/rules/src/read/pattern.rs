//! An event pattern inside a rule, as the pattern language's tree with the rule file's places.
//!
//! The pattern compiler is told where every key and value stands in the YAML, so what it finds wrong is underlined
//! there. A pattern may also be one text that holds JSON.

use super::Reader;
use crate::catalogue::Check;
use crate::yaml::{Node, Value};
use event_pattern::json::{self, Member, NodeValue};
use event_pattern::Pattern;
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
                for lint in pattern.lints() {
                    let range = place(self, lint.span);
                    let diagnostic = self.complaints.diagnostic(Check::PatternLint, range, lint.message);
                    self.complaints.push(diagnostic.maybe_help(lint.hint));
                }
                if in_text.is_none() {
                    self.numbers_for_texts(node, "");
                }
                self.values_never_written(&pattern, &|reader, span| place(reader, span));
                Some(Arc::new(pattern))
            }
            Err(errors) => {
                for error in errors.iter() {
                    let range = if error.located { place(self, error.span) } else { node.range.clone() };
                    let diagnostic = self.complaints.diagnostic(Check::InvalidPattern, range, error.message.clone());
                    self.complaints.push(diagnostic.maybe_help(error.hint.clone()));
                }
                None
            }
        }
    }

    fn pattern_node(&self, node: &Node) -> json::Node {
        let value = match &node.value {
            Value::Null => NodeValue::Null,
            Value::Bool(value) => NodeValue::Bool(*value),
            Value::Number(number) => NodeValue::Number(number.to_string()),
            Value::Text(text) => NodeValue::String(text.text.to_string()),
            Value::Sequence(items) => NodeValue::Array(items.iter().map(|item| self.pattern_node(item)).collect()),
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

    /// Account numbers and the like are texts in CloudTrail: a bare number in YAML is a number and never matches.
    fn numbers_for_texts(&mut self, node: &Node, path: &str) {
        match &node.value {
            Value::Mapping(entries) => {
                for entry in entries {
                    let inside = if path.is_empty() { entry.key.to_string() } else { format!("{path}.{}", entry.key) };
                    self.numbers_for_texts(&entry.value, &inside);
                }
            }
            Value::Sequence(items) => {
                let last = path.rsplit('.').next().unwrap_or_default();
                let last = last.to_ascii_lowercase();
                let names_account = last == "account" || last.ends_with("accountid");
                for item in items {
                    if matches!(item.value, Value::Mapping(_)) {
                        self.numbers_for_texts(item, path);
                    }
                    let Value::Number(_) = &item.value else { continue };
                    let written = self.complaints.text().get(item.range.clone()).unwrap_or_default().to_owned();
                    let account = written.len() == 12 && written.bytes().all(|byte| byte.is_ascii_digit());
                    if account || names_account {
                        let message = format!("`{written}` is a number here, and CloudTrail writes this field as text");
                        let diagnostic = self.complaints.diagnostic(Check::NumberForText, item.range.clone(), message);
                        self.complaints
                            .push(diagnostic.help("put it in quotes").replace_with(format!("\"{written}\"")));
                    }
                }
            }
            _ => {}
        }
    }
}
