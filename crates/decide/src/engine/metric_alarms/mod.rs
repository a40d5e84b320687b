//! One alarm rule: an alarm for each combination of its metric's dimension values, or a single one.
//!
//! Samples are kept by the `alarm` crate in cells; beside them a key keeps which events they came from, so that a copy is
//! told from another sample and a finding can name its records. A finding is one stay in ALARM: it begins when the state
//! is entered and is resolved when it is left for OK; left for INSUFFICIENT_DATA, it is unknown whether it still stands.
//!
//! Early: Sum, SampleCount and Maximum of one metric whose values are not negative, compared with `>` or `>=`, can only grow. As
//! soon as enough datapoints within the evaluation periods breach, the next evaluation that sees the sample will enter ALARM, and
//! that is said at once, unsettled. The evaluation that really enters it settles that finding under its id. Should it not, because a
//! negative value came after all or the key had too many samples, the finding is withdrawn: resolved.
//!
//! Time is the sample's own, which is the event's unless its metric counts events when the log got them. The log never has an event
//! before it happened, so when all events up to a time are known, all samples up to it are.

mod early;
mod stay;

use alarm::{
    Alarm, AlarmDefinition, AlarmState, Datapoint, Limits, Measure, Pushed, Sample, StateValue, Timestamp,
    Verdict, Workspace,
};
use cloudtrail::EventTime;
use rules::{MetricTime, Severity};
use serde::{Deserialize, Serialize};

use crate::incident::Incident;
use crate::signal::{Part, Signal};
use crate::window::{
    Bounds, Due, Entry, Keys, RestoreError, StateChange as RowChange, StoredRow, Taken, insert,
};

use early::can_only_grow;
use stay::Open;

/// Up to how many events of a key are kept one by one; more are counted in their datapoint and named by no finding.
const EVENTS_MAX: usize = 4_096;
/// After how long without a sample an alarm of a dimension's value is forgotten.
const FORGOTTEN_AFTER_MS: i64 = 24 * 3_600 * 1_000;

/// An alarm rule with the state of its keys.
#[derive(Debug)]
pub(crate) struct MetricAlarms {
    rule: Watched,
    keys: Keys<Tracked>,
    watermark: i64,
    /// The time of the newest sample; of a history only, which goes on at least up to there.
    newest: i64,
    workspace: Workspace,
}

/// What all alarms of the rule have in common.
#[derive(Debug)]
struct Watched {
    rule: u32,
    id: Box<str>,
    severity: Severity,
    name: Box<str>,
    description: Option<Box<str>>,
    definition: AlarmDefinition,
    alarm: Alarm,
    /// The names of the dimensions of which each combination of values has its own alarm; none for a single alarm.
    dimensions: Box<[Box<str>]>,
    each_value: bool,
    /// Whether its own events are the samples.
    publishes: bool,
    early: bool,
}

/// What is kept of one alarm.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tracked {
    #[serde(rename = "a")]
    state: AlarmState,
    /// The events of samples an evaluation may still look at, in order; their value is the sample's, as bits.
    #[serde(rename = "e")]
    recent: Vec<Entry>,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    open: Option<Box<Open>>,
}

/// What an alarm rule takes from the engine's settings and the rule.
pub(crate) struct Terms<'r> {
    pub(crate) rule: u32,
    pub(crate) definition: &'r rules::MetricAlarm,
    pub(crate) of: &'r rules::Rule,
    pub(crate) early: bool,
    pub(crate) begin: EventTime,
    pub(crate) bounds: Bounds,
}

/// A change of state, for whoever watches alarms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transition {
    pub(crate) at: Timestamp,
    pub(crate) to: StateValue,
}

impl MetricAlarms {
    /// Goes on from all that is stored.
    pub(crate) fn restore<'r>(
        terms: &Terms<'_>,
        rows: impl IntoIterator<Item = StoredRow<'r>>,
    ) -> Result<Self, RestoreError> {
        let (keys, watermark) = Keys::restore(terms.bounds.keys_max, terms.bounds.durable, pending, rows)?;
        let mut alarms = Self::with_keys(terms, keys);
        alarms.watermark = watermark.unwrap_or(i64::MIN);
        alarms.create_single(terms.begin);
        Ok(alarms)
    }

    fn with_keys(terms: &Terms<'_>, keys: Keys<Tracked>) -> Self {
        let rule = Watched::of(terms);
        MetricAlarms { rule, keys, watermark: i64::MIN, newest: i64::MIN, workspace: Workspace::default() }
    }

    /// An alarm without dimensions of its own is there from the beginning, sample or not.
    fn create_single(&mut self, begin: EventTime) {
        let rule = &self.rule;
        if rule.each_value || self.keys.len() > 0 {
            return;
        }
        let state = AlarmState::new(&rule.alarm, timestamp(begin.as_micros()));
        let due = due(&rule.alarm, &state, false);
        let tracked = || Tracked { state, recent: Vec::new(), open: None };
        self.keys.with(&[], tracked, |_| ((), due));
    }

    /// Lets an alarm without dimensions begin earlier, unless it has been evaluated with a result, or would have been by then.
    pub(crate) fn begin_by(&mut self, begin: EventTime) {
        let rule = &self.rule;
        if rule.each_value || begin.as_micros() < self.watermark {
            return;
        }
        let begin = timestamp(begin.as_micros());
        let create =
            || Tracked { state: AlarmState::new(&rule.alarm, begin), recent: Vec::new(), open: None };
        self.keys.with(&[], create, |tracked| {
            tracked.state.begin_by(begin);
            ((), rule.due(tracked))
        });
    }

    /// Takes a sample for input number `input`. `key` is that of the alarm.
    pub(crate) fn take(
        &mut self,
        input: usize,
        signal: &Signal,
        unit: Option<&str>,
        time: MetricTime,
        said: &mut Vec<Incident>,
    ) -> Taken {
        let rule = &self.rule;
        let Part::Sample(value) = signal.part else { return Taken::Absorbed };
        let key = if rule.each_value { signal.key.text() } else { "" };
        let mut entry = Entry::of(signal);
        entry.value = value.to_bits();
        self.newest = self.newest.max(entry.time);
        let at = timestamp(entry.time);
        let begin = timestamp(entry.time - entry.time.rem_euclid(60_000_000));
        let watermark = timestamp(self.watermark);
        // What an expression makes of a sum may shrink while that grows.
        let is_plain = rule.definition.metrics.is_empty();
        let early = rule.early && is_plain && can_only_grow(&rule.alarm) && value >= 0.0;
        let create =
            || Tracked { state: AlarmState::new(&rule.alarm, begin), recent: Vec::new(), open: None };
        self.keys.with(key.as_bytes(), create, |tracked| {
            // Mostly it is the newest, which needs no look at the others.
            let place = match tracked.recent.last() {
                Some(last) if last.order() >= entry.order() => {
                    tracked.recent.binary_search_by(|other| other.order().cmp(&entry.order()))
                }
                _ => Err(tracked.recent.len()),
            };
            let Err(place) = place else { return (Taken::Duplicate, rule.due(tracked)) };
            // Each copy of an event was logged at a time of its own.
            if time == MetricTime::Ingestion && tracked.recent.iter().any(|other| other.event == entry.event)
            {
                return (Taken::Duplicate, rule.due(tracked));
            }
            if at < watermark {
                rule.alarm.skip_to(&mut tracked.state, watermark);
            }
            if rule.each_value {
                tracked.state.begin_by(begin);
            }
            let sample = Sample { unit, ..Sample::new(at, Measure::Value(value)) };
            match rule.alarm.push(&mut tracked.state, input, &sample) {
                Pushed::Accepted => {}
                Pushed::TooLate => return (Taken::Late, rule.due(tracked)),
                Pushed::OtherUnit | Pushed::Unacceptable | Pushed::NoSuchInput => {
                    return (Taken::Absorbed, rule.due(tracked));
                }
            }
            if tracked.recent.len() >= EVENTS_MAX {
                tracked.recent.drain(..EVENTS_MAX / 2);
            }
            let place = place.min(tracked.recent.len());
            insert(&mut tracked.recent, place, entry);
            let before = said.len();
            if early && tracked.open.is_none() && tracked.state.state() != StateValue::Alarm {
                rule.tell_early(tracked, key, signal, said);
            }
            let taken = if said.len() > before { Taken::Fired } else { Taken::Absorbed };
            (taken, rule.due(tracked))
        })
    }

    /// Takes so many equal samples that no single event stands for: a metric filter's default value.
    pub(crate) fn take_default(
        &mut self,
        input: usize,
        at: EventTime,
        value: f64,
        count: f64,
        unit: Option<&str>,
    ) {
        self.newest = self.newest.max(at.as_micros());
        let rule = &self.rule;
        let begin = timestamp(at.as_micros() - at.as_micros().rem_euclid(60_000_000));
        let create =
            || Tracked { state: AlarmState::new(&rule.alarm, begin), recent: Vec::new(), open: None };
        let watermark = timestamp(self.watermark);
        self.keys.with(&[], create, |tracked| {
            rule.alarm.skip_to(&mut tracked.state, watermark);
            let sample =
                Sample { unit, ..Sample::new(timestamp(at.as_micros()), Measure::Weighted { value, count }) };
            // What comes too late changes nothing; it is no event that could be told.
            let _ = rule.alarm.push(&mut tracked.state, input, &sample);
            ((), rule.due(tracked))
        });
    }

    /// Makes all evaluations due up to the watermark. `end` is where the data ends, if it does: beyond it a missing datapoint
    /// says nothing, so no alarm goes off for one.
    pub(crate) fn evaluate(
        &mut self,
        watermark: i64,
        end: Option<EventTime>,
        said: &mut Vec<Incident>,
        mut transitions: impl FnMut(Transition),
    ) {
        if watermark <= self.watermark {
            return;
        }
        self.watermark = watermark;
        let (rule, workspace) = (&self.rule, &mut self.workspace);
        // What was logged last may have been so behind the last event.
        let end = end.map(|end| end.max(EventTime::from_micros(self.newest)));
        // At the end of the data, all evaluations that can still see a sample.
        let now = end.map_or(watermark, |end| {
            let back = rule.alarm.looks_back_ms().saturating_mul(2_000);
            watermark.min(end.as_micros().saturating_add(back).saturating_add(7_200_000_000))
        });
        let last = end.map(|end| timestamp(end.as_micros()));
        let mut told: Vec<(i64, Box<str>, Incident)> = Vec::new();
        self.keys.settle_due(watermark, |time, name, tracked| {
            let Tracked { state, recent, open } = tracked;
            let mut news = Vec::new();
            let mut over = false;
            rule.alarm.advance_with(state, timestamp(now), workspace, |turn| {
                let beyond = last.is_some_and(|last| turn.at > last);
                let goes_off = turn.to == StateValue::Alarm;
                over |= beyond && goes_off && turn.breaching() < rule.alarm.datapoints_to_alarm() as usize;
                if over {
                    return;
                }
                transitions(Transition { at: turn.at, to: turn.to });
                // What stays quiet is told to nobody, and needs no words.
                if goes_off || open.as_ref().is_some_and(|open| open.early.is_none()) {
                    rule.change(recent, open, &String::from_utf8_lossy(name), &turn.told(), &mut news);
                }
            });
            rule.withdraw(state, open, name, &mut news);
            if !news.is_empty() {
                let name: Box<str> = String::from_utf8_lossy(name).into();
                told.extend(news.into_iter().map(|one| (time, name.clone(), one)));
            }
            rule.forget_events(tracked);
            let idle = rule.alarm.next_evaluation(&tracked.state).is_none();
            let old =
                tracked.state.evaluated_at().plus_millis(-FORGOTTEN_AFTER_MS) >= tracked.state.updated_at();
            if rule.each_value && idle && old && tracked.open.is_none() {
                Due::Never
            } else {
                rule.due(tracked)
            }
        });
        told.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        said.extend(told.into_iter().map(|(_, _, one)| one));
    }

    /// The watermark the stored state was evaluated by.
    pub(crate) fn resume(&mut self, watermark: i64) {
        self.watermark = self.watermark.max(watermark);
    }

    /// What composite alarms call it.
    pub(crate) fn name(&self) -> &str {
        &self.rule.name
    }

    /// Name and state of an alarm without dimensions of its own, and since when it is in that.
    pub(crate) fn single_state(&self) -> Option<(&str, StateValue, Timestamp)> {
        let tracked = self.keys.get(&[]).filter(|_| !self.rule.each_value)?;
        Some((self.name(), tracked.state.state(), tracked.state.updated_at()))
    }

    pub(crate) fn looks_back_micros(&self) -> i64 {
        self.rule.alarm.looks_back_ms().saturating_mul(1_000)
    }

    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.keys.evicted()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.keys.lost()
    }

    pub(crate) fn changes(&mut self) -> Vec<RowChange> {
        self.keys.changes(&self.watermark)
    }

    /// The alarm of a key: its state and why, what its datapoints are by now, and what it takes to go off.
    pub(crate) fn explain(&self, key: &str) -> Option<String> {
        let (rule, alarm) = (&self.rule, &self.rule.alarm);
        let tracked = self.keys.get(if rule.each_value { key } else { "" }.as_bytes())?;
        let Tracked { state, recent, .. } = tracked;
        let last = recent.last().map_or(state.evaluated_at(), |last| timestamp(last.time));
        let at = alarm.first_evaluation_to_see(last).max(state.evaluated_at());
        let (to, seen) = alarm.preview(state, at);
        let breaching = seen.points.iter().filter(|point| point.verdict == Verdict::Breaching).count();
        let (wanted, periods) = (alarm.datapoints_to_alarm() as usize, alarm.evaluation_periods());
        let points: Vec<String> = seen.points.iter().take(POINTS_EXPLAINED).map(in_words).collect();
        let more = match seen.points.len().saturating_sub(POINTS_EXPLAINED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let listed = if points.is_empty() { "none".to_owned() } else { points.join(", ") };
        let next = match to {
            Some(to) if to != state.state() => format!("it enters {to}"),
            _ => format!("it stays in {}", state.state()),
        };
        Some(format!(
            "{} since {}: {}\ndatapoints of {} s at the evaluation of {}, newest first: {listed}{more}\n\
             {breaching} of {wanted} are {} {}, of the last {periods}: {next}",
            state.state(),
            event_time(state.updated_at()),
            state.reason(alarm).trim_end_matches('.'),
            alarm.period().as_secs(),
            event_time(at),
            alarm.comparison_operator().in_words(),
            alarm.threshold(),
        ))
    }
}

/// How many datapoints are named one by one.
const POINTS_EXPLAINED: usize = 6;

/// A datapoint as it is explained.
fn in_words(point: &Datapoint) -> String {
    let low = if point.verdict == Verdict::Undecided { ", of too few samples" } else { "" };
    format!("{} ({}{low})", point.value, event_time(point.timestamp))
}

impl Watched {
    fn of(terms: &Terms<'_>) -> Self {
        let definition = terms.definition;
        let dimensions = definition.publishes.as_ref().filter(|_| definition.is_for_each_value());
        let dimensions = dimensions.map(|published| &published.definition.dimensions);
        Watched {
            rule: terms.rule,
            id: terms.of.id.as_str().into(),
            severity: terms.of.severity,
            name: definition.name.clone(),
            description: terms.of.description.clone(),
            definition: definition.definition.clone(),
            alarm: definition.alarm.clone().with_limits(Limits { records_per_cell: 0, records: 0 }),
            dimensions: dimensions.into_iter().flatten().map(|(name, _)| name.as_str().into()).collect(),
            each_value: definition.is_for_each_value(),
            publishes: definition.publishes.is_some(),
            early: terms.early,
        }
    }

    fn due(&self, tracked: &Tracked) -> Due {
        due(&self.alarm, &tracked.state, self.each_value)
    }

    fn period_ms(&self) -> i64 {
        i64::from(self.alarm.period().as_secs()) * 1_000
    }

    /// Forgets the events of samples that no evaluation to come looks at. A copy of one would come too late.
    fn forget_events(&self, tracked: &mut Tracked) {
        let Tracked { state, recent, .. } = tracked;
        if state.is_empty() {
            *recent = Vec::new();
            return;
        }
        let oldest = state.evaluated_at().plus_millis(-self.alarm.looks_back_ms() - 120_000);
        let gone = recent.iter().take_while(|one| timestamp(one.time) < oldest).count();
        recent.drain(..gone);
        if recent.len() * 4 < recent.capacity() {
            recent.shrink_to_fit();
        }
    }
}

/// Samples of an alarm that has not gone off.
fn pending(tracked: &Tracked) -> u64 {
    if tracked.open.is_some() { 0 } else { tracked.recent.len() as u64 }
}

fn due(alarm: &Alarm, state: &AlarmState, forgets: bool) -> Due {
    let next = alarm.next_evaluation(state);
    let next = next.map(|at| at.as_millis().saturating_mul(1_000));
    // An idle alarm waits for a sample; one of many is looked at once more, to be forgotten.
    let idle = if forgets {
        state.evaluated_at().plus_millis(FORGOTTEN_AFTER_MS).as_millis().saturating_mul(1_000)
    } else {
        i64::MAX
    };
    Due::By(next.unwrap_or(idle))
}

pub(crate) fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_millis(micros.div_euclid(1_000))
}

pub(crate) fn event_time(at: Timestamp) -> EventTime {
    EventTime::from_micros(at.as_millis().saturating_mul(1_000))
}
