//! Firehose: the finding as a line.

use aws_sdk_firehose::Client;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;

use super::batches::{Limits, in_batches};
use super::connection::Connection;
use super::fit::Fitted;
use super::{FirehoseSettings, fault};
use crate::{Delivering, Delivery, DeliveryError, Events, Receipt, Shape, Target};

/// The largest record, in bytes.
const RECORD_MAX: usize = 1_000 * 1024;
/// The largest request, in bytes, with room for what is beside the events.
const REQUEST_MAX: usize = 3 * 1024 * 1024;
const GRANT: &str = "firehose:PutRecord";
const GRANT_MANY: &str = "firehose:PutRecordBatch";

/// Puts records into a stream.
pub(super) struct Firehose {
    connection: Connection<Client>,
    stream: String,
    shape: Shape,
}

impl Firehose {
    pub(super) fn new(settings: FirehoseSettings) -> Self {
        let FirehoseSettings { stream, shape, aws } = settings;
        let connection = Connection::new(aws, aws_client::region_of_arn(&stream), Client::new);
        // Calls know streams by name alone.
        let stream = stream.rsplit('/').next().map(str::to_owned).unwrap_or(stream);
        Firehose { connection, stream, shape }
    }

    async fn put(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let mut fitted = Fitted::of(&self.shape, delivery, RECORD_MAX - 1)?;
        // Firehose puts records one after the other into files.
        fitted.text.push('\n');
        let note = fitted.note();
        let record = Record::builder().data(Blob::new(fitted.text)).build();
        let record = record.map_err(|error| DeliveryError::Permanent { reason: error.to_string() })?;
        let call = self.connection.client().await.put_record().delivery_stream_name(&self.stream);
        let answer = call.record(record).send().await;
        let answer = answer.map_err(|error| fault::of_call(&error, "cannot put the record", GRANT))?;
        if answer.record_id().is_empty() {
            return Err(fault::unsaid("cannot put the record"));
        }
        Ok(super::receipt(&format!("record {}{note}", answer.record_id())))
    }
}

impl Firehose {
    async fn put_events(&self, events: &Events) -> Result<Receipt, DeliveryError> {
        let client = self.connection.client().await;
        let limits = Limits { events: 500, bytes: REQUEST_MAX, each: self.event_max(), size: str::len };
        in_batches(events, limits, |batch: Vec<&str>| async move {
            let mut records = Vec::with_capacity(batch.len());
            for text in &batch {
                let record = Record::builder().data(Blob::new(format!("{text}\n"))).build();
                records.push(record.map_err(|error| fault::unbuilt(&error))?);
            }
            let call = client.put_record_batch().delivery_stream_name(&self.stream);
            let answer = call.set_records(Some(records)).send().await;
            let answer =
                answer.map_err(|error| fault::of_call(&error, "cannot put the records", GRANT_MANY))?;
            let said =
                answer.request_responses().iter().map(|record| (record.error_code(), record.error_message()));
            fault::of_entries(batch.len(), said, "cannot put a record", GRANT_MANY)
        })
        .await
    }
}

impl Target for Firehose {
    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(self.put_events(events))
    }

    fn event_max(&self) -> usize {
        RECORD_MAX - 1
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.put(delivery))
    }
}
