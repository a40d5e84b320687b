//! A queue in SQS: messages out, receipts back.

use std::time::Duration;

use aws_client::{AwsSettings, Repeats};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageError;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, MessageSystemAttributeName};

use crate::SourceError;
use crate::aws::fault::{self, Fault};

/// How a queue is read.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// Its address: `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
    pub url: String,
    /// Which AWS.
    pub aws: AwsSettings,
    /// How long a message is hidden from other receivers while it is worked on. It is extended as long as the work goes on, so this is how
    /// long it takes until somebody else gets it when this process dies.
    pub visibility: Duration,
    /// How often a message that cannot be used is taken before it is set aside. If the queue has a dead-letter queue of its own, let that take
    /// messages later than this.
    pub tries: u32,
    /// How long a message that could not be dealt with waits, doubled with each time it came, up to fifteen minutes.
    pub delay: Duration,
    /// How long a receiver waits at the queue for messages, at most 20 seconds.
    pub wait: Duration,
    /// Messages worked on at once.
    pub concurrency: usize,
}

impl QueueSettings {
    /// The usual settings: hidden for five minutes, set aside after five times, sixteen at once.
    #[must_use]
    pub fn new(url: &str) -> Self {
        QueueSettings {
            url: url.to_owned(),
            aws: AwsSettings::default(),
            visibility: Duration::from_secs(300),
            tries: 5,
            delay: Duration::from_secs(30),
            wait: Duration::from_secs(20),
            concurrency: 16,
        }
    }

    /// How long to leave a message that came for the time of number `tries`.
    pub(super) fn delay_after(&self, tries: u32) -> Duration {
        self.delay.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(Duration::from_secs(900))
    }
}

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: String,
    /// By which it is deleted or extended; another one each time it comes.
    pub(super) receipt: String,
    pub(super) body: String,
    /// How often it has come.
    pub(super) tries: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Queue {
    client: Client,
    url: String,
    wait: i32,
    visibility: Duration,
}

/// The most messages that a call carries.
pub(super) const BATCH_MAX: usize = 10;
const GRANT: &str = "sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on the queue";

impl Queue {
    pub(super) async fn open(settings: &QueueSettings) -> Self {
        let config =
            aws_client::load(&settings.aws, aws_client::region_of_queue(&settings.url), Repeats::AsUsual)
                .await;
        Queue {
            client: Client::new(&config),
            url: settings.url.clone(),
            wait: seconds(settings.wait.min(Duration::from_secs(20))),
            visibility: settings.visibility,
        }
    }

    /// Waits for messages, at most so many.
    pub(super) async fn receive(&self, most: usize) -> Result<Vec<Message>, SourceError> {
        let call = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(most.clamp(1, BATCH_MAX)).unwrap_or(1))
            .wait_time_seconds(self.wait)
            .visibility_timeout(seconds(self.visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let output = call.send().await.map_err(|error| {
            let is_missing =
                error.as_service_error().is_some_and(ReceiveMessageError::is_queue_does_not_exist);
            match fault::of_call(&error, "cannot receive from the queue", GRANT) {
                Fault::Passing { reason, next_step } if !is_missing => SourceError::failed(reason, next_step),
                other => SourceError::misconfigured(
                    other.reason(),
                    "set the address of a queue that exists, and its region",
                ),
            }
        })?;
        let message = |message: aws_sdk_sqs::types::Message| {
            let attributes = message.attributes.unwrap_or_default();
            let tries = attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount);
            Some(Message {
                id: message.message_id?,
                receipt: message.receipt_handle?,
                body: message.body.unwrap_or_default(),
                tries: tries.and_then(|tries| tries.parse().ok()).unwrap_or(1),
            })
        };
        Ok(output.messages.unwrap_or_default().into_iter().filter_map(message).collect())
    }

    /// Deletes up to ten messages. Returns the receipts of those that were not, and why.
    pub(super) async fn delete(&self, receipts: &[String]) -> Result<(), (Vec<String>, Fault)> {
        let entry = |(n, receipt): (usize, &String)| {
            DeleteMessageBatchRequestEntry::builder().id(n.to_string()).receipt_handle(receipt).build().ok()
        };
        let entries: Vec<_> = receipts.iter().enumerate().filter_map(entry).collect();
        let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries)).send();
        let output = call
            .await
            .map_err(|error| (receipts.to_vec(), fault::of_call(&error, "cannot delete messages", GRANT)))?;
        let Some(first) = output.failed.first() else { return Ok(()) };
        let reason = format!(
            "cannot delete messages: {} {}",
            first.code,
            first.message.as_deref().unwrap_or_default()
        );
        let failed =
            output.failed.iter().filter_map(|failed| receipts.get(failed.id.parse::<usize>().ok()?).cloned());
        Err((
            failed.collect(),
            Fault::passing(
                aws_client::line(&reason),
                "wait; what was deleted too late comes again and is recognised",
            ),
        ))
    }

    /// Hides a message for as long from now on.
    pub(super) async fn hide(&self, receipt: &str, time: Duration) -> Result<(), Fault> {
        let call = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt);
        let sent = call.visibility_timeout(seconds(time)).send().await;
        sent.map(drop).map_err(|error| fault::of_call(&error, "cannot hide a message", GRANT))
    }

    pub(super) fn visibility(&self) -> Duration {
        self.visibility
    }
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}
