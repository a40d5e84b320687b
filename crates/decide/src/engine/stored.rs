//! The engine's state on its way to storage and back: each rule's rows, and its own, which are the lanes and how far everything is
//! settled.

use std::collections::BTreeMap;

use cloudtrail::EventTime;
use context::Context;
use rules::RuleSet;
use serde::{Deserialize, Serialize};

use crate::engine::deciders::Decider;
use crate::engine::{Engine, Namespace, Settings};
use crate::progress::{Lanes, Watermark};
use crate::window::{RestoreError, StateChange, StoredRow};

/// The namespace of what belongs to no rule: lanes, and when the history began.
const ENGINE: &str = "trailhound.engine";
/// The namespace of composite alarms.
const COMPOSITES: &str = "trailhound.composite-alarms";
const VERSION: u32 = 1;

/// What is stored of the engine itself, beside a row for each lane.
#[derive(Serialize, Deserialize)]
struct Own {
    begin: i64,
    /// The earliest time that was heard, where that is before it.
    #[serde(default)]
    least: Option<i64>,
    settled: Watermark,
    /// Of rules that wait for some lanes only, up to where each was settled.
    reached: BTreeMap<String, Watermark>,
    /// The latest time the clock showed.
    now: EventTime,
}

/// The row of [`Own`].
const OWN_ROW: &[u8] = b"engine";
/// The letter before a lane's number in its row's key.
const LANE_ROW: u8 = b'l';

impl Engine {
    /// Where state is kept: each rule's, by its place, then the engine's own.
    pub fn namespaces(&self) -> Vec<Namespace> {
        let rules =
            self.rules.iter().map(|entry| Namespace { name: entry.id.clone(), meaning: entry.meaning });
        let own = Namespace { name: ENGINE.into(), meaning: [0; 32] };
        // Of composite alarms those that changed are updated, and the others go on.
        rules.chain([own, Namespace { name: COMPOSITES.into(), meaning: [0; 32] }]).collect()
    }

    /// What has to be stored since the last time this was asked: the place of a namespace, and its rows.
    pub fn changes(&mut self) -> Vec<(usize, Vec<StateChange>)> {
        let mut changes: Vec<_> =
            self.rules.iter_mut().map(|entry| entry.decider.changes()).enumerate().collect();
        let (own, composites) = (self.rules.len(), self.rules.len() + 1);
        if std::mem::take(&mut self.changed) && self.settings.durable {
            let state = Own {
                begin: self.settings.begin.as_micros(),
                least: Some(self.least.as_micros()),
                settled: self.settled,
                reached: self.reached(),
                now: self.lanes.now(),
            };
            let value = serde_json::to_vec(&state).unwrap_or_default();
            let mut rows = vec![StateChange { key: OWN_ROW.to_vec(), value: Some((VERSION, value)) }];
            rows.extend(self.lanes.changes().into_iter().map(|(id, value)| {
                let mut key = vec![LANE_ROW];
                key.extend(id.0.to_be_bytes());
                StateChange { key, value: Some((VERSION, value)) }
            }));
            changes.push((own, rows));
        }
        if let Some(state) = &mut self.composites {
            changes.push((composites, state.changes()));
        }
        changes.retain(|(_, rows)| !rows.is_empty());
        changes
    }

    fn reached(&self) -> BTreeMap<String, Watermark> {
        let reached =
            self.rules.iter().filter_map(|entry| Some((entry.id.to_string(), entry.reach.as_ref()?)));
        reached.map(|(id, reached)| (id, reached.settled)).collect()
    }

    /// Goes on from what is stored. `rows` gives the rows of a namespace if it is kept under this meaning, else none: that
    /// rule begins anew.
    ///
    /// # Errors
    ///
    /// When a row was written by a later version, or is damaged; the namespace's name goes with it.
    pub fn restore<'r, R: IntoIterator<Item = StoredRow<'r>>>(
        rules: &RuleSet,
        context: &Context,
        mut settings: Settings,
        mut rows: impl FnMut(&Namespace) -> R,
    ) -> Result<Self, (Box<str>, RestoreError)> {
        let own = Namespace { name: ENGINE.into(), meaning: [0; 32] };
        let mut kept: Option<Own> = None;
        let mut lanes: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
        let failed = |error| (own.name.clone(), error);
        let damaged = |row: &[u8], source| {
            failed(RestoreError::Damaged { key: String::from_utf8_lossy(row).into_owned(), source })
        };
        for (row, version, value) in rows(&own) {
            if version > VERSION {
                return Err(failed(RestoreError::Version { version }));
            }
            if row == OWN_ROW {
                kept = Some(serde_json::from_slice(value).map_err(|source| damaged(row, source))?);
            } else {
                lanes.insert(row, value);
            }
        }
        if let Some(kept) = &kept {
            settings.begin = EventTime::from_micros(kept.begin);
        }
        let mut engine = Engine::new(rules, context, settings);
        let known = kept.is_some();
        let mut reached = BTreeMap::new();
        if let Some(kept) = kept {
            engine.settled = kept.settled;
            engine.least = kept.least.map_or(engine.least, EventTime::from_micros);
            reached = kept.reached;
            engine.lanes = Lanes::reopened(engine.settings.lateness, kept.now, lanes.into_values())
                .map_err(|source| damaged(b"lane", source))?;
        }
        let namespaces = engine.namespaces();
        for ((number, rule), namespace) in (0..).zip(rules.iter()).zip(&namespaces) {
            let Some(entry) = engine.rules.get_mut(number as usize) else { continue };
            let rows = rows(namespace);
            entry.decider = Decider::restore(number, rule, context, &engine.settings, rows)
                .map_err(|error| (entry.id.clone(), error))?;
            entry.newly_forgotten();
            entry.decider.resume(engine.settled);
            if let Some((reach, settled)) = entry.reach.as_mut().zip(reached.remove(&*entry.id)) {
                reach.settled = settled;
                entry.decider.resume(settled);
            }
        }
        if let (Some(composites), Some(namespace)) = (&mut engine.composites, namespaces.last()) {
            composites.restore(rows(namespace)).map_err(|error| (namespace.name.clone(), error))?;
            if known && engine.least <= engine.settled.assumed {
                // They may be others than were stored.
                let alarms = engine.rules.iter().filter_map(|entry| match &entry.decider {
                    Decider::Alarm(alarms) => alarms.single_state(),
                    _ => None,
                });
                if composites.are_created() {
                    composites.create(engine.settled.assumed, alarms, &mut engine.said);
                } else {
                    composites.begin(engine.least, alarms, &mut engine.said);
                }
            }
        }
        Ok(engine)
    }
}
