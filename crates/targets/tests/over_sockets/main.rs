//! Targets against counterparts over sockets, and the dispatcher that drives them.

#![expect(clippy::unwrap_used, reason = "a test")]

#[cfg(feature = "aws")]
mod aws;
mod counterpart;
mod dispatcher;
mod enricher;
mod lines;
mod pagerduty;
mod secrecy;
mod slack;
mod webhook;
