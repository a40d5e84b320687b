//! What an alarm remembers per key: its state, why, and the samples it may still look at.
//!
//! Sized for a million live keys: under 100 bytes of its own, plus 64 per cell of samples and, once it has changed state,
//! the datapoints that justified the change (texts are written from those when needed, never stored). It serialises with
//! a version and reads back exactly.

use serde::{Deserialize, Serialize};

use crate::alarm::Alarm;
use crate::evaluation::Evaluation;
use crate::period::Period;
use crate::reason::INITIAL_REASON;
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
    Evaluated(Box<Evaluation>),
    /// It was set by hand: reason and reason data.
    Set(Box<(String, Option<String>)>),
}

/// The state of one alarm, or of one key of an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmState {
    version: Version,
    state: StateValue,
    /// When the state was entered.
    updated_at: Timestamp,
    cause: Cause,
    /// The last evaluation made, or the creation.
    pub(crate) last_tick: Timestamp,
    /// Whether the last evaluation saw an empty window, so that the next ones can be skipped.
    pub(crate) idle: bool,
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
            idle: false,
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
        if let Cause::Evaluated(_) = self.cause {
            let written = (self.reason(old), self.reason_data(old));
            self.cause = Cause::Set(Box::new(written));
        }
        if !same_cells {
            let empty = Self::new(new, at);
            (self.series, self.more) = (empty.series, empty.more);
        }
        self.idle = false;
        self
    }

    /// Lets a new alarm begin earlier: for the key of whom an older sample arrives after a younger one. One that has been
    /// evaluated with a result stays as it is.
    pub fn begin_by(&mut self, created: Timestamp) {
        if self.cause == Cause::Created && created < self.last_tick {
            (self.last_tick, self.updated_at, self.idle) = (created, created, false);
        }
    }

    /// The last evaluation made, or the creation.
    pub fn evaluated_at(&self) -> Timestamp {
        self.last_tick
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
        match &self.cause {
            Cause::Created => INITIAL_REASON.to_owned(),
            Cause::Evaluated(evaluation) => alarm.reason(evaluation, self.state),
            Cause::Set(written) => written.0.clone(),
        }
    }

    /// The reason data that belongs to the reason.
    pub fn reason_data(&self, alarm: &Alarm) -> Option<String> {
        match &self.cause {
            Cause::Created => None,
            Cause::Evaluated(evaluation) => Some(alarm.reason_data(evaluation, self.state)),
            Cause::Set(written) => written.1.clone(),
        }
    }

    /// The evaluation that put it into its state; none if it is new or was set by hand.
    pub fn evaluation(&self) -> Option<&Evaluation> {
        match &self.cause {
            Cause::Evaluated(evaluation) => Some(evaluation),
            Cause::Created | Cause::Set(_) => None,
        }
    }

    pub(crate) fn enter(&mut self, state: StateValue, at: Timestamp, cause: Cause) {
        self.state = state;
        self.updated_at = at;
        self.cause = cause;
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

    /// Where the oldest sample's cell begins.
    pub(crate) fn first_start(&self, period: Period) -> Option<Timestamp> {
        let all = std::iter::once(&self.series).chain(self.more.iter().flatten());
        all.filter_map(|series| series.first_start(period)).min()
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
