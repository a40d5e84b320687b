//! Targets in AWS: one module per service, each with one call.
//!
//! | target | call | carries the idempotency key as | takes at most |
//! |---|---|---|---|
//! | [SNS](SnsSettings) | `sns:Publish` | attribute; deduplication id on a FIFO topic | 256 KiB |
//! | [SQS](SqsSettings) | `sqs:SendMessage` | attribute; deduplication id on a FIFO queue | 256 KiB |
//! | [EventBridge](EventBridgeSettings) | `events:PutEvents` | `detail.idempotency_key` | 256 KiB |
//! | [Lambda](LambdaSettings) | `lambda:InvokeFunction`, asynchronous | (`id` and `detail.revision` of the finding) | 256 KiB |
//! | [Kinesis](KinesisSettings) | `kinesis:PutRecord` | (`id` and `detail.revision` of the finding) | 1 MiB |
//! | [Firehose](FirehoseSettings) | `firehose:PutRecord` | (`id` and `detail.revision` of the finding) | 1,000 KiB |
//! | [CloudWatch Logs](LogsSettings) | `logs:PutLogEvents` | (`id` and `detail.revision` of the finding) | 256 KiB |
//!
//! Events that are forwarded go by the calls that take several, where there are some: `sns:PublishBatch`, `sqs:SendMessageBatch`, `events:PutEvents`,
//! `kinesis:PutRecords`, `firehose:PutRecordBatch`, `logs:PutLogEvents`. What grants the call for one grants these for SNS, SQS, EventBridge
//! and Logs; Kinesis and Firehose want `kinesis:PutRecords` and `firehose:PutRecordBatch`.
//!
//! The settings exist in every build, so that a configuration can be read and checked by one that cannot act on it; what makes calls needs
//! the feature `aws`. A finding that is too large for a service loses records before it loses anything else, with a note of how many.
//! No call is repeated here: what failed is due again in the outbox, and an error says what is to be done about it.

#[cfg(feature = "aws")]
mod attributes;
#[cfg(feature = "aws")]
mod batches;
#[cfg(feature = "aws")]
mod connection;
#[cfg(feature = "aws")]
mod event_bridge;
#[cfg(feature = "aws")]
mod fault;
#[cfg(feature = "aws")]
mod firehose;
#[cfg(feature = "aws")]
mod fit;
#[cfg(feature = "aws")]
mod kinesis;
#[cfg(feature = "aws")]
mod lambda;
#[cfg(feature = "aws")]
mod logs;
#[cfg(feature = "aws")]
mod question;
mod settings;
#[cfg(feature = "aws")]
mod sns;
#[cfg(feature = "aws")]
mod sqs;
#[cfg(feature = "aws")]
mod start_logging;

pub use aws_client::{AwsSettings, Keys, Role};
pub use settings::{
    AwsTarget, EventBridgeSettings, FirehoseSettings, KinesisSettings, LambdaSettings, LogsSettings,
    SnsSettings, SqsSettings, is_role,
};

#[cfg(feature = "aws")]
pub(crate) use question::Question;
#[cfg(feature = "aws")]
pub use start_logging::StartLogging;

#[cfg(feature = "aws")]
use crate::{Clock, SetupError, Target};

#[cfg(feature = "aws")]
impl AwsTarget {
    /// Sets the target up. Nothing is called and no credentials are looked for before the first delivery.
    ///
    /// # Errors
    ///
    /// If the settings will not do.
    pub fn open(&self, clock: &Clock) -> Result<std::sync::Arc<dyn Target>, SetupError> {
        use std::sync::Arc;
        self.check()?;
        Ok(match self.clone() {
            AwsTarget::Sns(settings) => Arc::new(sns::Sns::new(settings)),
            AwsTarget::Sqs(settings) => Arc::new(sqs::Sqs::new(settings)),
            AwsTarget::EventBridge(settings) => Arc::new(event_bridge::EventBridge::new(settings)),
            AwsTarget::Lambda(settings) => Arc::new(lambda::Lambda::new(settings)),
            AwsTarget::Kinesis(settings) => Arc::new(kinesis::Kinesis::new(settings)),
            AwsTarget::Firehose(settings) => Arc::new(firehose::Firehose::new(settings)),
            AwsTarget::Logs(settings) => Arc::new(logs::Logs::new(settings, clock.clone())),
        })
    }
}

/// What a service answered, on one line.
#[cfg(feature = "aws")]
fn receipt(text: &str) -> crate::Receipt {
    crate::Receipt::of(aws_client::line(text))
}
