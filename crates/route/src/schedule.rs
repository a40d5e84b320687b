//! What a route says of time: in which hours it holds, what becomes of findings outside of them, and who is told next when nobody answers.

use std::time::Duration;

use context::WeeklySchedule;

use crate::{Severity, TargetName};

/// Named hours, as they were when the configuration was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct During {
    /// Their name.
    pub name: Box<str>,
    /// The hours.
    pub schedule: WeeklySchedule,
}

/// What becomes of findings outside of a route's hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Otherwise<T = String> {
    /// They wait for the hours to begin.
    Hold(Repeats<T>),
    /// Nobody is told.
    Drop,
    /// They go to other targets.
    To(Vec<T>),
}

/// When something that is held does not wait any longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeats<T = String> {
    /// After so many findings of one conversation; `None` for never.
    pub count: Option<u32>,
    /// As soon as one is at least so grave; `None` for never.
    pub severity: Option<Severity>,
    /// Who is told then; none for the route's own targets.
    pub to: Vec<T>,
}

impl<T> Default for Repeats<T> {
    /// After ten.
    fn default() -> Self {
        Repeats { count: Some(10), severity: None, to: Vec::new() }
    }
}

/// Who is told next when nobody acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered<T = String> {
    /// How long each waits for an acknowledgement.
    pub within: Duration,
    /// One after the other.
    pub then: Vec<T>,
}

/// Where a finding goes at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    /// To each target once, in the order in which routes name them.
    pub legs: Vec<Leg>,
    /// Whether a route matched outside of its hours and drops what comes then.
    pub dropped: bool,
}

/// One target of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The target.
    pub target: TargetName,
    /// What it waits for; `None` if it goes at once.
    pub held: Option<Held>,
    /// Who is told next when nobody acknowledges.
    pub unanswered: Option<Unanswered<TargetName>>,
}

/// What a finding waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The name of the hours.
    pub hours: Box<str>,
    /// When it does not wait for them any longer.
    pub repeats: Repeats<TargetName>,
}

impl Routing {
    /// The targets, held or not.
    pub fn targets(&self) -> impl Iterator<Item = &TargetName> {
        self.legs.iter().map(|leg| &leg.target)
    }

    /// Adds a leg. What goes at once is not held by a further route.
    pub(crate) fn add(&mut self, leg: Leg) {
        match self.legs.iter_mut().find(|known| known.target == leg.target) {
            None => self.legs.push(leg),
            Some(known) if known.held.is_some() && leg.held.is_none() => *known = leg,
            Some(_) => {}
        }
    }
}
