//! How a source is, told as it changes.

use jiff::Timestamp;
use tokio::sync::watch;

use crate::Clock;

/// How a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It has not yet reached what it reads from.
    Starting,
    /// It works.
    Healthy,
    /// It goes on trying.
    Unhealthy {
        /// What is wrong: one line, without secrets.
        reason: String,
        /// What to do about it.
        next_step: String,
        /// Since when.
        since: Timestamp,
    },
}

/// Where a source tells how it is.
#[derive(Clone)]
pub struct HealthReporter {
    told: watch::Sender<Health>,
    clock: Clock,
}

impl HealthReporter {
    pub(crate) fn new(clock: &Clock) -> (Self, watch::Receiver<Health>) {
        let (told, heard) = watch::channel(Health::Starting);
        (HealthReporter { told, clock: clock.clone() }, heard)
    }

    /// It works.
    pub fn healthy(&self) {
        self.told.send_if_modified(|health| {
            let changed = *health != Health::Healthy;
            *health = Health::Healthy;
            changed
        });
    }

    /// It does not work and is tried again. Told repeatedly, it counts from the first time.
    pub fn unhealthy(&self, reason: impl Into<String>, next_step: impl Into<String>) {
        let (reason, next_step) = (reason.into(), next_step.into());
        self.told.send_if_modified(|health| {
            let since = match health {
                Health::Unhealthy { since, .. } => *since,
                Health::Starting | Health::Healthy => (self.clock)(),
            };
            let now = Health::Unhealthy { reason, next_step, since };
            let changed = *health != now;
            *health = now;
            changed
        });
    }
}

impl std::fmt::Debug for HealthReporter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("HealthReporter").field(&*self.told.borrow()).finish()
    }
}
