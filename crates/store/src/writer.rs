//! The one thread that writes: it makes one commit out of all that waits.
//!
//! A durable commit costs one wait for the disk, whatever is in it. While the disk works on one group, callers queue up the
//! next, so the group grows with the load by itself: no timer, and a lone caller never waits for company.
//!
//! Inside the group every transaction has a savepoint. One that is refused is rolled back to it alone; the others stay.
//! Nobody is answered before the group's commit returned, and if that fails nobody gets a yes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, TransactionBehavior};

use crate::Error;
use crate::examination::Verdict;
use crate::queue::{Limits, Queue};
use crate::transaction::Job;
use crate::transaction::sealed::{ApplyError, Group};

/// How much one commit takes at most. More would make the first callers wait for the last ones' writing.
const GROUP: Limits = Limits { count_max: 1024, bytes_max: 8 << 20 };

/// What the writer did since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity {
    /// Commits that reached the disk.
    pub commits: u64,
    /// Transactions in those commits.
    pub transactions: u64,
    /// Transactions of which nothing was kept.
    pub refused: u64,
}

#[derive(Debug, Default)]
pub(crate) struct ActivityCounts {
    commits: AtomicU64,
    transactions: AtomicU64,
    refused: AtomicU64,
}

impl ActivityCounts {
    pub(crate) fn read(&self) -> Activity {
        Activity {
            commits: self.commits.load(Ordering::Relaxed),
            transactions: self.transactions.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) file: PathBuf,
    pub(crate) queue: Arc<Queue<Box<dyn Job>>>,
    pub(crate) activity: Arc<ActivityCounts>,
    /// What checking the pages has come to by now.
    pub(crate) verdict: Verdict,
    /// [`Error::Failed`], once an error left open what is on the disk.
    pub(crate) failed: Option<Error>,
}

impl Writer {
    /// Writes until the queue is closed and empty, then folds the log into the database.
    pub(crate) fn run(mut self) {
        loop {
            let jobs = self.queue.take(GROUP);
            if jobs.is_empty() {
                break;
            }
            self.write(jobs);
        }
        if self.failed.is_none() {
            // Only tidying: what is in the log is as durable as what is in the database.
            let _ = self.connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);");
        }
    }

    fn write(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let outcome = match (&self.failed, self.verdict.get()) {
            (Some(failed), _) => Err(failed.clone()),
            (None, Some(Err(damage))) => Err(damage.clone()),
            (None, _) => self.commit(&mut jobs),
        };
        let refusals = outcome.unwrap_or_else(|error| {
            let error = if error.leaves_the_disk_unknown() {
                self.failed.insert(Error::Failed { cause: Box::new(error) }).clone()
            } else {
                error
            };
            vec![Some(error); jobs.len()]
        });
        let kept = refusals.iter().filter(|refusal| refusal.is_none()).count();
        let activity = &self.activity;
        activity.commits.fetch_add(u64::from(kept > 0), Ordering::Relaxed);
        activity.transactions.fetch_add(kept as u64, Ordering::Relaxed);
        activity.refused.fetch_add((jobs.len() - kept) as u64, Ordering::Relaxed);
        for (job, refusal) in jobs.into_iter().zip(refusals) {
            job.answer(refusal);
        }
    }

    /// One refusal or none per job; an error refuses all of them.
    fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<Vec<Option<Error>>, Error> {
        let file = self.file.as_path();
        let sqlite = |error: rusqlite::Error| Error::sqlite(file, &error);
        let begin = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let mut transaction = begin.map_err(sqlite)?;
        let commit = next_commit(&transaction).map_err(sqlite)?;
        let mut refusals = Vec::with_capacity(jobs.len());
        for job in jobs {
            let savepoint = transaction.savepoint().map_err(sqlite)?;
            let applied = job.apply(&Group { connection: &savepoint, commit });
            let refusal = match applied {
                Ok(()) => {
                    savepoint.commit().map_err(sqlite)?;
                    None
                }
                Err(error) => {
                    let error = match error {
                        ApplyError::Sqlite(error) => sqlite(error),
                        ApplyError::Meaning(namespace) => Error::Meaning { namespace: namespace.into() },
                    };
                    // SQLite gives up the whole transaction on some errors; then there is no savepoint to return to.
                    if savepoint.is_autocommit() || error.leaves_the_disk_unknown() {
                        return Err(error);
                    }
                    savepoint.finish().map_err(sqlite)?;
                    Some(error)
                }
            };
            refusals.push(refusal);
        }
        if refusals.iter().all(Option::is_some) {
            return Ok(refusals);
        }
        transaction.commit().map_err(sqlite)?;
        Ok(refusals)
    }
}

impl Drop for Writer {
    /// Reached with work in the queue only if a callback panicked: nobody shall wait for an answer that cannot come.
    fn drop(&mut self) {
        self.queue.close();
        while !self.queue.take(GROUP).is_empty() {}
    }
}

fn next_commit(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("UPDATE ledger SET value = value + 1 WHERE name = 'commit' RETURNING value")?
        .query_row([], |row| row.get::<_, i64>(0))
        .map(i64::cast_unsigned)
}
