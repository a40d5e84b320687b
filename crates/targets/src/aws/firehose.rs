//! Firehose: the finding as a line.

use aws_sdk_firehose::Client;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;

use super::connection::Connection;
use super::fit::Fitted;
use super::{FirehoseSettings, fault};
use crate::{Delivering, Delivery, DeliveryError, Receipt, Shape, Target};

/// The largest record, in bytes.
const RECORD_MAX: usize = 1_000 * 1024;
const GRANT: &str = "firehose:PutRecord";

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
        Ok(super::receipt(&format!("record {}{note}", answer.record_id())))
    }
}

impl Target for Firehose {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.put(delivery))
    }
}
