#![doc = include_str!("../reference.md")]
//!
//! # Using the crate
//!
//! Three things: [`Pattern`], [`Event`], and the verdict.
//!
//! ```
//! use event_pattern::{Event, Pattern};
//!
//! let text = r#"{"detail": {"eventName": ["StopLogging"], "errorCode": [{"exists": false}]}}"#;
//! let pattern = Pattern::parse(text)?;
//! let event = Event::parse(r#"{"detail": {"eventName": "StopLogging", "errorCode": "AccessDenied"}}"#)?;
//!
//! assert!(!pattern.matches(&event));
//! assert_eq!(pattern.explain(&event).stopped_by(), Some("detail.errorCode"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Errors`] has all mistakes of a pattern at once, the service's own words first; [`Pattern::lints`] has what is valid and yet suspicious.
//! - [`Pattern::alternatives`] is the compiled form, for engines that index many patterns: combinations of fields, each with [`Term`]s. Such
//!   an engine finds candidates as it likes, asks [`Term::accepts`], and leaves arrays to [`consistent`].
//! - [`Pattern::matches`] is the reference: plain rather than fast.
//!
//! Nothing here reads a clock, a file or the network, and no input makes it panic or overflow its stack.
#![deny(missing_docs)]

mod address;
mod arrays;
mod compile;
mod complexity;
mod error;
mod event;
mod explain;
mod fold;
pub mod json;
mod lint;
mod matching;
mod number;
mod pattern;
mod term;
mod wildcard;

pub use address::{AddressRange, address_digits};
pub use arrays::{Arrays, FieldRef, Scope};
pub use error::{Error, ErrorKind, Errors};
pub use event::{EnvelopeError, Event, EventError};
pub use explain::{AlternativeExplanation, Conflict, Explanation, FieldExplanation, TermExplanation};
pub use fold::IgnoreCase;
pub use json::Span;
pub use lint::{Level, Lint, LintKind};
pub use matching::{STEPS_MAX, consistent};
pub use number::{comparable, plain_number};
pub use pattern::{Alternative, Field, Path, Pattern};
pub use term::{AnythingBut, Bound, Leaf, Number, NumericRange, Term};
pub use wildcard::Wildcard;
