//! What must hold of the events a rule selects: nothing more, or something over several of them.
//!
//! A rule says what it wants; the engine that keeps the windows is the `decide` crate's. So nothing here has state, and
//! every limit a document may leave out is `None` until the engine puts its own in place.

use crate::condition::{Condition, Scope, Truth};
use crate::event::Seen;
use crate::metric::Transformation;
use crate::path::EventPath;
use crate::rule::Selector;
use alarm::AlarmDefinition;
use alarm::composite::{AlarmRule, CompositeDefinition};
use cloudtrail::Delivery;
use context::Context;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// What must hold of the events a rule selects.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Nothing more: each event is a finding, or joins the one that [`Rule::group`](crate::Rule::group) keeps open.
    Each,
    /// So many of them within a span.
    Threshold(Threshold),
    /// Several steps in order within a span.
    Sequence(Sequence),
    /// A value never seen before.
    FirstSeen(FirstSeen),
    /// Nothing came.
    Absent(Absent),
    /// A metric is over or under a threshold, as CloudWatch evaluates it.
    Alarm(Box<MetricAlarm>),
    /// A combination of alarms is in ALARM.
    Composite(Box<CompositeAlarm>),
    /// Each event is a sample of a metric. Makes no findings: alarms do.
    Metric(Box<MetricFilter>),
}

/// So many events of one key, or so many distinct values, within a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// How many; at least 1.
    pub count: usize,
    /// The span.
    pub within: Duration,
    /// The values that must be equal; empty counts all events together.
    pub by: Vec<EventPath>,
    /// Where the values stand that are counted once each; without it, events are counted.
    pub distinct: Option<EventPath>,
    /// How many keys to keep at most, if the rule says.
    pub keys_max: Option<usize>,
}

/// Events in order within a span.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// The span, from the first step on.
    pub within: Duration,
    /// Whether each step must be later than the one before; else steps may share a second.
    pub strict: bool,
    /// What must happen, in order: at least one step, two where nothing must stay away, at most [`Sequence::STEPS_MAX`].
    pub steps: Vec<Step>,
    /// What must not happen after them within the span. Its number is that after the last step's.
    pub then_not: Option<Step>,
    /// How many keys to keep at most, if the rule says.
    pub keys_max: Option<usize>,
}

impl Sequence {
    /// The most steps, without the one that must not follow.
    pub const STEPS_MAX: usize = 63;

    /// All steps by their number, the one that must not follow last.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.then_not)
    }
}

/// One step of a sequence.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which events.
    pub selector: Selector,
    /// Which of those would have been delivered: the step's own setting, or else the rule's.
    pub delivery: Delivery,
    /// What else must hold of them (`where`), beside the rule's own.
    pub condition: Option<Condition>,
    /// The values by which it belongs to the other steps: as many as theirs, compared by their place.
    pub by: Vec<EventPath>,
}

impl Step {
    /// What the step's own `where` gives over an event its selector matched; true without one. The rule's `where` and its
    /// exceptions are asked besides, by an [`Evaluation`](crate::Evaluation).
    #[must_use]
    pub fn condition<'a>(&'a self, event: impl Into<Seen<'a>>, context: &'a Context) -> Truth {
        let holds = |condition: &Condition| condition.evaluate(&Scope::new(event.into(), context));
        self.condition.as_ref().map_or(Truth::True, holds)
    }
}

/// A combination of values that was not seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstSeen {
    /// Where the values stand.
    pub of: Vec<EventPath>,
    /// How long everything is taken as known, from when the rule first runs.
    pub learn: Duration,
    /// After how long without a sighting a value is new again.
    pub forget: Duration,
    /// How many values to keep at most, if the rule says.
    pub keys_max: Option<usize>,
}

/// What should come by, and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// How long nothing may come (`for`).
    pub within: Duration,
    /// What is watched: one absence for each combination of these values.
    pub per: Vec<EventPath>,
    /// Which combinations are waited for.
    pub expect: Expect,
    /// Whether the silence of a source, assumed to mean that nothing happened, is proof enough.
    pub accept_assumed: bool,
    /// How many keys to keep at most, if the rule says.
    pub keys_max: Option<usize>,
}

/// Which keys an absence waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Those that were seen once.
    Seen,
    /// Every account of the organization that is known; [`Absent::per`] is `account`, or `account` and `region`.
    Organization,
    /// These: values in the order of [`Absent::per`].
    List(Vec<Box<[Box<str>]>>),
}

/// An alarm on a metric or on metric math.
#[derive(Clone, Debug)]
pub struct MetricAlarm {
    /// What composite alarms call it; the document's id unless it says otherwise.
    pub name: Box<str>,
    /// The definition as it was written. Of an inline `alarm:` it names the metric that [`publishes`](Self::publishes) makes.
    pub definition: AlarmDefinition,
    /// The definition, checked and ready to be evaluated.
    pub alarm: alarm::Alarm,
    /// Of an inline `alarm:`, the sample each event of the rule is. With dimensions there is one alarm for each combination
    /// of their values. An `alarm` document has none: other documents publish what it watches.
    pub publishes: Option<Transformation>,
}

impl MetricAlarm {
    /// Whether there is an alarm for each combination of the dimensions' values that comes by.
    #[must_use]
    pub fn is_for_each_value(&self) -> bool {
        self.publishes.as_ref().is_some_and(|transformation| !transformation.definition.dimensions.is_empty())
    }
}

/// An alarm over the states of other alarms.
#[derive(Clone, Debug)]
pub struct CompositeAlarm {
    /// The definition as it was written; its name is the document's id unless it says otherwise.
    pub definition: CompositeDefinition,
    /// The rule expression, parsed.
    pub rule: AlarmRule,
}

/// What the events of a metric filter are worth.
#[derive(Clone, Debug)]
pub struct MetricFilter {
    /// Its name in AWS; the document's id unless it says otherwise.
    pub name: Box<str>,
    /// What each event publishes.
    pub transformation: Transformation,
}

/// What kind of decision it is, as documents and listings name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionKind {
    /// [`Decision::Each`]
    Each,
    /// [`Decision::Threshold`]
    Threshold,
    /// [`Decision::Sequence`]
    Sequence,
    /// [`Decision::FirstSeen`]
    FirstSeen,
    /// [`Decision::Absent`]
    Absent,
    /// [`Decision::Alarm`]
    Alarm,
    /// [`Decision::Composite`]
    CompositeAlarm,
    /// [`Decision::Metric`]
    MetricFilter,
}

impl DecisionKind {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Threshold => "threshold",
            Self::Sequence => "sequence",
            Self::FirstSeen => "first-seen",
            Self::Absent => "absent",
            Self::Alarm => "alarm",
            Self::CompositeAlarm => "composite-alarm",
            Self::MetricFilter => "metric-filter",
        }
    }
}

impl fmt::Display for DecisionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Decision {
    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> DecisionKind {
        match self {
            Self::Each => DecisionKind::Each,
            Self::Threshold(_) => DecisionKind::Threshold,
            Self::Sequence(_) => DecisionKind::Sequence,
            Self::FirstSeen(_) => DecisionKind::FirstSeen,
            Self::Absent(_) => DecisionKind::Absent,
            Self::Alarm(_) => DecisionKind::Alarm,
            Self::Composite(_) => DecisionKind::CompositeAlarm,
            Self::Metric(_) => DecisionKind::MetricFilter,
        }
    }

    /// Whether each event is decided by itself.
    #[must_use]
    pub fn is_each(&self) -> bool {
        matches!(self, Self::Each)
    }

    /// Whether it makes findings: all but metric filters do.
    #[must_use]
    pub fn makes_findings(&self) -> bool {
        !matches!(self, Self::Metric(_))
    }
}
