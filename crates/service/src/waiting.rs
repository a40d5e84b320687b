//! Findings that were told before it was settled who is behind them, and are told once more if that becomes known or turns out to be somebody
//! else: kept in the store, so that a restart in between changes nothing.
//!
//! Only findings of single events wait; all others are told again when they settle. So what has to be kept to tell one again is its
//! record, its id and its rule.

use std::collections::BTreeMap;

use cloudtrail::{EventId, EventTime, Principal};
use decide::{Basis, Incident, State, WindowKey};
use rules::Severity;
use serde::{Deserialize, Serialize};

use crate::Program;
use crate::records::Record;

/// How many findings may wait for a person.
const WAITING_MAX: usize = 1_000;

/// A finding whose person is not settled.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) principal: Principal,
    /// Who was told to be behind it.
    pub(crate) told: Option<String>,
    pub(crate) incident: Incident,
    pub(crate) records: Vec<Record>,
}

/// All of them, by id.
#[derive(Debug, Default)]
pub(crate) struct WaitingFindings {
    all: BTreeMap<String, Waiting>,
    /// Rows to keep, or to delete.
    changes: BTreeMap<String, Option<Vec<u8>>>,
}

/// How one is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    rule: String,
    revision: u32,
    fingerprint: String,
    severity: Severity,
    time: i64,
    window_end: i64,
    event: String,
    key: Vec<String>,
    record: Record,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<String>,
}

impl WaitingFindings {
    /// Keeps a finding at hand, if there is room.
    pub(crate) fn wait(&mut self, rule: &str, waiting: Waiting) {
        if self.all.len() >= WAITING_MAX {
            return;
        }
        let Some(row) = row(rule, &waiting) else { return };
        let id = waiting.incident.id.clone();
        self.changes.insert(id.clone(), Some(row));
        self.all.insert(id, waiting);
    }

    /// Takes those out that answer to something.
    pub(crate) fn take(&mut self, answers: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let taken: Vec<(String, Waiting)> = self.all.extract_if(.., |_, waiting| answers(waiting)).collect();
        taken
            .into_iter()
            .map(|(id, waiting)| {
                self.changes.insert(id, None);
                waiting
            })
            .collect()
    }

    /// What is to be written: the rows that are new, and those that are gone.
    pub(crate) fn changes(&mut self) -> BTreeMap<String, Option<Vec<u8>>> {
        std::mem::take(&mut self.changes)
    }

    /// Goes on with one that was kept. `principal` reads the caller out of its record. One whose rule is gone, or tells otherwise now, is
    /// told no more.
    pub(crate) fn restore(
        &mut self,
        id: &str,
        value: &[u8],
        program: &Program,
        principal: impl FnOnce(&Record) -> Option<Principal>,
    ) {
        match read(id, value, program, principal) {
            Some(waiting) => drop(self.all.insert(id.to_owned(), waiting)),
            None => drop(self.changes.insert(id.to_owned(), None)),
        }
    }
}

fn row(rule: &str, waiting: &Waiting) -> Option<Vec<u8>> {
    let Waiting { incident, records, .. } = waiting;
    let (record, event) = (records.first()?, incident.event_ids.first()?);
    let row = Row {
        rule: rule.to_owned(),
        revision: incident.revision,
        fingerprint: incident.fingerprint.clone(),
        severity: incident.severity,
        time: incident.time.as_micros(),
        window_end: incident.window_end.as_micros(),
        event: event.to_string(),
        key: incident.key.values().map(str::to_owned).collect(),
        record: record.clone(),
        text: String::from_utf8(record.text.clone()).ok()?,
        told: waiting.told.clone(),
    };
    serde_json::to_vec(&row).ok()
}

fn read(
    id: &str,
    value: &[u8],
    program: &Program,
    principal: impl FnOnce(&Record) -> Option<Principal>,
) -> Option<Waiting> {
    let row: Row = serde_json::from_slice(value).ok()?;
    let (number, rule) = (0..)
        .map_while(|number| Some((number, program.rule(number)?)))
        .find(|(_, rule)| rule.id.as_str() == row.rule)?;
    if !rule.decision.is_each() || rule.group.is_some() {
        return None;
    }
    let mut record = row.record;
    record.text = row.text.into_bytes();
    let principal = principal(&record)?;
    let time = EventTime::from_micros(row.time);
    let incident = Incident {
        rule: number,
        id: id.to_owned(),
        revision: row.revision,
        settled: true,
        state: State::Firing,
        fingerprint: row.fingerprint,
        key: WindowKey::of(row.key.iter().map(String::as_str)),
        severity: row.severity,
        time,
        count: 1,
        first_time: time,
        last_time: time,
        window_from: time,
        window_end: EventTime::from_micros(row.window_end),
        event_ids: vec![EventId::new(&row.event)],
        records: Vec::new(),
        basis: Basis::Events,
    };
    Some(Waiting { principal, told: row.told, incident, records: vec![record] })
}
