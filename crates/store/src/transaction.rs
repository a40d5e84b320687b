//! What can be committed, and how its answer comes back.
//!
//! A [`Transaction`] is one caller's all-or-nothing: it is kept whole or not at all, whatever else shares its commit. The kinds
//! are closed: [`Batch`](crate::Batch), [`Attempts`](crate::Attempts), [`Receipts`](crate::Receipts),
//! [`DeadLetters`](crate::DeadLetters), [`Rewind`](crate::Rewind) and [`Prune`](crate::Prune).

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rusqlite::Connection;

use crate::Error;

/// Something that is committed whole or not at all.
///
/// Submit one with [`Store::commit`](crate::Store::commit), which waits until it is durable,
/// [`Store::submit`](crate::Store::submit), which returns a [`Ticket`], or
/// [`Store::try_submit_then`](crate::Store::try_submit_then), which never waits.
pub trait Transaction: sealed::Apply + Send + 'static {
    /// What the caller learns once the transaction is durable.
    type Answer: Send + 'static;

    /// Bytes that wait with this transaction, roughly.
    #[doc(hidden)]
    fn bytes(&self) -> usize;

    #[doc(hidden)]
    fn apply(&self, group: &sealed::Group<'_>) -> Result<Self::Answer, sealed::ApplyError>;
}

/// A transaction that was not kept, and why. The work comes home, so it can be submitted again when the reason has passed.
pub struct Refused<W> {
    /// What was to be committed. `None` only if the writer itself broke down with it.
    pub work: Option<Box<W>>,
    /// Why nothing of it was kept; see [`Error::Failed`] for the one case in which that is not known.
    pub error: Error,
}

impl<W> fmt::Debug for Refused<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Refused").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<W> fmt::Display for Refused<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl<W> std::error::Error for Refused<W> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// An answer that is on its way.
#[derive(Debug)]
#[must_use = "without waiting, nobody knows whether it was kept"]
pub struct Ticket<W: Transaction> {
    answer: Receiver<Outcome<W>>,
}

/// What a caller is told.
type Outcome<W> = Result<<W as Transaction>::Answer, Refused<W>>;

impl<W: Transaction> Ticket<W> {
    pub(crate) fn pair() -> (SyncSender<Outcome<W>>, Self) {
        let (sender, answer) = sync_channel(1);
        (sender, Ticket { answer })
    }

    /// Waits until the transaction is durable or refused.
    ///
    /// # Errors
    ///
    /// The work and the reason, when nothing of it was kept.
    pub fn wait(self) -> Result<W::Answer, Refused<W>> {
        self.answer.recv().unwrap_or(Err(Refused { work: None, error: Error::Stopped }))
    }
}

/// One transaction in the writer's queue, its kind forgotten.
pub(crate) trait Job: Send {
    /// Runs inside a savepoint of its own.
    fn apply(&mut self, group: &sealed::Group<'_>) -> Result<(), sealed::ApplyError>;

    /// Called once, after the commit or the refusal.
    fn answer(self: Box<Self>, refused: Option<Error>);
}

pub(crate) struct Submitted<W: Transaction, F> {
    pub(crate) work: Box<W>,
    pub(crate) then: F,
    answer: Option<W::Answer>,
}

impl<W: Transaction, F> Submitted<W, F> {
    pub(crate) fn new(work: W, then: F) -> Self {
        Submitted { work: Box::new(work), then, answer: None }
    }
}

impl<W, F> Job for Submitted<W, F>
where
    W: Transaction,
    F: FnOnce(Result<W::Answer, Refused<W>>) + Send,
{
    fn apply(&mut self, group: &sealed::Group<'_>) -> Result<(), sealed::ApplyError> {
        self.answer = Some(self.work.apply(group)?);
        Ok(())
    }

    fn answer(self: Box<Self>, refused: Option<Error>) {
        let Submitted { work, then, answer } = *self;
        then(match (refused, answer) {
            (None, Some(answer)) => Ok(answer),
            (refused, _) => Err(Refused { work: Some(work), error: refused.unwrap_or(Error::Stopped) }),
        });
    }
}

pub(crate) mod sealed {
    use super::Connection;

    /// Only this crate's transactions.
    pub trait Apply {}

    /// The open commit that a transaction becomes part of.
    #[derive(Debug)]
    pub struct Group<'a> {
        pub(crate) connection: &'a Connection,
        /// The number of this commit.
        pub(crate) commit: u64,
    }

    /// Why one transaction is taken out of its group.
    #[derive(Debug)]
    pub enum ApplyError {
        Sqlite(rusqlite::Error),
        Meaning(Box<str>),
    }

    impl From<rusqlite::Error> for ApplyError {
        fn from(error: rusqlite::Error) -> Self {
            ApplyError::Sqlite(error)
        }
    }
}
