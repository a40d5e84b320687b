//! Composite alarms: fed with every change of state of the metric alarms, in the order of time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use alarm::composite::{CompositeAlarm, CompositeAlarms, CompositeChange, CompositeDefinition, Suppression};
use alarm::{StateValue, Timestamp};
use cloudtrail::EventTime;
use rules::{Decision, RuleSet, Severity};
use serde::{Deserialize, Serialize};

use crate::engine::alarm_fields::composite_fields;
use crate::engine::metric_alarms::{Transition, event_time, timestamp};
use crate::engine::settings::Settings;
use crate::finding::State;
use crate::identity::Parts;
use crate::incident::{AlarmNews, Basis, Incident};
use crate::signal::WindowKey;
use crate::window::{RestoreError, StateChange, StoredRow};

const VERSION: u32 = 1;
const ROW: &[u8] = b"c";

/// All composite alarms of a rule set with the states of what they refer to.
#[derive(Debug)]
pub(crate) struct Composites {
    /// By the ARN the `alarm` crate knows it by.
    of: BTreeMap<String, Composite>,
    /// The names of the metric alarms.
    children: Vec<Box<str>>,
    state: Kept,
    /// Changes of metric alarms that were not passed on yet, with their names.
    waiting: Vec<(Timestamp, Box<str>, StateValue)>,
    /// For how long, in microseconds, what was before may still be heard of after they were created.
    reopen: i64,
    durable: bool,
    changed: bool,
}

#[derive(Debug)]
struct Composite {
    rule: u32,
    id: Box<str>,
    severity: Severity,
    description: Option<Box<str>>,
    definition: CompositeDefinition,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// Whether the alarms were created.
    #[serde(default = "yes")]
    created: bool,
    alarms: CompositeAlarms,
    /// When they were created, while an earlier time may still be heard of.
    #[serde(default)]
    begun: Option<Timestamp>,
    /// Findings that stand, by ARN.
    open: BTreeMap<String, Open>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Open {
    id: String,
    revision: u32,
    timeline: Vec<(i64, StateValue)>,
    /// Whether it stands since the alarm was created, and that may turn out to have been earlier.
    #[serde(default)]
    begun: bool,
}

/// What was stored before this was written down had been created.
fn yes() -> bool {
    true
}

impl Composites {
    /// None where no rule is a composite alarm. They are not there before they are [created](Composites::create).
    pub(crate) fn of(rules: &RuleSet, settings: &Settings) -> Option<Self> {
        let home = &settings.home;
        let composites = (0..).zip(rules.iter()).filter_map(|(number, rule)| match &rule.decision {
            Decision::Composite(composite) => {
                let definition = composite.definition.clone();
                let (id, severity) = (rule.id.as_str().into(), rule.severity);
                let description = rule.description.clone();
                Some((
                    home.arn(&definition.alarm_name),
                    Composite { rule: number, id, severity, description, definition },
                ))
            }
            _ => None,
        });
        let of: BTreeMap<String, Composite> = composites.collect();
        if of.is_empty() {
            return None;
        }
        let metric_alarms = rules.iter().filter(|rule| matches!(rule.decision, Decision::Alarm(_)));
        let children = metric_alarms.filter_map(|rule| rule.alarm_name().map(Box::from)).collect();
        let state = Kept {
            created: false,
            alarms: CompositeAlarms::new(home.clone()),
            begun: None,
            open: BTreeMap::new(),
        };
        let (reopen, durable) = (settings.reopen_micros(), settings.durable);
        Some(Composites { of, children, state, waiting: Vec::new(), reopen, durable, changed: true })
    }

    /// Whether they were created.
    pub(crate) fn are_created(&self) -> bool {
        self.state.created
    }

    /// Creates the alarms live, at the earliest time that is known by now. What is true from then on is said, and settled when no earlier
    /// time can be heard of any more, or when it ends: in which order files come must not date a finding.
    pub(crate) fn begin<'a>(
        &mut self,
        at: EventTime,
        states: impl IntoIterator<Item = (&'a str, StateValue, Timestamp)>,
        said: &mut Vec<Incident>,
    ) {
        self.state.begun = Some(timestamp(at.as_micros()));
        self.create(at, states, said);
    }

    /// Hears of an earlier time than that.
    pub(crate) fn begin_by(&mut self, begin: EventTime) {
        let at = timestamp(begin.as_micros());
        let Some(begun) = self.state.begun.filter(|begun| at < *begun) else { return };
        self.state.begun = Some(at);
        self.state.alarms.begin_by(begun, at);
        for open in self.state.open.values_mut().filter(|open| open.begun) {
            if let Some(first) = open.timeline.first_mut() {
                first.0 = at.as_millis();
            }
        }
        self.changed = true;
    }

    /// Makes the alarms those of the rules, as of a time: creates them, or goes on from others that were there before, of which those
    /// that are the same stay as they are, and those that changed are updated as the service updates them. `states` are those of metric
    /// alarms, with when they were entered; others that are new are in INSUFFICIENT_DATA.
    pub(crate) fn create<'a>(
        &mut self,
        at: EventTime,
        states: impl IntoIterator<Item = (&'a str, StateValue, Timestamp)>,
        said: &mut Vec<Incident>,
    ) {
        let begun = self.begun();
        let (at, alarms) = (timestamp(at.as_micros()), &mut self.state.alarms);
        for name in &self.children {
            if !alarms.contains(name) {
                alarms.set_child(name, StateValue::InsufficientData, at);
            }
        }
        for (name, state, since) in states {
            alarms.set_child(name, state, since);
        }
        let mut gone: Vec<String> =
            alarms.iter().map(|(arn, _)| arn.to_owned()).filter(|arn| !self.of.contains_key(arn)).collect();
        self.state.open.retain(|arn, _| self.of.contains_key(arn));
        let mut left: Vec<&Composite> = self.of.values().collect();
        let mut changes = Vec::new();
        // Children before parents: every round saves those whose children exist, and deletes what no other depends on.
        loop {
            let before = (left.len(), gone.len());
            left.retain(|composite| match alarms.put(&composite.definition, at) {
                Ok(said) => {
                    changes.extend(said);
                    false
                }
                Err(_) => true,
            });
            gone.retain(|arn| alarms.delete(&[arn]).is_err());
            // Where some are left the rule set was not checked, and an alarm without its children would never go off.
            if before == (left.len(), gone.len()) {
                break;
            }
        }
        (self.state.created, self.changed) = (true, true);
        self.tell(&begun, changes, said);
    }

    /// Keeps a change until all earlier ones are known.
    pub(crate) fn hear(&mut self, alarm: &str, transition: Transition) {
        self.waiting.push((transition.at, alarm.into(), transition.to));
    }

    /// Passes on all changes heard of, once the alarms were created; all alarms were evaluated up to `watermark`.
    pub(crate) fn advance(&mut self, watermark: i64, said: &mut Vec<Incident>) {
        if !self.state.created {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let mut changes = Vec::new();
        let begun = self.begun();
        for (at, name, to) in waiting {
            changes.extend(self.state.alarms.set_child(&name, to, at));
            self.changed = true;
        }
        if self.state.alarms.next_wake().is_some_and(|at| at <= timestamp(watermark)) {
            changes.extend(self.state.alarms.advance(timestamp(watermark)));
            self.changed = true;
        }
        let last = timestamp(watermark.saturating_sub(self.reopen));
        if self.state.begun.take_if(|begun| *begun <= last).is_some() {
            begun.iter().for_each(|change| self.settle(change, said));
        }
        self.tell(&begun, changes, said);
    }

    /// What stands since the alarms were created, and is not settled.
    fn begun(&self) -> Vec<CompositeChange> {
        let begun = self.state.open.iter().filter(|(_, open)| open.begun);
        let alarms = begun.filter_map(|(arn, _)| Some((arn, self.state.alarms.get(arn)?)));
        let change = |(arn, alarm): (&String, &CompositeAlarm)| CompositeChange {
            arn: arn.clone(),
            at: alarm.transitioned_at(),
            from: StateValue::InsufficientData,
            to: alarm.state(),
            reason: alarm.reason().to_owned(),
            triggering: alarm.triggering().to_vec(),
            suppression: Suppression::None,
            previous_suppression: Suppression::None,
        };
        alarms.map(change).collect()
    }

    /// When it began is known for good.
    fn settle(&mut self, change: &CompositeChange, said: &mut Vec<Incident>) {
        let open = self.state.open.get_mut(&change.arn).filter(|open| open.begun);
        let (Some(composite), Some(open)) = (self.of.get(&change.arn), open) else { return };
        (open.begun, open.revision) = (false, open.revision + 1);
        said.push(composite.incident(open, change, State::Firing));
        self.changed = true;
    }

    pub(crate) fn changes(&mut self) -> Vec<StateChange> {
        if !self.durable || !std::mem::take(&mut self.changed) {
            return Vec::new();
        }
        let value = serde_json::to_vec(&self.state).unwrap_or_default();
        vec![StateChange { key: ROW.to_vec(), value: Some((VERSION, value)) }]
    }

    /// Goes on from what is stored.
    pub(crate) fn restore<'r>(
        &mut self,
        rows: impl IntoIterator<Item = StoredRow<'r>>,
    ) -> Result<(), RestoreError> {
        for (row, version, value) in rows {
            if version > VERSION {
                return Err(RestoreError::Version { version });
            }
            self.state = serde_json::from_slice(value).map_err(|source| RestoreError::Damaged {
                key: String::from_utf8_lossy(row).into_owned(),
                source,
            })?;
        }
        Ok(())
    }

    /// The state of a composite alarm and why; none for a rule that is none.
    pub(crate) fn explain(&self, rule: u32) -> Option<String> {
        let (arn, composite) = self.of.iter().find(|(_, composite)| composite.rule == rule)?;
        let alarms = &self.state.alarms;
        Some(match alarms.get(arn) {
            Some(alarm) => {
                let since = event_time(alarm.transitioned_at());
                let mut text = format!("{} since {since}: {}", alarm.state(), alarm.reason());
                // Writing to a String cannot fail.
                let _ = write!(text, "\n{}", composite.definition.alarm_rule);
                let suppressor = composite.definition.actions_suppressor.as_deref();
                for name in alarm.rule().references().iter().map(String::as_str).chain(suppressor) {
                    if let Some((state, since)) = alarms.state(name) {
                        let _ = write!(text, "\n{name} is in {state} since {}", event_time(since));
                    }
                }
                if let Some(held) = alarm.suppression().reason() {
                    let _ = write!(text, "\n{held}");
                }
                text
            }
            None => "it is created when all up to the first event is known".to_owned(),
        })
    }

    /// Findings out of changes. While its actions are suppressed an alarm says nothing; when they are released it says
    /// the state it is in then.
    fn tell(&mut self, begun: &[CompositeChange], changes: Vec<CompositeChange>, said: &mut Vec<Incident>) {
        // What a change ends is settled before that.
        for change in begun.iter().filter(|one| changes.iter().any(|change| change.arn == one.arn)) {
            self.settle(change, said);
        }
        for change in changes.into_iter().filter(CompositeChange::runs_actions) {
            let Some(composite) = self.of.get(&change.arn) else { continue };
            let at = event_time(change.at);
            let state = match (change.to, self.state.open.get_mut(&change.arn)) {
                (StateValue::Alarm, None) => {
                    let mut parts = Parts::of("composite finding");
                    parts.text(&composite.id);
                    parts.time(at);
                    let timeline = vec![(change.at.as_millis(), StateValue::Alarm)];
                    let begun = change.from == StateValue::InsufficientData
                        && self.state.begun == Some(change.at)
                        && composite.definition.actions_suppressor.is_none();
                    let open = Open { id: parts.uuid().text(), revision: 0, timeline, begun };
                    self.state.open.insert(change.arn.clone(), open);
                    State::Firing
                }
                (to, Some(open)) if to != StateValue::Alarm => {
                    open.revision += 1;
                    open.timeline.push((change.at.as_millis(), to));
                    State::Resolved
                }
                _ => continue,
            };
            let open = match state {
                State::Firing => self.state.open.get(&change.arn).cloned(),
                State::Resolved | State::Unknown => self.state.open.remove(&change.arn),
            };
            if let Some(open) = open {
                said.push(composite.incident(&open, &change, state));
            }
        }
    }
}

impl Composite {
    fn incident(&self, open: &Open, change: &CompositeChange, state: State) -> Incident {
        let at = event_time(change.at);
        let mut parts = Parts::of("fingerprint");
        parts.text(&self.id);
        parts.time(at);
        parts.text(change.to.as_str());
        let time = |at: &i64| EventTime::from_micros(at.saturating_mul(1_000));
        let rule = &self.definition.alarm_rule;
        Incident {
            rule: self.rule,
            id: open.id.clone(),
            revision: open.revision,
            settled: !open.begun,
            state,
            fingerprint: parts.hex(),
            key: WindowKey::default(),
            severity: self.severity,
            time: at,
            count: 0,
            first_time: at,
            last_time: at,
            window_from: open.timeline.first().map_or(at, |(at, _)| time(at)),
            window_end: at,
            event_ids: Vec::new(),
            records: Vec::new(),
            basis: Basis::Alarm(Box::new(AlarmNews {
                reason: change.reason.clone(),
                fields: composite_fields(
                    &self.definition.alarm_name,
                    rule,
                    self.description.as_deref(),
                    change,
                ),
                timeline: open.timeline.iter().map(|(at, state)| (time(at), *state)).collect(),
            })),
        }
    }
}
