//! Which target a finding goes to, when, with what else, and what a person is told.
//!
//! ```text
//!   finding, as JSON ──▶ FindingEvent ──┬──▶ Desk     ──▶ errands: say this, there, now
//!                                       │      known good, Routes, hours, conversations, acknowledgements
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
//!     RouteDefinition {
//!         pattern: Some(critical),
//!         to: vec!["oncall".to_owned()],
//!         proceed: true,
//!         ..RouteDefinition::default()
//!     },
//!     RouteDefinition { to: vec!["security".to_owned()], ..RouteDefinition::default() },
//! ];
//! let routes = Routes::compile(&definitions, &targets, &[])?;
//!
//! let finding = FindingEvent::parse(r#"{"id": "8f2c", "source": "trailhound", "detail-type": "Trailhound Finding",
//!     "detail": {"rule": "root-use", "title": "The root user was used", "severity": "critical", "state": "firing"}}"#)?;
//! let now = "2026-11-03T02:41:10Z".parse()?;
//! assert!(routes.route(&finding, now).targets().eq(&targets));
//! assert_eq!(Message::of(&finding).headline, "[critical] The root user was used");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]

mod coverage;
mod desk;
mod explanation;
mod finding;
mod fold;
mod known_good;
pub mod message;
mod nearest;
pub mod printable;
mod problem;
mod routes;
mod schedule;
mod target_name;
mod telling;

pub use desk::{
    Acknowledged, ConversationView, Count, Desk, Errand, FindingOutcome, FindingRef, Kept, KeptError, Policy,
    Row, Standing, Taken,
};
pub use explanation::{HoursExplanation, RouteExplanation, RouteVerdict, RoutingExplanation};
pub use finding::{FindingError, FindingEvent, Severity, State};
pub use fold::{Fold, FoldBy};
pub use known_good::{Hidden, Silence, SilenceError, Suppression, pattern_of};
pub use message::Message;
pub use problem::{Problem, Problems};
pub use routes::{RouteDefinition, Routes};
pub use schedule::{During, Held, Leg, Otherwise, Repeats, Routing, Unanswered};
pub use target_name::TargetName;
pub use telling::{Kind, Telling};
