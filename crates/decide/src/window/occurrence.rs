//! What a window says: something occurred, in this revision, settled or not.

use cloudtrail::{EventId, EventTime};
use rules::Severity;

use crate::finding::{EVENT_IDS_MAX, RECORDS_MAX, State};
use crate::identity::{FindingId, Fingerprint, Parts};
use crate::signal::{RecordHandle, WindowKey, named};
use crate::window::event::Entry;

/// A decision over several events; becomes a finding once somebody has its first record at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// Minted from rule, key and the event that made it, and kept through all revisions.
    pub id: String,
    /// 0 when first said; one more each time it is said again with later knowledge.
    pub revision: u32,
    /// Whether everything in time has arrived.
    pub settled: bool,
    /// Whether it stands.
    pub state: State,
    /// Hash of rule, key, window, state and events: of settled occurrences equal between any two runs over the same data.
    pub fingerprint: String,
    /// The values at the rule's key paths.
    pub key: WindowKey,
    /// The highest of its events; none where nothing happened.
    pub severity: Option<Severity>,
    /// Where the window begins.
    pub from: EventTime,
    /// Where it ends; it takes events up to its end, and not at it.
    pub end: EventTime,
    /// How many events.
    pub count: u64,
    /// How many distinct values, where the rule counts those.
    pub distinct: Option<DistinctCount>,
    /// Whether memory sufficed to know each of its events. If not, duplicates may be counted among them and the
    /// fingerprint depends on the order of arrival.
    pub exact: bool,
    /// Whether it was decided while there was no history to compare with.
    pub cold: bool,
    /// The first of its events in order, up to [`EVENT_IDS_MAX`]; none where nothing happened.
    pub event_ids: Vec<EventId>,
    /// The first of its records, up to [`RECORDS_MAX`].
    pub records: Vec<RecordHandle>,
    /// When its first event happened.
    pub first_time: Option<EventTime>,
    /// When the last one happened.
    pub last_time: Option<EventTime>,
}

/// A number of distinct values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DistinctCount {
    /// The number.
    pub values: u64,
    /// Whether it is an estimate (standard error 3.3 %).
    pub estimated: bool,
}

/// What all occurrences of one rule share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) rule: &'a str,
    pub(crate) by: &'a [Box<str>],
    pub(crate) key: &'a str,
}

impl Subject<'_> {
    /// The id of what `event` made.
    pub(crate) fn mint(&self, event: &Entry) -> FindingId {
        let mut parts = Parts::of("finding");
        parts.text(self.rule);
        parts.key(named(self.by, self.key));
        parts.stored_event(event.time, &event.event);
        parts.uuid()
    }

    /// The same, or another one if that is taken.
    pub(crate) fn mint_free(&self, event: &Entry, is_taken: impl Fn(FindingId) -> bool) -> FindingId {
        let mut id = self.mint(event);
        while is_taken(id) {
            id = id.again();
        }
        id
    }

    /// Hash of the rule, the key, a window, a state and events.
    pub(crate) fn fingerprint<'e>(
        &self,
        (from, end): (i64, i64),
        state: State,
        events: impl IntoIterator<Item = &'e Entry>,
    ) -> Fingerprint {
        let mut parts = Parts::of("fingerprint");
        parts.text(self.rule);
        parts.key(named(self.by, self.key));
        parts.time(EventTime::from_micros(from));
        parts.time(EventTime::from_micros(end));
        match state {
            State::Firing => {}
            State::Resolved => parts.text("resolved"),
            State::Unknown => parts.text("unknown"),
        }
        for entry in events {
            parts.stored_event(entry.time, &entry.event);
        }
        parts.fingerprint()
    }

    /// An exact occurrence of these events in this window: settled, revision 0.
    pub(crate) fn occurrence<'e>(
        &self,
        id: FindingId,
        window: (i64, i64),
        state: State,
        events: impl IntoIterator<Item = &'e Entry, IntoIter: Clone>,
    ) -> Occurrence {
        let events = events.into_iter();
        let fingerprint = self.fingerprint(window, state, events.clone());
        self.occurrence_known_by(fingerprint, id, window, state, events)
    }

    /// The same, whose fingerprint is known.
    pub(crate) fn occurrence_known_by<'e>(
        &self,
        fingerprint: Fingerprint,
        id: FindingId,
        (from, end): (i64, i64),
        state: State,
        events: impl IntoIterator<Item = &'e Entry>,
    ) -> Occurrence {
        let (from, end) = (EventTime::from_micros(from), EventTime::from_micros(end));
        let events = events.into_iter();
        let expected = events.size_hint().0;
        let mut event_ids = Vec::with_capacity(expected.min(EVENT_IDS_MAX));
        let mut records = Vec::with_capacity(expected.min(RECORDS_MAX));
        let mut count = 0;
        let (mut first_time, mut last_time, mut severity) = (None, None, None);
        for entry in events {
            count += 1;
            let time = EventTime::from_micros(entry.time);
            first_time.get_or_insert(time);
            last_time = Some(time);
            severity = severity.max(Some(entry.severity));
            if event_ids.len() < EVENT_IDS_MAX {
                event_ids.push(EventId::from(&entry.event));
            }
            if records.len() < RECORDS_MAX {
                records.push(entry.handle());
            }
        }
        Occurrence {
            id: id.text(),
            revision: 0,
            settled: true,
            state,
            fingerprint: fingerprint.text(),
            key: WindowKey::from_text(self.key),
            severity,
            from,
            end,
            count,
            distinct: None,
            exact: true,
            cold: false,
            event_ids,
            records,
            first_time,
            last_time,
        }
    }
}
