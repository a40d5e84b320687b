//! A rule: which events, what must hold of them, and what to say.
//!
//! Everything a rule says is parsed, checked and compiled when the document is read: a [`Rule`] that exists can be
//! run. Rules are read by [`RuleSet::load`](crate::RuleSet::load); nothing here changes afterwards.

use crate::catalogue::Check;
use crate::condition::Condition;
use crate::decision::{Decision, Sequence, Step};
use crate::diagnostic::Span;
use crate::metric::{MetricTime, Transformation};
use crate::path::EventPath;
use crate::rule_test::RuleTest;
use crate::title::Title;
use cloudtrail::Delivery;
use event_pattern::Pattern;
use filter_pattern::Filter;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One rule document, ready to run.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in a [`RuleSet`](crate::RuleSet).
    pub id: RuleId,
    /// What a finding is called: a template over the event.
    pub title: Title,
    /// How grave a finding is, unless an escalation says otherwise.
    pub severity: Severity,
    /// Conditions that replace the severity, in order; the first that holds decides.
    pub escalate: Vec<Escalation>,
    /// Why anybody should care.
    pub description: Option<Box<str>>,
    /// What whoever reads a finding should look at first.
    pub first_checks: Vec<Box<str>>,
    /// Who answers for the rule.
    pub owner: Option<Box<str>>,
    /// Free labels, such as `attack.t1562.008`.
    pub tags: Vec<Box<str>>,
    /// Which events. None where the document has none of its own: the steps of a sequence have theirs, and an alarm on
    /// metrics that other documents publish looks at no event. [`Rule::selectors`] gives all there are.
    pub selector: Option<Selector>,
    /// Which of those would have been delivered; a step may differ, see [`Rule::delivery_of`].
    pub delivery: Delivery,
    /// What else must hold of a matched event (`where`); of a sequence, of the events of every step.
    pub condition: Option<Condition>,
    /// What must hold of the events that are left.
    pub decision: Decision,
    /// Known good: a matched event that one of these names is dropped before anything is counted.
    pub except: Vec<Exception>,
    /// Which events make one finding; without it each event is one. Only where the decision is [`Decision::Each`].
    pub group: Option<Group>,
    /// The rule's own tests.
    pub tests: Vec<RuleTest>,
    /// Warnings its author has seen and means.
    pub allow: Vec<Check>,
    /// Where the rule was read.
    pub source: Source,
}

impl Rule {
    /// All selectors with the step each belongs to: one, numbered 0, unless the rule is a sequence; none where the document
    /// has none.
    pub fn selectors(&self) -> impl Iterator<Item = (u8, &Selector)> {
        let steps = self.sequence().into_iter().flat_map(Sequence::all_steps).map(|step| &step.selector);
        (0..).zip(self.selector.iter().chain(steps))
    }

    /// The selector of a step; of step 0, where the rule is no sequence.
    #[must_use]
    pub fn selector_of(&self, step: u8) -> Option<&Selector> {
        self.selectors().nth(usize::from(step)).map(|(_, selector)| selector)
    }

    /// A step of the sequence, if the rule is one.
    #[must_use]
    pub fn step(&self, step: u8) -> Option<&Step> {
        self.sequence()?.all_steps().nth(usize::from(step))
    }

    /// Which events of a step would have been delivered.
    #[must_use]
    pub fn delivery_of(&self, step: u8) -> Delivery {
        self.step(step).map_or(self.delivery, |step| step.delivery)
    }

    /// The paths of the key by which a step's events belong together: `by`, `of` or `per`; of a rule that decides each
    /// event by itself, those of its group.
    #[must_use]
    pub fn key_paths(&self, step: u8) -> &[EventPath] {
        match &self.decision {
            Decision::Each => self.group.as_ref().map_or(&[], |group| &group.by),
            Decision::Threshold(threshold) => &threshold.by,
            Decision::Sequence(_) => self.step(step).map_or(&[], |step| &step.by),
            Decision::FirstSeen(first_seen) => &first_seen.of,
            Decision::Absent(absent) => &absent.per,
            Decision::Alarm(_) | Decision::Composite(_) | Decision::Metric(_) => &[],
        }
    }

    /// What each event publishes to a metric: of a metric filter and of a rule with an inline `alarm:`.
    #[must_use]
    pub fn publishes(&self) -> Option<&Transformation> {
        match &self.decision {
            Decision::Metric(filter) => Some(&filter.transformation),
            Decision::Alarm(alarm) => alarm.publishes.as_ref(),
            _ => None,
        }
    }

    /// At which time its events count: when they happened, unless they publish to a metric that says otherwise.
    #[must_use]
    pub fn time(&self) -> MetricTime {
        self.publishes().map_or(MetricTime::Event, |transformation| transformation.time)
    }

    fn sequence(&self) -> Option<&Sequence> {
        match &self.decision {
            Decision::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }
}

/// A rule's name: lower-case letters, digits and hyphens, as in `cloudtrail-logging-stopped`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RuleId(Arc<str>);

impl RuleId {
    /// The longest name.
    pub const LENGTH_MAX: usize = 100;

    /// A name, if it is one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let well_formed =
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && text.starts_with(|first: char| first.is_ascii_alphanumeric())
                && !text.ends_with('-')
                && text.len() <= Self::LENGTH_MAX;
        well_formed.then(|| Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for RuleId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// How grave a finding is. Ordered: `Info` is least.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Look when there is time.
    Low,
    /// Look today.
    Medium,
    /// Look now.
    High,
    /// Wake somebody.
    Critical,
}

impl Severity {
    /// All of them, least first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word in documents and findings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A condition that replaces the rule's severity.
#[derive(Clone, Debug)]
pub struct Escalation {
    /// When it does.
    pub when: Condition,
    /// What by.
    pub severity: Severity,
}

/// Which events a rule is about.
#[derive(Clone, Debug)]
pub enum Selector {
    /// An EventBridge event pattern, matched against the event as EventBridge delivers it.
    Pattern(Arc<Pattern>),
    /// A CloudWatch Logs filter pattern, matched against the compact record without its envelope.
    Filter(Arc<Filter>),
}

/// Known good: events that are dropped although the rule matches them.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Why it is good.
    pub reason: Box<str>,
    /// Who says so.
    pub owner: Option<Box<str>>,
    /// The last day it holds, in UTC; events of the next day are reported again.
    pub expires: Option<Date>,
    /// The events. Both, where both are given, must hold.
    pub pattern: Option<Arc<Pattern>>,
    /// What must hold of them (`where`). A missing field is false: the exception does not apply.
    pub condition: Option<Condition>,
    /// Where it was read.
    pub source: Source,
}

/// Which events make one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The values that must be equal.
    pub by: Vec<EventPath>,
    /// How long after its first event a finding takes in more.
    pub duration: Duration,
}

/// Where something was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The file, as it was named when it was handed in.
    pub file: Arc<str>,
    /// Where in it.
    pub span: Span,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_ids() {
        for good in ["a", "root-use", "s3-public-2"] {
            assert_eq!(RuleId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "Root", "a_b", "a b", "é", &"a".repeat(101)] {
            assert!(RuleId::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn words_and_serialized_forms_agree() {
        for severity in Severity::ALL {
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.as_str());
        }
        assert!(Severity::ALL.is_sorted());
    }
}
