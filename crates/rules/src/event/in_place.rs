//! An event where it stands: questions are answered from its bytes.

use super::value::{Found, member};
use super::{EventView, UnreadableEvent, nobody};
use cloudtrail::eventbridge::{self, VERSION};
use cloudtrail::{Body, Event, EventTime, Principal};
use json_scan::{Text, Value as Raw};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::OnceLock;

static NO_RESOURCES: Value = Value::Array(Vec::new());

/// A matched event that is still in its file's text. Cheap to make; what is asked more than once is made once.
#[derive(Debug)]
pub struct EventInPlace<'e> {
    event: Event<'e>,
    principal: OnceLock<Principal>,
    apart: OnceLock<Option<Box<EventView>>>,
}

impl<'e> EventInPlace<'e> {
    /// Over an event a selector matched.
    #[must_use]
    pub fn new(event: &Event<'e>) -> Self {
        Self { event: *event, principal: OnceLock::new(), apart: OnceLock::new() }
    }

    /// Whether the event's text is JSON through and through. Matching and answering step over what nobody asks for, so
    /// whoever is about to tell the event has to ask this first.
    ///
    /// # Errors
    ///
    /// Where it is not, and why.
    pub fn check(&self) -> Result<(), UnreadableEvent> {
        Ok(self.event.json().check()?)
    }

    /// Who did it.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        self.principal.get_or_init(|| self.event.record().map_or_else(nobody, Principal::of))
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> EventTime {
        self.event.time
    }

    /// A member of the record that was found when the record was read. `None` says nothing: it may be there all the same.
    pub(super) fn known(&self, name: &str) -> Option<Found<'_>> {
        let Body::Record(record) = &self.event.body else { return None };
        let text = match name {
            "eventName" => record.event_name,
            "eventSource" => record.event_source,
            "awsRegion" => record.aws_region,
            "recipientAccountId" => record.recipient_account_id,
            "userIdentity" => return record.user_identity.map(|object| Found::Raw(Raw::Object(object))),
            _ => None,
        };
        text.map(|text| Found::Raw(Raw::String(text)))
    }

    /// The same event with the person behind its caller as all events together tell it, instead of what this one alone does.
    #[must_use]
    pub fn with_human(mut self, human: Option<&str>) -> Self {
        let made = self.principal.take();
        let mut principal = made.unwrap_or_else(|| self.event.record().map_or_else(nobody, Principal::of));
        principal.human = human.map(str::to_owned);
        Self { event: self.event, principal: OnceLock::from(principal), apart: OnceLock::new() }
    }

    pub(super) fn apart(&self) -> Option<&EventView> {
        let made = || {
            let view = EventView::of(&self.event).ok()?;
            Some(Box::new(view.with_human(self.principal().human.as_deref())))
        };
        self.apart.get_or_init(made).as_deref()
    }

    /// A member of the event as EventBridge delivers it. The same table as [`eventbridge`]'s.
    pub(super) fn member(&self, name: &str) -> Option<Found<'_>> {
        let record = match &self.event.body {
            Body::Envelope(envelope) => return member(envelope.json, name).map(Found::Raw),
            Body::Record(record) => record,
        };
        let raw = |text: Option<Text<'e>>| text.map(|text| Found::Raw(Raw::String(text)));
        match name {
            "detail" => Some(Found::Raw(Raw::Object(record.json))),
            "account" => raw(eventbridge::account(record)),
            "region" => raw(record.aws_region),
            "time" => raw(record.event_time),
            "source" => eventbridge::source(record).map(|source| Found::Text(Cow::Owned(source))),
            "id" => Some(Found::Text(Cow::Owned(self.event.id().to_string()))),
            "detail-type" => Some(Found::Text(Cow::Borrowed(eventbridge::detail_type(record)))),
            "version" => Some(Found::Text(Cow::Borrowed(VERSION))),
            "resources" => Some(Found::Tree(&NO_RESOURCES)),
            _ => None,
        }
    }
}
