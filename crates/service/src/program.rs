//! What is decided with: rules, their index, what they may ask, and the routes, as one immutable value.
//!
//! A reload makes another one. Every batch carries the program it came in under, so what was under way is finished by the rules
//! it began with, and no two parts of one batch ever see two sets of rules.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::{Forwards, Responses, TestFiles};
use context::Context;
use decide::{KnownValues, Lateness};
use matcher::{Builder, Matcher, RuleId};
use route::Policy;
use rules::{MetricTime, Rule, RuleSet, Selector};
use targets::Enricher;

/// Rules with their index, what they may ask, and where findings go.
#[derive(Debug)]
pub struct Program {
    rules: RuleSet,
    matcher: Matcher,
    forwards: Forwards,
    with_defaults: Vec<(u32, MetricTime)>,
    known: RwLock<KnownValues>,
    /// What rules may ask of the organization.
    pub context: Context,
    /// Where findings go, and what is made of many.
    pub policy: Policy,
    /// How late events of each source class may come.
    pub lateness: Lateness,
    /// What findings are responded to.
    pub responses: Responses,
    /// A lane that has told nothing for so long is assumed to have nothing to tell, beyond its lateness. A quarter of an hour, unless set.
    pub idle: Duration,
    /// Where tests of rules find their events, for drills.
    pub test_files: TestFiles,
    enrichers: Vec<(Arc<Enricher>, Duration)>,
}

/// The selectors of all rules, by their place, and after them the patterns of events that go on.
fn index(rules: &RuleSet, forwards: &Forwards) -> Matcher {
    let mut builder = Builder::new();
    for (number, &selection) in (0..).zip(rules.selections()) {
        match rules.selector(selection) {
            Some(Selector::Pattern(pattern)) => builder.add_pattern(RuleId(number), pattern),
            Some(Selector::Filter(filter)) => builder.add_filter(RuleId(number), filter),
            None => {}
        }
    }
    for (number, forward) in (0..).zip(&forwards.patterns) {
        let rules = u32::try_from(rules.selections().len()).unwrap_or(u32::MAX);
        builder.add_pattern(RuleId(rules.saturating_add(number)), &forward.pattern);
    }
    builder.build()
}

/// How long most lanes are silent at times, without anything being wrong.
const IDLE: Duration = Duration::from_secs(15 * 60);

impl Program {
    /// Compiles rules into one index.
    #[must_use]
    pub fn new(rules: RuleSet, context: Context, policy: impl Into<Policy>, lateness: Lateness) -> Self {
        let has_default =
            |rule: &Rule| rule.publishes().is_some_and(|of| of.definition.default_value.is_some());
        let with_defaults = (0..)
            .zip(rules.iter())
            .filter(|(_, rule)| has_default(rule))
            .map(|(number, rule)| (number, rule.time()));
        Program {
            matcher: index(&rules, &Forwards::default()),
            forwards: Forwards::default(),
            with_defaults: with_defaults.collect(),
            known: RwLock::default(),
            rules,
            context,
            policy: policy.into(),
            lateness,
            idle: IDLE,
            responses: Responses::default(),
            test_files: TestFiles::default(),
            enrichers: Vec::new(),
        }
    }

    /// The same with those who are asked about findings before they are routed, each with the longest it may take.
    #[must_use]
    pub fn with_enrichers(self, enrichers: Vec<(Arc<Enricher>, Duration)>) -> Self {
        Program { enrichers, ..self }
    }

    /// The same with events that go on as they are.
    #[must_use]
    pub fn with_forwards(self, forwards: Forwards) -> Self {
        let matcher = if forwards.is_empty() { self.matcher } else { index(&self.rules, &forwards) };
        Program { matcher, forwards, ..self }
    }

    pub(crate) fn forwards(&self) -> &Forwards {
        &self.forwards
    }

    /// The lanes on which an event goes on, of what the index found for it.
    pub(crate) fn forward_lanes(&self, matched: &[RuleId]) -> Vec<usize> {
        let rules = self.rules.selections().len();
        let places = matched.iter().filter_map(|id| usize::try_from(id.0).ok()?.checked_sub(rules));
        self.forwards.lanes_of(places)
    }

    pub(crate) fn enrichers(&self) -> &[(Arc<Enricher>, Duration)] {
        &self.enrichers
    }

    /// The rule of that number.
    #[must_use]
    pub fn rule(&self, number: u32) -> Option<&Rule> {
        self.rules.at(usize::try_from(number).ok()?).map(|rule| &**rule)
    }

    /// What first-seen rules know, where the program is decided by: nothing before that.
    pub(crate) fn known_values(&self) -> KnownValues {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shares what first-seen rules know with whoever examines batches under this program.
    pub(crate) fn share_known_values(&self, known: KnownValues) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// All rules.
    #[must_use]
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// Metric filters that have a value for records they do not match, and at which time those count.
    pub(crate) fn with_defaults(&self) -> &[(u32, MetricTime)] {
        &self.with_defaults
    }

    /// The index of their selectors.
    #[must_use]
    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }
}
