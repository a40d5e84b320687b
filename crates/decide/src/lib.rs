//! Signals in, findings out: exceptions, conditions, groups, duplicates.
//!
//! ```text
//!  matched record ──▶ judge ──▶ Signal ──▶ Groups ──▶ Incident ──▶ Finding
//!                     delivery, where,     by key      (compact)    (with records)
//!                     except, escalate     and time
//! ```
//!
//! Everything here is a function of rules, context, signals and the times in them. Signals come in the order of
//! [`Signal::order`]; the caller sees to that, because only it knows when nothing earlier can follow.

mod engine;
mod finding;
mod group;
mod identity;
mod incident;
mod judge;
mod outcome;
mod progress;
mod reason;
mod signal;
mod stand_in;
mod trial;
mod window;

pub use engine::{Engine, Explanation, Holding, Namespace, Settings};
pub use finding::{
    AccountDetail, DETAIL_TYPE, Detail, EVENT_IDS_MAX, Finding, PrincipalDetail, RECORDS_MAX, SOURCE, State,
    Window,
};
pub use group::{Grouping, Groups};
pub use incident::{AlarmNews, Basis, Incident};
pub use judge::{Judgement, is_delivered, judge};
pub use outcome::{SignalOutcome, SignalTally, Unaccounted};
pub use progress::{
    Evidence, FUTURE_MAX, Heard, Lane, LaneId, Lanes, LanesState, Lateness, Progress, SourceClass, Watermark,
};
pub use signal::{Part, RecordHandle, Signal, WindowKey};
pub use trial::{explain_over_time, run_test};
pub use window::{
    Absent, AbsentDefinition, Bounds, DistinctCount, Due, FirstSeen, FirstSeenDefinition, KEYS_MAX, Kind,
    Occurrence, RestoreError, Sequence, SequenceDefinition, StateChange, StoredRow, Taken, Threshold,
    ThresholdDefinition, Turn, Windows,
};

/// The JSON Schema of a [`Finding`].
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Finding)
}
