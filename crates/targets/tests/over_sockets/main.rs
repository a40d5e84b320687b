//! Targets against counterparts over sockets, and the dispatcher that drives them.

#![expect(clippy::unwrap_used, reason = "a test")]

mod audit;
#[cfg(feature = "aws")]
mod aws;
mod command;
mod counterpart;
mod dispatcher;
mod email;
mod enricher;
mod faults;
mod limits;
mod lines;
mod nasty;
mod oauth;
mod opsgenie;
mod pagerduty;
mod published;
mod respond;
mod secrecy;
mod slack;
mod slack_app;
mod teams;
mod webhook;
