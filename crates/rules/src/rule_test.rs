//! The tests inside a rule document, as they are written: one event, or steps on a virtual clock.
//!
//! A test of one event says whether the rule fires on it (or, where the rule decides over several events, whether it counts).
//! A test in steps lets events happen and delivery progress at given times, and says in between what the rule must have said.
//! Nothing of it reads a clock: the test's own begins at [`Timeline::start`] and goes where the steps send it.

use crate::path::EventPath;
use crate::rule::{Severity, Source};
use cloudtrail::EventTime;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// One test inside a rule document.
#[derive(Clone, Debug)]
pub struct RuleTest {
    /// What it shows.
    pub name: Box<str>,
    /// What happens, and what the rule must make of it.
    pub course: Course,
    /// Lists that replace the context's for this test.
    pub lists: Vec<(Box<str>, context::List)>,
    /// Where addresses are, for this test; none as written leaves the context's own.
    pub places: Vec<(std::net::IpAddr, context::Place)>,
    /// Where it was read.
    pub source: Source,
}

/// What happens in a test.
#[derive(Clone, Debug)]
pub enum Course {
    /// One event, looked at by itself.
    Event(EventTest),
    /// Events and progress in the order of the test's own time.
    Steps(Timeline),
}

/// One event, and what the rule must make of it.
#[derive(Clone, Debug)]
pub struct EventTest {
    /// The event.
    pub event: TestEvent,
    /// Whether the rule must fire (`fires`); of a rule over several events, whether this one must count (`counts`).
    pub fires: bool,
    /// What must have stopped it: a field's path as it stands in the pattern, `where`, or `except`.
    pub because: Option<Box<str>>,
    /// What severity the finding must have.
    pub severity: Option<Severity>,
}

/// An event of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestEvent {
    /// Where it comes from.
    pub origin: EventOrigin,
    /// Fields to set, `path: value`, after the event was read; parents are made where they are missing. In texts, `{n}` stands
    /// for the number of the repetition, from 1.
    pub with: Vec<(EventPath, serde_json::Value)>,
    /// Fields to delete.
    pub without: Vec<EventPath>,
}

/// Where an event of a test comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum EventOrigin {
    /// A file, resolved against the rule's own path.
    File(Box<str>),
    /// The event itself: a CloudTrail record, or an EventBridge event if it has `detail-type` and `detail`.
    Inline(Box<serde_json::Value>),
}

/// Steps on a virtual clock.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// When `+0s` is.
    pub start: EventTime,
    /// How late an event may arrive and be in time; none unless the test says, so that progress is exact.
    pub lateness: Duration,
    /// The steps, in the order in which they become known.
    pub steps: Vec<TestStep>,
}

impl Timeline {
    /// When a test's clock starts unless it says otherwise: 2026-01-01T00:00:00Z.
    pub const START_MICROS: i64 = 1_767_225_600_000_000;
}

/// One step of a test.
#[derive(Clone, Debug)]
pub struct TestStep {
    /// What it does.
    pub action: Action,
    /// Where it was read.
    pub source: Source,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Something happens, perhaps several times.
    Event {
        /// What.
        event: TestEvent,
        /// When, after the start: the first time, if it is repeated. None for as late as the step before it. The test's clock
        /// never goes back: an event dated before it arrives late.
        at: Option<Duration>,
        /// How often; 1 unless the step says.
        times: u32,
        /// How long after each other.
        every: Duration,
    },
    /// It becomes known how far delivery is.
    Progress(ProgressStep),
    /// What the rule must have said since the last expectation: exactly these findings, each in its latest revision; none, if
    /// it is empty.
    Expect(Vec<ExpectedFinding>),
}

/// How far delivery is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressStep {
    /// Everything up to then has arrived.
    pub to: Duration,
    /// How that is known.
    pub by: KnownBy,
    /// Of which account; of all that were heard of, if none is named.
    pub account: Option<Box<str>>,
    /// Of which region; of all that were heard of, if none is named.
    pub region: Option<Box<str>>,
}

/// How it is known how far delivery is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KnownBy {
    /// A record of that time was seen.
    Event,
    /// A digest of CloudTrail says so: proof even where nothing happened.
    Digest,
    /// Everything delivered was listed and read.
    #[default]
    Listing,
    /// Nothing came for so long that nothing is held to have happened. Never proof of absence.
    Assumed,
}

impl KnownBy {
    /// All of them with their words.
    pub const ALL: [(&'static str, Self); 4] = [
        ("event", Self::Event),
        ("digest", Self::Digest),
        ("listing", Self::Listing),
        ("assumed", Self::Assumed),
    ];
}

/// What must be true of a finding; what is not given may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedFinding {
    /// Whether it stands.
    pub state: Option<ExpectedState>,
    /// How grave it is.
    pub severity: Option<Severity>,
    /// What its title contains.
    pub title: Option<Box<str>>,
    /// What its reason contains.
    pub reason: Option<Box<str>>,
    /// How many events it counts.
    pub count: Option<u64>,
    /// Whether everything in time has arrived.
    pub settled: Option<bool>,
    /// How often it was said again.
    pub revision: Option<u32>,
    /// Values of its key, by the path as the rule writes it.
    pub key: Vec<(Box<str>, Box<str>)>,
}

/// Whether a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedState {
    /// It does.
    Firing,
    /// It does no longer.
    Resolved,
    /// It cannot be decided, because the source is silent.
    Unknown,
}

impl ExpectedState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Firing, Self::Resolved, Self::Unknown];

    /// The word in findings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Unknown => "unknown",
        }
    }
}

impl RuleTest {
    /// The event files it names, and where.
    pub(crate) fn event_files(&self) -> impl Iterator<Item = (&str, &Source)> {
        let alone = match &self.course {
            Course::Event(test) => Some((&test.event, &self.source)),
            Course::Steps(_) => None,
        };
        let steps = match &self.course {
            Course::Event(_) => &[][..],
            Course::Steps(timeline) => &timeline.steps,
        };
        let in_steps = steps.iter().filter_map(|step| match &step.action {
            Action::Event { event, .. } => Some((event, &step.source)),
            Action::Progress(_) | Action::Expect(_) => None,
        });
        alone.into_iter().chain(in_steps).filter_map(|(event, source)| match &event.origin {
            EventOrigin::File(path) => Some((&**path, source)),
            EventOrigin::Inline(_) => None,
        })
    }

    /// Whether it shows the rule firing, and whether it shows it staying silent. That an event counts for a rule over several
    /// (`is_each` is false of it) does not show it firing.
    pub(crate) fn shows(&self, is_each: bool) -> (bool, bool) {
        match &self.course {
            Course::Event(test) => (test.fires && is_each, !test.fires),
            Course::Steps(timeline) => {
                let expected = || {
                    timeline.steps.iter().filter_map(|step| match &step.action {
                        Action::Expect(expected) => Some(expected),
                        Action::Event { .. } | Action::Progress(_) => None,
                    })
                };
                (expected().any(|findings| !findings.is_empty()), expected().any(Vec::is_empty))
            }
        }
    }
}

impl fmt::Display for ExpectedFinding {
    /// As it would be written in a test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        let mut add =
            |name: &str, value: Option<String>| parts.extend(value.map(|value| format!("{name}: {value}")));
        add("state", self.state.map(|state| state.as_str().to_owned()));
        add("severity", self.severity.map(|severity| severity.to_string()));
        add("title", self.title.as_ref().map(|text| format!("{text:?}")));
        add("reason", self.reason.as_ref().map(|text| format!("{text:?}")));
        add("count", self.count.map(|count| count.to_string()));
        add("settled", self.settled.map(|settled| settled.to_string()));
        add("revision", self.revision.map(|revision| revision.to_string()));
        let key: Vec<String> = self.key.iter().map(|(path, value)| format!("{path}: {value:?}")).collect();
        add("key", (!key.is_empty()).then(|| format!("{{ {} }}", key.join(", "))));
        if parts.is_empty() {
            return f.write_str("a finding");
        }
        write!(f, "{{ {} }}", parts.join(", "))
    }
}
