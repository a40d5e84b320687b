//! When the clock was set back: retries are due as long after now as they were after the attempt that failed.
//!
//! A retry that is due in a minute must not wait an hour because the machine was started again with a clock that is an hour behind.
//! What was never tried is left alone: it may be due at a time of day, and not after a delay.

use crate::Transaction;
use crate::transaction::sealed::{Apply, ApplyError, Group};

/// Brings retries forward that were set while the clock showed a later time than now.
#[derive(Debug, Clone, Copy)]
pub struct Rewind {
    /// Now.
    pub now_ms: i64,
}

impl Apply for Rewind {}

impl Transaction for Rewind {
    /// How many were brought forward.
    type Answer = u64;

    fn bytes(&self) -> usize {
        64
    }

    fn apply(&self, group: &Group<'_>) -> Result<u64, ApplyError> {
        let mut bring = group.connection.prepare_cached(
            "UPDATE delivery SET due_ms = ?1 + max(0, due_ms - changed_ms), changed_ms = ?1
             WHERE state = 'pending' AND attempts > 0 AND due_ms > ?1 AND changed_ms > ?1",
        )?;
        Ok(bring.execute([self.now_ms])? as u64)
    }
}
