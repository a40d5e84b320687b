//! Transaction 2: attempts to send are started.
//!
//! It is durable before anything leaves the machine. So a message that brings the process down each time it is sent uses up its
//! attempts like any other, and after a crash it is known which messages may have arrived.

use rusqlite::OptionalExtension;

use crate::delivery::{DeliveryState, IS_BEHIND};
use crate::transaction::sealed::{Apply, ApplyError, Group};
use crate::{DeliveryKey, Transaction};

/// Outbox entries that are about to be sent.
///
/// ```
/// use store::{Attempts, Batch, DeliveryKey, Options, Outcome, Receipts, StartRefusal, Store};
///
/// let folder = tempfile::tempdir()?;
/// let store = Store::open(folder.path(), &Options::default())?;
/// let key = DeliveryKey::new("8f2c", 0, "oncall")?;
/// let mut batch = Batch::new(1_000);
/// batch.deliver(key.clone(), b"the message".to_vec(), 1_000);
/// store.commit(batch)?;
///
/// let due = store.reader()?.snapshot()?.due_deliveries(1_000, None, 10)?;
/// let started = store.commit(Attempts::new(1_000, due.iter().map(|entry| entry.key.clone())))?;
/// let attempt = started.into_iter().next().unwrap()?;
/// assert_eq!(attempt.number(), 1);
/// let twice = store.commit(Attempts::new(1_000, [key]))?;
/// assert_eq!(twice, [Err(StartRefusal::NotPending)]);
/// // … send it, with `attempt.key().to_string()` as the idempotency key …
/// let mut receipts = Receipts::new(1_250);
/// receipts.note(attempt, Outcome::Delivered { receipt: b"202 Accepted".to_vec(), handle: None });
/// assert_eq!(store.commit(receipts)?.noted, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Attempts {
    now_ms: i64,
    keys: Vec<DeliveryKey>,
}

/// The right to send one entry once. It is given back with the receipt.
#[derive(Debug, PartialEq, Eq)]
pub struct Attempt {
    key: DeliveryKey,
    number: u32,
    number_in_round: u32,
}

/// Why an entry may not be sent now. The others of the same transaction are not affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StartRefusal {
    /// There is no such entry.
    #[error("no such delivery")]
    Unknown,
    /// It is being sent, or is settled.
    #[error("the delivery is not pending")]
    NotPending,
    /// Its time has not come.
    #[error("the delivery is not due yet")]
    NotDue,
    /// An earlier revision of the same finding is still on its way to the same target.
    #[error("an earlier revision is still on its way")]
    Behind,
}

impl Attempts {
    /// Attempts that start at `now_ms`, answered in the order of the keys.
    #[must_use]
    pub fn new(now_ms: i64, keys: impl IntoIterator<Item = DeliveryKey>) -> Self {
        Attempts { now_ms, keys: keys.into_iter().collect() }
    }
}

impl Attempt {
    /// What is sent.
    #[must_use]
    pub fn key(&self) -> &DeliveryKey {
        &self.key
    }

    /// Which attempt this is over the entry's whole life, from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Which attempt this is since the entry was created or last taken back from the dead letters, from 1.
    #[must_use]
    pub fn number_in_round(&self) -> u32 {
        self.number_in_round
    }
}

impl Apply for Attempts {}

impl Transaction for Attempts {
    type Answer = Vec<Result<Attempt, StartRefusal>>;

    fn bytes(&self) -> usize {
        self.keys.len() * size_of::<DeliveryKey>() * 2
    }

    fn apply(&self, group: &Group<'_>) -> Result<Self::Answer, ApplyError> {
        let mut look = group.connection.prepare_cached(&format!(
            "SELECT state, due_ms, {IS_BEHIND} FROM delivery AS entry
             WHERE finding = ?1 AND revision = ?2 AND target = ?3"
        ))?;
        let mut start = group.connection.prepare_cached(
            "UPDATE delivery SET state = 'sending', attempts = attempts + 1, changed_ms = ?4
             WHERE finding = ?1 AND revision = ?2 AND target = ?3 RETURNING attempts, attempts - attempts_before",
        )?;
        let mut answers = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let found = look
                .query_row(key.parts(), |row| {
                    let state = DeliveryState::from_name(row.get_ref(0)?.as_str()?)?;
                    Ok((state, row.get::<_, i64>(1)?, row.get::<_, bool>(2)?))
                })
                .optional()?;
            let refusal = match found {
                None => Some(StartRefusal::Unknown),
                Some((state, ..)) if state != DeliveryState::Pending => Some(StartRefusal::NotPending),
                Some((_, due_ms, _)) if due_ms > self.now_ms => Some(StartRefusal::NotDue),
                Some((.., true)) => Some(StartRefusal::Behind),
                Some(_) => None,
            };
            answers.push(match refusal {
                Some(refusal) => Err(refusal),
                None => {
                    let (finding, revision, target) = key.parts();
                    let (number, number_in_round) = start
                        .query_row((finding, revision, target, self.now_ms), |row| {
                            Ok((row.get(0)?, row.get(1)?))
                        })?;
                    Ok(Attempt { key: key.clone(), number, number_in_round })
                }
            });
        }
        Ok(answers)
    }
}
