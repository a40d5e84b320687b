//! What is told: one thing that is so, in one revision; becomes a finding once somebody has its records at hand.

use cloudtrail::{EventId, EventTime};
use rules::Severity;

use crate::finding::State;
use crate::signal::{RecordHandle, WindowKey};
use crate::window::{DistinctCount, Occurrence};

/// Something a rule says, in one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// The rule's index in its set.
    pub rule: u32,
    /// Minted from rule, key and what first made it; the same in all its revisions.
    pub id: String,
    /// 0 when first said; one more each time it is said again with later knowledge.
    pub revision: u32,
    /// Whether no event that may still arrive in time can change it.
    pub settled: bool,
    /// Whether it stands.
    pub state: State,
    /// Hash of rule, key, window and all events; of settled incidents equal between any two runs over the same data.
    pub fingerprint: String,
    /// What its events have in common: the values at the rule's key paths.
    pub key: WindowKey,
    /// The highest of its events.
    pub severity: Severity,
    /// When it became so: the first event's time, or when an alarm changed its state or an absence was complete.
    pub time: EventTime,
    /// How many events.
    pub count: u64,
    /// When the first happened; the window's begin where nothing happened.
    pub first_time: EventTime,
    /// When the last happened; the window's begin where nothing happened.
    pub last_time: EventTime,
    /// Where its window begins.
    pub window_from: EventTime,
    /// Until when it would have taken events: the last one's time where the rule does not group.
    pub window_end: EventTime,
    /// The first of its events, up to [`EVENT_IDS_MAX`](crate::EVENT_IDS_MAX).
    pub event_ids: Vec<EventId>,
    /// The first of its records, up to [`RECORDS_MAX`](crate::RECORDS_MAX); none where nothing happened.
    pub records: Vec<RecordHandle>,
    /// What it rests on.
    pub basis: Basis,
}

/// What an incident rests on, beside its events.
#[derive(Debug, Clone, PartialEq)]
pub enum Basis {
    /// Each event by itself, or the events of a group.
    Events,
    /// So many within a span.
    Threshold {
        /// How many distinct values, where the rule counts those.
        distinct: Option<DistinctCount>,
        /// Whether memory sufficed to know each of its events.
        exact: bool,
    },
    /// Steps in order.
    Sequence,
    /// A value not seen before.
    FirstSeen {
        /// Whether there was not enough history to compare with.
        cold: bool,
        /// Whether no value had to be given up; else this may be one that was.
        exact: bool,
    },
    /// Nothing came.
    Absent,
    /// An alarm changed its state: CloudWatch's own words and fields.
    Alarm(Box<AlarmNews>),
}

/// What CloudWatch says when an alarm changes its state.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmNews {
    /// The new state's reason.
    pub reason: String,
    /// The alarm's fields and its state-change event, as JSON.
    pub fields: serde_json::Value,
    /// All changes of state since the alarm went off, oldest first, this one included.
    pub timeline: Vec<(EventTime, alarm::StateValue)>,
}

impl Incident {
    /// What a window says, as an incident of a rule.
    pub(crate) fn of(rule: u32, usual: Severity, one: Occurrence, basis: Basis) -> Self {
        let time = match basis {
            // An absence is so when its time is up, not when the last sighting was.
            Basis::Absent if one.state != State::Resolved => one.end,
            _ => one.first_time.unwrap_or(one.from),
        };
        Incident {
            rule,
            id: one.id,
            revision: one.revision,
            settled: one.settled,
            state: one.state,
            fingerprint: one.fingerprint,
            key: one.key,
            severity: match basis {
                // Everything is new to who has seen nothing yet: to be read, not to be woken by.
                Basis::FirstSeen { cold: true, .. } => Severity::Info,
                _ => one.severity.unwrap_or(usual),
            },
            time,
            count: one.count,
            first_time: one.first_time.unwrap_or(one.from),
            last_time: one.last_time.unwrap_or(one.from),
            window_from: one.from,
            window_end: one.end,
            event_ids: one.event_ids,
            records: one.records,
            basis,
        }
    }
}
