//! The audit list: who did what, in a chain that shows where it was tampered with.
//!
//! Each row carries the hash of the row before and a hash over itself and that. Whoever changes, removes or inserts a row breaks
//! the chain there, unless they rewrite everything after it; so a [head](AuditHead) that was noted somewhere else (a
//! ticket, a log, another machine) proves everything up to it, and also that nothing was cut off the end. Retention does not
//! touch the list.

use std::fmt;

use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use crate::{Error, Snapshot};

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who: a user, or a part of the service.
    pub actor: String,
    /// What: a verb, such as `retry`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Anything else, in the caller's format.
    pub detail: Vec<u8>,
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number, from 1 without gaps.
    pub seq: i64,
    /// What is in it.
    pub entry: Audit,
    /// The hash of the row before; zeros for the first.
    pub previous: [u8; 32],
    /// The hash over all of this.
    pub hash: [u8; 32],
}

/// The end of the list at some time. Its text form, `seq:hash`, is for noting it elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// The last row's number; 0 while there is none.
    pub seq: i64,
    /// The last row's hash; zeros while there is none.
    pub hash: [u8; 32],
}

impl AuditHead {
    const EMPTY: AuditHead = AuditHead { seq: 0, hash: [0; 32] };
}

impl fmt::Display for AuditHead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.seq)?;
        self.hash.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// What a check of the chain found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditCheck {
    /// Every link holds, up to this head.
    Whole(AuditHead),
    /// The first link that does not.
    Broken(BrokenLink),
}

/// Where a chain breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenLink {
    /// A row is missing.
    #[error("row {seq} of the audit list is missing")]
    Missing {
        /// Its number.
        seq: i64,
    },
    /// A row does not follow from the row before: one of the two was exchanged, with a hash that fits itself.
    #[error("row {seq} of the audit list does not continue the row before it")]
    Unlinked {
        /// Its number.
        seq: i64,
    },
    /// A row's contents do not give its hash.
    #[error("row {seq} of the audit list was changed")]
    Changed {
        /// Its number.
        seq: i64,
    },
    /// The chain holds by itself, but is not the one whose head was noted.
    #[error("the audit list was rewritten at or before row {seq}")]
    Rewritten {
        /// The number of the noted head.
        seq: i64,
    },
}

impl AuditRow {
    fn head(&self) -> AuditHead {
        AuditHead { seq: self.seq, hash: self.hash }
    }

    /// What its hash must be. Every part is preceded by its length, so no two rows hash alike by moving a border.
    fn computed_hash(&self) -> [u8; 32] {
        let Audit { at_ms, actor, action, subject, detail } = &self.entry;
        let mut hash = Sha256::new();
        hash.update(b"trailhound audit 1");
        hash.update(self.previous);
        hash.update(self.seq.to_le_bytes());
        hash.update(at_ms.to_le_bytes());
        for part in [actor.as_bytes(), action.as_bytes(), subject.as_bytes(), detail] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let entry = Audit {
            at_ms: row.get(1)?,
            actor: row.get(2)?,
            action: row.get(3)?,
            subject: row.get(4)?,
            detail: row.get(5)?,
        };
        Ok(AuditRow { seq: row.get(0)?, entry, previous: row.get(6)?, hash: row.get(7)? })
    }
}

const COLUMNS: &str = "seq, at_ms, actor, action, subject, detail, previous, hash";

impl Snapshot<'_> {
    /// Rows of the audit list in order, continuing after `seq` (0 at first).
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn audit(&self, after_seq: i64, rows_max: u32) -> Result<Vec<AuditRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        self.read(|connection| {
            connection.prepare_cached(&sql)?.query_map((after_seq, rows_max), AuditRow::from_row)?.collect()
        })
    }

    /// The present end of the list, to be noted elsewhere.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn audit_head(&self) -> Result<AuditHead, Error> {
        self.read(head)
    }

    /// Follows the whole chain and stops at the first broken link. With a head that was noted elsewhere, also checks that the list
    /// still goes through it.
    ///
    /// # Errors
    ///
    /// When the database cannot be read. A broken chain is an answer, not an error.
    pub fn verify_audit(&self, noted: Option<AuditHead>) -> Result<AuditCheck, Error> {
        let sql = format!("SELECT {COLUMNS} FROM audit ORDER BY seq");
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            let mut last = AuditHead::EMPTY;
            while let Some(row) = rows.next()? {
                let row = AuditRow::from_row(row)?;
                if let Some(broken) = check_link(last, &row, noted) {
                    return Ok(AuditCheck::Broken(broken));
                }
                last = row.head();
            }
            Ok(match noted {
                Some(noted) if noted.seq > last.seq => {
                    AuditCheck::Broken(BrokenLink::Missing { seq: last.seq.saturating_add(1) })
                }
                _ => AuditCheck::Whole(last),
            })
        })
    }
}

fn check_link(last: AuditHead, row: &AuditRow, noted: Option<AuditHead>) -> Option<BrokenLink> {
    let seq = last.seq.saturating_add(1);
    if row.seq != seq {
        Some(BrokenLink::Missing { seq })
    } else if row.computed_hash() != row.hash {
        Some(BrokenLink::Changed { seq })
    } else if row.previous != last.hash {
        Some(BrokenLink::Unlinked { seq })
    } else if noted.is_some_and(|noted| noted.seq == seq && noted.hash != row.hash) {
        Some(BrokenLink::Rewritten { seq })
    } else {
        None
    }
}

fn head(connection: &Connection) -> rusqlite::Result<AuditHead> {
    let mut statement = connection.prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?;
    let mut rows = statement.query_map([], |row| Ok(AuditHead { seq: row.get(0)?, hash: row.get(1)? }))?;
    rows.next().unwrap_or(Ok(AuditHead::EMPTY))
}

pub(crate) fn append(connection: &Connection, entries: &[Audit]) -> rusqlite::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut last = head(connection)?;
    let mut insert = connection
        .prepare_cached(&format!("INSERT INTO audit ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"))?;
    for entry in entries {
        let mut row =
            AuditRow { seq: last.seq + 1, entry: entry.clone(), previous: last.hash, hash: [0; 32] };
        row.hash = row.computed_hash();
        let Audit { at_ms, actor, action, subject, detail } = &row.entry;
        insert.execute((row.seq, at_ms, actor, action, subject, detail, row.previous, row.hash))?;
        last = row.head();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;
    use crate::{Batch, Options, Reader, Store};

    fn entry(number: i64) -> Audit {
        Audit {
            at_ms: number,
            actor: "kim".into(),
            action: "silence".into(),
            subject: format!("rule-{number}"),
            detail: vec![],
        }
    }

    /// A list of five rows, and then somebody with a shell.
    fn tampered(with: &str) -> (AuditHead, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &Options::default()).unwrap();
        let mut batch = Batch::new(0);
        for number in 1..=5 {
            batch.audit(entry(number));
        }
        store.commit(batch).unwrap();
        let file = store.file();
        let head = store.reader().unwrap().snapshot().unwrap().audit_head().unwrap();
        store.close();
        let shell = Connection::open(file).unwrap();
        shell.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted;").unwrap();
        shell.execute_batch(with).unwrap();
        (head, folder)
    }

    #[test]
    fn the_first_broken_link_is_found() {
        let cases = [
            ("", None),
            ("UPDATE audit SET actor = 'lee' WHERE seq = 3", Some(BrokenLink::Changed { seq: 3 })),
            ("UPDATE audit SET at_ms = 0 WHERE seq >= 4", Some(BrokenLink::Changed { seq: 4 })),
            ("DELETE FROM audit WHERE seq = 1", Some(BrokenLink::Missing { seq: 1 })),
            ("DELETE FROM audit WHERE seq = 3", Some(BrokenLink::Missing { seq: 3 })),
            ("DELETE FROM audit WHERE seq >= 4", Some(BrokenLink::Missing { seq: 4 })),
            ("DELETE FROM audit", Some(BrokenLink::Missing { seq: 1 })),
            (
                "DELETE FROM audit WHERE seq = 2; UPDATE audit SET seq = seq - 1 WHERE seq > 2",
                Some(BrokenLink::Changed { seq: 2 }),
            ),
        ];
        for (tampering, expected) in cases {
            let (head, folder) = tampered(tampering);
            let mut reader = Reader::open(folder.path()).unwrap();
            let found = reader.snapshot().unwrap().verify_audit(Some(head)).unwrap();
            let expected = expected.map_or(AuditCheck::Whole(head), AuditCheck::Broken);
            assert_eq!(found, expected, "{tampering}");
        }
    }

    #[test]
    fn a_whole_new_chain_does_not_go_through_the_noted_head() {
        let (head, folder) = tampered("DELETE FROM audit");
        let store = Store::open(folder.path(), &Options::default()).unwrap();
        let mut batch = Batch::new(0);
        for number in 11..=16 {
            batch.audit(entry(number));
        }
        store.commit(batch).unwrap();
        let mut reader = store.reader().unwrap();
        let snapshot = reader.snapshot().unwrap();
        assert!(matches!(snapshot.verify_audit(None).unwrap(), AuditCheck::Whole(AuditHead { seq: 6, .. })));
        let rewritten = AuditCheck::Broken(BrokenLink::Rewritten { seq: 5 });
        assert_eq!(snapshot.verify_audit(Some(head)).unwrap(), rewritten);
    }

    #[test]
    fn a_row_from_another_list_does_not_link() {
        let (_, other) = tampered("UPDATE audit SET actor = 'lee' WHERE seq = 1");
        let mut row = Reader::open(other.path()).unwrap().snapshot().unwrap().audit(0, 1).unwrap().remove(0);
        row.hash = row.computed_hash();
        let hex: String = row.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let (_, folder) = tampered(&format!("UPDATE audit SET actor = 'lee', hash = x'{hex}' WHERE seq = 1"));
        let found = Reader::open(folder.path()).unwrap().snapshot().unwrap().verify_audit(None).unwrap();
        assert_eq!(found, AuditCheck::Broken(BrokenLink::Unlinked { seq: 2 }));
    }

    #[test]
    fn the_list_cannot_be_changed_by_accident() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &Options::default()).unwrap();
        let mut batch = Batch::new(0);
        batch.audit(entry(1));
        store.commit(batch).unwrap();
        let shell = Connection::open(store.file()).unwrap();
        for sql in ["UPDATE audit SET actor = 'lee'", "DELETE FROM audit"] {
            assert_eq!(
                shell.execute(sql, []).unwrap_err().to_string(),
                "the audit list is append-only",
                "{sql}"
            );
        }
    }
}
