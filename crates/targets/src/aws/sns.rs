//! SNS: a subject and the finding, or what CloudWatch itself would have sent if the finding is an alarm's.

use std::collections::HashMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use serde_json::json;

use super::batches::{Limits, in_batches};
use super::connection::Connection;
use super::fit::Fitted;
use super::{SnsSettings, attributes, fault};
use crate::alarm_notice::AlarmNotice;
use crate::{Delivering, Delivery, DeliveryError, Events, Receipt, Shape, Target};

/// The largest message with its attributes, in bytes.
const MESSAGE_MAX: usize = 256 * 1024;
/// The longest subject, in characters.
const SUBJECT_MAX: usize = 100;
const GRANT: &str = "sns:Publish";
const WHAT: &str = "cannot publish to the topic";

/// Publishes to a topic.
pub(super) struct Sns {
    connection: Connection<Client>,
    topic: String,
    shape: Shape,
}

/// What is published.
struct Publication {
    subject: String,
    message: String,
    /// Whether the message says something else by each protocol.
    by_protocol: bool,
    note: String,
}

impl Sns {
    pub(super) fn new(settings: SnsSettings) -> Self {
        let SnsSettings { topic, shape, aws } = settings;
        let region = aws_client::region_of_arn(&topic);
        Sns { connection: Connection::new(aws, region, Client::new), topic, shape }
    }

    fn publication(&self, delivery: &Delivery) -> Result<Publication, DeliveryError> {
        if self.shape == Shape::default()
            && let Some(notice) = AlarmNotice::of(delivery.finding(), Some(&self.topic))
        {
            let message = json!({ "default": notice.json, "sms": notice.sms, "email": notice.email });
            let (subject, message) =
                (notice.subject, attributes::permitted(&message.to_string()).into_owned());
            return Ok(Publication { subject, message, by_protocol: true, note: String::new() });
        }
        let fitted = Fitted::permitted(&self.shape, delivery, MESSAGE_MAX - attributes::ROOM)?;
        let (subject, note) = (subject(&delivery.message().headline), fitted.note());
        Ok(Publication { subject, message: fitted.text, by_protocol: false, note })
    }

    async fn publish(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let Publication { subject, message, by_protocol, note } = self.publication(delivery)?;
        let mut beside = HashMap::new();
        for (name, value) in attributes::of(delivery) {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value);
            // Built with its type, which is all that is asked of one.
            beside.extend(value.build().ok().map(|value| (name.to_owned(), value)));
        }
        let fifo = self.topic.ends_with(".fifo");
        let client = self.connection.client().await;
        let call = client
            .publish()
            .topic_arn(&self.topic)
            .subject(subject)
            .message(message)
            .set_message_structure(by_protocol.then(|| "json".to_owned()))
            .set_message_attributes(Some(beside))
            .set_message_group_id(fifo.then(|| delivery.telling().conversation.clone()))
            .set_message_deduplication_id(fifo.then(|| attributes::deduplication_id(delivery)));
        let answer = call.send().await;
        let answer = answer.map_err(|error| fault::of_call(&error, WHAT, GRANT))?;
        let id = answer.message_id().ok_or_else(|| fault::unsaid(WHAT))?;
        Ok(super::receipt(&format!("message {id}{note}")))
    }
}

impl Sns {
    async fn publish_events(&self, events: &Events) -> Result<Receipt, DeliveryError> {
        let fifo = self.topic.ends_with(".fifo");
        let client = self.connection.client().await;
        let limits =
            Limits { events: 10, bytes: MESSAGE_MAX, each: MESSAGE_MAX, size: attributes::permitted_size };
        in_batches(events, limits, |batch: Vec<&str>| async move {
            let mut entries = Vec::with_capacity(batch.len());
            for (text, place) in batch.iter().zip(0..) {
                let entry = PublishBatchRequestEntry::builder()
                    .id(format!("{place}"))
                    .message(attributes::permitted(text))
                    .set_message_group_id(fifo.then(|| events.target().to_string()))
                    .set_message_deduplication_id(fifo.then(|| attributes::hashed(text)));
                entries.push(entry.build().map_err(|error| fault::unbuilt(&error))?);
            }
            let call = client.publish_batch().topic_arn(&self.topic);
            let answer = call.set_publish_batch_request_entries(Some(entries)).send().await;
            let answer = answer.map_err(|error| fault::of_call(&error, WHAT, GRANT))?;
            if answer.successful().len() + answer.failed().len() != batch.len() {
                return Err(fault::unsaid(WHAT));
            }
            let failed = answer.failed().iter().filter_map(|failed| {
                let said = failed.message().unwrap_or_default();
                Some((failed.id().parse().ok()?, fault::of_entry(failed.code(), said, WHAT, GRANT)))
            });
            Ok(failed.collect())
        })
        .await
    }
}

impl Target for Sns {
    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(self.publish_events(events))
    }

    fn event_max(&self) -> usize {
        MESSAGE_MAX
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.publish(delivery))
    }
}

/// SNS takes printable ASCII only. Like CloudWatch, an underscore stands for what is not.
fn subject(headline: &str) -> String {
    let mut subject = String::new();
    for c in headline.chars() {
        match c {
            ' '..='~' => subject.push(c),
            _ if subject.ends_with('_') => {}
            _ => subject.push('_'),
        }
    }
    if subject.len() > SUBJECT_MAX {
        subject.truncate(SUBJECT_MAX - 3);
        subject.push_str("...");
    }
    subject
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_short_and_plain() {
        assert_eq!(subject("[high] Böse Dinge in «prod»"), "[high] B_se Dinge in _prod_");
        let long = subject(&"é1".repeat(80));
        assert!(long.len() == SUBJECT_MAX && long.ends_with("..."));
    }
}
