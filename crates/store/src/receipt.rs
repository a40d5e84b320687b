//! Transaction 3: what came of the attempts.
//!
//! When to try again is handed in: how the delay grows, and how it is spread, is the sender's to decide.

use crate::transaction::sealed::{Apply, ApplyError, Group};
use crate::{Attempt, DeliveryKey, Transaction};

/// Outcomes of attempts.
#[derive(Debug)]
pub struct Receipts {
    now_ms: i64,
    receipts: Vec<(Attempt, Outcome)>,
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
        Receipts { now_ms, receipts: Vec::new(), bytes: 64 }
    }

    /// Notes what came of an attempt, which is used up by it.
    pub fn note(&mut self, attempt: Attempt, outcome: Outcome) -> &mut Self {
        self.bytes += 128
            + match &outcome {
                Outcome::Delivered { receipt, handle } => {
                    receipt.len() + handle.as_ref().map_or(0, String::len)
                }
                Outcome::Failed { error, .. } | Outcome::Dead { error } => error.len(),
            };
        self.receipts.push((attempt, outcome));
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
        let mut noted = Noted { noted: 0, stale: Vec::new() };
        for (attempt, outcome) in &self.receipts {
            let (state, due_ms, receipt, handle, error) = match outcome {
                Outcome::Delivered { receipt, handle } => {
                    ("delivered", None, Some(receipt), handle.as_ref(), None)
                }
                Outcome::Failed { error, due_ms } => ("pending", Some(*due_ms), None, None, Some(error)),
                Outcome::Dead { error } => ("dead", None, None, None, Some(error)),
            };
            let (finding, revision, target) = attempt.key().parts();
            let (number, now_ms) = (attempt.number(), self.now_ms);
            let row = (finding, revision, target, number, state, now_ms, due_ms, receipt, error, handle);
            if note.execute(row)? == 1 {
                noted.noted += 1;
            } else {
                noted.stale.push(attempt.key().clone());
            }
        }
        Ok(noted)
    }
}
