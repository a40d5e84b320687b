//! Kinesis: the finding as a record. Those of one partition key are in one shard, in order.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use input_transformer::{Event, InputPath, Payload};

use super::batches::{Limits, in_batches};
use super::connection::Connection;
use super::fit::Fitted;
use super::{KinesisSettings, attributes, fault};
use crate::{Delivering, Delivery, DeliveryError, Events, Receipt, Shape, Target};

/// The largest record with its partition key, in bytes: what every stream takes that was not told to take more.
const RECORD_MAX: usize = 1024 * 1024;
/// The longest partition key, in characters; each may take four bytes.
const PARTITION_KEY_MAX: usize = 256;
/// The largest request, in bytes; keys and more are beside the events.
const REQUEST_MAX: usize = 4 * 1024 * 1024;
const GRANT: &str = "kinesis:PutRecord";
const GRANT_MANY: &str = "kinesis:PutRecords";

/// Puts records into a stream.
pub(super) struct Kinesis {
    connection: Connection<Client>,
    stream: String,
    partition_key: Option<InputPath>,
    shape: Shape,
}

impl Kinesis {
    pub(super) fn new(settings: KinesisSettings) -> Self {
        let KinesisSettings { stream, partition_key, shape, aws } = settings;
        let connection = Connection::new(aws, aws_client::region_of_arn(&stream), Client::new);
        Kinesis { connection, stream, partition_key, shape }
    }

    async fn put(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let fitted = Fitted::of(&self.shape, delivery, RECORD_MAX - 4 * PARTITION_KEY_MAX)?;
        let note = fitted.note();
        let key = self.partition_key.as_ref().and_then(|path| partition_key(path, delivery.finding().json()));
        let call = self.connection.client().await.put_record().data(Blob::new(fitted.text));
        let call = call.partition_key(key.unwrap_or_else(|| delivery.finding().id().to_owned()));
        let call = if self.stream.starts_with("arn:") {
            call.stream_arn(&self.stream)
        } else {
            call.stream_name(&self.stream)
        };
        let answer = call.send().await;
        let answer = answer.map_err(|error| fault::of_call(&error, "cannot put the record", GRANT))?;
        let (shard, number) = (answer.shard_id(), answer.sequence_number());
        if shard.is_empty() || number.is_empty() {
            return Err(fault::unsaid("cannot put the record"));
        }
        Ok(super::receipt(&format!("record {number} in {shard}{note}")))
    }
}

impl Kinesis {
    async fn put_events(&self, events: &Events) -> Result<Receipt, DeliveryError> {
        let client = self.connection.client().await;
        let limits = Limits { events: 500, bytes: REQUEST_MAX, each: self.event_max(), size: str::len };
        in_batches(events, limits, |batch: Vec<&str>| async move {
            let mut records = Vec::with_capacity(batch.len());
            for text in &batch {
                let key = self.partition_key.as_ref().and_then(|path| partition_key(path, text));
                let record = PutRecordsRequestEntry::builder().data(Blob::new(*text));
                let record = record.partition_key(key.unwrap_or_else(|| attributes::hashed(text)));
                records.push(record.build().map_err(|error| fault::unbuilt(&error))?);
            }
            let call = client.put_records().set_records(Some(records));
            let call = if self.stream.starts_with("arn:") {
                call.stream_arn(&self.stream)
            } else {
                call.stream_name(&self.stream)
            };
            let answer = call.send().await;
            let answer =
                answer.map_err(|error| fault::of_call(&error, "cannot put the records", GRANT_MANY))?;
            let said = answer.records().iter().map(|record| (record.error_code(), record.error_message()));
            fault::of_entries(batch.len(), said, "cannot put a record", GRANT_MANY)
        })
        .await
    }
}

impl Target for Kinesis {
    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(self.put_events(events))
    }

    fn event_max(&self) -> usize {
        RECORD_MAX - 4 * PARTITION_KEY_MAX
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.put(delivery))
    }
}

/// What stands at a path: a text as it is, anything else as JSON; none if there is nothing that could be a key.
fn partition_key(path: &InputPath, json: &str) -> Option<String> {
    let Payload::Delivered(found) = path.apply(&Event::parse(json).ok()?) else { return None };
    let key = serde_json::from_str::<String>(&found).unwrap_or(found);
    let key: String = key.chars().take(PARTITION_KEY_MAX).collect();
    Some(key).filter(|key| !key.is_empty() && key != "{}" && key != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let finding =
            r#"{"account":"111122223333","detail":{"key":{"a":"b"},"empty":"","none":null,"long":"LONG"}}"#;
        let finding = finding.replace("LONG", &"é".repeat(300));
        for (path, wanted) in [
            ("$.account", Some("111122223333")),
            ("$.detail.key", Some(r#"{"a":"b"}"#)),
            ("$.detail.empty", None),
            ("$.detail.none", None),
            ("$.detail.missing", None),
            ("$.detail.long", Some(&*"é".repeat(256))),
        ] {
            let path = InputPath::parse(path).unwrap();
            assert_eq!(partition_key(&path, &finding).as_deref(), wanted, "{path:?}");
        }
    }
}
