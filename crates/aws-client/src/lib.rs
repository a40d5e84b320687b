//! What clients of AWS have in common: where to, as whom, how long to wait, and what a failed call means.
//!
//! Whoever reads from AWS and whoever sends to it make their clients of the same `SdkConfig`, so there is one TLS stack, one way to find
//! credentials and one reading of errors. The settings exist in every build; the clients take minutes of building and need the feature
//! `clients`.
#![deny(missing_docs)]

#[cfg(feature = "clients")]
mod client;
#[cfg(feature = "clients")]
mod failure;
#[cfg(feature = "clients")]
mod redact;
mod region;
mod settings;

#[cfg(feature = "clients")]
pub use aws_config::SdkConfig;
#[cfg(feature = "clients")]
pub use client::{Repeats, load};
#[cfg(feature = "clients")]
pub use failure::{Failure, Meaning, line};
#[cfg(feature = "clients")]
pub use redact::redacted;
pub use region::{is_region, region_of_arn, region_of_queue};
pub use settings::{AwsSettings, Keys, Role};
