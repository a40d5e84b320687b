//! From "the selector matched" to "it fires": delivery, condition, exceptions, severity, and what the decision needs.
//!
//! This is done where the record is at hand, by whoever reads it: the values of keys, the value that is counted once and what
//! an event is worth to a metric are taken out here, so that a signal stays small and no record is looked at twice.

use std::borrow::Cow;

use cloudtrail::{AssumeRole, Event};
use context::Context;
use rules::{
    Decision, Evaluation, EventInPlace, MetricTime, Rule, RuleSet, Seen, Selection, Severity, Truth, Verdict,
};

use crate::known_values::KnownValues;
use crate::outcome::SignalOutcome;
use crate::signal::{Part, WindowKey};

/// What a rule says of an event one of its selectors matched.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// It fires, or counts towards what may fire.
    Fires {
        /// After `escalate`.
        severity: Severity,
        /// The values at the rule's key paths, or of its metric's dimensions; empty where it has none.
        key: WindowKey,
        /// What else the decision needs.
        part: Part,
        /// At which of its times the event counts.
        time: MetricTime,
    },
    /// It does not.
    Ends(SignalOutcome),
}

/// Judges an event for all selections that match it.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// The rules whose [selections](RuleSet::selections) the index was built of, in their order.
    pub rules: &'a RuleSet,
    /// What their conditions may ask.
    pub context: &'a Context,
    /// What first-seen rules know already, where an engine decides meanwhile.
    pub known: Option<&'a KnownValues>,
}

impl Judge<'_> {
    /// What each rule says of an event that `matched` these selections, where the event stands.
    pub fn judge(&self, event: &Event<'_>, matched: &[matcher::RuleId]) -> Vec<(u32, Judgement)> {
        if matched.is_empty() {
            return Vec::new();
        }
        let in_place = EventInPlace::new(event);
        let selections = self.rules.selections();
        let judge = |id: &matcher::RuleId| {
            let Selection { rule: number, step } = *selections.get(usize::try_from(id.0).ok()?)?;
            let rule = self.rules.at(usize::try_from(number).ok()?)?;
            if !is_delivered(rule, step, event) {
                return Some((number, Judgement::Ends(SignalOutcome::Undelivered)));
            }
            let judgement = judge(rule, step, &in_place, self.context);
            let is_known = match (&judgement, self.known) {
                (Judgement::Fires { key, .. }, Some(known)) => known.takes(number, key, event.time),
                _ => false,
            };
            let known = Judgement::Ends(SignalOutcome::Absorbed);
            Some((number, if is_known { known } else { judgement }))
        };
        matched.iter().filter_map(judge).collect()
    }
}

/// Whether EventBridge itself would have handed the event to this step of the rule (0 where it is no sequence). Needs the
/// event's head only, so it is asked first.
pub fn is_delivered(rule: &Rule, step: u8, event: &Event<'_>) -> bool {
    rule.delivery_of(step).delivers(event, AssumeRole::HeldBack)
}

/// Judges an event that a step's selector (0 where the rule is no sequence) matched and that was delivered.
pub fn judge<'a>(rule: &'a Rule, step: u8, event: impl Into<Seen<'a>>, context: &'a Context) -> Judgement {
    let seen = event.into();
    let evaluation = Evaluation::new(rule, seen, context);
    let of_step = rule.step(step).map_or(Truth::True, |step| step.condition(seen, context));
    let outcome = match (of_step, evaluation.verdict()) {
        (Truth::True, Verdict::Fires) => return fires(rule, step, seen, &evaluation),
        (Truth::True, Verdict::Excepted(_)) => SignalOutcome::Excepted,
        (Truth::Error(_), _) | (_, Verdict::WhereError(_)) => SignalOutcome::Error,
        (Truth::False, _) | (_, Verdict::WhereFalse) => SignalOutcome::WhereFalse,
        (Truth::Missing(_), _) | (_, Verdict::WhereMissing(_)) => SignalOutcome::WhereMissing,
    };
    Judgement::Ends(outcome)
}

fn fires(rule: &Rule, step: u8, seen: Seen<'_>, evaluation: &Evaluation<'_>) -> Judgement {
    let values: Vec<Cow<'_, str>> = rule.key_paths(step).iter().map(|path| evaluation.value(path)).collect();
    let key = WindowKey::of(values.iter().map(|value| &**value));
    let severity = evaluation.severity();
    // Without the values of its key an event belongs to nothing; a group takes what has none together.
    let lacks = values.iter().any(|value| value.is_empty());
    let part = match &rule.decision {
        Decision::Each => Part::Event,
        _ if lacks => return Judgement::Ends(SignalOutcome::FieldMissing),
        Decision::Threshold(threshold) => match &threshold.distinct {
            None => Part::Event,
            Some(path) => match evaluation.value(path) {
                value if value.is_empty() => return Judgement::Ends(SignalOutcome::FieldMissing),
                value => Part::of_value(&value),
            },
        },
        Decision::Sequence(_) => Part::Step(step),
        Decision::FirstSeen(_) | Decision::Absent(_) | Decision::Composite(_) => Part::Event,
        Decision::Alarm(_) | Decision::Metric(_) => {
            let published = rule.publishes().and_then(|transformation| transformation.publish(seen));
            let Some(published) = published else { return Judgement::Ends(SignalOutcome::FieldMissing) };
            let key = WindowKey::of(published.metric.dimensions.values().map(String::as_str));
            return Judgement::Fires {
                severity,
                key,
                part: Part::Sample(published.value),
                time: rule.time(),
            };
        }
    };
    Judgement::Fires { severity, key, part, time: MetricTime::Event }
}
