//! Documents: a rule, a metric filter, an alarm, a composite alarm.
//!
//! All of them become a [`Rule`]: what selects events, publishes samples or makes findings has one number in a set, one place
//! in an index, one place for its state. What a kind does not have, such as the title of a metric filter, its author does not
//! write and nobody shows.

use super::metric_alarm::alarm_document_keys;
use super::test_case::OneEvent;
use super::timeline::Keys;
use super::{Fields, Reader, composite, decision, metric_filter, optional};
use crate::catalogue::Check;
use crate::decision::Decision;
use crate::rule::{Rule, RuleId, Severity};
use crate::title::Title;
use crate::yaml::{Entry, Node, Value};
use cloudtrail::Delivery;

/// The keys of a rule document, in the order they are best written in.
pub(crate) const RULE_KEYS: [&str; 23] = [
    "kind",
    "id",
    "title",
    "severity",
    "escalate",
    "description",
    "first_checks",
    "owner",
    "tags",
    "pattern",
    "filter",
    "where",
    "delivery",
    "except",
    "alarm",
    "threshold",
    "sequence",
    "first_seen",
    "absent",
    "group",
    "tests",
    "allow",
    "metadata",
];

/// The keys of an alarm's document, metric or composite, beside AWS's own.
pub(crate) const ALARM_DOCUMENT_KEYS: [&str; 11] = [
    "kind",
    "id",
    "title",
    "severity",
    "description",
    "first_checks",
    "owner",
    "tags",
    "tests",
    "allow",
    "metadata",
];

/// The kinds of documents.
pub(crate) const KINDS: [&str; 4] = ["rule", "metric-filter", "alarm", "composite-alarm"];

/// Keys this version knows and cannot run, with what to do meanwhile.
const NOT_SUPPORTED: [(&str, &str); 1] = [("sigma", "write the selection as a `pattern`")];

/// What a composite alarm's document has of AWS.
pub(crate) fn composite_keys() -> impl Iterator<Item = &'static str> {
    composite::COMPOSITE_KEYS.into_iter()
}

/// What a document says to people, and what of it is admitted.
struct Prose {
    description: Option<Box<str>>,
    first_checks: Vec<Box<str>>,
    owner: Option<Box<str>>,
    tags: Vec<Box<str>>,
    allow: Vec<Check>,
}

impl Reader<'_, '_> {
    pub(super) fn rule(&mut self, document: &Node) -> Option<Rule> {
        let Value::Mapping(entries) = &document.value else {
            let message = format!("a rule document is a mapping, not {}", document.kind());
            self.complaints.add(Check::NotAMapping, document.range.clone(), message);
            return None;
        };
        let kind = entries.iter().find(|entry| &*entry.key == "kind").map(|entry| &entry.value);
        match kind.map(|node| (node, node.as_text())) {
            None | Some((_, Some("rule"))) => self.plain_rule(document, entries),
            Some((_, Some("metric-filter"))) => self.metric_filter_document(document),
            Some((_, Some("alarm"))) => {
                self.alarm_document(document, alarm_document_keys(), "an alarm", |reader, fields, id| {
                    reader.alarm(fields, id).map(|alarm| Decision::Alarm(Box::new(alarm)))
                })
            }
            Some((_, Some("composite-alarm"))) => {
                self.alarm_document(document, composite_keys(), "a composite alarm", |reader, fields, id| {
                    reader.composite_alarm(fields, id).map(|alarm| Decision::Composite(Box::new(alarm)))
                })
            }
            Some((node, _)) => {
                self.complaints.one_of(node, "kind", KINDS);
                None
            }
        }
    }

    fn plain_rule(&mut self, document: &Node, entries: &[Entry]) -> Option<Rule> {
        for entry in entries {
            if let Some((key, meanwhile)) = NOT_SUPPORTED.iter().find(|(key, _)| *key == &*entry.key) {
                let message = format!("`{key}` is not supported yet");
                let diagnostic =
                    self.complaints.diagnostic(Check::NotSupported, entry.key_range.clone(), message);
                self.complaints.push(diagnostic.help(*meanwhile));
            }
        }
        let not_run = NOT_SUPPORTED.map(|(key, _)| key);
        let fields = Fields::read(self.complaints, document, "a rule", &RULE_KEYS, &not_run)?;
        let not_run = entries.iter().any(|entry| not_run.contains(&&*entry.key));

        let id = fields.required(self.complaints, "id").and_then(|node| self.id(node));
        let title = fields.required(self.complaints, "title").and_then(|node| self.title(node));
        let severity = fields.required(self.complaints, "severity").and_then(|node| self.severity(node));
        let selector = if not_run { None } else { self.own_selector(document, &fields) };
        let delivery = fields.get("delivery").map_or(Some(Delivery::All), |node| self.delivery(node));
        let escalate = self.each(fields.get("escalate"), Self::escalation);
        let condition = fields.get("where").map(|node| self.condition(node));
        let except = self.each(fields.get("except"), Self::exception);
        let decision = self.decision(document, &fields, delivery);
        let group = fields.get("group").map(|node| self.group(node));
        let kind = entries.iter().find(|entry| decision::DECISION_KEYS.contains(&&*entry.key));
        let (one_event, keys) = match kind.map(|entry| &*entry.key) {
            None => (OneEvent::Fires, Keys::Paths),
            Some("sequence") => (OneEvent::Nothing, Keys::Paths),
            Some("alarm") => (OneEvent::Counts, Keys::Dimensions),
            Some(_) => (OneEvent::Counts, Keys::Paths),
        };
        let tests = self.each(fields.get("tests"), |reader, node| reader.test(node, one_event, keys));
        let prose = self.prose(document, &fields)?;
        Some(Rule {
            id: id?,
            title: title?,
            severity: severity?,
            escalate: escalate?,
            description: prose.description,
            first_checks: prose.first_checks,
            owner: prose.owner,
            tags: prose.tags,
            selector: selector?,
            delivery: delivery?,
            condition: optional(condition)?,
            except: except?,
            decision: decision?,
            group: optional(group)?,
            tests: tests?,
            allow: prose.allow,
            source: self.source(document.range.clone()),
        })
    }

    /// A metric filter makes no findings, so it has no title and no severity of its own.
    fn metric_filter_document(&mut self, document: &Node) -> Option<Rule> {
        let keys = metric_filter::METRIC_FILTER_KEYS;
        let fields = Fields::read(self.complaints, document, "a metric filter", &keys, &[])?;
        let id = fields.required(self.complaints, "id").and_then(|node| self.id(node));
        let selector = self.selector(document, &fields, "a metric filter");
        let delivery = fields.get("delivery").map_or(Some(Delivery::All), |node| self.delivery(node));
        let condition = optional(fields.get("where").map(|node| self.condition(node)));
        let except = self.each(fields.get("except"), Self::exception);
        let filter = self.metric_filter(&fields, id.as_ref());
        let prose = self.prose(document, &fields)?;
        let id = id?;
        Some(Rule {
            title: Title::parse(id.as_str()).ok()?,
            id,
            severity: Severity::Info,
            escalate: Vec::new(),
            description: prose.description,
            first_checks: Vec::new(),
            owner: prose.owner,
            tags: prose.tags,
            selector: Some(selector?),
            delivery: delivery?,
            condition: condition?,
            except: except?,
            decision: Decision::Metric(Box::new(filter?)),
            group: None,
            tests: Vec::new(),
            allow: prose.allow,
            source: self.source(document.range.clone()),
        })
    }

    /// An alarm looks at metrics or at other alarms, not at events: it has no selector.
    fn alarm_document(
        &mut self,
        document: &Node,
        aws_keys: impl IntoIterator<Item = &'static str>,
        what: &'static str,
        read: impl FnOnce(&mut Self, &Fields<'_>, Option<&RuleId>) -> Option<Decision>,
    ) -> Option<Rule> {
        let keys: Vec<&'static str> = ALARM_DOCUMENT_KEYS.into_iter().chain(aws_keys).collect();
        let fields = Fields::read(self.complaints, document, what, &keys, &[])?;
        let id = fields.required(self.complaints, "id").and_then(|node| self.id(node));
        let title = fields.required(self.complaints, "title").and_then(|node| self.title(node));
        let severity = fields.required(self.complaints, "severity").and_then(|node| self.severity(node));
        let decision = read(self, &fields, id.as_ref());
        let tests = self
            .each(fields.get("tests"), |reader, node| reader.test(node, OneEvent::Nothing, Keys::Dimensions));
        let described = fields.text(self.complaints, "alarm_description");
        let prose = self.prose(document, &fields)?;
        Some(Rule {
            id: id?,
            title: title?,
            severity: severity?,
            escalate: Vec::new(),
            description: prose.description.or(described?),
            first_checks: prose.first_checks,
            owner: prose.owner,
            tags: prose.tags,
            selector: None,
            delivery: Delivery::All,
            condition: None,
            except: Vec::new(),
            decision: decision?,
            group: None,
            tests: tests?,
            allow: prose.allow,
            source: self.source(document.range.clone()),
        })
    }

    /// What a document says to people, and what of it is admitted.
    fn prose(&mut self, document: &Node, fields: &Fields<'_>) -> Option<Prose> {
        let description = fields.text(self.complaints, "description");
        let first_checks = self.each(fields.get("first_checks"), Self::text);
        let owner = fields.text(self.complaints, "owner");
        let tags = self.each(fields.get("tags"), Self::text);
        let allow = self.each(fields.get("allow"), Self::lint);
        if let Some(allow) = &allow {
            self.complaints.allow(allow, &document.range);
        }
        if let Some(metadata) = fields.get("metadata")
            && !matches!(metadata.value, Value::Mapping(_))
        {
            self.wrong_type(metadata, "`metadata` is a mapping of whatever you like");
        }
        Some(Prose {
            description: description?,
            first_checks: first_checks?,
            owner: owner?,
            tags: tags?,
            allow: allow?,
        })
    }
}
