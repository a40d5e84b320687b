//! What an operator does about dead letters, noted in the audit list in the same transaction: there is no way to do one without
//! the other.

use crate::audit::{Audit, append};
use crate::transaction::sealed::{Apply, ApplyError, Group};
use crate::{DeliveryKey, Transaction};

/// Dead letters to retry or to discard.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    acts: Vec<(Act, Which)>,
    audit: Audit,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Retry { due_ms: i64 },
    Discard,
}

#[derive(Debug, Clone)]
enum Which {
    One(DeliveryKey),
    AllOf(String),
}

/// How many dead letters changed. What is not a dead letter is left alone and not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeadLettersChanged {
    /// Pending again.
    pub retried: u64,
    /// Discarded for good.
    pub discarded: u64,
}

impl DeadLetters {
    /// Nothing to do yet. `audit` says who does it and why; its time is noted as the time of change.
    #[must_use]
    pub fn new(audit: Audit) -> Self {
        DeadLetters { acts: Vec::new(), audit }
    }

    /// Makes one pending again, due at `due_ms`, with its attempts counted anew.
    pub fn retry(&mut self, key: DeliveryKey, due_ms: i64) -> &mut Self {
        self.acts.push((Act::Retry { due_ms }, Which::One(key)));
        self
    }

    /// Makes all of one target pending again: for when the target was down.
    pub fn retry_target(&mut self, target: &str, due_ms: i64) -> &mut Self {
        self.acts.push((Act::Retry { due_ms }, Which::AllOf(target.to_owned())));
        self
    }

    /// Decides that one is not to be sent.
    pub fn discard(&mut self, key: DeliveryKey) -> &mut Self {
        self.acts.push((Act::Discard, Which::One(key)));
        self
    }

    /// Decides that all of one target are not to be sent: for when the target is gone.
    pub fn discard_target(&mut self, target: &str) -> &mut Self {
        self.acts.push((Act::Discard, Which::AllOf(target.to_owned())));
        self
    }
}

impl Apply for DeadLetters {}

impl Transaction for DeadLetters {
    type Answer = DeadLettersChanged;

    fn bytes(&self) -> usize {
        self.acts.len() * 128 + self.audit.detail.len()
    }

    fn apply(&self, group: &Group<'_>) -> Result<DeadLettersChanged, ApplyError> {
        let mut changed = DeadLettersChanged::default();
        for (act, which) in &self.acts {
            let change = match act {
                Act::Retry { .. } => "state = 'pending', due_ms = ?5, attempts_before = attempts",
                // The due time stays; mentioning it keeps the parameters the same.
                Act::Discard => "state = 'discarded', due_ms = ifnull(?5, due_ms)",
            };
            let chosen = match which {
                Which::One(_) => "finding = ?1 AND revision = ?2 AND target = ?3",
                Which::AllOf(_) => "?1 IS NULL AND ?2 IS NULL AND target = ?3",
            };
            let sql =
                format!("UPDATE delivery SET {change}, changed_ms = ?4 WHERE state = 'dead' AND {chosen}");
            let (finding, revision, target) = match which {
                Which::One(key) => (Some(key.finding()), Some(key.revision()), key.target()),
                Which::AllOf(target) => (None, None, target.as_str()),
            };
            let (due_ms, sum) = match act {
                Act::Retry { due_ms } => (Some(*due_ms), &mut changed.retried),
                Act::Discard => (None, &mut changed.discarded),
            };
            let row = (finding, revision, target, self.audit.at_ms, due_ms);
            *sum += group.connection.prepare_cached(&sql)?.execute(row)? as u64;
        }
        append(group.connection, std::slice::from_ref(&self.audit))?;
        Ok(changed)
    }
}
