//! One stay in ALARM: the finding that begins when the state is entered, and what is told of it until it is left.

use std::collections::BTreeMap;

use alarm::{AlarmState, StateChange, StateValue, Verdict};
use cloudtrail::{EventId, EventTime};
use rules::Severity;
use serde::{Deserialize, Serialize};

use super::{Watched, event_time};
use crate::engine::alarm_fields::{Told, fields};
use crate::finding::{EVENT_IDS_MAX, RECORDS_MAX, State};
use crate::identity::Parts;
use crate::incident::{AlarmNews, Basis, Incident};
use crate::signal::{WindowKey, named};
use crate::window::Entry;

/// How many changes of state a finding tells.
const TIMELINE_MAX: usize = 100;

/// A finding that stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) id: String,
    pub(super) revision: u32,
    /// The evaluation that will settle it, where it was said before that.
    pub(super) early: Option<i64>,
    /// Changes of state since, in milliseconds.
    pub(super) timeline: Vec<(i64, StateValue)>,
    pub(super) from: i64,
    pub(super) end: i64,
    pub(super) count: u64,
    pub(super) events: Vec<Entry>,
}

impl Watched {
    /// Tells a change of state that was really made.
    pub(super) fn change(
        &self,
        recent: &[Entry],
        standing: &mut Option<Box<Open>>,
        key: &str,
        change: &StateChange,
        said: &mut Vec<Incident>,
    ) {
        match (change.to, standing.take()) {
            (StateValue::Alarm, early) => {
                let mut open = self.opened(recent, key, change);
                if let Some(early) = early {
                    (open.id, open.revision) = (early.id, early.revision + 1);
                }
                said.push(self.incident(&open, key, change, State::Firing, true));
                *standing = Some(Box::new(open));
            }
            (to, Some(mut open)) if open.early.is_none() => {
                open.revision += 1;
                if open.timeline.len() < TIMELINE_MAX {
                    open.timeline.push((change.at.as_millis(), to));
                }
                let state = if to == StateValue::Ok { State::Resolved } else { State::Unknown };
                said.push(self.incident(&open, key, change, state, true));
            }
            // What was said early is still to come.
            (_, early) => *standing = early,
        }
    }

    /// Withdraws what was said early and did not come.
    pub(super) fn withdraw(
        &self,
        state: &AlarmState,
        standing: &mut Option<Box<Open>>,
        name: &[u8],
        said: &mut Vec<Incident>,
    ) {
        let passed =
            |open: &mut Box<Open>| open.early.is_some_and(|at| at <= state.evaluated_at().as_millis());
        let Some(mut open) = standing.take_if(passed) else { return };
        let key = &String::from_utf8_lossy(name);
        open.revision += 1;
        let change = StateChange {
            at: state.evaluated_at(),
            from: StateValue::Alarm,
            to: state.state(),
            reason: state.reason(&self.alarm),
            reason_data: state.reason_data(&self.alarm),
            previous_at: state.updated_at(),
            previous_reason: String::new(),
            previous_reason_data: None,
            datapoints: Vec::new(),
            records: alarm::Records::default(),
        };
        said.push(self.incident(&open, key, &change, State::Resolved, true));
    }

    /// The finding that begins with a change to ALARM.
    pub(super) fn opened(&self, recent: &[Entry], key: &str, change: &StateChange) -> Open {
        let breaching = change.datapoints.iter().filter(|point| point.verdict == Verdict::Breaching);
        let (first, last) = breaching.fold((None, None), |(first, last), point| {
            (Some(point.timestamp).min(first.or(Some(point.timestamp))), Some(point.timestamp).max(last))
        });
        let end = last.map_or(change.at, |last| last.plus_millis(self.period_ms()));
        let from = first.unwrap_or(end);
        let (from, end) = (from.as_millis().saturating_mul(1_000), end.as_millis().saturating_mul(1_000));
        let begin = recent.partition_point(|one| one.time < from);
        let after = recent.partition_point(|one| one.time < end);
        let behind = recent.get(begin..after).unwrap_or_default();
        let mut parts = Parts::of("alarm finding");
        parts.text(&self.id);
        parts.key(named(&self.dimensions, key));
        parts.time(event_time(change.at));
        Open {
            id: parts.uuid().text(),
            revision: 0,
            early: None,
            timeline: vec![(change.at.as_millis(), StateValue::Alarm)],
            from,
            end,
            count: change.records.count.max(behind.len() as u64),
            events: behind.iter().take(EVENT_IDS_MAX).cloned().collect(),
        }
    }

    /// Of an inline alarm the highest of its events; an alarm document watches what others publish and has its own.
    fn severity_of(&self, open: &Open) -> Severity {
        let highest = open.events.iter().map(|one| one.severity).max();
        highest.filter(|_| self.publishes).unwrap_or(self.severity)
    }

    pub(super) fn incident(
        &self,
        open: &Open,
        key: &str,
        change: &StateChange,
        state: State,
        settled: bool,
    ) -> Incident {
        let at = event_time(change.at);
        let (from, end) = (EventTime::from_micros(open.from), EventTime::from_micros(open.end));
        let mut parts = Parts::of("fingerprint");
        parts.text(&self.id);
        parts.key(named(&self.dimensions, key));
        parts.time(from);
        parts.time(end);
        parts.time(at);
        parts.text(change.to.as_str());
        for one in &open.events {
            parts.stored_event(one.time, &one.event);
        }
        let values: BTreeMap<&str, &str> = named(&self.dimensions, key).collect();
        let told = Told {
            name: &self.name,
            description: self.description.as_deref(),
            definition: &self.definition,
            alarm: &self.alarm,
            dimensions: &values,
        };
        let time = |entry: &Entry| EventTime::from_micros(entry.time);
        Incident {
            rule: self.rule,
            id: open.id.clone(),
            revision: open.revision,
            settled,
            state,
            fingerprint: parts.hex(),
            key: WindowKey::from_text(key),
            severity: self.severity_of(open),
            time: at,
            count: open.count,
            first_time: open.events.first().map_or(from, time),
            last_time: open.events.last().map_or(from, time),
            window_from: from,
            window_end: end,
            event_ids: open.events.iter().map(|one| EventId::from(&one.event)).collect(),
            records: open.events.iter().take(RECORDS_MAX).map(Entry::handle).collect(),
            basis: Basis::Alarm(Box::new(AlarmNews {
                reason: change.reason.clone(),
                fields: fields(&told, change),
                timeline: open
                    .timeline
                    .iter()
                    .map(|(at, state)| (EventTime::from_micros(at.saturating_mul(1_000)), *state))
                    .collect(),
            })),
        }
    }
}
