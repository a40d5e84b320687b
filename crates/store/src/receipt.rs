//! Transaction 3: what came of the attempts.
//!
//! When to try again is handed in: how the delay grows, and how it is spread, is the sender's to decide.

use std::collections::BTreeMap;

use crate::batch::add_to_counters;
use crate::finding::add_to_ledger;
use crate::transaction::sealed::{Apply, ApplyError, Group};
use crate::{Attempt, DeliveryKey, Transaction};

/// Outcomes of attempts.
#[derive(Debug)]
pub struct Receipts {
    now_ms: i64,
    receipts: Vec<(Attempt, Outcome)>,
    counters: BTreeMap<String, u64>,
    bytes: usize,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The target took it.
    Delivered {
        /// What it answered.
        receipt: Vec<u8>,
        /// What the target calls the message, if a later one can refer to it.
        handle: Option<String>,
    },
    /// The target took it, and nobody will ask for it any more: the entry is deleted, with its key. For what would otherwise fill the store, and
    /// may arrive twice if it is brought again.
    Forgotten,
    /// It did not work this time.
    Failed {
        /// What went wrong, for people.
        error: String,
        /// Not before this time again.
        due_ms: i64,
    },
    /// It will not work: the target refused it for good, or the attempts are used up. It becomes a dead letter.
    Dead {
        /// What went wrong, for people.
        error: String,
    },
}

/// What became of [`Receipts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Receipts that were noted.
    pub noted: u64,
    /// Entries that were not being sent by that attempt: the attempt belongs to another state folder, or to one that was restored.
    pub stale: Vec<DeliveryKey>,
}

impl Receipts {
    /// No receipts yet; all will be noted as of `now_ms`.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        Receipts { now_ms, receipts: Vec::new(), counters: BTreeMap::new(), bytes: 64 }
    }

    /// Notes what came of an attempt, which is used up by it.
    pub fn note(&mut self, attempt: Attempt, outcome: Outcome) -> &mut Self {
        self.bytes += 128
            + match &outcome {
                Outcome::Delivered { receipt, handle } => {
                    receipt.len() + handle.as_ref().map_or(0, String::len)
                }
                Outcome::Failed { error, .. } | Outcome::Dead { error } => error.len(),
                Outcome::Forgotten => 0,
            };
        self.receipts.push((attempt, outcome));
        self
    }
}

impl Receipts {
    /// Adds to a counter, as [`Batch::count`](crate::Batch::count) does.
    pub fn count(&mut self, name: &str, add: u64) -> &mut Self {
        let sum = self.counters.entry(name.to_owned()).or_default();
        *sum = sum.saturating_add(add);
        self
    }
}

impl Apply for Receipts {}

impl Transaction for Receipts {
    type Answer = Noted;

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn apply(&self, group: &Group<'_>) -> Result<Noted, ApplyError> {
        let mut note = group.connection.prepare_cached(
            "UPDATE delivery SET state = ?5, changed_ms = ?6, due_ms = ifnull(?7, due_ms), receipt = ?8, error = ?9,
             handle = ?10
             WHERE finding = ?1 AND revision = ?2 AND target = ?3 AND state = 'sending' AND attempts = ?4",
        )?;
        let mut forget = group.connection.prepare_cached(
            "DELETE FROM delivery
             WHERE finding = ?1 AND revision = ?2 AND target = ?3 AND state = 'sending' AND attempts = ?4",
        )?;
        let mut noted = Noted { noted: 0, stale: Vec::new() };
        let mut forgotten = 0;
        for (attempt, outcome) in &self.receipts {
            let (state, due_ms, receipt, handle, error) = match outcome {
                Outcome::Delivered { receipt, handle } => {
                    ("delivered", None, Some(receipt), handle.as_ref(), None)
                }
                Outcome::Failed { error, due_ms } => ("pending", Some(*due_ms), None, None, Some(error)),
                Outcome::Dead { error } => ("dead", None, None, None, Some(error)),
                Outcome::Forgotten => ("", None, None, None, None),
            };
            let (finding, revision, target) = attempt.key().parts();
            let (number, now_ms) = (attempt.number(), self.now_ms);
            let changed = if *outcome == Outcome::Forgotten {
                let rows = forget.execute((finding, revision, target, number))?;
                forgotten += rows as u64;
                rows
            } else {
                note.execute((
                    finding, revision, target, number, state, now_ms, due_ms, receipt, error, handle,
                ))?
            };
            if changed == 1 {
                noted.noted += 1;
            } else {
                noted.stale.push(attempt.key().clone());
            }
        }
        if forgotten > 0 {
            add_to_ledger(group.connection, "deliveries_pruned", forgotten)?;
        }
        add_to_counters(group.connection, &self.counters)?;
        Ok(noted)
    }
}
