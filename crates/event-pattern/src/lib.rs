//! The EventBridge event-pattern language: parse, match, explain.
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
pub use number::comparable;
pub use pattern::{Alternative, Field, Path, Pattern};
pub use term::{AnythingBut, Bound, Leaf, Number, NumericRange, Term};
pub use wildcard::Wildcard;
