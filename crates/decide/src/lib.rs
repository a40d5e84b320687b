//! Signals in, findings out: exceptions, conditions, duplicates, and one engine for all that is decided over time.
//!
//! ```text
//!  matched record ──▶ judge ──▶ Signal ──▶ Engine ──────────────▶ Incident ──▶ Finding
//!                     delivery, where,     groups, thresholds,    revisions,   (with records)
//!                     except, escalate,    sequences, first-seen, settled
//!                     key, value, step     absences, alarms       or not
//!  progress of lanes ─────────────────────▶
//! ```
//!
//! Everything here is a function of rules, context, signals, progress and the times in them. A history hands signals to the
//! [`Engine`] in the order of [`Signal::order`]; a service hands them over as they arrive, and says how far each lane is.

mod engine;
mod finding;
mod group;
mod identity;
mod incident;
mod judge;
mod known_values;
mod outcome;
mod progress;
mod reason;
mod record;
mod signal;
mod stand_in;
mod trial;
mod window;

pub use engine::{Engine, Explanation, Holding, Namespace, Settings};
pub use finding::{
    AccountDetail, DETAIL_TYPE, Detail, EVENT_IDS_MAX, Finding, PrincipalDetail, RECORDS_MAX, SOURCE,
    SourceDetail, State, Window,
};
pub use group::{Grouping, Groups};
pub use incident::{AlarmNews, Basis, Incident};
pub use judge::{Judge, Judgement, is_delivered, judge};
pub use known_values::KnownValues;
pub use outcome::{SignalOutcome, SignalTally, Unaccounted};
pub use progress::{
    Evidence, FUTURE_MAX, Heard, LANES_MAX, Lane, LaneId, Lanes, LanesState, Lateness, Progress, SourceClass,
    Watermark,
};
pub use record::{look_at, take_apart, told_of};
pub use signal::{Part, RecordHandle, Signal, WindowKey};
pub use trial::{explain_over_time, findings_of, run_test, test_findings};
pub use window::{
    Absent, AbsentDefinition, Bounds, DistinctCount, Due, FirstSeen, FirstSeenDefinition, KEYS_MAX, Kind,
    Name, Occurrence, RestoreError, Sequence, SequenceDefinition, StateChange, StoredRow, Taken, Threshold,
    ThresholdDefinition, Turn, Windows,
};

/// The JSON Schema of a [`Finding`].
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Finding)
}
