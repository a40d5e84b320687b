//! The outbox: one entry per finding, revision and target, ever.
//!
//! ```text
//!   created ──▶ pending ──attempt started──▶ sending ──receipt──▶ delivered
//!                  ▲  ▲                        │  │
//!                  │  └──failed, due later─────┤  └──given up──▶ dead ──▶ discarded
//!                  │     or process ended      │                  │
//!                  └───────────────────────────┴──────────retried─┘
//! ```
//!
//! Invariant: a key is created at most once and its row outlives its payload, so a replay, however late, finds the key there
//! and creates nothing; but for what is [forgotten](crate::Outcome::Forgotten) on arrival, which a replay may bring again. What is sent carries the key as its idempotency key, the same at every attempt.
//!
//! Revisions of one finding reach one target in order: an entry waits while an earlier revision is pending or being sent.

use std::fmt;
use std::str::FromStr;

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::finding::add_to_ledger;
use crate::{Added, Error, Snapshot};

/// What makes a delivery one and the same: finding, revision, target. As text it is the idempotency key `id:revision:target`.
///
/// ```
/// use store::DeliveryKey;
///
/// let key = DeliveryKey::new("8f2c", 1, "oncall")?;
/// assert_eq!(key.to_string(), "8f2c:1:oncall");
/// assert_eq!("8f2c:1:oncall".parse(), Ok(key));
/// assert!(DeliveryKey::new("8f:2c", 1, "oncall").is_err(), "else two keys could have one text");
/// # Ok::<(), store::DeliveryKeyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryKey {
    finding: String,
    revision: u32,
    target: String,
}

/// Parts that make no delivery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a delivery key is `id:revision:target`, with an id that has no colon and no part empty")]
pub struct DeliveryKeyError;

impl DeliveryKey {
    /// A key of its parts.
    ///
    /// # Errors
    ///
    /// If the id contains a colon, or the id or the target is empty.
    pub fn new(
        finding: impl Into<String>,
        revision: u32,
        target: impl Into<String>,
    ) -> Result<Self, DeliveryKeyError> {
        let (finding, target) = (finding.into(), target.into());
        if finding.is_empty() || finding.contains(':') || target.is_empty() {
            return Err(DeliveryKeyError);
        }
        Ok(DeliveryKey { finding, revision, target })
    }

    /// The finding's id.
    #[must_use]
    pub fn finding(&self) -> &str {
        &self.finding
    }

    /// The finding's revision.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The target's name.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// In the order of `?1, ?2, ?3` of the statements that take a key.
    pub(crate) fn parts(&self) -> (&str, u32, &str) {
        (&self.finding, self.revision, &self.target)
    }
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.finding, self.revision, self.target)
    }
}

impl FromStr for DeliveryKey {
    type Err = DeliveryKeyError;

    fn from_str(text: &str) -> Result<Self, DeliveryKeyError> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(DeliveryKeyError);
        let (finding, revision, target) = (part()?, part()?, part()?);
        let number = revision.parse::<u32>().ok().filter(|number| number.to_string() == revision);
        DeliveryKey::new(finding, number.ok_or(DeliveryKeyError)?, target)
    }
}

/// Where an outbox entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeliveryState {
    /// To be sent when it is due.
    Pending,
    /// An attempt was started and has no receipt yet.
    Sending,
    /// The target took it.
    Delivered,
    /// Given up; an operator may retry or discard it.
    Dead,
    /// An operator decided that it is not to be sent.
    Discarded,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [DeliveryState; 5] = [
        DeliveryState::Pending,
        DeliveryState::Sending,
        DeliveryState::Delivered,
        DeliveryState::Dead,
        DeliveryState::Discarded,
    ];

    /// The name as it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Sending => "sending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "dead",
            DeliveryState::Discarded => "discarded",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self, FromSqlError> {
        Self::ALL.into_iter().find(|state| state.name() == name).ok_or(FromSqlError::InvalidType)
    }
}

/// An outbox entry as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The order of creation; pages continue after it.
    pub seq: i64,
    /// What it is.
    pub key: DeliveryKey,
    /// Where it stands.
    pub state: DeliveryState,
    /// When it was created.
    pub created_ms: i64,
    /// When it last changed its state by an attempt, a receipt or an operator.
    pub changed_ms: i64,
    /// Not to be sent before.
    pub due_ms: i64,
    /// Attempts started, over its whole life.
    pub attempts: u32,
    /// Attempts started since it was created or last taken back from the dead letters: what a limit of attempts and a growing
    /// delay go by.
    pub attempts_in_round: u32,
    /// The message. `None` once retention emptied a delivered or discarded entry.
    pub payload: Option<Vec<u8>>,
    /// What the target answered, if it was delivered.
    pub receipt: Option<Vec<u8>>,
    /// What the target calls the message, if it was delivered and can be referred to.
    pub handle: Option<String>,
    /// What the last failed attempt said.
    pub error: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct NewDelivery {
    pub(crate) key: DeliveryKey,
    pub(crate) payload: Vec<u8>,
    pub(crate) due_ms: i64,
}

/// With a row `entry`: an earlier revision of the same finding is still on its way to the same target.
pub(crate) const IS_BEHIND: &str = "EXISTS (SELECT 1 FROM delivery AS earlier
     WHERE earlier.finding = entry.finding AND earlier.target = entry.target AND earlier.revision < entry.revision
     AND earlier.state IN ('pending', 'sending'))";

const COLUMNS: &str =
    "seq, finding, revision, target, state, created_ms, changed_ms, due_ms, attempts, attempts_before,
     (SELECT bytes FROM payload WHERE payload.delivery = entry.seq), receipt, error, handle";

impl Snapshot<'_> {
    /// Entries that can be sent at `now_ms`, the longest due first: to `target` alone, or to any.
    ///
    /// Listing starts nothing: send only what [`Attempts`](crate::Attempts) granted.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn due_deliveries(
        &self,
        now_ms: i64,
        target: Option<&str>,
        rows_max: u32,
    ) -> Result<Vec<Delivery>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&due())?;
            statement.query_map((now_ms, target, rows_max), from_row)?.collect()
        })
    }

    /// When the next pending entry is due, for a timer. It may still have to wait for an earlier revision.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn next_due_ms(&self) -> Result<Option<i64>, Error> {
        self.read(|connection| {
            let sql = "SELECT min(due_ms) FROM delivery AS entry WHERE state = 'pending'";
            connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
        })
    }

    /// Entries in one state, in the order of creation, continuing after `seq` of the page before (0 at first). Dead letters are
    /// [`DeliveryState::Dead`].
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn deliveries(
        &self,
        state: DeliveryState,
        after_seq: i64,
        rows_max: u32,
    ) -> Result<Vec<Delivery>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM delivery AS entry WHERE state = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
        );
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map((state.name(), after_seq, rows_max), from_row)?.collect()
        })
    }

    /// All entries of one finding, by target and revision.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn deliveries_of(&self, finding: &str) -> Result<Vec<Delivery>, Error> {
        let sql =
            format!("SELECT {COLUMNS} FROM delivery AS entry WHERE finding = ?1 ORDER BY target, revision");
        self.read(|connection| connection.prepare_cached(&sql)?.query_map([finding], from_row)?.collect())
    }

    /// What a target calls the first message of a finding that it took and can refer to.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn first_handle(&self, finding: &str, target: &str) -> Result<Option<String>, Error> {
        let sql = "SELECT handle FROM delivery WHERE finding = ?1 AND target = ?2 AND handle IS NOT NULL ORDER BY revision LIMIT 1";
        self.read(|connection| {
            connection.prepare_cached(sql)?.query_row((finding, target), |row| row.get(0)).optional()
        })
    }

    /// One entry.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn delivery(&self, key: &DeliveryKey) -> Result<Option<Delivery>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM delivery AS entry WHERE finding = ?1 AND revision = ?2 AND target = ?3"
        );
        self.read(|connection| connection.prepare_cached(&sql)?.query_row(key.parts(), from_row).optional())
    }
}

fn due() -> String {
    format!(
        "SELECT {COLUMNS} FROM delivery AS entry INDEXED BY delivery_due
         WHERE state = 'pending' AND due_ms <= ?1 AND (?2 IS NULL OR target = ?2) AND NOT {IS_BEHIND}
         ORDER BY due_ms, seq LIMIT ?3"
    )
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let attempts: u32 = row.get(8)?;
    let attempts_before: u32 = row.get(9)?;
    Ok(Delivery {
        seq: row.get(0)?,
        key: DeliveryKey { finding: row.get(1)?, revision: row.get(2)?, target: row.get(3)? },
        state: DeliveryState::from_name(row.get_ref(4)?.as_str()?)?,
        created_ms: row.get(5)?,
        changed_ms: row.get(6)?,
        due_ms: row.get(7)?,
        attempts,
        attempts_in_round: attempts.saturating_sub(attempts_before),
        payload: row.get(10)?,
        receipt: row.get(11)?,
        error: row.get(12)?,
        handle: row.get(13)?,
    })
}

pub(crate) fn add(
    connection: &Connection,
    deliveries: &[NewDelivery],
    now_ms: i64,
) -> rusqlite::Result<Added> {
    let mut added = Added::default();
    if deliveries.is_empty() {
        return Ok(added);
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO delivery (finding, revision, target, state, created_ms, changed_ms, due_ms)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?4, ?5)
         ON CONFLICT (finding, target, revision) DO NOTHING",
    )?;
    let mut insert_payload =
        connection.prepare_cached("INSERT INTO payload (delivery, bytes) VALUES (?1, ?2)")?;
    for NewDelivery { key, payload, due_ms } in deliveries {
        let (finding, revision, target) = key.parts();
        let created = insert.execute((finding, revision, target, now_ms, due_ms))? == 1;
        if created {
            insert_payload.execute((connection.last_insert_rowid(), payload))?;
        }
        added.note(created);
    }
    add_to_ledger(connection, "deliveries_created", added.created)?;
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sender asks again and again, and most entries were delivered long ago.
    #[test]
    fn what_is_due_comes_out_of_its_index() {
        let plan = crate::schema::plan(&due());
        insta::assert_snapshot!(plan, @"
        SEARCH entry USING INDEX delivery_due (due_ms<?)
        CORRELATED SCALAR SUBQUERY 2
        SEARCH earlier USING INDEX sqlite_autoindex_delivery_1 (finding=? AND target=? AND revision<?)
        CORRELATED SCALAR SUBQUERY 1
        SEARCH payload USING INTEGER PRIMARY KEY (rowid=?)
        ");
    }

    #[test]
    fn a_key_has_one_text_and_a_text_one_key() {
        let key = DeliveryKey::new("a", 10, "team:blue").unwrap();
        assert_eq!(key.to_string(), "a:10:team:blue");
        assert_eq!(key.to_string().parse(), Ok(key));
        for text in ["", "a", "a:1", "a:1:", ":1:t", "a:01:t", "a:+1:t", "a:-1:t", "a:4294967296:t"] {
            assert_eq!(text.parse::<DeliveryKey>(), Err(DeliveryKeyError), "{text}");
        }
    }
}
