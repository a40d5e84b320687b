//! Why a rule fires on an event or not: a tree through selector, `where`, exceptions and escalations.
//!
//! The tree is data; [`std::fmt::Display`] prints it for people. It asks the same questions as a run does, of the
//! languages' own reference matchers, and goes on asking after the first no, so all that stands in the way is told.

use crate::condition::Truth;
use crate::decision::DecisionKind;
use crate::evaluation::{Evaluation, NotExcepted, Verdict};
use crate::event::EventView;
use crate::rule::{Rule, RuleId, Selector, Severity};
use context::Context;
use serde::Serialize;
use std::fmt;

/// Why a rule fires on an event or not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleExplanation {
    /// The rule.
    pub rule: RuleId,
    /// What kind of decision the rule makes of its events.
    pub decision: DecisionKind,
    /// Of a sequence, the step that is told of: the first that takes the event, or else the one that comes closest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u8>,
    /// Whether it fires; of a rule over several events, whether this one counts.
    pub fires: bool,
    /// What keeps it from firing, first things first: paths of fields, `delivery`, `where`, `except`.
    pub stopped_by: Vec<String>,
    /// How grave the finding is, if it fires.
    pub severity: Option<Severity>,
    /// The finding's title, if it fires.
    pub title: Option<String>,
    /// What the selector says.
    pub selector: SelectorExplanation,
    /// Whether EventBridge would have delivered the event to such a rule.
    pub delivered: bool,
    /// What `where` gives; none without one, or where the selector does not match.
    pub condition: Option<ConditionExplanation>,
    /// What the `where` of the step gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_condition: Option<ConditionExplanation>,
    /// What each exception says.
    pub except: Vec<ExceptionExplanation>,
    /// What each escalation says.
    pub escalate: Vec<EscalationExplanation>,
}

/// What a selector says of an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "selector", content = "explanation")]
pub enum SelectorExplanation {
    /// An event pattern's answer.
    Pattern(event_pattern::Explanation),
    /// A filter pattern's answer.
    Filter(filter_pattern::Explanation),
    /// The selector has no answer for such an event, for this reason.
    Inapplicable(String),
}

/// A condition and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConditionExplanation {
    /// The expression.
    pub expression: String,
    /// What it gives.
    pub truth: Truth,
}

/// An exception and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExceptionExplanation {
    /// Why it is there.
    pub reason: String,
    /// Whether it names the event.
    pub applies: bool,
    /// Why not.
    pub because: Option<String>,
}

/// An escalation and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EscalationExplanation {
    /// The expression.
    pub expression: String,
    /// What it gives.
    pub truth: Truth,
    /// What it makes of the severity.
    pub severity: Severity,
    /// Whether it is the one that decides: the first that holds.
    pub decides: bool,
}

impl Selector {
    /// Whether it matches an event, by the languages' own reference matchers: what an index of many selectors must agree with.
    #[must_use]
    pub fn matches(&self, view: &EventView) -> bool {
        match self {
            Self::Pattern(pattern) => view.for_patterns().is_some_and(|event| pattern.matches(event)),
            Self::Filter(filter) => view.record().is_some_and(|record| filter.matches(record)),
        }
    }
}

impl SelectorExplanation {
    fn of(selector: &Selector, view: &EventView) -> Self {
        match selector {
            Selector::Pattern(pattern) => match view.for_patterns() {
                Some(event) => Self::Pattern(pattern.explain(event)),
                None => Self::Inapplicable("event patterns cannot read this event".to_owned()),
            },
            Selector::Filter(filter) => match view.record() {
                Some(record) => Self::Filter(filter.explain(record)),
                None => Self::Inapplicable(
                    "filters match CloudTrail's records, and this event has none".to_owned(),
                ),
            },
        }
    }

    /// Whether the selector matches.
    #[must_use]
    pub fn matches(&self) -> bool {
        match self {
            Self::Pattern(explanation) => explanation.matched,
            Self::Filter(explanation) => explanation.matched,
            Self::Inapplicable(_) => false,
        }
    }

    /// What stands in the way, each once: of a pattern with `$or`, in the alternative that comes closest.
    fn stoppers(&self) -> Vec<String> {
        let mut stoppers = match self {
            Self::Pattern(explanation) => explanation.stoppers().iter().map(ToString::to_string).collect(),
            Self::Filter(explanation) => {
                explanation.stoppers().iter().map(|leaf| rooted(&leaf.subject)).collect()
            }
            Self::Inapplicable(reason) => vec![reason.clone()],
        };
        let mut told: Vec<String> = Vec::new();
        stoppers.retain(|stopper| {
            let first = !told.contains(stopper);
            told.extend(first.then(|| stopper.clone()));
            first
        });
        stoppers
    }
}

/// A filter's selector as a path from the event's root: `$.errorCode` is `detail.errorCode`.
fn rooted(subject: &str) -> String {
    subject.strip_prefix("$.").map_or_else(|| subject.to_owned(), |path| format!("detail.{path}"))
}

impl RuleExplanation {
    /// Whether this kept the rule from firing: a field's path, `delivery`, `where` or `except`. Any of the fields that
    /// stopped any alternative of a pattern counts, as each of them is a reason.
    #[must_use]
    pub fn is_stopped_by(&self, what: &str) -> bool {
        let in_alternatives = || match &self.selector {
            SelectorExplanation::Pattern(explanation) if !explanation.matched => {
                explanation.alternatives.iter().any(|alternative| alternative.stoppers().contains(&what))
            }
            _ => false,
        };
        self.stopped_by.iter().any(|stopper| stopper == what) || in_alternatives()
    }
}

/// What is said of a rule without a selector, which is fed by other rules.
const LOOKS_AT_NONE: &str = "it looks at no event by itself";

impl Rule {
    /// Explains what the rule makes of an event: of a sequence, the first step that takes it, or else the one that is stopped by
    /// the least.
    #[must_use]
    pub fn explain(&self, view: &EventView, context: &Context) -> RuleExplanation {
        let steps = self.selectors().map(|(step, _)| self.explain_step(step, view, context));
        let closest = steps.min_by_key(|explanation| explanation.stopped_by.len());
        closest.unwrap_or_else(|| self.explain_step(0, view, context))
    }

    fn explain_step(&self, step: u8, view: &EventView, context: &Context) -> RuleExplanation {
        let selector = self.selector_of(step).map_or_else(
            || SelectorExplanation::Inapplicable(LOOKS_AT_NONE.to_owned()),
            |selector| SelectorExplanation::of(selector, view),
        );
        let evaluation = Evaluation::new(self, view, context);
        let delivered = view.delivered(self.delivery_of(step));
        let matches = selector.matches();
        let mut stopped_by = selector.stoppers();
        if !delivered {
            stopped_by.push("delivery".to_owned());
        }
        // `where` and the rest speak of matched events; of others they say nothing worth reading.
        let condition = self.condition.as_ref().filter(|_| matches).map(|condition| ConditionExplanation {
            expression: condition.text().to_owned(),
            truth: evaluation.condition(),
        });
        let of_step = self.step(step).filter(|_| matches);
        let step_condition = of_step.and_then(|step| {
            let expression = step.condition.as_ref()?.text().to_owned();
            Some(ConditionExplanation { expression, truth: step.condition(view, context) })
        });
        let fails = |condition: &Option<ConditionExplanation>| {
            condition.as_ref().is_some_and(|condition| !condition.truth.holds())
        };
        if fails(&condition) || fails(&step_condition) {
            stopped_by.push("where".to_owned());
        }
        let except: Vec<_> = self
            .except
            .iter()
            .filter(|_| matches)
            .map(|exception| {
                let because = evaluation.excepts(exception).err().map(|why| match why {
                    NotExcepted::Expired => "it has expired".to_owned(),
                    NotExcepted::Pattern => "its pattern does not match".to_owned(),
                    NotExcepted::Where(truth) => format!("its `where` is {truth}"),
                });
                ExceptionExplanation {
                    reason: exception.reason.to_string(),
                    applies: because.is_none(),
                    because,
                }
            })
            .collect();
        if except.iter().any(|exception| exception.applies) {
            stopped_by.push("except".to_owned());
        }
        let mut decided = false;
        let escalate = self
            .escalate
            .iter()
            .zip(evaluation.escalations())
            .filter(|_| matches)
            .map(|(escalation, truth)| {
                let decides = !decided && truth.holds();
                decided |= decides;
                let expression = escalation.when.text().to_owned();
                EscalationExplanation { expression, truth, severity: escalation.severity, decides }
            })
            .collect();
        let fires = stopped_by.is_empty() && matches && evaluation.verdict() == Verdict::Fires;
        RuleExplanation {
            rule: self.id.clone(),
            decision: self.decision.kind(),
            step: self.step(step).is_some().then_some(step),
            fires,
            stopped_by,
            severity: fires.then(|| evaluation.severity()),
            title: fires.then(|| evaluation.title()),
            selector,
            delivered,
            condition,
            step_condition,
            except,
            escalate,
        }
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::True => f.write_str("true"),
            Self::False => f.write_str("false"),
            Self::Missing(what) => write!(f, "false: the event lacks {what}"),
            Self::Error(error) => write!(f, "false: {error}"),
        }
    }
}

impl fmt::Display for RuleExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |holds: bool| if holds { '✓' } else { '✗' };
        let (rule, stopped_by) = (&self.rule, self.stopped_by.join(", "));
        if matches!(&self.selector, SelectorExplanation::Inapplicable(reason) if reason == LOOKS_AT_NONE) {
            return writeln!(f, "{rule} ({}): {LOOKS_AT_NONE}", self.decision);
        }
        let step = self.step.map_or(String::new(), |step| format!(" as step {}", step + 1));
        match (&self.title, self.severity) {
            (Some(title), Some(severity)) if self.decision == DecisionKind::Each => {
                writeln!(f, "{rule} fires, {severity}: {title}")?;
            }
            (Some(_), Some(severity)) => {
                writeln!(f, "{rule} ({}) counts this event{step}, {severity}", self.decision)?;
            }
            _ if self.decision == DecisionKind::Each => {
                writeln!(f, "{rule} does not fire: stopped by {stopped_by}")?;
            }
            _ => writeln!(
                f,
                "{rule} ({}) does not count this event{step}: stopped by {stopped_by}",
                self.decision
            )?,
        }
        let (name, lines) = match &self.selector {
            SelectorExplanation::Pattern(explanation) => ("pattern", explanation.to_string()),
            SelectorExplanation::Filter(explanation) => ("filter", explanation.to_string()),
            SelectorExplanation::Inapplicable(reason) => ("selector", reason.clone()),
        };
        writeln!(f, "  {} {name}", mark(self.selector.matches()))?;
        for line in lines.lines() {
            writeln!(f, "      {line}")?;
        }
        if !self.delivered {
            writeln!(f, "  ✗ delivery: EventBridge would not have delivered this event to such a rule")?;
        }
        for ConditionExplanation { expression, truth } in self.condition.iter().chain(&self.step_condition) {
            writeln!(f, "  {} where {}: {truth}", mark(truth.holds()), in_one_line(expression))?;
        }
        for exception in &self.except {
            let why = exception.because.as_deref().unwrap_or("it names this event");
            writeln!(f, "  {} except {}: {why}", mark(!exception.applies), exception.reason)?;
        }
        for escalation in &self.escalate {
            let decides = if escalation.decides { ", decides" } else { "" };
            let (expression, truth) = (in_one_line(&escalation.expression), &escalation.truth);
            writeln!(f, "  · severity {} when {expression}: {truth}{decides}", escalation.severity)?;
        }
        Ok(())
    }
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
