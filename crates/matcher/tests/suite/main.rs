//! The matcher against both languages' own matchers, and against hostile input. One binary, because all of it shares its support.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod conformance;
mod corpus;
mod malformed;
mod properties;
mod size;
mod support;
