//! Which target a finding goes to, and what a person is told.
//!
//! ```text
//!   finding, as JSON ──▶ FindingEvent ──┬──▶ Routes   ──▶ names of targets, and why
//!                                       └──▶ Message  ──▶ headline, facts, sections, checks, links
//! ```
//!
//! A finding is read here as anybody outside would read it, by its published JSON: what lies in the outbox may have been written
//! by an earlier version of the program, and must still be sent. Nothing here reads a clock, a file or the network, so the same
//! finding under the same routes goes to the same targets with the same words, in a replay too.
//!
//! ```
//! use event_pattern::Pattern;
//! use route::{FindingEvent, Message, RouteDefinition, Routes, TargetName};
//!
//! let targets = ["oncall", "security"].map(|name| TargetName::new(name).unwrap());
//! let critical = Pattern::parse(r#"{"detail": {"severity": ["critical"]}}"#)?;
//! let definitions = [
//!     RouteDefinition { pattern: Some(critical), to: vec!["oncall".to_owned()], proceed: true },
//!     RouteDefinition { pattern: None, to: vec!["security".to_owned()], proceed: false },
//! ];
//! let routes = Routes::compile(&definitions, &targets, &[])?;
//!
//! let finding = FindingEvent::parse(r#"{"id": "8f2c", "source": "trailhound", "detail-type": "Trailhound Finding",
//!     "detail": {"rule": "root-use", "title": "The root user was used", "severity": "critical", "state": "firing"}}"#)?;
//! assert_eq!(routes.route(&finding), targets);
//! assert_eq!(Message::of(&finding).headline, "[critical] The root user was used");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]

mod coverage;
mod explanation;
mod finding;
pub mod message;
mod nearest;
pub mod printable;
mod problem;
mod routes;
mod target_name;
mod telling;

pub use explanation::{RouteExplanation, RouteVerdict, RoutingExplanation};
pub use finding::{FindingError, FindingEvent, Severity, State};
pub use message::Message;
pub use problem::{Problem, Problems};
pub use routes::{RouteDefinition, Routes};
pub use target_name::TargetName;
pub use telling::{Kind, Telling};
