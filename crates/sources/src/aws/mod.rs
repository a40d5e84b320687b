//! Sources in AWS: log files in S3 told of by a queue, and events in a queue.
//!
//! ```text
//!   queue ──▶ receive ──▶ message ──▶ work: fetch its objects, or take its text ──▶ Intake
//!     ▲                      │ extended while it is worked on                          │
//!     ├──── deleted ◀────────┴──────────────── committed ◀── Verdict ◀─────────────────┘
//!     └──── visible again, later ◀──────────── refused, or not readable now
//! ```
//!
//! Credentials, region and endpoint are found as every AWS tool finds them: environment, profiles, web identity, container and instance
//! roles. The manual has the least policy for each source.

mod bucket;
mod client;
mod digests;
mod fault;
mod fetch;
mod organizations;
mod queue;
mod s3;
mod sqs;
mod worker;

pub use aws_client::{AwsSettings, Keys};
pub use bucket::{Bucket, BucketError, Object};
pub use organizations::{OrganizationAccount, OrganizationsError, organization_accounts};
pub use queue::QueueSettings;
pub use s3::{S3, S3Settings};
pub use sqs::{Sqs, SqsSettings};
