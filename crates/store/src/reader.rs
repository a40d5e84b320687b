//! Reading: connections of their own that cannot write, and snapshots.
//!
//! A [`Snapshot`] shows one commit, whole, for as long as it lives: several questions asked of it fit together. It costs
//! the writer nothing but space (what it still shows stays in the log), so hold one for a page or a start-up, not for hours.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::folder::Folder;
use crate::{Error, connection};

/// A connection for reading a state folder. One per thread; opening one takes well under a millisecond.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    file: PathBuf,
}

/// One commit's view of everything. What can be asked of it is beside the things asked for: state, findings, deliveries, audit.
#[derive(Debug)]
pub struct Snapshot<'a> {
    transaction: Transaction<'a>,
    file: &'a Path,
    commit: u64,
}

/// How far one partition of a source was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The source's name.
    pub source: String,
    /// The part of it that has a position of its own: a shard, a prefix.
    pub partition: String,
    /// What the source noted.
    pub position: Vec<u8>,
}

impl Reader {
    /// Opens a state folder for reading. Needs no lock: a process may be writing it.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Newer`], [`Error::Foreign`], [`Error::Corrupt`], [`Error::ReadOnly`] or [`Error::Io`].
    pub fn open(folder: &Path) -> Result<Reader, Error> {
        let folder = Folder::at(folder);
        Ok(Reader { connection: connection::to_read(&folder)?, file: folder.database() })
    }

    /// Everything as of the last commit.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn snapshot(&mut self) -> Result<Snapshot<'_>, Error> {
        let sqlite = |error: rusqlite::Error| Error::sqlite(&self.file, &error);
        let begin = self.connection.transaction_with_behavior(TransactionBehavior::Deferred);
        let transaction = begin.map_err(sqlite)?;
        // The first read fixes the view.
        let commit = ledger(&transaction, "commit").map_err(sqlite)?;
        Ok(Snapshot { transaction, file: &self.file, commit })
    }
}

impl Snapshot<'_> {
    /// The number of the commit that is seen.
    #[must_use]
    pub fn commit(&self) -> u64 {
        self.commit
    }

    /// How far a partition of a source was read.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn checkpoint(&self, source: &str, partition: &str) -> Result<Option<Vec<u8>>, Error> {
        self.read(|connection| {
            let sql = "SELECT position FROM checkpoint WHERE source = ?1 AND partition = ?2";
            connection.prepare_cached(sql)?.query_row((source, partition), |row| row.get(0)).optional()
        })
    }

    /// All checkpoints, by source and partition.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>, Error> {
        self.read(|connection| {
            let sql = "SELECT source, partition, position FROM checkpoint ORDER BY source, partition";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| {
                Ok(Checkpoint { source: row.get(0)?, partition: row.get(1)?, position: row.get(2)? })
            })?;
            rows.collect()
        })
    }

    /// All counters, by name.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn counters(&self) -> Result<Vec<(String, u64)>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT name, value FROM counter ORDER BY name")?;
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
            rows.collect()
        })
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        read(&self.transaction).map_err(|error| Error::sqlite(self.file, &error))
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.transaction
    }
}

/// One of the store's own sums.
pub(crate) fn ledger(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT value FROM ledger WHERE name = ?1")?
        .query_row([name], |row| row.get::<_, i64>(0))
        .map(i64::cast_unsigned)
}
