//! What a source hands over, and how it learns what became of it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use cloudtrail::LogKey;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::{Body, Class, Payload, Proof};

/// Input that is committed whole, and then acknowledged.
#[derive(Debug)]
#[must_use = "a batch that is dropped counts as refused"]
pub struct Batch {
    /// Which source it is from: [`Source::name`](crate::Source::name).
    pub source: String,
    /// What is in it.
    pub content: Content,
    /// To be called after the commit.
    pub acknowledge: Acknowledge,
}

/// What a batch holds. Any part may be empty.
#[derive(Debug, Default)]
pub struct Content {
    /// Bytes to decode, in order.
    pub payloads: Vec<Payload>,
    /// What is proved of lanes once the payloads have been taken in.
    pub proofs: Vec<Proof>,
    /// To be stored with whatever the payloads lead to, in one transaction.
    pub checkpoints: Vec<Checkpoint>,
    /// Input that is given up, to be counted and reported; the source forgets it once the batch is committed.
    pub set_aside: Vec<SetAside>,
}

/// How far one part of a source was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checkpoint {
    /// The part that has a position of its own.
    pub partition: String,
    /// What the source wants back when it runs again; `None` forgets the part.
    pub position: Option<Vec<u8>>,
}

/// Input that cannot be used, however often it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// What it is: an object, a message, a file.
    pub origin: String,
    /// Why it was given up: one line.
    pub reason: String,
    /// Its beginning, for whoever looks into it: at most a few kilobytes.
    pub excerpt: Vec<u8>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is durable: the source may give up its copy.
    Committed,
    /// Nothing of it was kept: it has to come again.
    Refused {
        /// Why: one line.
        reason: String,
    },
}

/// Tells the source what became of a batch. Dropped without a word, it tells that the batch was refused.
#[derive(Debug)]
pub struct Acknowledge {
    verdict: Option<oneshot::Sender<Verdict>>,
    /// The batch's share of the limits, given back when the verdict is out.
    _share: Vec<OwnedSemaphorePermit>,
}

/// A verdict on its way. Dropping it does no harm: the batch is committed or refused all the same.
#[derive(Debug)]
pub struct Waiting(oneshot::Receiver<Verdict>);

impl Content {
    /// One payload whose bytes are in memory.
    #[must_use]
    pub fn payload(origin: &str, class: Class, bytes: Vec<u8>) -> Self {
        let payload = Payload {
            origin: origin.to_owned(),
            class,
            key: origin.parse::<LogKey>().ok(),
            body: Body::from(bytes),
        };
        Content { payloads: vec![payload], ..Content::default() }
    }

    /// One payload of events that came as EventBridge delivers them.
    #[must_use]
    pub fn event_text(origin: &str, bytes: Vec<u8>) -> Self {
        Content::payload(origin, Class::EventBridge, bytes)
    }

    /// Bytes it holds in memory, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let payloads = self.payloads.iter().map(|payload| payload.body.in_memory() + payload.origin.len());
        let checkpoints = self
            .checkpoints
            .iter()
            .map(|checkpoint| checkpoint.partition.len() + checkpoint.position.as_ref().map_or(0, Vec::len));
        let set_aside = self.set_aside.iter().map(|aside| aside.excerpt.len());
        payloads.chain(checkpoints).chain(set_aside).sum()
    }
}

impl Acknowledge {
    pub(crate) fn pair(share: Vec<OwnedSemaphorePermit>) -> (Self, Waiting) {
        let (verdict, waiting) = oneshot::channel();
        (Acknowledge { verdict: Some(verdict), _share: share }, Waiting(waiting))
    }

    /// The batch is durable.
    pub fn committed(self) {
        self.tell(Verdict::Committed);
    }

    /// Nothing of the batch was kept, and it has to come again.
    pub fn refused(self, reason: impl Into<String>) {
        self.tell(Verdict::Refused { reason: reason.into() });
    }

    fn tell(mut self, verdict: Verdict) {
        if let Some(sender) = self.verdict.take() {
            // A source that ended does not ask: its input comes again, and is recognised.
            let _ = sender.send(verdict);
        }
    }
}

impl Verdict {
    /// Whether it is durable.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        *self == Verdict::Committed
    }
}

impl Future for Waiting {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        Pin::new(&mut self.0).poll(context).map(|told| {
            told.unwrap_or_else(|_| Verdict::Refused {
                reason: "the batch was dropped without a verdict".to_owned(),
            })
        })
    }
}
