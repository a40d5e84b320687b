//! Evaluation over time: samples in, changes of state out.
//!
//! The service evaluates an alarm at fixed times (every minute; every ten seconds for periods below a minute; every hour
//! when it looks back more than a day). [`Alarm::advance`] makes up for all evaluations since the last one, in order, each
//! seeing exactly what lies in its window. So results do not depend on how often it is called, and as long as samples
//! arrive before the evaluation that would see them, not on their order either: a batch and a stream agree. Evaluations
//! that cannot differ from the one before are skipped in one step: see [`Alarm::next_to_differ`] for which those are.

use std::borrow::Cow;

use crate::aggregate::Aggregate;
use crate::alarm::Alarm;
use crate::alarm_state::{AlarmState, Cause, NEVER};
use crate::evaluation::{Datapoint, Evaluation, Verdict};
use crate::math::Grid;
use crate::missing_data::{Tally, TreatMissingData, decide};
use crate::period::Window;
use crate::record::Records;
use crate::sample::Sample;
use crate::state::StateValue;
use crate::time::Timestamp;

/// An alarm that changed its state, with everything a notification needs.
#[derive(Clone, Debug, PartialEq)]
pub struct StateChange {
    /// When the evaluation was made that changed it.
    pub at: Timestamp,
    /// The state it left.
    pub from: StateValue,
    /// The state it entered.
    pub to: StateValue,
    /// Why, in the service's words.
    pub reason: String,
    /// The evaluated datapoints as the service's JSON; none if the state was set by hand without.
    pub reason_data: Option<String>,
    /// Since when it was in the state it left.
    pub previous_at: Timestamp,
    /// Why it was in the state it left.
    pub previous_reason: String,
    /// The reason data of the state it left.
    pub previous_reason_data: Option<String>,
    /// The newest datapoints, newest first; empty if the state was set by hand.
    pub datapoints: Vec<Datapoint>,
    /// The records behind the datapoints that justify the new state.
    pub records: Records,
}

/// A change of state as it is made. What a notification needs is written only when it is [told](Turn::told), because most
/// changes of a million alarms are told to nobody.
#[derive(Debug)]
pub struct Turn<'a> {
    /// When the evaluation was made that changed it.
    pub at: Timestamp,
    /// The state it left.
    pub from: StateValue,
    /// The state it entered.
    pub to: StateValue,
    previous_at: Timestamp,
    previous: Cause,
    alarm: &'a Alarm,
    state: &'a AlarmState,
}

impl Turn<'_> {
    /// Everything a notification needs.
    pub fn told(&self) -> StateChange {
        let (alarm, state) = (self.alarm, self.state);
        let seen = state.evaluation(alarm).map(Cow::into_owned);
        let (datapoints, records) = seen.map_or_else(Default::default, |seen| (seen.points, seen.records));
        StateChange {
            at: self.at,
            from: self.from,
            to: self.to,
            reason: state.reason(alarm),
            reason_data: state.reason_data(alarm),
            previous_at: self.previous_at,
            previous_reason: self.previous.reason(alarm, self.from, self.previous_at),
            previous_reason_data: self.previous.reason_data(alarm, self.from, self.previous_at),
            datapoints,
            records,
        }
    }

    /// How many datapoints breached.
    pub fn breaching(&self) -> usize {
        let seen = self.state.evaluation(self.alarm);
        let points = seen.as_ref().map_or(&[][..], |seen| &seen.points);
        points.iter().filter(|point| point.verdict == Verdict::Breaching).count()
    }
}

/// A state set by hand, with the reason to show for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManualState {
    /// The state.
    pub state: StateValue,
    /// Why, for people.
    pub reason: String,
    /// Why, as JSON.
    pub reason_data: Option<String>,
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a sample that was not accepted has to be counted somewhere"]
pub enum Pushed {
    /// It counts.
    Accepted,
    /// The alarm watches another unit.
    OtherUnit,
    /// No evaluation to come will look back that far.
    TooLate,
    /// The service would refuse it: not finite, beyond ±2^360, a negative count, or a time before 1970.
    Unacceptable,
    /// The alarm has no such input.
    NoSuchInput,
}

/// Memory reused from one evaluation to the next; one per thread is enough.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    bucket: Aggregate,
    points: Vec<Datapoint>,
    metrics: Vec<Vec<Option<f64>>>,
}

impl Alarm {
    /// Hands a sample to input number `input` of the alarm with the given state.
    pub fn push(&self, state: &mut AlarmState, input: usize, sample: &Sample<'_>) -> Pushed {
        let Some(settings) = self.inputs().get(input) else { return Pushed::NoSuchInput };
        if settings.unit.is_some() && settings.unit.as_deref() != sample.unit {
            return Pushed::OtherUnit;
        }
        if !sample.measure.is_acceptable() {
            return Pushed::Unacceptable;
        }
        // Every window begins before the evaluation preceding it, so only samples older than that need the arithmetic.
        let may_be_late = sample.timestamp < state.last_tick;
        if may_be_late && sample.timestamp < self.window(self.tick_after(state.last_tick)).start() {
            return Pushed::TooLate;
        }
        let Some(series) = state.series_mut(input) else { return Pushed::NoSuchInput };
        if !series.push(sample, self.keep(settings)) {
            return Pushed::Unacceptable;
        }
        if state.next > state.last_tick {
            state.next = state.next.min(self.first_evaluation_to_see(sample.timestamp));
        }
        Pushed::Accepted
    }

    /// Makes every evaluation due up to and including `now`, appending the changes of state to `changes`.
    pub fn advance(
        &self,
        state: &mut AlarmState,
        now: Timestamp,
        workspace: &mut Workspace,
        changes: &mut Vec<StateChange>,
    ) {
        self.advance_with(state, now, workspace, |turn| changes.push(turn.told()));
    }

    /// The same, handing each change of state to `tell` as it is made.
    pub fn advance_with(
        &self,
        state: &mut AlarmState,
        now: Timestamp,
        workspace: &mut Workspace,
        mut tell: impl FnMut(Turn<'_>),
    ) {
        loop {
            let tick = self.tick_after(state.last_tick).max(state.next);
            if tick > now {
                self.pass(state, now);
                return;
            }
            let window = self.window(tick);
            state.forget_before(window.start(), self.period());
            state.last_tick = tick;
            self.look(state, window, workspace);
            if let Some(turn) = self.settle(state, tick, window, workspace) {
                tell(turn);
            }
        }
    }

    /// Tells an alarm that time has come to `now`, if no evaluation is due by then: what is too late for the evaluations
    /// skipped is then too late, as if they had been made. An alarm that waits for a sample, or has an evaluation due, is
    /// left alone.
    pub fn skip_to(&self, state: &mut AlarmState, now: Timestamp) {
        if self.next_evaluation(state).is_some_and(|next| next > now) {
            self.pass(state, now);
        }
    }

    fn pass(&self, state: &mut AlarmState, now: Timestamp) {
        let passed = self.tick_at_or_before(now);
        if passed > state.last_tick {
            state.last_tick = passed;
            state.forget_before(self.window(passed).start(), self.period());
        }
    }

    /// What an evaluation at `now` would decide, changing nothing: the state, and what it rests on. `None` keeps the
    /// present state.
    pub fn preview(&self, state: &AlarmState, now: Timestamp) -> (Option<StateValue>, Evaluation) {
        let window = self.window(now);
        let mut workspace = Workspace::default();
        self.look(state, window, &mut workspace);
        let mut evaluation = Evaluation {
            query_date: now,
            end: window.end,
            points: workspace.points,
            records: Records::default(),
        };
        let decision = decide(evaluation.tally(self.period()), self.quorum(), self.treat_missing_data());
        if let Some(to) = decision {
            evaluation.records = self.records(state, window, &evaluation.points, to);
        }
        (decision, evaluation)
    }

    /// The state reason that puts the alarm into `state`.
    pub fn reason(&self, evaluation: &Evaluation, state: StateValue) -> String {
        crate::reason::state_reason(self, evaluation, state)
    }

    /// The state reason data that belongs to [`reason`](Self::reason).
    pub fn reason_data(&self, evaluation: &Evaluation, state: StateValue) -> String {
        crate::reason::state_reason_data(self, evaluation, state)
    }

    /// The next time at which [`advance`](Self::advance) could do something, or `None` while nothing can happen before
    /// another sample comes.
    pub fn next_evaluation(&self, state: &AlarmState) -> Option<Timestamp> {
        (state.next < NEVER).then(|| self.tick_after(state.last_tick).max(state.next))
    }

    /// SetAlarmState: makes the evaluations due up to `at`, then puts the alarm into a state that holds until the next
    /// evaluation says otherwise. Setting the present state does nothing.
    pub fn set_state(
        &self,
        state: &mut AlarmState,
        set: ManualState,
        at: Timestamp,
        workspace: &mut Workspace,
        changes: &mut Vec<StateChange>,
    ) {
        self.advance(state, at, workspace, changes);
        if set.state != state.state() {
            state.look_at_once();
            let cause = Cause::Set(Box::new((set.reason, set.reason_data)));
            changes.push(self.enter(state, set.state, at, cause).told());
        }
    }

    /// Fills `workspace.points` with the newest datapoints of the window.
    fn look(&self, state: &AlarmState, window: Window, workspace: &mut Workspace) {
        let Workspace { bucket, points, metrics } = workspace;
        points.clear();
        let wanted = self.evaluation_periods() as usize;
        let Some(program) = self.program() else {
            let Some((input, series)) = self.inputs().first().zip(state.series(0)) else { return };
            series.buckets_newest_first(window, input.statistic.needs_bins(), bucket, |age, samples| {
                if let Some(value) = samples.read(input.statistic) {
                    let low =
                        self.ignores_low_samples() && input.statistic.is_low_sample(samples.sample_count());
                    points.push(Datapoint {
                        timestamp: window.bucket_start(age),
                        value,
                        sample_count: samples.sample_count(),
                        verdict: self.verdict(value, low),
                    });
                }
                points.len() < wanted
            });
            return;
        };
        let buckets = window.buckets as usize;
        metrics.resize(self.inputs().len(), Vec::new());
        for (at, (input, values)) in self.inputs().iter().zip(metrics.iter_mut()).enumerate() {
            values.clear();
            values.resize(buckets, None);
            let Some(series) = state.series(at) else { continue };
            series.buckets_newest_first(window, input.statistic.needs_bins(), bucket, |age, samples| {
                if let Some(slot) = values.iter_mut().rev().nth(age as usize) {
                    *slot = samples.read(input.statistic);
                }
                true
            });
        }
        let result = program.points(metrics, &Grid::new(window));
        let newest_first = (0..window.buckets).zip(result.iter().rev());
        points.extend(
            newest_first
                .filter_map(|(age, value)| {
                    let value = (*value)?;
                    let timestamp = window.bucket_start(age);
                    Some(Datapoint {
                        timestamp,
                        value,
                        sample_count: 0.0,
                        verdict: self.verdict(value, false),
                    })
                })
                .take(wanted),
        );
    }

    fn verdict(&self, value: f64, undecided: bool) -> Verdict {
        if undecided {
            Verdict::Undecided
        } else if self.comparison_operator().breaches(value, self.threshold()) {
            Verdict::Breaching
        } else {
            Verdict::NotBreaching
        }
    }

    /// Decides on what `look` found, and enters the new state if it is another one.
    fn settle<'a>(
        &'a self,
        state: &'a mut AlarmState,
        tick: Timestamp,
        window: Window,
        workspace: &mut Workspace,
    ) -> Option<Turn<'a>> {
        let points = std::mem::take(&mut workspace.points);
        let mut evaluation =
            Evaluation { query_date: tick, end: window.end, points, records: Records::default() };
        let tally = evaluation.tally(self.period());
        state.next = self.next_to_differ(state, tick, window, &evaluation.points, tally);
        let decision = decide(tally, self.quorum(), self.treat_missing_data());
        let cause = match decision {
            Some(to) if to != state.state() && !evaluation.points.is_empty() => {
                evaluation.records = self.records(state, window, &evaluation.points, to);
                evaluation.points.shrink_to_fit();
                Cause::Evaluated(Box::new(evaluation))
            }
            _ => {
                workspace.points = evaluation.points;
                Cause::Unseen
            }
        };
        let to = decision.filter(|to| *to != state.state())?;
        Some(self.enter(state, to, tick, cause))
    }

    /// The first evaluation after `tick` that can decide anything else than the one at `tick`, which found `points`.
    ///
    /// The decision rests on the points alone, newest first, and for missing data left as missing on the age of the oldest
    /// breaching one. Where buckets keep their place from one evaluation to the next (periods up to a minute) the points
    /// change when a sample becomes visible and when the oldest leaves. Longer buckets slide over the samples, which changes
    /// nothing only as long as there is but one cell of them. Metric math may say something else about the same samples each
    /// time, except of none at all.
    fn next_to_differ(
        &self,
        state: &AlarmState,
        tick: Timestamp,
        window: Window,
        points: &[Datapoint],
        tally: Tally,
    ) -> Timestamp {
        let period = self.period();
        let unseen = state.first_start_from(window.end, period);
        let unseen = unseen.map_or(NEVER, |start| self.first_tick_to_see(start));
        let empty = state.is_empty_before(window.end, period);
        if let Some(program) = self.program() {
            let stays = empty && !program.follows_the_clock();
            return if stays { unseen } else { self.tick_after(tick) };
        }
        if empty {
            return unseen;
        }
        let Some(series) = state.series(0) else { return unseen };
        let slides = period.as_millis() > period.grain_ms();
        let ages = self.treat_missing_data() == TreatMissingData::Missing
            && tally.good == 0
            && tally.undecided == 0
            && (1..self.datapoints_to_alarm()).contains(&tally.bad);
        if slides && (ages || series.has_many_before(window.end, period)) {
            return self.tick_after(tick);
        }
        let oldest =
            if slides { series.first_start(period) } else { points.last().map(|point| point.timestamp) };
        let span = window.end.as_millis() - window.start().as_millis();
        let left = oldest.map_or(NEVER, |start| self.first_tick_to_see(start.plus_millis(span)));
        let old_enough = oldest.filter(|_| ages && tally.oldest_bad_age < self.datapoints_to_alarm());
        let aged = old_enough.map_or(NEVER, |start| {
            let periods = i64::from(self.datapoints_to_alarm()) - 1;
            self.first_tick_to_see(start.plus_millis(periods * period.as_millis()))
        });
        unseen.min(left).min(aged)
    }

    fn records(&self, state: &AlarmState, window: Window, points: &[Datapoint], to: StateValue) -> Records {
        let verdict = match to {
            StateValue::Alarm => Verdict::Breaching,
            StateValue::Ok => Verdict::NotBreaching,
            StateValue::InsufficientData => return Records::default(),
        };
        let ages: Vec<u32> = points
            .iter()
            .filter(|point| point.verdict == verdict)
            .filter_map(|point| window.age_of(point.timestamp))
            .collect();
        let mut records = Records::default();
        for at in 0..self.inputs().len() {
            if let Some(series) = state.series(at) {
                // Newest first, so the ages ascend.
                let wanted = |age: u32| ages.binary_search(&age).is_ok();
                series.collect_records(window, wanted, self.limits().records, &mut records);
            }
        }
        records.ids.shrink_to_fit();
        records
    }

    fn enter<'a>(
        &'a self,
        state: &'a mut AlarmState,
        to: StateValue,
        at: Timestamp,
        cause: Cause,
    ) -> Turn<'a> {
        let (from, previous_at) = (state.state(), state.updated_at());
        let previous = state.enter(to, at, cause);
        Turn { at, from, to, previous_at, previous, alarm: self, state }
    }
}

/// An alarm with its state: for one key, or for reading along.
///
/// ```
/// use alarm::{Alarm, AlarmDefinition, Evaluator, Measure, Pushed, Sample, StateValue, Timestamp};
///
/// let definition: AlarmDefinition = serde_json::from_str(
///     r#"{"statistic": "Sum", "period": 60, "evaluation_periods": 1, "threshold": 2,
///         "comparison_operator": "GreaterThanOrEqualToThreshold", "treat_missing_data": "notBreaching"}"#,
/// )?;
/// let created: Timestamp = "2026-09-14T06:00:00Z".parse()?;
/// let mut evaluator = Evaluator::new(Alarm::new(&definition)?, created);
///
/// for (second, event) in [(5, 1u128), (40, 2)] {
///     let hit = Sample::new(created.plus_millis(second * 1000), Measure::Value(1.0)).from_record(event);
///     assert_eq!(evaluator.push(&hit), Pushed::Accepted);
/// }
/// let changes = evaluator.advance(created.plus_millis(120_000));
/// let alarm = changes.last().ok_or("no change")?;
/// assert_eq!(alarm.to, StateValue::Alarm);
/// assert_eq!(alarm.records.ids, [1u128.into(), 2u128.into()]);
/// assert_eq!(
///     alarm.reason,
///     "Threshold Crossed: 1 datapoint [2.0 (14/09/26 06:00:00)] was greater than or equal to the threshold (2.0)."
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluator {
    alarm: Alarm,
    state: AlarmState,
    workspace: Workspace,
}

impl Evaluator {
    /// A new alarm, created at that time: its first evaluation is the first one after.
    pub fn new(alarm: Alarm, created: Timestamp) -> Self {
        let state = AlarmState::new(&alarm, created);
        Self { alarm, state, workspace: Workspace::default() }
    }

    /// An alarm that goes on from a stored state.
    pub fn resume(alarm: Alarm, state: AlarmState) -> Self {
        Self { alarm, state, workspace: Workspace::default() }
    }

    /// Hands a sample to the alarm's metric (the first one of metric math).
    pub fn push(&mut self, sample: &Sample<'_>) -> Pushed {
        self.push_to(0, sample)
    }

    /// Hands a sample to input number `input`.
    pub fn push_to(&mut self, input: usize, sample: &Sample<'_>) -> Pushed {
        self.alarm.push(&mut self.state, input, sample)
    }

    /// Makes every evaluation due up to `now`; the changes of state, oldest first.
    pub fn advance(&mut self, now: Timestamp) -> Vec<StateChange> {
        let mut changes = Vec::new();
        self.alarm.advance(&mut self.state, now, &mut self.workspace, &mut changes);
        changes
    }

    /// The alarm.
    pub fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// Its state, to be stored.
    pub fn state(&self) -> &AlarmState {
        &self.state
    }
}
