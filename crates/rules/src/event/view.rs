//! An event taken apart: it owns what it shows.

use super::{nobody, tree};
use cloudtrail::{AssumeRole, Delivery, Event, EventTime, Principal};
use json_scan::{Malformed, Scanner};
use serde_json::Value;
use std::sync::OnceLock;

/// A matched event, as rules see it: the event EventBridge would deliver, and who did it.
#[derive(Debug)]
pub struct EventView {
    text: Box<[u8]>,
    json: Value,
    principal: Principal,
    time: EventTime,
    /// The record alone, compact: what a filter pattern is matched against.
    record: Option<Box<str>>,
    aws_enabled: bool,
    aws_all_management: bool,
    for_patterns: OnceLock<Option<event_pattern::Event>>,
}

/// An event that cannot be taken apart, although it could be matched: its text is no JSON after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is no readable JSON: {0}")]
pub struct UnreadableEvent(#[from] Malformed);

impl EventView {
    /// Takes an event apart.
    ///
    /// # Errors
    ///
    /// Where the event's text turns out not to be JSON: matching steps over values without reading them.
    pub fn of(event: &Event<'_>) -> Result<Self, UnreadableEvent> {
        let mut text = Vec::new();
        cloudtrail::eventbridge::write_envelope(event, &mut text);
        let json = tree::of(json_scan::Value::Object(Scanner::new(&text)?.object()?))?;
        let record = event.record().map(|record| {
            let mut text = Vec::new();
            record.json.write_compact(&mut text);
            String::from_utf8_lossy(&text).into_owned().into_boxed_str()
        });
        let principal = event.record().map_or_else(nobody, Principal::of);
        Ok(Self {
            text: text.into_boxed_slice(),
            json,
            principal,
            time: event.time,
            record,
            aws_enabled: Delivery::AwsEnabled.delivers(event, AssumeRole::default()),
            aws_all_management: Delivery::AwsAllManagement.delivers(event, AssumeRole::default()),
            for_patterns: OnceLock::new(),
        })
    }

    /// The event as EventBridge delivers it.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Who did it.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The same event with the person behind its caller as all events together tell it, instead of what this one alone does.
    #[must_use]
    pub fn with_human(mut self, human: Option<&str>) -> Self {
        self.principal.human = human.map(str::to_owned);
        self
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> EventTime {
        self.time
    }

    /// Whether EventBridge would have delivered the event to a rule with this setting.
    #[must_use]
    pub fn delivered(&self, delivery: Delivery) -> bool {
        match delivery {
            Delivery::All => true,
            Delivery::AwsEnabled => self.aws_enabled,
            Delivery::AwsAllManagement => self.aws_all_management,
        }
    }

    /// The compact CloudTrail record, without envelope; `None` for events that are not CloudTrail's.
    #[must_use]
    pub fn record(&self) -> Option<&str> {
        self.record.as_deref()
    }

    /// The event as event patterns see it. `None` where the pattern language has no such event, such as one nested
    /// too deeply.
    #[must_use]
    pub fn for_patterns(&self) -> Option<&event_pattern::Event> {
        self.for_patterns.get_or_init(|| event_pattern::Event::parse(&self.text).ok()).as_ref()
    }
}
