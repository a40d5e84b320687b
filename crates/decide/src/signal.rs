//! A signal: one rule wants one event, and nothing says no.

use cloudtrail::{EventId, EventTime};
use rules::Severity;

/// A number the caller gives a record, by which it finds it again when a finding is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordHandle(pub u64);

/// What a finding's events have in common: the paths of `group.by` and the first event's values at them.
pub type Key = Box<[(Box<str>, Box<str>)]>;

/// One rule wants one event. Small, because a scan keeps all of them until the last file is read.
#[derive(Debug, Clone)]
pub struct Signal {
    /// The rule's index in its set.
    pub rule: u32,
    /// When the event happened.
    pub time: EventTime,
    /// Which event.
    pub event: EventId,
    /// After `escalate`.
    pub severity: Severity,
    /// Empty where the rule does not group.
    pub key: Key,
    /// Where the record is.
    pub record: RecordHandle,
}

impl Signal {
    /// The order in which signals are decided: by time, then by event, then by rule.
    pub fn order(&self) -> (EventTime, &EventId, u32) {
        (self.time, &self.event, self.rule)
    }
}
