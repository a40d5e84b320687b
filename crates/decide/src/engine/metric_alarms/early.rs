//! An alarm that is certain to go off, before the evaluation that will enter ALARM.

use alarm::{Alarm, ComparisonOperator, StateChange, StateValue, Statistic, Verdict};

use super::{Tracked, Watched, timestamp};
use crate::finding::State;
use crate::identity::Parts;
use crate::incident::Incident;
use crate::signal::{Signal, named};

impl Watched {
    /// Says that the alarm will go off, if enough datapoints breach already.
    pub(super) fn tell_early(
        &self,
        tracked: &mut Tracked,
        key: &str,
        signal: &Signal,
        said: &mut Vec<Incident>,
    ) {
        if !self.newest_breaches(tracked) {
            return;
        }
        let at = self
            .alarm
            .first_evaluation_to_see(timestamp(signal.time.as_micros()))
            .max(tracked.state.evaluated_at());
        let (to, evaluation) = self.alarm.preview(&tracked.state, at);
        let first =
            evaluation.end.plus_millis(-i64::from(self.alarm.evaluation_periods()) * self.period_ms());
        let breaching = evaluation
            .points
            .iter()
            .filter(|point| point.verdict == Verdict::Breaching && point.timestamp >= first)
            .count();
        if to != Some(StateValue::Alarm) || breaching < self.alarm.datapoints_to_alarm() as usize {
            return;
        }
        let change = StateChange {
            at,
            from: tracked.state.state(),
            to: StateValue::Alarm,
            reason: self.alarm.reason(&evaluation, StateValue::Alarm),
            reason_data: Some(self.alarm.reason_data(&evaluation, StateValue::Alarm)),
            previous_at: tracked.state.updated_at(),
            previous_reason: tracked.state.reason(&self.alarm),
            previous_reason_data: tracked.state.reason_data(&self.alarm),
            datapoints: evaluation.points,
            records: evaluation.records,
        };
        let mut open = self.opened(&tracked.recent, key, &change);
        // An earlier evaluation may enter ALARM first, with samples that are still on their way, and then this finding is about that. So its
        // id is not that of the evaluation, which may enter ALARM as well, but of the event that first fired it.
        let mut parts = Parts::of("alarm finding, early");
        parts.text(&self.id);
        parts.key(named(&self.dimensions, key));
        parts.event(signal.time, &signal.event);
        open.id = parts.uuid().text();
        open.early = Some(at.as_millis());
        said.push(self.incident(&open, key, &change, State::Firing, false));
        tracked.open = Some(Box::new(open));
    }

    /// A quick look before the thorough one: whether the last period before the newest sample breaches by itself.
    fn newest_breaches(&self, tracked: &Tracked) -> bool {
        let Some(last) = tracked.recent.last() else { return false };
        let since =
            last.time.saturating_sub(self.period_ms().saturating_mul(1_000)).saturating_sub(60_000_000);
        let values = tracked.recent.iter().rev().take_while(|one| one.time >= since);
        let values = values.map(|one| f64::from_bits(one.value));
        let statistic = self.alarm.inputs().first().map(|input| input.statistic);
        let value = match statistic {
            Some(Statistic::Sum) => values.sum(),
            Some(Statistic::Maximum) => values.fold(f64::MIN, f64::max),
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            _ => values.count() as f64,
        };
        self.alarm.comparison_operator().breaches(value, self.alarm.threshold())
    }
}

/// Whether no later sample can take back that a datapoint breaches.
pub(super) fn can_only_grow(alarm: &Alarm) -> bool {
    let statistic = alarm.inputs().first().map(|input| input.statistic);
    let grows = matches!(statistic, Some(Statistic::Sum | Statistic::SampleCount | Statistic::Maximum));
    let up = matches!(
        alarm.comparison_operator(),
        ComparisonOperator::GreaterThanThreshold | ComparisonOperator::GreaterThanOrEqualToThreshold
    );
    grows && up && alarm.inputs().len() == 1
}
