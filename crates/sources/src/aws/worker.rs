//! Messages of a queue, several at once, each until it is deleted or let go.
//!
//! Invariant: a message is deleted only after the batch it led to was committed. What happens to the rest:
//!
//! | what | then |
//! |---|---|
//! | it says nothing to read | deleted |
//! | the batch was refused, or reading failed in a way that may pass | visible again after a delay, as often as it takes |
//! | it will never be readable | the same, until it has come [`tries`](QueueSettings::tries) times; then it is set aside by a batch, and deleted |
//! | it comes again while it is worked on | noted, and deleted by its newest receipt |
//! | the process dies | visible again after [`visibility`](QueueSettings::visibility) |

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::aws::fault::Fault;
use crate::aws::queue::{BATCH_MAX, Message, Queue, QueueSettings};
use crate::{Content, HealthReporter, Intake, Proof, Session, SetAside, SourceError, Stop, Verdict};

/// What a message leads to.
pub(super) enum Read<N> {
    /// Input, and what the reader wants to be told when it is committed.
    Content(Content, N),
    /// Nothing: it is done.
    Nothing,
    /// It cannot be read.
    Fault(Fault),
}

/// Reads messages.
pub(super) trait Reader: Send + Sync + 'static {
    /// What it wants back after the commit.
    type Note: Send;

    /// Reads a message. If it `is_last`, what is hopeless in it may be set aside so that the rest counts.
    fn read(&self, message: &Message, is_last: bool) -> impl Future<Output = Read<Self::Note>> + Send;

    /// A message's content was committed. Returns what that proves.
    fn committed(&self, note: Self::Note) -> Vec<Proof>;
}

struct Worker<R> {
    queue: Queue,
    settings: QueueSettings,
    reader: R,
    intake: Intake,
    health: HealthReporter,
    /// Messages that are worked on, with their newest receipts.
    at_work: Mutex<HashMap<String, String>>,
    /// Messages that could not be dealt with when they last came, and when that was.
    in_trouble: Mutex<HashMap<String, Instant>>,
    /// Receipts of messages that may be deleted.
    done: mpsc::UnboundedSender<String>,
}

/// What is to become of a message.
enum End {
    Delete,
    Later,
}

/// Works until it is stopped or the queue cannot be read.
pub(super) async fn work<R: Reader>(
    settings: &QueueSettings,
    reader: R,
    session: Session,
) -> Result<(), SourceError> {
    let Session { intake, stop, health, .. } = session;
    let queue = Queue::open(settings).await;
    // Bounded by the messages at work.
    let (done, finished) = mpsc::unbounded_channel();
    let worker = Arc::new(Worker {
        queue,
        settings: settings.clone(),
        reader,
        intake,
        health,
        at_work: Mutex::default(),
        in_trouble: Mutex::default(),
        done,
    });
    let deleter = tokio::spawn(delete(worker.queue.clone(), worker.health.clone(), finished));
    let mut messages = JoinSet::new();
    let ended = poll(&worker, &mut messages, stop).await;
    if ended != Err(SourceError::Abandoned) {
        while messages.join_next().await.is_some() {}
    }
    messages.shutdown().await;
    // With the last sender gone the deleter ends.
    drop(worker);
    let _ = deleter.await;
    ended
}

async fn poll<R: Reader>(
    worker: &Arc<Worker<R>>,
    messages: &mut JoinSet<()>,
    mut stop: Stop,
) -> Result<(), SourceError> {
    let places = Arc::new(Semaphore::new(worker.settings.concurrency.clamp(1, Semaphore::MAX_PERMITS)));
    let mut is_reached = false;
    loop {
        while messages.try_join_next().is_some() {}
        let received = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(|_| SourceError::Abandoned)?;
            let received = worker.queue.receive(places.available_permits() + 1).await?;
            Ok::<_, SourceError>((place, received))
        };
        // A message that comes while this is given up is visible again after a while.
        let (place, received) = tokio::select! {
            biased;
            () = stop.asked() => return Ok(()),
            () = worker.intake.abandoned() => return Err(SourceError::Abandoned),
            received = received => received?,
        };
        if !is_reached {
            worker.health.healthy();
            is_reached = true;
        }
        let mut place = Some(place);
        for message in received {
            if worker.is_at_work(&message) {
                continue;
            }
            let place = match place.take() {
                Some(place) => place,
                // Nobody else takes places, so there is one for each message.
                None => Arc::clone(&places).acquire_owned().await.map_err(|_| SourceError::Abandoned)?,
            };
            messages.spawn(Arc::clone(worker).message(message, place));
        }
    }
}

impl<R: Reader> Worker<R> {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message has to come again, which says something about the source.
    fn trouble(&self, message: &Message, reason: String, next_step: String) -> End {
        self.in_trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(message.id.clone(), Instant::now());
        self.health.unhealthy(reason, next_step);
        End::Later
    }

    /// A message was dealt with. The source is well again when that holds of all: one that works says nothing of the others.
    fn relief(&self, message: &Message) {
        let mut in_trouble = self.in_trouble.lock().unwrap_or_else(PoisonError::into_inner);
        in_trouble.remove(&message.id);
        // What does not come again was taken by somebody else, or by a dead-letter queue.
        in_trouble.retain(|_, since| since.elapsed() < FORGOTTEN);
        if in_trouble.is_empty() {
            self.health.healthy();
        }
    }

    /// Notes a message. Whether it was noted before, as a message that comes again too early is.
    fn is_at_work(&self, message: &Message) -> bool {
        self.lock().insert(message.id.clone(), message.receipt.clone()).is_some()
    }

    fn receipt(&self, message: &Message) -> String {
        self.lock().get(&message.id).cloned().unwrap_or_else(|| message.receipt.clone())
    }

    async fn message(self: Arc<Self>, message: Message, _place: OwnedSemaphorePermit) {
        let end = tokio::select! {
            end = self.deal_with(&message) => end,
            () = self.keep_hidden(&message) => End::Later,
        };
        // Before it can come again: it would be taken for one that came too early.
        let receipt = self.lock().remove(&message.id).unwrap_or(message.receipt);
        match end {
            // If this fails, it is visible again when its time is over.
            End::Later => drop(self.queue.hide(&receipt, self.settings.delay_after(message.tries)).await),
            // The deleter lives as long as this sender.
            End::Delete => drop(self.done.send(receipt)),
        }
    }

    /// Extends a message as long as it is worked on. Never returns.
    async fn keep_hidden(&self, message: &Message) {
        let visibility = self.queue.visibility();
        loop {
            tokio::time::sleep(visibility / 3).await;
            if let Err(Fault::Passing { reason, next_step }) =
                self.queue.hide(&self.receipt(message), visibility).await
            {
                self.health.unhealthy(reason, next_step);
            }
        }
    }

    async fn deal_with(&self, message: &Message) -> End {
        let is_last = message.tries >= self.settings.tries;
        let (content, note) = match self.reader.read(message, is_last).await {
            Read::Content(content, note) => (content, Some(note)),
            Read::Nothing => return End::Delete,
            Read::Fault(Fault::Hopeless { reason }) if is_last => (set_aside(message, reason), None),
            Read::Fault(Fault::Hopeless { .. }) => return End::Later,
            Read::Fault(Fault::Passing { reason, next_step }) => {
                return self.trouble(message, reason, next_step);
            }
            Read::Fault(Fault::Elsewhere { region, reason }) => {
                let next_step =
                    format!("S3 says that the bucket is in {region}, and there that it is not: wait");
                return self.trouble(message, reason, next_step);
            }
        };
        let Ok(waiting) = self.intake.offer(content).await else { return End::Later };
        if let Verdict::Refused { reason } = waiting.await {
            let reason = format!("what was read could not be committed: {reason}");
            let next_step = "look at the state folder's disk; the message comes again";
            return self.trouble(message, reason, next_step.to_owned());
        }
        self.relief(message);
        let proofs = note.map(|note| self.reader.committed(note)).unwrap_or_default();
        if !proofs.is_empty() {
            // Not waited for: if it is refused, the next digest proves as much.
            let _ = self.intake.offer(Content { proofs, ..Content::default() }).await;
        }
        End::Delete
    }
}

/// When a message that was in trouble is no longer waited for: twice the longest delay.
const FORGOTTEN: Duration = Duration::from_secs(1800);
/// How much of a message that is set aside is kept, in bytes.
const EXCERPT: usize = 4096;

fn set_aside(message: &Message, reason: String) -> Content {
    let excerpt = message.body.bytes().take(EXCERPT).collect();
    let aside = SetAside { origin: format!("message {}", message.id), reason, excerpt };
    Content { set_aside: vec![aside], ..Content::default() }
}

/// How long a message waits for others to be deleted with it.
const GATHER: Duration = Duration::from_millis(50);
/// How often deleting is tried. What is not deleted comes again, and is recognised.
const DELETE_TRIES: u32 = 3;

async fn delete(queue: Queue, health: HealthReporter, mut done: mpsc::UnboundedReceiver<String>) {
    while let Some(first) = done.recv().await {
        let mut left = vec![first];
        let due = Instant::now() + GATHER;
        while left.len() < BATCH_MAX
            && let Ok(Some(next)) = tokio::time::timeout_at(due, done.recv()).await
        {
            left.push(next);
        }
        for attempt in 1..=DELETE_TRIES {
            let Err((failed, fault)) = queue.delete(&left).await else { break };
            if let (Fault::Passing { reason, next_step }, true) = (fault, attempt == DELETE_TRIES) {
                health.unhealthy(reason, next_step);
            }
            left = failed;
            tokio::time::sleep(GATHER * 2_u32.pow(attempt)).await;
        }
    }
}
