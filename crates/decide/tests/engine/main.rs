//! What the engine must keep over all kinds of rules at once, asked through its public doors only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod absences;
mod alarms;
mod bad_input;
mod harness;
mod known_values;
mod lanes;
#[path = "../outages/mod.rs"]
mod outages;
mod properties;
