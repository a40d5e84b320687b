//! Retention: forgetting what is old, a slice at a time.
//!
//! A slice is a transaction like any other, so commits of input go on between two slices; nobody waits for a month of findings to be
//! deleted. What is still owed is never forgotten: neither a delivery that is not settled, nor the finding it is about, nor one that
//! is to be told later, nor the audit list.

use std::fmt::Write as _;
use std::sync::Arc;

use rusqlite::Connection;

use crate::Transaction;
use crate::finding::add_to_ledger;
use crate::transaction::sealed::{Apply, ApplyError, Group};

/// One slice of forgetting. Commit it again until [`Pruned::more`] is false.
///
/// ```
/// use store::{Options, Prune, Store};
///
/// let folder = tempfile::tempdir()?;
/// let store = Store::open(folder.path(), &Options::default())?;
/// let now_ms: i64 = 1_790_000_000_000;
/// let day_ms = 86_400_000;
/// let prune = Prune {
///     findings_before_ms: Some(now_ms - 400 * day_ms),
///     payloads_before_ms: Some(now_ms - 30 * day_ms),
///     keys_before_ms: Some(now_ms - 800 * day_ms),
///     seen_before_ms: Some(now_ms),
///     ..Prune::default()
/// };
/// while store.commit(prune.clone())?.more {}
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prune {
    /// Deletes findings that were committed before this time and whose deliveries are all settled.
    pub findings_before_ms: Option<i64>,
    /// Findings that are kept all the same, by id: somebody is still to be told of them, though no delivery says so yet.
    pub findings_kept: Arc<[String]>,
    /// Empties deliveries that were settled before this time: payload and receipt go, the key stays, so that a late replay still
    /// creates nothing.
    pub payloads_before_ms: Option<i64>,
    /// Deletes deliveries that were settled before this time, with their keys. Must be longer ago than any replay can reach.
    pub keys_before_ms: Option<i64>,
    /// Forgets seen events that expired before this time.
    pub seen_before_ms: Option<i64>,
    /// The most rows that one slice touches of each kind.
    pub rows_max: u32,
    /// The most free pages that one slice gives back to the file system.
    pub pages_max: u32,
}

impl Default for Prune {
    fn default() -> Self {
        Prune {
            findings_before_ms: None,
            findings_kept: Arc::default(),
            payloads_before_ms: None,
            keys_before_ms: None,
            seen_before_ms: None,
            rows_max: 500,
            pages_max: 1_000,
        }
    }
}

/// What one slice did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Findings deleted.
    pub findings: u64,
    /// Deliveries emptied.
    pub payloads: u64,
    /// Deliveries deleted.
    pub keys: u64,
    /// Seen events forgotten.
    pub seen: u64,
    /// Pages given back to the file system.
    pub pages: u64,
    /// Whether another slice would find more to do.
    pub more: bool,
}

const FINDINGS: &str = "DELETE FROM finding WHERE seq IN (
     SELECT seq FROM finding WHERE committed_ms < ?1
     AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.finding = finding.id
                     AND delivery.state IN ('pending', 'sending', 'dead'))
     AND hex(id) NOT IN (SELECT value FROM json_each(?3))
     LIMIT ?2)";

/// The entries to empty; their payloads are deleted by what this returns.
const PAYLOADS: &str = "UPDATE delivery SET emptied = 1, receipt = NULL, handle = NULL WHERE seq IN (
     SELECT seq FROM delivery INDEXED BY delivery_to_empty
     WHERE changed_ms < ?1 AND state IN ('delivered', 'discarded') AND emptied = 0 LIMIT ?2) RETURNING seq";

/// Payloads go with their entries.
const KEYS: &str = "DELETE FROM delivery WHERE seq IN (
     SELECT seq FROM delivery INDEXED BY delivery_settled
     WHERE changed_ms < ?1 AND state IN ('delivered', 'discarded') LIMIT ?2)";

const SEEN: &str = "DELETE FROM seen WHERE (namespace, event) IN (
     SELECT namespace, event FROM seen WHERE expires_ms < ?1 LIMIT ?2)";

impl Prune {
    fn forget_findings(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let Some(before_ms) = self.findings_before_ms else { return Ok(0) };
        // In digits, so that no id needs quoting.
        let mut kept = String::from("[");
        for id in self.findings_kept.iter() {
            kept.push_str(if kept.len() > 1 { ",\"" } else { "\"" });
            for byte in id.bytes() {
                // Writing to a String cannot fail.
                let _ = write!(kept, "{byte:02X}");
            }
            kept.push('"');
        }
        kept.push(']');
        let rows = connection.prepare_cached(FINDINGS)?.execute((before_ms, self.rows_max, kept))?;
        Ok(rows as u64)
    }

    fn empty_deliveries(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let Some(before_ms) = self.payloads_before_ms else { return Ok(0) };
        let mut empty = connection.prepare_cached(PAYLOADS)?;
        let mut delete = connection.prepare_cached("DELETE FROM payload WHERE delivery = ?1")?;
        let emptied = empty.query_map((before_ms, self.rows_max), |row| row.get::<_, i64>(0))?;
        let mut count = 0;
        for seq in emptied {
            delete.execute([seq?])?;
            count += 1;
        }
        Ok(count)
    }
}

impl Apply for Prune {}

impl Transaction for Prune {
    type Answer = Pruned;

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.findings_kept.iter().map(String::len).sum::<usize>()
    }

    fn apply(&self, group: &Group<'_>) -> Result<Pruned, ApplyError> {
        let connection = group.connection;
        let slice = |sql: &str, before_ms: Option<i64>| match before_ms {
            Some(before_ms) => {
                connection.prepare_cached(sql)?.execute((before_ms, self.rows_max)).map(|rows| rows as u64)
            }
            None => Ok(0),
        };
        let mut pruned = Pruned {
            findings: self.forget_findings(connection)?,
            payloads: self.empty_deliveries(connection)?,
            keys: slice(KEYS, self.keys_before_ms)?,
            seen: slice(SEEN, self.seen_before_ms)?,
            pages: 0,
            more: false,
        };
        add_to_ledger(connection, "findings_pruned", pruned.findings)?;
        add_to_ledger(connection, "deliveries_pruned", pruned.keys)?;

        let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, u32>(0));
        let before = free()?;
        if before > 0 && self.pages_max > 0 {
            // Every page is one step of this statement.
            let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({})", self.pages_max))?;
            let mut steps = vacuum.raw_query();
            while steps.next()?.is_some() {}
        }
        let after = free()?;
        pruned.pages = u64::from(before.saturating_sub(after));

        let full = u64::from(self.rows_max);
        let kinds = [pruned.findings, pruned.payloads, pruned.keys, pruned.seen];
        let pages_left = after > 0 && pruned.pages > 0;
        pruned.more = self.rows_max > 0 && kinds.contains(&full) || pages_left;
        Ok(pruned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forgetting a little must not read all that is kept.
    #[test]
    fn what_is_old_comes_out_of_an_index() {
        let plans = [FINDINGS, PAYLOADS, KEYS, SEEN].map(crate::schema::plan).join("\n");
        insta::assert_snapshot!(plans, @"
        SEARCH finding USING INTEGER PRIMARY KEY (rowid=?)
        LIST SUBQUERY 3
        SEARCH finding USING INDEX finding_by_commit (committed_ms<?)
        LIST SUBQUERY 2
        SCAN json_each VIRTUAL TABLE INDEX 1:
        CREATE BLOOM FILTER
        CORRELATED SCALAR SUBQUERY 1
        SEARCH delivery USING INDEX sqlite_autoindex_delivery_1 (finding=?)

        SEARCH delivery USING INTEGER PRIMARY KEY (rowid=?)
        LIST SUBQUERY 1
        SEARCH delivery USING INDEX delivery_to_empty (changed_ms<?)

        SEARCH delivery USING INTEGER PRIMARY KEY (rowid=?)
        LIST SUBQUERY 1
        SEARCH delivery USING INDEX delivery_settled (changed_ms<?)
        SEARCH payload USING INTEGER PRIMARY KEY (rowid=?)

        SEARCH seen USING PRIMARY KEY (namespace=? AND event=?)
        LIST SUBQUERY 2
        SEARCH seen USING COVERING INDEX seen_by_expiry (expires_ms<?)
        ");
    }
}
