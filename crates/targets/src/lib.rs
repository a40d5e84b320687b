//! Deliveries to the outside: one module per target, and a worker for each so that a slow one delays no other.
//!
//! ```text
//!   outbox ──▶ Job ──▶ Dispatcher ──▶ queue ─▶ worker ─▶ Target::deliver ──▶ the world
//!     ▲                          └──▶ queue ─▶ worker ─▶ Target::deliver ──▶
//!     └── Report ◀── Policy::next: delivered, again at a time, or dead ◀──┘
//! ```
//!
//! A [`Target`] sends one delivery once and says what came of it. What follows from that is [`Policy::next`]'s to decide, a function of
//! plain values. Nothing is remembered here: what is owed, since when and how often it was tried lies in the outbox of whoever
//! hands out jobs, and is stored there before anything is sent. So the promise to a receiver is *at least once*, always with the
//! same [idempotency key](Delivery::key).
//!
//! | target | is told by |
//! |---|---|
//! | [`Stream`], [`File`] | a line of NDJSON: the finding |
//! | [`Webhook`] | the finding as JSON, or [what is asked for of it](Shape), [signed](signature) |
//! | [`Slack`] | an incoming webhook's blocks |
//! | [`SlackApp`] | an app's message, which is edited and has a thread and [buttons](slack_interaction) |
//! | [`Teams`] | an Adaptive Card |
//! | [`PagerDuty`] | an event of Events API v2 |
//! | [`OpsGenie`] | an alert, its notes, its end |
//! | [`Email`] | a mail, as text and HTML |
//! | [`Command`] | the finding on the standard input of a program |
//!
//! Machines are handed [events](Events) as they are too, as many at once as they take.
//!
//! Targets speak HTTP under the same rules: a [`Secret`] is in no log, error or `Debug`; an [address](AddressPolicy) that is not
//! public is refused unless it is allowed, the addresses a name resolves to included; redirects are not followed; connecting,
//! answering and the answer's length are bounded.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use route::{FindingEvent, TargetName};
//! use targets::{Clock, Delivery, Dispatcher, Fate, Jitter, Job, Lane, Next, Policy, Stream};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let clock: Clock = Arc::new(|| "2026-11-03T02:41:10Z".parse().unwrap());
//! let jitter: Jitter = Arc::new(|| 0.5);
//! let log = TargetName::new("log").unwrap();
//! let lane = Lane { target: Arc::new(Stream::to(std::io::sink())), policy: Policy::default(), queue_max: 16 };
//! let (dispatcher, mut reports) = Dispatcher::start([(log.clone(), lane)], &clock, &jitter);
//!
//! // Of what the outbox has due, as much as there is room for: note that the attempt begins, then hand it over.
//! assert_eq!(dispatcher.room(&log), 16);
//! let finding = r#"{"id": "8f2c", "source": "trailhound", "detail-type": "Trailhound Finding", "detail": {}}"#;
//! let delivery = Delivery::new(log, FindingEvent::parse(finding)?);
//! assert_eq!(delivery.key(), "8f2c:0:log");
//! dispatcher.offer(Job { load: delivery.into(), attempt: 1, first_enqueued: clock(), tag: "row 17" })?;
//!
//! // What comes out goes back into the outbox: delivered, due again at a time, or dead.
//! let report = reports.next().await.unwrap();
//! assert!(report.tag == "row 17" && matches!(report.fate, Fate::Tried(Next::Delivered(_))));
//! dispatcher.shutdown(Duration::from_secs(10)).await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Time and chance are handed in ([`Clock`], [`Jitter`]).
#![deny(missing_docs)]

mod address;
pub mod alarm_notice;
pub mod aws;
mod clock;
mod command;
mod delivery;
mod dispatcher;
mod email;
mod enricher;
mod error;
mod events;
#[cfg(test)]
mod examples;
mod file;
mod http;
mod input;
mod oauth;
mod opsgenie;
mod pagerduty;
mod policy;
mod pulse;
pub mod respond;
mod retry_after;
mod secret;
mod shape;
pub mod signature;
mod slack;
mod slack_app;
pub mod slack_interaction;
mod stream;
mod teams;
mod template;
mod webhook;
mod wording;
mod zoned;

pub use address::AddressPolicy;
pub use clock::{Clock, Jitter};
pub use command::{Command, CommandSettings};
pub use delivery::{Delivering, Delivery, Receipt, Target};
pub use dispatcher::{Dispatcher, Fate, Job, Lane, NotTaken, Report, Reports};
pub use email::{Email, EmailSettings, SmtpTls};
pub use enricher::{EnrichError, Enricher, EnricherAt, EnricherSettings, LambdaEnricherSettings};
pub use error::{DeliveryError, SetupError};
pub use events::{Events, Load};
pub use file::File;
pub use http::Network;
pub use input_transformer::{InputPath, TargetInput};
pub use oauth::{ClientAuthentication, OAuthSettings};
pub use opsgenie::{OpsGenie, OpsGenieSettings};
pub use pagerduty::{PagerDuty, PagerDutySettings};
pub use policy::{Attempt, Next, Policy};
pub use pulse::{Pulse, PulseError, PulseSettings};
pub use retry_after::RetryAfter;
pub use secret::Secret;
pub use shape::Shape;
pub use slack::{Slack, SlackSettings};
pub use slack_app::{SlackApp, SlackAppSettings};
pub use stream::Stream;
pub use teams::{Teams, TeamsSettings};
pub use template::{Format, Template, TemplateError};
pub use webhook::{Webhook, WebhookSettings};
pub use wording::{Worded, Wording};
pub use zoned::Zoned;
