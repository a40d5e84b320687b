//! One run of a source: what it is handed, and what its owner holds on to.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, watch};

use crate::{Batch, Clock, Health, HealthReporter, Intake, Limits};

/// What a source is handed for one run.
pub struct Session {
    /// Where its batches go.
    pub intake: Intake,
    /// When to end.
    pub stop: Stop,
    /// Where it tells how it is.
    pub health: HealthReporter,
    /// The checkpoints that were committed, by partition.
    pub checkpoints: BTreeMap<String, Vec<u8>>,
    /// The time.
    pub clock: Clock,
}

/// What the owner of a run holds.
#[derive(Debug)]
pub struct Control {
    batches: mpsc::Receiver<Batch>,
    health: watch::Receiver<Health>,
    stop: watch::Sender<bool>,
}

/// Asks a source to end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Session { intake, stop, health, checkpoints, clock: _ } = self;
        formatter
            .debug_struct("Session")
            .field("intake", intake)
            .field("stop", stop)
            .field("health", health)
            .field("checkpoints", &checkpoints.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Everything for one run of the source of this name: limits, the time, and the checkpoints that are stored under its name.
    pub fn open(
        source: &str,
        limits: Limits,
        clock: &Clock,
        checkpoints: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> (Session, Control) {
        let (intake, batches) = Intake::new(source, limits);
        let (health, told) = HealthReporter::new(clock);
        let (stop, stopped) = watch::channel(false);
        let session = Session {
            intake,
            stop: Stop(stopped),
            health,
            checkpoints: checkpoints.into_iter().collect(),
            clock: clock.clone(),
        };
        (session, Control { batches, health: told, stop })
    }
}

impl Control {
    /// The next batch; none when the run has ended and all its batches were handed out. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// How the source is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// For whoever wants to be told when that changes.
    #[must_use]
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Asks the source to end. Batches go on coming until it has.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

impl Stop {
    /// Whether the source is to end.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until it is. An owner that is gone asks too.
    pub async fn asked(&mut self) {
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}
