//! Decisions over several events: thresholds, sequences, what is new, what is absent.
//!
//! ```text
//!  Signal ────▶ Windows<Threshold │ Sequence │ FirstSeen>, Absent ─▶ Occurrence
//!  Watermark ─▶                                                      early, then settled, then revised
//! ```
//!
//! Every kind has the same four doors: `take` a signal, `advance` to a watermark, `changes` to be stored since the last
//! time, and `restore` from what was stored. The invariants all of them keep:
//!
//! - Whatever order the signals of one key arrive in, as long as each comes before the watermark passed it, the settled
//!   occurrences have the same fingerprints.
//! - Storing the changes and restoring them is the same as going on.
//! - The number of keys is bounded; what that bound costs is counted, never silent.

mod absent;
mod event;
mod first_seen;
mod keyed;
mod known;
mod occurrence;
mod sequence;
mod sketch;
mod slots;
mod threshold;
mod timetable;
mod windows;

pub use absent::{Absent, AbsentDefinition};
pub(crate) use event::{Entry, StoredId, insert, strong_hash};
pub(crate) use first_seen::name_of;
pub use first_seen::{FirstSeen, FirstSeenDefinition};
pub(crate) use keyed::Keys;
pub use keyed::{Due, KEYS_MAX, RestoreError, StateChange, StoredRow};
pub(crate) use known::Known;
pub(crate) use occurrence::Subject;
pub use occurrence::{DistinctCount, Occurrence};
pub use sequence::{Sequence, SequenceDefinition};
pub use threshold::{Threshold, ThresholdDefinition};
pub use windows::{Bounds, Kind, Name, Taken, Turn, Windows};
