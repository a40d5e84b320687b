//! What there is, in numbers, and whether the numbers add up.

use rusqlite::Connection;

use crate::delivery::DeliveryState;
use crate::finding::Severity;
use crate::reader::ledger;
use crate::{Error, SCHEMA_VERSION, Snapshot};

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The schema version.
    pub schema: u32,
    /// Commits since the state folder was made.
    pub commit: u64,
    /// How often it was opened for writing.
    pub run: u64,
    /// The database file's size, without its log.
    pub bytes: u64,
    /// Bytes of it that are free for new rows.
    pub free_bytes: u64,
    /// Findings.
    pub findings: FindingCounts,
    /// Outbox entries.
    pub deliveries: DeliveryCounts,
}

/// Findings: every revision that was ever kept is still there or was pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FindingCounts {
    /// Latest revisions, by severity from info to critical.
    pub latest: [u64; 5],
    /// Revisions that a later one replaced.
    pub replaced: u64,
    /// Ever kept.
    pub created: u64,
    /// Deleted by retention.
    pub pruned: u64,
}

/// Outbox entries: every one that was ever created is in one state or was pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryCounts {
    /// To be sent.
    pub pending: u64,
    /// Started, without a receipt yet.
    pub sending: u64,
    /// Sent.
    pub delivered: u64,
    /// Given up.
    pub dead: u64,
    /// Given up for good by an operator.
    pub discarded: u64,
    /// Ever created.
    pub created: u64,
    /// Deleted by retention.
    pub pruned: u64,
}

/// Findings whose messages have not all arrived: a conversation counts as the finding it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Undelivered {
    /// Of which a message is to be sent, or being sent.
    pub pending: u64,
    /// Of which a message was given up; an operator may have it sent again.
    pub failed: u64,
}

impl FindingCounts {
    /// Whether *created = latest + replaced + pruned*. If not, something vanished.
    #[must_use]
    pub fn balanced(&self) -> bool {
        self.created == self.latest.iter().sum::<u64>() + self.replaced + self.pruned
    }
}

impl DeliveryCounts {
    /// Whether *created = pending + sending + delivered + dead + discarded + pruned*. If not, something vanished.
    #[must_use]
    pub fn balanced(&self) -> bool {
        let present = self.pending + self.sending + self.delivered + self.dead + self.discarded;
        self.created == present + self.pruned
    }
}

impl Snapshot<'_> {
    /// Counts everything. Takes time in proportion to the number of rows (indexes are walked): fit for a metrics scrape.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        let commit = self.commit();
        self.read(|connection| {
            let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
            let page = u64::from(pragma("page_size")?);
            Ok(Status {
                schema: SCHEMA_VERSION.min(pragma("user_version")?),
                commit,
                run: ledger(connection, "run")?,
                bytes: u64::from(pragma("page_count")?) * page,
                free_bytes: u64::from(pragma("freelist_count")?) * page,
                findings: count_findings(connection)?,
                deliveries: count_deliveries(connection)?,
            })
        })
    }
}

impl Snapshot<'_> {
    /// How many findings have messages that did not arrive.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn undelivered(&self) -> Result<Undelivered, Error> {
        self.read(|connection| {
            let count = |states: &str| {
                let sql = format!("SELECT count(DISTINCT finding) FROM delivery WHERE state IN ({states})");
                let count = connection.prepare_cached(&sql)?.query_row([], |row| row.get::<_, i64>(0))?;
                Ok::<_, rusqlite::Error>(count.cast_unsigned())
            };
            Ok(Undelivered { pending: count("'pending', 'sending'")?, failed: count("'dead'")? })
        })
    }

    /// How many outbox entries each target is owed: pending or being sent. In the order of their names.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn owed(&self) -> Result<Vec<(String, u64)>, Error> {
        self.read(|connection| {
            let sql = "SELECT target, count(*) FROM delivery WHERE state IN ('pending', 'sending') GROUP BY target ORDER BY target";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
            rows.collect()
        })
    }
}

fn count_findings(connection: &Connection) -> rusqlite::Result<FindingCounts> {
    let mut counts = FindingCounts {
        created: ledger(connection, "findings_created")?,
        pruned: ledger(connection, "findings_pruned")?,
        ..FindingCounts::default()
    };
    for (severity, count) in Severity::ALL.into_iter().zip(&mut counts.latest) {
        let sql = "SELECT count(*) FILTER (WHERE latest = 1), count(*) FILTER (WHERE latest = 0) FROM finding WHERE severity = ?1";
        let (latest, replaced): (i64, i64) = connection
            .prepare_cached(sql)?
            .query_row([severity as u8], |row| Ok((row.get(0)?, row.get(1)?)))?;
        *count = latest.cast_unsigned();
        counts.replaced += replaced.cast_unsigned();
    }
    Ok(counts)
}

fn count_deliveries(connection: &Connection) -> rusqlite::Result<DeliveryCounts> {
    let mut counts = DeliveryCounts {
        created: ledger(connection, "deliveries_created")?,
        pruned: ledger(connection, "deliveries_pruned")?,
        ..DeliveryCounts::default()
    };
    let mut statement = connection.prepare_cached("SELECT state, count(*) FROM delivery GROUP BY state")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let count = row.get::<_, i64>(1)?.cast_unsigned();
        match DeliveryState::from_name(row.get_ref(0)?.as_str()?)? {
            DeliveryState::Pending => counts.pending = count,
            DeliveryState::Sending => counts.sending = count,
            DeliveryState::Delivered => counts.delivered = count,
            DeliveryState::Dead => counts.dead = count,
            DeliveryState::Discarded => counts.discarded = count,
        }
    }
    Ok(counts)
}
