//! What an alarm remembers per key: its state, why, and the samples it may still look at.
//!
//! Sized for a million live keys: under 100 bytes of its own, plus 64 per cell of samples and, once it has changed state
//! because of datapoints, those (texts are written from them when needed, never stored). It serialises with a version and
//! reads back exactly.
//!
//! Invariant: no evaluation before `next` can decide anything else than the last one did. Whatever changes what evaluations
//! see (a sample, a state set by hand) moves `next` forward; only an evaluation moves it back.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::alarm::Alarm;
use crate::evaluation::Evaluation;
use crate::period::Period;
use crate::reason::INITIAL_REASON;
use crate::record::Records;
use crate::series::Series;
use crate::state::StateValue;
use crate::time::Timestamp;
use crate::version::Version;

/// Why an alarm is in its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// It has not been evaluated yet.
    Created,
    /// An evaluation that found no datapoint: there is no more to know of it than when it was.
    Unseen,
    Evaluated(Box<Evaluation>),
    /// It was set by hand: reason and reason data.
    Set(Box<(String, Option<String>)>),
}

impl Cause {
    /// The evaluation, where it was one. `at` is when the state was entered.
    fn evaluation(&self, alarm: &Alarm, at: Timestamp) -> Option<Cow<'_, Evaluation>> {
        match self {
            Cause::Unseen => Some(Cow::Owned(Evaluation {
                query_date: at,
                end: alarm.window(at).end,
                points: Vec::new(),
                records: Records::default(),
            })),
            Cause::Evaluated(evaluation) => Some(Cow::Borrowed(evaluation)),
            Cause::Created | Cause::Set(_) => None,
        }
    }

    /// Why `state` was entered at that time, in the service's words.
    pub(crate) fn reason(&self, alarm: &Alarm, state: StateValue, at: Timestamp) -> String {
        match self {
            Cause::Created => INITIAL_REASON.to_owned(),
            Cause::Set(written) => written.0.clone(),
            Cause::Unseen | Cause::Evaluated(_) => {
                self.evaluation(alarm, at).map(|seen| alarm.reason(&seen, state)).unwrap_or_default()
            }
        }
    }

    pub(crate) fn reason_data(&self, alarm: &Alarm, state: StateValue, at: Timestamp) -> Option<String> {
        match self {
            Cause::Set(written) => written.1.clone(),
            _ => self.evaluation(alarm, at).map(|seen| alarm.reason_data(&seen, state)),
        }
    }
}

/// The next evaluation, whenever it is.
const AT_ONCE: Timestamp = Timestamp::from_millis(i64::MIN);
/// None before another sample.
pub(crate) const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

fn at_once() -> Timestamp {
    AT_ONCE
}

/// The state of one alarm, or of one key of an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmState {
    version: Version<2>,
    state: StateValue,
    /// When the state was entered.
    updated_at: Timestamp,
    cause: Cause,
    /// The last evaluation made, or the creation.
    pub(crate) last_tick: Timestamp,
    /// No evaluation before this time can decide anything else than the last one did.
    #[serde(default = "at_once")]
    pub(crate) next: Timestamp,
    /// What version 1 kept instead of `next`.
    #[serde(default, skip_serializing)]
    idle: IgnoredAny,
    series: Series,
    /// The further metrics of metric math.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    more: Option<Box<[Series]>>,
}

impl AlarmState {
    /// A new alarm: INSUFFICIENT_DATA, not yet evaluated.
    pub fn new(alarm: &Alarm, created: Timestamp) -> Self {
        let further = alarm.inputs().len().saturating_sub(1);
        Self {
            version: Version,
            state: StateValue::InsufficientData,
            updated_at: created,
            cause: Cause::Created,
            last_tick: created,
            next: AT_ONCE,
            idle: IgnoredAny,
            series: Series::default(),
            more: (further > 0).then(|| vec![Series::default(); further].into_boxed_slice()),
        }
    }

    /// The state for an updated definition: an update keeps the state and its reason. The samples are kept too if the new
    /// alarm reads them the same way, else it starts to collect anew.
    #[must_use]
    pub fn adopted(mut self, old: &Alarm, new: &Alarm, at: Timestamp) -> Self {
        let same_cells = old.period().grain_ms() == new.period().grain_ms() && old.inputs() == new.inputs();
        // The stored datapoints are only texts' raw material, and texts belong to the definition they were made under.
        if let Cause::Unseen | Cause::Evaluated(_) = self.cause {
            let written = (self.reason(old), self.reason_data(old));
            self.cause = Cause::Set(Box::new(written));
        }
        if !same_cells {
            let empty = Self::new(new, at);
            (self.series, self.more) = (empty.series, empty.more);
        }
        self.look_at_once();
        self
    }

    /// Lets a new alarm begin earlier: for the key of whom an older sample arrives after a younger one. One that has been
    /// evaluated with a result stays as it is.
    pub fn begin_by(&mut self, created: Timestamp) {
        if self.cause == Cause::Created && created < self.last_tick {
            (self.last_tick, self.updated_at, self.next) = (created, created, AT_ONCE);
        }
    }

    /// The last evaluation made, or the creation.
    pub fn evaluated_at(&self) -> Timestamp {
        self.last_tick
    }

    /// Whether it holds no sample that an evaluation to come may look at.
    pub fn is_empty(&self) -> bool {
        std::iter::once(&self.series).chain(self.more.iter().flatten()).all(Series::is_empty)
    }

    /// OK, ALARM or INSUFFICIENT_DATA.
    pub fn state(&self) -> StateValue {
        self.state
    }

    /// When the state was entered.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// Why it is in this state, in the service's words; `alarm` must be the one it was evaluated with.
    pub fn reason(&self, alarm: &Alarm) -> String {
        self.cause.reason(alarm, self.state, self.updated_at)
    }

    /// The reason data that belongs to the reason.
    pub fn reason_data(&self, alarm: &Alarm) -> Option<String> {
        self.cause.reason_data(alarm, self.state, self.updated_at)
    }

    /// The evaluation that put it into its state; none if it is new or was set by hand. `alarm` must be the one it was
    /// evaluated with.
    pub fn evaluation(&self, alarm: &Alarm) -> Option<Cow<'_, Evaluation>> {
        self.cause.evaluation(alarm, self.updated_at)
    }

    /// Enters a state; what was the cause of the one it left.
    pub(crate) fn enter(&mut self, state: StateValue, at: Timestamp, cause: Cause) -> Cause {
        self.state = state;
        self.updated_at = at;
        std::mem::replace(&mut self.cause, cause)
    }

    /// Skips nothing: the next evaluation may differ.
    pub(crate) fn look_at_once(&mut self) {
        self.next = AT_ONCE;
    }

    pub(crate) fn series(&self, input: usize) -> Option<&Series> {
        match input.checked_sub(1) {
            None => Some(&self.series),
            Some(at) => self.more.as_ref()?.get(at),
        }
    }

    pub(crate) fn series_mut(&mut self, input: usize) -> Option<&mut Series> {
        match input.checked_sub(1) {
            None => Some(&mut self.series),
            Some(at) => self.more.as_mut()?.get_mut(at),
        }
    }

    pub(crate) fn forget_before(&mut self, start: Timestamp, period: Period) {
        self.series.forget_before(start, period);
        self.more.iter_mut().flatten().for_each(|series| series.forget_before(start, period));
    }

    /// Where the oldest cell begins that begins at or after `end`.
    pub(crate) fn first_start_from(&self, end: Timestamp, period: Period) -> Option<Timestamp> {
        let all = std::iter::once(&self.series).chain(self.more.iter().flatten());
        all.filter_map(|series| series.first_start_from(end, period)).min()
    }

    /// Whether no cell begins before `end`.
    pub(crate) fn is_empty_before(&self, end: Timestamp, period: Period) -> bool {
        let mut all = std::iter::once(&self.series).chain(self.more.iter().flatten());
        all.all(|series| series.first_start(period).is_none_or(|start| start >= end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_struct_itself_stays_under_100_bytes() {
        assert!(size_of::<AlarmState>() <= 100, "{}", size_of::<AlarmState>());
    }
}
