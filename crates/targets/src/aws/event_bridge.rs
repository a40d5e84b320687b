//! EventBridge: the finding as an event on a bus.
//!
//! An event has no place for a key of its own, and gets an id that is new at every attempt. So the idempotency key travels as a member of the
//! finding's `detail`. The service answers 200 even where it did not take the event; what it says of the entry decides.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::batches::{Limits, in_batches};
use super::connection::Connection;
use super::fit::Fitted;
use super::{EventBridgeSettings, fault};
use crate::{Delivering, Delivery, DeliveryError, Events, Receipt, Shape, Target};

/// The largest entry, in bytes: the sum of its parts.
const ENTRY_MAX: usize = 256 * 1024;
/// What the time takes of it, and what a finding's resources and key may.
const BESIDE: usize = 2 * 1024;
const GRANT: &str = "events:PutEvents";
const WHAT: &str = "cannot put the event";

/// Puts events on a bus.
pub(super) struct EventBridge {
    connection: Connection<Client>,
    bus: String,
    source: String,
    detail_type: String,
    shape: Shape,
}

impl EventBridge {
    pub(super) fn new(settings: EventBridgeSettings) -> Self {
        let EventBridgeSettings { bus, source, detail_type, shape, aws } = settings;
        let connection = Connection::new(aws, aws_client::region_of_arn(&bus), Client::new);
        EventBridge { connection, bus, source, detail_type, shape }
    }

    async fn put(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let room = ENTRY_MAX - BESIDE - self.source.len() - self.detail_type.len();
        let fitted = Fitted::of(&self.shape, delivery, room)?;
        let detail = if self.shape == Shape::default() {
            detail(&fitted.text, &delivery.key())?
        } else {
            object(&fitted.text)?.to_owned()
        };
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(&self.source)
            .detail_type(&self.detail_type)
            .detail(detail)
            .set_time(delivery.message().time.map(|time| DateTime::from_secs(time.as_second())));
        let call = self.connection.client().await.put_events().entries(entry.build());
        let answer = call.send().await.map_err(|error| fault::of_call(&error, WHAT, GRANT))?;
        let entry = answer.entries().first();
        if let Some(code) = entry.and_then(|entry| entry.error_code()) {
            let message = entry.and_then(|entry| entry.error_message()).unwrap_or_default();
            return Err(fault::of_entry(code, message, WHAT, GRANT));
        }
        let Some(id) = entry.and_then(|entry| entry.event_id()) else {
            return Err(fault::unsaid(WHAT));
        };
        Ok(super::receipt(&format!("event {id}{}", fitted.note())))
    }
}

impl EventBridge {
    async fn put_events(&self, events: &Events) -> Result<Receipt, DeliveryError> {
        let client = self.connection.client().await;
        let limits = Limits { events: 10, bytes: ENTRY_MAX, each: ENTRY_MAX, size: str::len };
        in_batches(events, limits, |batch: Vec<&str>| async move {
            let mut entries = Vec::with_capacity(batch.len());
            for text in &batch {
                entries.push(self.entry_of(text)?);
            }
            let call = client.put_events().set_entries(Some(entries));
            let answer = call.send().await.map_err(|error| fault::of_call(&error, WHAT, GRANT))?;
            let said = answer.entries().iter().map(|entry| (entry.error_code(), entry.error_message()));
            fault::of_entries(batch.len(), said, WHAT, GRANT)
        })
        .await
    }

    /// An event as an entry. A `source` that begins with `aws.` is AWS's own, and nobody else may put one: such an event gets the target's, and
    /// keeps its `detail-type`, its time, and its `detail`, in which CloudTrail's events say their source.
    fn entry_of(&self, text: &str) -> Result<PutEventsRequestEntry, DeliveryError> {
        #[derive(Deserialize)]
        struct Event<'j> {
            #[serde(default)]
            source: String,
            #[serde(rename = "detail-type", default)]
            detail_type: String,
            #[serde(default)]
            time: String,
            #[serde(default)]
            resources: Vec<String>,
            #[serde(borrow)]
            detail: &'j RawValue,
        }
        let event: Event<'_> = serde_json::from_str(text)
            .map_err(|_| DeliveryError::Permanent { reason: "an event has no `detail`".to_owned() })?;
        let is_foreign = event.source.is_empty() || event.source.starts_with("aws.");
        let time = event.time.parse::<jiff::Timestamp>().ok();
        Ok(PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(if is_foreign { &self.source } else { &event.source })
            .detail_type(if event.detail_type.is_empty() { &self.detail_type } else { &event.detail_type })
            .detail(object(event.detail.get())?)
            .set_resources(Some(event.resources).filter(|resources| !resources.is_empty()))
            .set_time(time.map(|time| DateTime::from_secs(time.as_second())))
            .build())
    }
}

impl Target for EventBridge {
    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(self.put_events(events))
    }

    fn event_max(&self) -> usize {
        ENTRY_MAX - BESIDE
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.put(delivery))
    }
}

/// The `detail` of a finding with the key in it.
fn detail(finding: &str, key: &str) -> Result<String, DeliveryError> {
    #[derive(Deserialize)]
    struct Finding<'j> {
        #[serde(borrow)]
        detail: &'j RawValue,
    }
    let broken = || DeliveryError::Permanent { reason: "the finding has no `detail`".to_owned() };
    let finding: Finding<'_> = serde_json::from_str(finding).map_err(|_| broken())?;
    let members = object(finding.detail.get())?.trim_end().strip_suffix('}').ok_or_else(broken)?;
    let separator = if members.trim_end().ends_with('{') { "" } else { "," };
    Ok(format!("{members}{separator}\"idempotency_key\":{}}}", serde_json::Value::from(key)))
}

/// What EventBridge takes as `detail`.
fn object(text: &str) -> Result<&str, DeliveryError> {
    if text.trim_start().starts_with('{') {
        return Ok(text);
    }
    let reason = "the input makes no JSON object of the finding, and nothing else can be an event's `detail`";
    Err(DeliveryError::Permanent { reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_last_member() {
        for (finding, wanted) in [
            (r#"{"id":"a","detail":{"rule":"r"}}"#, r#"{"rule":"r","idempotency_key":"a:0:lake"}"#),
            (r#"{"id":"a","detail":{ } }"#, r#"{ "idempotency_key":"a:0:lake"}"#),
        ] {
            assert_eq!(detail(finding, "a:0:lake").unwrap(), wanted);
        }
        assert!(detail(r#"{"detail":[]}"#, "k").is_err() && detail("{}", "k").is_err());
    }
}
