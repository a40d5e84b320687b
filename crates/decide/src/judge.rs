//! From "the selector matched" to "it fires": delivery, condition, exceptions, severity, key.

use cloudtrail::{AssumeRole, Event};
use context::Context;
use rules::{Evaluation, Rule, Seen, Severity, Verdict};

use crate::outcome::SignalOutcome;
use crate::signal::{Part, WindowKey};

/// What a rule says of an event its selector matched.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// It fires, so gravely, in this group.
    Fires {
        /// After `escalate`.
        severity: Severity,
        /// The values of `group.by`; empty where the rule does not group.
        key: WindowKey,
        /// What else the decision needs.
        part: Part,
    },
    /// It does not.
    Ends(SignalOutcome),
}

/// Whether EventBridge itself would have handed the event to the rule. Needs the event's head only, so it is asked first.
pub fn is_delivered(rule: &Rule, event: &Event<'_>) -> bool {
    rule.delivery.delivers(event, AssumeRole::HeldBack)
}

/// Judges a matched event that was delivered.
pub fn judge<'a>(rule: &'a Rule, event: impl Into<Seen<'a>>, context: &'a Context) -> Judgement {
    let evaluation = Evaluation::new(rule, event, context);
    match evaluation.verdict() {
        Verdict::Fires => {
            let key = WindowKey::of(evaluation.group_key().iter().map(|(_, value)| &**value));
            Judgement::Fires { severity: evaluation.severity(), key, part: Part::Event }
        }
        Verdict::WhereFalse => Judgement::Ends(SignalOutcome::WhereFalse),
        Verdict::WhereMissing(_) => Judgement::Ends(SignalOutcome::WhereMissing),
        Verdict::WhereError(_) => Judgement::Ends(SignalOutcome::Error),
        Verdict::Excepted(_) => Judgement::Ends(SignalOutcome::Excepted),
    }
}
