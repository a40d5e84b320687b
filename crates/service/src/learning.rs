//! What first-seen rules would have learned from a history, put into the state of a service that does not run.
//!
//! Only the state of first-seen rules is touched, and learning twice is learning once: a stored value says when it was seen last,
//! and that is a maximum.

use std::path::Path;

use cloudtrail::EventTime;
use context::Context;
use decide::{Engine, Lateness, Signal};
use jiff::Timestamp;
use rules::{Decision, RuleSet};
use store::{Audit, Batch, Namespace, Options, Refused, Store};

use crate::deliberation::{DeliberationError, Restored, engine_of};

/// Rows that go into one transaction.
const ROWS: usize = 20_000;

/// First-seen rules that learn. Holds the state folder, so that no service can start on it meanwhile.
#[derive(Debug)]
pub struct Learning {
    store: Store,
    rules: RuleSet,
    engine: Engine,
    namespaces: Vec<Namespace>,
    learned: Vec<Learned>,
    now: Timestamp,
}

/// What one rule has learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The rule's id.
    pub rule: String,
    /// How many values it did not know before.
    pub new: u64,
    /// How many sightings it was told.
    pub sightings: u64,
    /// From the first of them to the last.
    pub span: Option<(EventTime, EventTime)>,
    /// How many values it knows now, those it had learned before among them.
    pub known: usize,
    /// How many values it had to give up because there were more than its `keys_max`.
    pub given_up: u64,
    /// From when on it says what is new.
    pub learnt: EventTime,
}

/// Why nothing can be learned, or why it cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// No rule learns.
    #[error("there is no rule with `first_seen` among the rules, so there is nothing to learn")]
    NothingToLearn,
    /// The state folder cannot be used; a service that runs on it is the usual reason.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The state of a rule was written when the rule meant something else.
    #[error(
        "the state knows rule `{rule}` with another meaning: other events, other keys or another `forget`"
    )]
    Meaning {
        /// The rule's id.
        rule: String,
    },
    /// What is stored was written by a later version, or is damaged.
    #[error("{0}")]
    State(String),
}

impl From<DeliberationError> for LearnError {
    fn from(error: DeliberationError) -> Self {
        match error {
            DeliberationError::Store(error) => LearnError::Store(error),
            error @ DeliberationError::Restore { .. } => LearnError::State(error.to_string()),
        }
    }
}

impl Learning {
    /// Which of `rules` learn, in their order: signals are to be numbered by it.
    #[must_use]
    pub fn rules_that_learn(rules: &RuleSet) -> RuleSet {
        rules.filtered(|rule| matches!(rule.decision, Decision::FirstSeen(_)))
    }

    /// Opens the state folder, or makes one, and goes on from what `rules`, all of which learn, know already.
    ///
    /// # Errors
    ///
    /// When a service runs on the folder, when it cannot be written, and when a rule's state is of another meaning. Nothing
    /// is changed then.
    pub fn open(
        folder: &Path,
        options: &Options,
        rules: RuleSet,
        context: &Context,
        lateness: Lateness,
        now: Timestamp,
    ) -> Result<Self, LearnError> {
        if rules.is_empty() {
            return Err(LearnError::NothingToLearn);
        }
        let store = Store::open(folder, options)?;
        let mut reader = store.reader()?;
        let Restored { engine, namespaces, meanings } =
            engine_of(&rules, context, lateness, &reader.snapshot()?, now)?;
        for ((rule, namespace), stored) in rules.iter().zip(&namespaces).zip(meanings) {
            if stored.is_some_and(|meaning| meaning != namespace.meaning()) {
                return Err(LearnError::Meaning { rule: rule.id.to_string() });
            }
        }
        let learned = (0..).zip(rules.iter()).map(|(number, rule)| Learned {
            rule: rule.id.to_string(),
            new: 0,
            sightings: 0,
            span: None,
            known: 0,
            given_up: 0,
            learnt: engine.learnt(number).unwrap_or_default(),
        });
        let learned = learned.collect();
        Ok(Learning { store, rules, engine, namespaces, learned, now })
    }

    /// Takes a sighting, in any order.
    pub fn take(&mut self, signal: &Signal) {
        let new = self.engine.learn(signal);
        let Some((learned, new)) = self.learned.get_mut(signal.rule as usize).zip(new) else { return };
        learned.sightings += 1;
        learned.new += u64::from(new);
        let (from, to) = learned.span.unwrap_or((signal.time, signal.time));
        learned.span = Some((from.min(signal.time), to.max(signal.time)));
    }

    /// Keeps what was learned from a history that begins at `begin`, and says what that is, by the rules' order.
    ///
    /// # Errors
    ///
    /// When it cannot be written. What was written of it is no harm, and learning again completes it.
    pub fn keep(mut self, begin: Option<EventTime>) -> Result<Vec<Learned>, LearnError> {
        if let Some(begin) = begin {
            self.engine.remember_from(begin);
        }
        let mut open = self.batch();
        let mut rows = 0;
        for (place, changes) in self.engine.changes() {
            // What belongs to no rule is the service's own: it begins when the service does.
            let Some(namespace) = self.namespaces.get(place).filter(|_| place < self.rules.len()) else {
                continue;
            };
            for change in changes {
                match change.value {
                    Some((version, value)) => open.put(namespace, &change.key, version, &value),
                    None => open.delete(namespace, &change.key),
                };
                rows += 1;
                if rows % ROWS == 0 {
                    let full = std::mem::replace(&mut open, self.batch());
                    self.store.commit(full).map_err(refused)?;
                }
            }
        }
        for (number, holding) in self.engine.holdings() {
            let Some(learned) = self.learned.get_mut(number as usize) else { continue };
            (learned.known, learned.given_up) = (holding.keys, holding.evicted);
            learned.learnt = self.engine.learnt(number).unwrap_or(learned.learnt);
            if learned.new > 0 {
                open.audit(Audit {
                    at_ms: self.now.as_millisecond(),
                    actor: "learn".to_owned(),
                    action: "learned values as known".to_owned(),
                    subject: learned.rule.clone(),
                    detail: learned.new.to_string().into_bytes(),
                });
            }
        }
        self.store.commit(open).map_err(refused)?;
        self.store.close();
        Ok(self.learned)
    }

    /// A batch that can hold rows of all rules.
    fn batch(&self) -> Batch {
        let mut batch = Batch::new(self.now.as_millisecond());
        for namespace in self.namespaces.iter().take(self.rules.len()) {
            batch.adopt(namespace);
        }
        batch
    }
}

fn refused(refused: Refused<Batch>) -> LearnError {
    LearnError::Store(refused.error)
}
