//! SQS: the finding as a message.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};

use super::batches::{Limits, in_batches};
use super::connection::Connection;
use super::fit::Fitted;
use super::{SqsSettings, attributes, fault};
use crate::{Delivering, Delivery, DeliveryError, Events, Receipt, Shape, Target};

/// The largest message with its attributes, in bytes: what every queue takes that was not told to take more or less.
const MESSAGE_MAX: usize = 256 * 1024;
const GRANT: &str = "sqs:SendMessage";
const WHAT: &str = "cannot send to the queue";

/// Sends to a queue.
pub(super) struct Sqs {
    connection: Connection<Client>,
    queue: String,
    shape: Shape,
}

impl Sqs {
    pub(super) fn new(settings: SqsSettings) -> Self {
        let SqsSettings { queue, shape, aws } = settings;
        let region = aws_client::region_of_queue(&queue);
        Sqs { connection: Connection::new(aws, region, Client::new), queue, shape }
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let fitted = Fitted::permitted(&self.shape, delivery, MESSAGE_MAX - attributes::ROOM)?;
        let fifo = self.queue.ends_with(".fifo");
        let client = self.connection.client().await;
        let mut call = client
            .send_message()
            .queue_url(&self.queue)
            .message_body(&fitted.text)
            .set_message_group_id(fifo.then(|| delivery.telling().conversation.clone()))
            .set_message_deduplication_id(fifo.then(|| attributes::deduplication_id(delivery)));
        for (name, value) in attributes::of(delivery) {
            // Built with its type, which is all that is asked of one.
            if let Ok(value) =
                MessageAttributeValue::builder().data_type("String").string_value(value).build()
            {
                call = call.message_attributes(name, value);
            }
        }
        let answer = call.send().await;
        let answer = answer.map_err(|error| fault::of_call(&error, WHAT, GRANT))?;
        let id = answer.message_id().ok_or_else(|| fault::unsaid(WHAT))?;
        Ok(super::receipt(&format!("message {id}{}", fitted.note())))
    }
}

impl Sqs {
    async fn send_events(&self, events: &Events) -> Result<Receipt, DeliveryError> {
        let fifo = self.queue.ends_with(".fifo");
        let client = self.connection.client().await;
        let limits =
            Limits { events: 10, bytes: MESSAGE_MAX, each: MESSAGE_MAX, size: attributes::permitted_size };
        in_batches(events, limits, |batch: Vec<&str>| async move {
            let mut entries = Vec::with_capacity(batch.len());
            for (text, place) in batch.iter().zip(0..) {
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(format!("{place}"))
                    .message_body(attributes::permitted(text))
                    .set_message_group_id(fifo.then(|| events.target().to_string()))
                    .set_message_deduplication_id(fifo.then(|| attributes::hashed(text)));
                entries.push(entry.build().map_err(|error| fault::unbuilt(&error))?);
            }
            let call = client.send_message_batch().queue_url(&self.queue).set_entries(Some(entries));
            let answer = call.send().await.map_err(|error| fault::of_call(&error, WHAT, GRANT))?;
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

impl Target for Sqs {
    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(self.send_events(events))
    }

    fn event_max(&self) -> usize {
        MESSAGE_MAX
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.send(delivery))
    }
}
