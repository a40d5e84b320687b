//! The store itself: opening, submitting, closing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior};

#[cfg(doc)]
use crate::Check;
use crate::connection;
use crate::examination::{self, Examination};
use crate::folder::{Folder, FolderLock, make_names_durable};
use crate::queue::{Limits, NotPushed, Queue};
use crate::schema::{self, MIGRATIONS};
use crate::transaction::{Job, Submitted};
use crate::writer::{Activity, ActivityCounts, Writer};
use crate::{Error, Options, Reader, Refused, Ticket, Transaction};

/// A state folder, open for writing. Shared by reference between any number of threads.
///
/// Dropping it writes what is still queued and gives the folder free.
pub struct Store {
    folder: Folder,
    queue: Arc<Queue<Box<dyn Job>>>,
    activity: Arc<ActivityCounts>,
    interrupted: u64,
    /// Broken off before the writer ends: what it looks at would keep the log from being folded into the database.
    examination: Option<Examination>,
    thread: Option<JoinHandle<()>>,
    /// Given back after the thread ended: fields are dropped after `drop`.
    _lock: FolderLock,
}

impl Store {
    /// Opens a state folder for writing, or makes one.
    ///
    /// In this order: lock the folder, refuse a database that is another program's or a later version's, check its pages
    /// (those of a large file [beside](Check::Beside), from here on), bring its schema up to date, and take back the deliveries whose attempt had no receipt when the last process ended:
    /// they are pending again (see [`interrupted`](Store::interrupted)). Until the checks have passed nothing is changed.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`], [`Error::Newer`], [`Error::Foreign`], [`Error::Corrupt`], [`Error::ReadOnly`], [`Error::Full`],
    /// [`Error::Busy`] or [`Error::Io`].
    ///
    /// ```
    /// use store::{Batch, Options, Store};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let store = Store::open(folder.path(), &Options::default())?;
    /// let mut batch = Batch::new(1_790_000_000_000);
    /// batch.checkpoint("sqs", "cloudtrail", b"17").count("records.matched", 1);
    /// store.commit(batch)?;       // durable: now acknowledge the source
    ///
    /// let mut reader = store.reader()?;
    /// assert_eq!(reader.snapshot()?.checkpoint("sqs", "cloudtrail")?.as_deref(), Some(&b"17"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(folder: &Path, options: &Options) -> Result<Store, Error> {
        let folder = Folder::at(folder);
        folder.create()?;
        let lock = folder.lock()?;
        let file = folder.database();
        let check = examination::before(options.check, &file);
        let mut connection = connection::to_write(&file, options, check)?;
        let interrupted = schema::migrate(&mut connection, MIGRATIONS)
            .and_then(|()| begin_run(&mut connection))
            .map_err(|error| Error::sqlite(&file, &error))?;
        make_names_durable(folder.root())?;
        let examination = Examination::begin(&folder, options.check, check)?;
        Store::start(folder, lock, connection, interrupted, examination, options)
    }

    fn start(
        folder: Folder,
        lock: FolderLock,
        connection: Connection,
        interrupted: u64,
        examination: Examination,
        options: &Options,
    ) -> Result<Store, Error> {
        let limits = Limits { count_max: options.queue_count_max, bytes_max: options.queue_bytes_max };
        let queue = Arc::new(Queue::new(limits));
        let activity = Arc::new(ActivityCounts::default());
        let writer = Writer {
            connection,
            file: folder.database(),
            queue: Arc::clone(&queue),
            activity: Arc::clone(&activity),
            verdict: Arc::clone(examination.verdict()),
            failed: None,
        };
        let examination = Some(examination);
        let thread = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run())
            .map_err(|error| Error::io(folder.root(), &error))?;
        Ok(Store { folder, queue, activity, interrupted, examination, thread: Some(thread), _lock: lock })
    }

    /// Commits one transaction and waits until it is durable.
    ///
    /// # Errors
    ///
    /// The work and the reason, when nothing of it was kept.
    pub fn commit<W: Transaction>(&self, work: W) -> Result<W::Answer, Refused<W>> {
        self.submit(work).wait()
    }

    /// Hands one transaction to the writer, waiting only for room in its queue. Transactions are applied in the order in which
    /// they were submitted.
    pub fn submit<W: Transaction>(&self, work: W) -> Ticket<W> {
        let (sender, ticket) = Ticket::pair();
        // A caller that dropped its ticket does not want to know.
        let answer = move |outcome| drop(sender.send(outcome));
        let bytes = work.bytes();
        if let Err(job) = self.queue.push(Box::new(Submitted::new(work, answer)), bytes) {
            job.answer(Some(Error::Stopped));
        }
        ticket
    }

    /// Hands one transaction to the writer without ever waiting, and calls `then` with the outcome: the way to use the store
    /// from asynchronous code, with the sender of a oneshot channel in `then`.
    ///
    /// `then` runs on the writer's thread: it passes the outcome on and returns. It must not panic, nor wait for the store.
    ///
    /// # Errors
    ///
    /// `work` and `then` themselves, if the queue has no room: wait a little and try again.
    ///
    /// ```
    /// use store::{Batch, Options, Store};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let store = Store::open(folder.path(), &Options::default())?;
    /// let (sender, answer) = std::sync::mpsc::channel();
    /// let submitted = store.try_submit_then(Batch::new(0), move |outcome| drop(sender.send(outcome)));
    /// assert!(submitted.is_ok(), "there was room");
    /// assert_eq!(answer.recv()??.commit, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_submit_then<W, F>(&self, work: W, then: F) -> Result<(), (W, F)>
    where
        W: Transaction,
        F: FnOnce(Result<W::Answer, Refused<W>>) + Send + 'static,
    {
        let bytes = work.bytes();
        let pack = |(work, then)| Box::new(Submitted::new(work, then)) as Box<dyn Job>;
        match self.queue.try_push((work, then), bytes, pack) {
            Ok(()) => Ok(()),
            Err(NotPushed::NoRoom(parts)) => Err(parts),
            Err(NotPushed::Closed((work, then))) => {
                then(Err(Refused { work: Some(Box::new(work)), error: Error::Stopped }));
                Ok(())
            }
        }
    }

    /// How many deliveries an earlier process had begun to send without noting a receipt. They may have arrived; they are
    /// pending again, under the same idempotency key.
    #[must_use]
    pub fn interrupted(&self) -> u64 {
        self.interrupted
    }

    /// What came of checking the database's pages: nothing yet while that goes on, and nothing ever if it was not asked for.
    /// After an error nothing more is written.
    #[must_use]
    pub fn examined(&self) -> Option<Result<(), Error>> {
        self.examination.as_ref()?.verdict().get().cloned()
    }

    /// What the writer did so far.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.activity.read()
    }

    /// The database file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.database()
    }

    /// A new connection for reading. Readers never wait for the writer, nor it for them.
    ///
    /// # Errors
    ///
    /// As for [`Reader::open`].
    pub fn reader(&self) -> Result<Reader, Error> {
        Reader::open(self.folder.root())
    }

    /// Writes what is queued, folds the log into the database and gives the folder free.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.examination = None;
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A writer that broke down has told its callers by dropping their tickets.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Deliveries that an ended process had begun to send become pending, due when they were.
fn begin_run(connection: &mut Connection) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("UPDATE ledger SET value = value + 1 WHERE name = 'run'", [])?;
    let interrupted =
        transaction.execute("UPDATE delivery SET state = 'pending' WHERE state = 'sending'", [])?;
    transaction.commit()?;
    Ok(interrupted as u64)
}
