//! The bounded way from a source to whoever commits.
//!
//! Invariant: the batches of one session whose verdict is not out never exceed the [`Limits`], wherever they are: in the channel, being
//! decoded, or waiting for the disk.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::SourceError;
use crate::batch::{Acknowledge, Batch, Content, Waiting};

/// How much may be on its way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Batches without a verdict.
    pub batches: usize,
    /// Bytes of them in memory. A batch that is larger than this alone goes alone.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { batches: 64, bytes: 64 << 20 }
    }
}

/// Where a source hands over its batches. Clones share the limits.
#[derive(Debug, Clone)]
pub struct Intake {
    source: Arc<str>,
    batches: mpsc::Sender<Batch>,
    places: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    memory_max: u32,
}

impl Intake {
    pub(crate) fn new(source: &str, limits: Limits) -> (Self, mpsc::Receiver<Batch>) {
        let places = limits.batches.clamp(1, Semaphore::MAX_PERMITS);
        // Counted in KiB, since a semaphore hands out at most a `u32` of permits at once.
        let memory_max = kibibytes(limits.bytes);
        let (batches, received) = mpsc::channel(places);
        let intake = Intake {
            source: source.into(),
            batches,
            places: Arc::new(Semaphore::new(places)),
            memory: Arc::new(Semaphore::new(memory_max as usize)),
            memory_max,
        };
        (intake, received)
    }

    /// Hands over a batch, as soon as there is room for it. The verdict comes by what is returned.
    ///
    /// # Errors
    ///
    /// [`SourceError::Abandoned`], if nobody takes batches any more.
    pub async fn offer(&self, content: Content) -> Result<Waiting, SourceError> {
        let memory = kibibytes(content.bytes()).min(self.memory_max);
        // Always in this order, so that two that wait never wait for each other.
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| SourceError::Abandoned)?;
        let memory =
            Arc::clone(&self.memory).acquire_many_owned(memory).await.map_err(|_| SourceError::Abandoned)?;
        let (acknowledge, waiting) = Acknowledge::pair(vec![place, memory]);
        let batch = Batch { source: self.source.to_string(), content, acknowledge };
        self.batches.send(batch).await.map_err(|_| SourceError::Abandoned)?;
        Ok(waiting)
    }

    /// Whether a further batch would go on its way at once. A hint: another clone may take the place.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.places.available_permits() > 0 && self.memory.available_permits() > 0
    }

    /// Waits until whoever takes the batches is gone.
    pub async fn abandoned(&self) {
        self.batches.closed().await;
    }
}

fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 4)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Limits;
    use crate::{Clock, Content, Session, SourceError, Verdict};

    fn open(batches: usize, bytes: usize) -> (Session, crate::Control) {
        let clock: Clock = Arc::new(|| "2026-11-03T02:41:10Z".parse().unwrap());
        Session::open("test", Limits { batches, bytes }, &clock, [])
    }

    fn content(bytes: usize) -> Content {
        Content::event_text("", vec![b'x'; bytes])
    }

    #[tokio::test]
    async fn a_place_is_free_again_only_after_the_verdict() {
        let (session, mut control) = open(2, 1 << 20);
        let first = session.intake.offer(content(1)).await.unwrap();
        let _second = session.intake.offer(content(1)).await.unwrap();
        assert!(!session.intake.has_room());
        let batch = control.next().await.unwrap();
        assert!(!session.intake.has_room(), "handed out is not committed");
        let intake = session.intake.clone();
        let third = tokio::spawn(async move { intake.offer(content(1)).await.map(drop) });
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        batch.acknowledge.committed();
        assert!(first.await.is_committed());
        third.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn bytes_are_bounded_and_a_batch_beyond_the_bound_goes_alone() {
        let (session, mut control) = open(100, 64 << 10);
        let _large = session.intake.offer(content(10 << 20)).await.unwrap();
        assert!(!session.intake.has_room());
        let batch = control.next().await.unwrap();
        batch.acknowledge.refused("the disk is full");
        assert!(session.intake.has_room());
        let _small = session.intake.offer(content(32 << 10)).await.unwrap();
        let _small = session.intake.offer(content(31 << 10)).await.unwrap();
        assert!(session.intake.has_room(), "a kibibyte is left");
    }

    #[tokio::test]
    async fn silence_is_a_refusal() {
        let (session, mut control) = open(1, 1 << 20);
        let waiting = session.intake.offer(content(1)).await.unwrap();
        drop(control.next().await);
        assert!(matches!(waiting.await, Verdict::Refused { reason } if reason.contains("without a verdict")));
        drop(control);
        assert_eq!(session.intake.offer(content(1)).await.err(), Some(SourceError::Abandoned));
        assert!(session.stop.is_asked(), "an owner that is gone asks to end");
    }
}
