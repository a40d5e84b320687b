//! What every kind of window must keep, asked of each through its public doors only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod absent;
mod first_seen;
mod harness;
#[path = "../outages/mod.rs"]
mod outages;
mod sequence;
mod threshold;
