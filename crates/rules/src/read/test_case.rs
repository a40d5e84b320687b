//! The tests inside a rule document.

use super::{Fields, Reader};
use crate::catalogue::Check;
use crate::files::resolve;
use crate::path::EventPath;
use crate::rule::{RuleTest, TestEvent};
use crate::yaml::{Node, Value};
use context::List;

const TEST_KEYS: [&str; 9] =
    ["name", "event", "with", "without", "fires", "because", "severity", "lists", "description"];

impl Reader<'_, '_> {
    pub(super) fn test(&mut self, node: &Node) -> Option<RuleTest> {
        let fields = Fields::read(self.complaints, node, "a test", &TEST_KEYS, &[])?;
        let name = fields.required(self.complaints, "name").and_then(|node| self.text(node));
        let event = fields.required(self.complaints, "event").and_then(|node| self.test_event(node));
        let fires = fields.required(self.complaints, "fires").and_then(|node| self.fires(node));
        let with = fields.get("with").map_or(Some(Vec::new()), |node| self.with(node));
        let without = self.each(fields.get("without"), Self::event_path);
        let because = fields.text(self.complaints, "because");
        let severity = fields.get("severity").map(|node| self.severity(node));
        let lists = fields.get("lists").map_or(Some(Vec::new()), |node| self.test_lists(node));
        let (fires, because) = (fires?, because?);
        let asked_in_vain = match (fires, because.is_some(), severity.is_some()) {
            (true, true, _) => Some(("because", "a rule that fires was not stopped by anything")),
            (false, _, true) => Some(("severity", "a rule that does not fire has no severity")),
            _ => None,
        };
        if let Some((key, message)) = asked_in_vain
            && let Some(node) = fields.get(key)
        {
            self.complaints.add(Check::InvalidValue, node.range.clone(), message);
        }
        Some(RuleTest {
            name: name?,
            event: event?,
            with: with?,
            without: without?,
            fires,
            because,
            severity: match severity {
                Some(severity) => Some(severity?),
                None => None,
            },
            lists: lists?,
            source: self.source(node.range.clone()),
        })
    }

    fn test_event(&mut self, node: &Node) -> Option<TestEvent> {
        match &node.value {
            Value::Text(_) => {
                let path = self.scalar_text(node, "the path of an event")?;
                Some(TestEvent::File(resolve(self.complaints.file(), path).into_boxed_str()))
            }
            Value::Mapping(_) => Some(TestEvent::Inline(Box::new(node.to_json()))),
            _ => {
                self.wrong_type(node, "an event is the path of a JSON file, or the event itself");
                None
            }
        }
    }

    fn fires(&mut self, node: &Node) -> Option<bool> {
        if let Value::Bool(fires) = node.value {
            return Some(fires);
        }
        self.wrong_type(node, "`fires` is true or false");
        None
    }

    fn with(&mut self, node: &Node) -> Option<Vec<(EventPath, serde_json::Value)>> {
        let Value::Mapping(entries) = &node.value else {
            self.wrong_type(node, "`with` is a mapping of paths to values");
            return None;
        };
        let read: Vec<_> = entries
            .iter()
            .map(|entry| {
                Some((self.path_into_event(&entry.key, entry.key_range.clone())?, entry.value.to_json()))
            })
            .collect();
        read.into_iter().collect()
    }

    fn event_path(&mut self, node: &Node) -> Option<EventPath> {
        let text = self.scalar_text(node, "a path")?;
        self.path_into_event(text, node.range.clone())
    }

    fn path_into_event(&mut self, text: &str, range: std::ops::Range<usize>) -> Option<EventPath> {
        let path = self.parse_path(text, range.clone())?;
        if path.in_event().is_none() {
            let message = format!("`{path}` is worked out from the event and cannot be set");
            let diagnostic = self.complaints.diagnostic(Check::InvalidPath, range, message);
            self.complaints.push(diagnostic.help("set the field of the record: `detail.userIdentity.arn`"));
            return None;
        }
        Some(path)
    }

    fn test_lists(&mut self, node: &Node) -> Option<Vec<(Box<str>, List)>> {
        let Value::Mapping(entries) = &node.value else {
            self.wrong_type(node, "`lists` is a mapping of names to lists");
            return None;
        };
        let mut lists = Vec::new();
        for entry in entries {
            if self.context.lists().get(&entry.key).is_none() {
                let message = format!("there is no list `{}`", entry.key);
                let known: Vec<&str> = self.context.lists().names().collect();
                let help = crate::nearest::nearest(&entry.key, known.iter().copied()).map_or_else(
                    || format!("known lists: {}", known.join(", ")),
                    |meant| format!("did you mean `{meant}`?"),
                );
                let diagnostic =
                    self.complaints.diagnostic(Check::UnknownList, entry.key_range.clone(), message);
                self.complaints.push(diagnostic.help(help));
            }
            let globs = self.each(Some(&entry.value), Self::text)?;
            lists.push((entry.key.clone(), globs.into_iter().collect()));
        }
        Some(lists)
    }
}
