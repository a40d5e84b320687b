//! The tests inside a rule document.

use super::timeline::Keys;
use super::{Fields, Reader, optional};
use crate::catalogue::Check;
use crate::files::resolve;
use crate::path::EventPath;
use crate::rule_test::{Course, EventOrigin, EventTest, RuleTest, TestEvent};
use crate::yaml::{Node, Value};
use context::{List, Place};
use std::net::IpAddr;

/// The keys of a test.
const TEST_KEYS: [&str; 14] = [
    "name",
    "description",
    "event",
    "with",
    "without",
    "fires",
    "counts",
    "because",
    "severity",
    "lists",
    "places",
    "steps",
    "start",
    "lateness",
];

/// Numbers of autonomous systems have 32 bits (RFC 6793).
const ASN_MAX: u32 = u32::MAX;

/// What one event by itself can show of a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OneEvent {
    /// That the rule fires (`fires`).
    Fires,
    /// That the event counts (`counts`); what is made of it shows in steps.
    Counts,
    /// Nothing: the rule has no selector of its own.
    Nothing,
}

impl Reader<'_, '_> {
    pub(super) fn test(&mut self, node: &Node, one_event: OneEvent, keys: Keys) -> Option<RuleTest> {
        let fields = Fields::read(self.complaints, node, "a test", &TEST_KEYS, &[])?;
        let name = fields.required(self.complaints, "name").and_then(|node| self.text(node));
        let course = match fields.get("steps") {
            Some(steps) => self.timeline(&fields, steps, keys).map(Course::Steps),
            None => self.event_test(node, &fields, one_event).map(Course::Event),
        };
        let lists = fields.get("lists").map_or(Some(Vec::new()), |node| self.test_lists(node));
        let places = fields.get("places").map_or(Some(Vec::new()), |node| self.test_places(node));
        Some(RuleTest {
            name: name?,
            course: course?,
            lists: lists?,
            places: places?,
            source: self.source(node.range.clone()),
        })
    }

    fn event_test(&mut self, node: &Node, fields: &Fields<'_>, one_event: OneEvent) -> Option<EventTest> {
        let mut good = true;
        for key in ["start", "lateness"] {
            if let Some(node) = fields.get(key) {
                let message = format!("`{key}` is for a test in `steps`");
                self.complaints.add(Check::InvalidValue, node.range.clone(), message);
                good = false;
            }
        }
        if one_event == OneEvent::Nothing {
            let message = "a test of this document needs `steps`: no event decides it by itself";
            let diagnostic = self.complaints.diagnostic(Check::MissingKey, fields.place(), message);
            let help = "write `steps: [{ at: +0s, event: … }, { expect: firing }]`";
            self.complaints.push(diagnostic.help(help));
            return None;
        }
        let (key, other) =
            if one_event == OneEvent::Fires { ("fires", "counts") } else { ("counts", "fires") };
        if let Some(node) = fields.get(other) {
            let message = if one_event == OneEvent::Fires {
                "`counts` is for rules that decide over several events: this one fires on each or does not"
            } else {
                "no single event makes this rule fire: it decides over several"
            };
            let help = if one_event == OneEvent::Fires {
                "write `fires`"
            } else {
                "write `counts`, whether the event counts, or `steps`, which show the rule firing"
            };
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
            self.complaints.push(diagnostic.help(help));
            return None;
        }
        let event = self.test_event(fields);
        let fires =
            fields.required(self.complaints, key).and_then(|node| self.yes_or_no(node, &format!("`{key}`")));
        let because = fields.text(self.complaints, "because");
        let severity = optional(fields.get("severity").map(|node| self.severity(node)));
        let (fires, because) = (fires?, because?);
        let asked_in_vain = match (fires, because.is_some(), severity.flatten().is_some()) {
            (true, true, _) => Some(("because", "a rule that fires was not stopped by anything")),
            (false, _, true) => Some(("severity", "a rule that does not fire has no severity")),
            _ => None,
        };
        if let Some((key, message)) = asked_in_vain {
            let range = fields.get(key).unwrap_or(node).range.clone();
            self.complaints.add(Check::InvalidValue, range, message);
        }
        let test = EventTest { event: event?, fires, because, severity: severity? };
        good.then_some(test)
    }

    /// An event with its changes, of a test or of a step.
    pub(super) fn test_event(&mut self, fields: &Fields<'_>) -> Option<TestEvent> {
        let origin = fields.required(self.complaints, "event").and_then(|node| self.event_origin(node));
        let with = fields.get("with").map_or(Some(Vec::new()), |node| self.with(node));
        let without = self.each(fields.get("without"), Self::event_path);
        Some(TestEvent { origin: origin?, with: with?, without: without? })
    }

    fn event_origin(&mut self, node: &Node) -> Option<EventOrigin> {
        match &node.value {
            Value::Text(_) => {
                let path = self.scalar_text(node, "the path of an event")?;
                Some(EventOrigin::File(resolve(self.complaints.file(), path).into_boxed_str()))
            }
            Value::Mapping(_) => Some(EventOrigin::Inline(Box::new(node.to_json()))),
            _ => {
                self.wrong_type(node, "an event is the path of a JSON file, or the event itself");
                None
            }
        }
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

    /// Where addresses are: what a database of addresses would say.
    fn test_places(&mut self, node: &Node) -> Option<Vec<(IpAddr, Place)>> {
        let Value::Mapping(entries) = &node.value else {
            self.wrong_type(node, "`places` is a mapping of addresses to what is known of them");
            return None;
        };
        let mut places = Vec::new();
        for entry in entries {
            let Ok(address) = entry.key.parse::<IpAddr>() else {
                let message = format!("`{}` is no address", entry.key);
                let diagnostic =
                    self.complaints.diagnostic(Check::InvalidValue, entry.key_range.clone(), message);
                let help = "write `198.51.100.9: { country: FR }`: AWS services have no place";
                self.complaints.push(diagnostic.help(help));
                return None;
            };
            let keys = ["country", "city", "asn", "org"];
            let fields = Fields::read(self.complaints, &entry.value, "a place", &keys, &[])?;
            let mut text = |key| fields.text(self.complaints, key);
            let (country, city, org) = (text("country")?, text("city")?, text("org")?);
            let asn = fields.get("asn").map(|node| self.whole_number(node, "`asn`", 1..=ASN_MAX as usize));
            let asn = optional(asn)?.and_then(|number| u32::try_from(number).ok());
            places.push((address, Place { country, city, asn, org }));
        }
        Some(places)
    }
}
