//! Nodes → rules: every key known, every value of its type, every fault of a document told at once.
//!
//! Reading goes on after a fault, so a document's author sees all of them; only a document without any becomes a
//! [`Rule`].

mod composite;
mod decision;
mod document;
mod fields;
mod metric_alarm;
mod metric_filter;
mod overrides;
mod pattern;
mod record_fields;
mod scalar;
mod selector;
mod test_case;
mod timeline;

#[cfg(test)]
pub(crate) use document::{ALARM_DOCUMENT_KEYS, RULE_KEYS, composite_keys};
pub use fields::{Complaints, Fields};
#[cfg(test)]
pub(crate) use metric_alarm::alarm_document_keys;
#[cfg(test)]
pub(crate) use metric_filter::METRIC_FILTER_KEYS;
pub(crate) use overrides::overrides;
pub use overrides::pattern;

use crate::catalogue::Check;
use crate::condition::{Condition, FaultKind};
use crate::path::EventPath;
use crate::rule::{Escalation, Exception, Group, Rule, RuleId, Severity, Source};
use crate::title::{Title, TitleError};
use crate::yaml::{Node, Value};
use cloudtrail::Delivery;
use context::Context;
use jiff::civil::Date;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// The longest time a group may stay open.
const GROUP_DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Reads one document. `None` if anything is wrong with it; the complaints say what.
pub(crate) fn rule(complaints: &mut Complaints<'_>, context: &Context, document: &Node) -> Option<Rule> {
    let errors_before = complaints.errors();
    let mut reader = Reader { complaints, context };
    let rule = reader.rule(document);
    (reader.complaints.errors() == errors_before).then_some(rule).flatten()
}

struct Reader<'r, 'c> {
    complaints: &'r mut Complaints<'c>,
    context: &'r Context,
}

impl Reader<'_, '_> {
    fn id(&mut self, node: &Node) -> Option<RuleId> {
        let text = self.scalar_text(node, "`id`")?;
        let id = RuleId::new(text);
        if id.is_none() {
            let message = format!("`{}` is not an id", shown(text));
            let suggestion = slug(text);
            let help = "an id is made of lower-case letters, digits and hyphens, as in `root-use`";
            let mut diagnostic =
                self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message).help(help);
            if RuleId::new(&suggestion).is_some() {
                diagnostic = diagnostic.replace_with(suggestion);
            }
            self.complaints.push(diagnostic);
        }
        id
    }

    fn title(&mut self, node: &Node) -> Option<Title> {
        let text = self.scalar_text(node, "`title`")?;
        match Title::parse(text) {
            Ok(title) => Some(title),
            Err(errors) => {
                for error in errors {
                    let (range, help) = match &error {
                        TitleError::Syntax(_) => (node.range.clone(), None),
                        TitleError::UnknownName { name, help } => {
                            let at = text.find(name.as_str());
                            let part = at.map(|at| self.part(node, at..at + name.len()));
                            (part.unwrap_or(node.range.clone()), Some(help.clone()))
                        }
                    };
                    let diagnostic =
                        self.complaints.diagnostic(Check::InvalidTitle, range, error.to_string());
                    self.complaints.push(diagnostic.maybe_help(help));
                }
                None
            }
        }
    }

    /// A warning that the rule's author has seen and means.
    fn lint(&mut self, node: &Node) -> Option<Check> {
        let mut lints = Check::ALL.iter().filter(|check| check.may_be_allowed());
        let found = lints.clone().find(|check| node.as_text() == Some(check.id()));
        if found.is_none() {
            self.one_of(node, "warning that can be allowed", lints.by_ref().map(|check| check.id()));
        }
        found.copied()
    }

    fn severity(&mut self, node: &Node) -> Option<Severity> {
        let found = Severity::ALL.into_iter().find(|severity| node.as_text() == Some(severity.as_str()));
        if found.is_none() {
            self.one_of(node, "severity", Severity::ALL.map(Severity::as_str));
        }
        found
    }

    fn delivery(&mut self, node: &Node) -> Option<Delivery> {
        let words = [
            ("all", Delivery::All),
            ("aws-enabled", Delivery::AwsEnabled),
            ("aws-all-management", Delivery::AwsAllManagement),
        ];
        let found =
            words.iter().find(|(word, _)| node.as_text() == Some(*word)).map(|(_, delivery)| *delivery);
        if found.is_none() {
            self.one_of(node, "delivery", words.map(|(word, _)| word));
        }
        found
    }

    fn escalation(&mut self, node: &Node) -> Option<Escalation> {
        let fields = Fields::read(self.complaints, node, "an escalation", &["when", "severity"], &[])?;
        let when = fields.required(self.complaints, "when").and_then(|node| self.condition(node));
        let severity = fields.required(self.complaints, "severity").and_then(|node| self.severity(node));
        Some(Escalation { when: when?, severity: severity? })
    }

    fn condition(&mut self, node: &Node) -> Option<Condition> {
        let Some(text) = node.as_text() else {
            self.wrong_type(
                node,
                "a condition is an expression in quotes, as in `\"detail.readOnly == false\"`",
            );
            return None;
        };
        match Condition::compile(text, self.context) {
            Ok(condition) => Some(condition),
            Err(faults) => {
                for fault in faults {
                    let check = match fault.kind {
                        FaultKind::Expression => Check::InvalidExpression,
                        FaultKind::Name => Check::UnknownName,
                        FaultKind::List => Check::UnknownList,
                        FaultKind::Hours => Check::UnknownHours,
                    };
                    let range = self.part(node, fault.range);
                    let diagnostic = self.complaints.diagnostic(check, range, fault.message);
                    self.complaints.push(diagnostic.maybe_help(fault.help));
                }
                None
            }
        }
    }

    fn exception(&mut self, node: &Node) -> Option<Exception> {
        let keys = ["reason", "owner", "expires", "pattern", "where"];
        let fields = Fields::read(self.complaints, node, "an exception", &keys, &[])?;
        let reason = fields.required(self.complaints, "reason").and_then(|node| self.text(node));
        let owner = fields.text(self.complaints, "owner");
        let expires = fields.get("expires").map(|node| self.date(node));
        let pattern = fields.get("pattern").map(|node| self.pattern(node));
        let condition = fields.get("where").map(|node| self.condition(node));
        if pattern.is_none() && condition.is_none() {
            let message = "an exception needs a `pattern` or a `where` that says which events it means";
            self.complaints.add(Check::MissingKey, node.range.clone(), message.to_owned());
            return None;
        }
        Some(Exception {
            reason: reason?,
            owner: owner?,
            expires: match expires {
                Some(expires) => Some(expires?),
                None => None,
            },
            pattern: match pattern {
                Some(pattern) => Some(pattern?),
                None => None,
            },
            condition: match condition {
                Some(condition) => Some(condition?),
                None => None,
            },
            source: self.source(node.range.clone()),
        })
    }

    fn date(&mut self, node: &Node) -> Option<Date> {
        let date =
            node.as_text().filter(|text| text.len() == "2027-01-31".len()).and_then(|text| text.parse().ok());
        if date.is_none() {
            let message = "`expires` is the last day on which the exception holds, as in `2027-01-31`";
            self.complaints.add(Check::InvalidValue, node.range.clone(), message.to_owned());
        }
        date
    }

    fn group(&mut self, node: &Node) -> Option<Group> {
        let fields = Fields::read(self.complaints, node, "a group", &["by", "for"], &[])?;
        let by = fields.required(self.complaints, "by").and_then(|node| self.each(Some(node), Self::path));
        let duration =
            fields.required(self.complaints, "for").and_then(|node| self.span(node, GROUP_DURATION_MAX));
        Some(Group { by: by?, duration: duration? })
    }

    fn path(&mut self, node: &Node) -> Option<EventPath> {
        let text = self.scalar_text(node, "a path")?;
        self.parse_path(text, node.range.clone())
    }

    fn parse_path(&mut self, text: &str, range: Range<usize>) -> Option<EventPath> {
        match text.parse() {
            Ok(path) => Some(path),
            Err(error) => {
                let error: crate::path::PathError = error;
                let diagnostic = self.complaints.diagnostic(Check::InvalidPath, range, error.to_string());
                self.complaints.push(diagnostic.help(error.help()));
                None
            }
        }
    }

    fn text(&mut self, node: &Node) -> Option<Box<str>> {
        self.scalar_text(node, "this").map(Into::into)
    }

    /// Text, and not empty.
    fn scalar_text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match node.as_text() {
            Some(text) if !text.trim().is_empty() => Some(text),
            Some(_) => {
                self.complaints.add(Check::InvalidValue, node.range.clone(), format!("{what} is empty"));
                None
            }
            None => {
                let written = self.complaints.text().get(node.range.clone()).unwrap_or_default().to_owned();
                let scalar = matches!(node.value, Value::Number(_) | Value::Bool(_));
                let message = format!("{what} is text, not {}", node.kind());
                let mut diagnostic =
                    self.complaints.diagnostic(Check::WrongType, node.range.clone(), message);
                if scalar {
                    diagnostic = diagnostic.help("put it in quotes").replace_with(format!("\"{written}\""));
                }
                self.complaints.push(diagnostic);
                None
            }
        }
    }

    /// Reads each item of a list; a single value counts as a list of one nowhere, so its author is told.
    fn each<T>(
        &mut self,
        node: Option<&Node>,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(node) = node else { return Some(Vec::new()) };
        let Value::Sequence(items) = &node.value else {
            self.wrong_type(node, &format!("this is a list, not {}", node.kind()));
            return None;
        };
        let read: Vec<Option<T>> = items.iter().map(|item| read(self, item)).collect();
        read.into_iter().collect()
    }

    fn one_of(&mut self, node: &Node, what: &str, known: impl IntoIterator<Item = &'static str>) {
        self.complaints.one_of(node, what, known);
    }

    fn wrong_type(&mut self, node: &Node, message: &str) {
        self.complaints.add(Check::WrongType, node.range.clone(), message.to_owned());
    }

    fn part(&self, node: &Node, part: Range<usize>) -> Range<usize> {
        node.part(self.complaints.text(), part)
    }

    fn source(&self, range: Range<usize>) -> Source {
        let file = Arc::clone(self.complaints.file());
        Source { file, span: self.complaints.span(range) }
    }
}

/// What was read of a key that may be left out: `None` if it is there and cannot be read.
fn optional<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

/// `30s`, `10m`, `1h`, `2d`: a whole number and one unit, not zero.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(rules::parse_duration("10m"), Some(Duration::from_secs(600)));
/// assert_eq!(rules::parse_duration("10 minutes"), None);
/// ```
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())??;
    let duration = Duration::from_secs(number.checked_mul(seconds)?);
    (!duration.is_zero()).then_some(duration)
}

fn slug(text: &str) -> String {
    let mut slug = String::new();
    for character in text.chars().take(RuleId::LENGTH_MAX) {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// What a message repeats of a document's text: not too much.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().take(60).map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Where a document's id stands.
pub(crate) fn id_range(document: &Node) -> Option<Range<usize>> {
    value_of(document, "id").map(|node| node.range.clone())
}

/// The value of a document's key.
pub(crate) fn value_of<'n>(document: &'n Node, key: &str) -> Option<&'n Node> {
    match &document.value {
        Value::Mapping(entries) => entries.iter().find(|entry| &*entry.key == key).map(|entry| &entry.value),
        _ => None,
    }
}
