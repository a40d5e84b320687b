//! The trait of those who bring input.

use std::future::Future;
use std::pin::Pin;

use crate::{Session, SourceError};

/// A source at work. It ends well only when it was [stopped](crate::Stop) or its input is over.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<(), SourceError>> + Send + 'a>>;

/// Somewhere events come from.
pub trait Source: Send + Sync {
    /// Its name: checkpoints are stored under it, so it stays the same over restarts.
    fn name(&self) -> &str;

    /// Brings input until it is stopped, its input is over, or it cannot go on. It may be run again after that, with a new session, and
    /// it may be dropped at any moment: what was not acknowledged comes again.
    ///
    /// When it is stopped it takes nothing more, waits for the verdicts on what it handed over, and ends. It does not bound that wait;
    /// whoever stopped it drops it when patience ends.
    fn run(&self, session: Session) -> Running<'_>;
}
