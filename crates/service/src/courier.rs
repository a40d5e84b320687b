//! The thread that empties the outbox: transactions 2 and 3.
//!
//! ```text
//!   outbox ──▶ attempt started (2) ──▶ Dispatcher ──▶ the world
//!      ▲                                                 │
//!      └───── delivered, due again, or dead (3) ◀── Report
//! ```
//!
//! It remembers nothing that the outbox does not know: which entries are due, what began, what came of it. What it had begun when
//! the process died is pending again at the next start, under the same idempotency key.
//!
//! It is a thread of its own, because asking the store blocks; the targets' workers run in the service's runtime.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use route::{FindingEvent, TargetName, Telling};
use store::{Attempt, Attempts, Delivery, DeliveryKey, Outcome, Reader, Receipts, Rewind, Store};
use targets::respond::AuditList;
use targets::{Clock, Dispatcher, Events, Fate, Job, Lane, Load, Next, NotTaken, Report, Reports};
use tokio::sync::{Notify, watch};

use crate::Journal;
use crate::decider::Input;
use crate::forward::target_of;
use crate::latency::Latencies;
use crate::parcel::{Parcel, unpack_events};
use crate::respond::StoredList;

/// How many entries one transaction starts at most.
const STARTS_MAX: usize = 256;
/// How long the courier sleeps at most: the clock may jump, and an operator may retry dead letters from another process.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How long it waits when the store refuses.
const AGAIN: Duration = Duration::from_secs(1);

/// Makes the lanes to all targets and responses anew: at the start and at each reload. Responses note what they do in the list.
pub type Lanes = Arc<dyn Fn(&Arc<dyn AuditList>) -> Vec<(TargetName, Lane)> + Send + Sync>;

/// The courier.
pub(crate) struct Courier {
    pub(crate) store: Arc<Store>,
    /// For what is to be said of responses.
    pub(crate) orders: Sender<Input>,
    pub(crate) outbox: Arc<Notify>,
    pub(crate) lanes: watch::Receiver<Lanes>,
    /// How long attempts under way may take after the service was asked to end; none while it runs.
    pub(crate) stop: watch::Receiver<Option<Duration>>,
    pub(crate) latencies: Latencies,
    pub(crate) clock: Clock,
    pub(crate) jitter: targets::Jitter,
    pub(crate) journal: Journal,
    /// Why a delivery to each target last failed, as it was said.
    pub(crate) said: Mutex<BTreeMap<TargetName, String>>,
}

/// What comes back with a report.
struct Tag {
    attempt: Attempt,
    about: What,
}

/// What is on its way.
#[derive(Debug, Clone, Copy)]
enum What {
    /// A message.
    Message(About),
    /// So many events.
    Events(u64),
}

/// What is measured when it has arrived.
#[derive(Debug, Clone, Copy)]
struct About {
    class: decide::SourceClass,
    received: Option<Timestamp>,
    happened: Option<Timestamp>,
}

struct Round {
    dispatcher: Dispatcher<Tag>,
    reports: Reports<Tag>,
    names: Vec<TargetName>,
}

impl Courier {
    /// Delivers until it is asked to stop.
    ///
    /// # Errors
    ///
    /// If the store cannot go on.
    pub(crate) async fn run(mut self) -> Result<(), store::Error> {
        let mut reader = self.store.reader()?;
        let now_ms = (self.clock)().as_millisecond();
        let brought = self.commit(|| Rewind { now_ms }).await?;
        if brought > 0 {
            let line = self
                .journal
                .warn("the clock was set back since the service last ran; retries keep their delay");
            line.with("count", brought).done();
        }
        let mut round = self.begin();
        self.tell_of_strangers(&mut reader, &round)?;
        loop {
            if self.stop.borrow().is_some() {
                break;
            }
            if self.lanes.has_changed().unwrap_or(false) {
                // The old workers end what they have begun; nothing is offered to them any more.
                self.end(round, Duration::from_secs(5)).await?;
                round = self.begin();
                self.tell_of_strangers(&mut reader, &round)?;
            }
            let now = (self.clock)();
            let (started, next_due) = self.start(&mut reader, &round, now).await?;
            for job in started {
                self.offer(&round, job).await?;
            }
            let wait = next_due.map_or(SLEEP_MAX, |due| {
                Duration::from_millis(due.saturating_sub(now.as_millisecond()).max(1).unsigned_abs())
            });
            let mut reports = Vec::new();
            tokio::select! {
                report = round.reports.next() => reports.extend(report),
                () = self.outbox.notified() => {}
                _ = self.lanes.changed() => self.lanes.mark_changed(),
                () = asked(&mut self.stop) => {}
                () = tokio::time::sleep(wait.min(SLEEP_MAX)) => {}
            }
            self.note(&mut round, reports).await?;
        }
        let grace = self.stop.borrow().unwrap_or_default();
        self.end(round, grace).await
    }

    fn begin(&mut self) -> Round {
        let lanes = Arc::clone(&self.lanes.borrow_and_update());
        let list: Arc<dyn AuditList> =
            Arc::new(StoredList::new(Arc::clone(&self.store), self.orders.clone()));
        let lanes = lanes(&list);
        let names = lanes.iter().map(|(name, _)| name.clone()).collect();
        let (dispatcher, reports) = Dispatcher::start(lanes, &self.clock, &self.jitter);
        Round { dispatcher, reports, names }
    }

    /// Warns of what is owed to targets that there are no more: it waits until they are back.
    fn tell_of_strangers(&self, reader: &mut Reader, round: &Round) -> Result<(), store::Error> {
        for (target, count) in reader.snapshot()?.owed()? {
            if round.names.iter().all(|name| name.as_str() != target) {
                let line =
                    self.journal.warn("deliveries are owed to a target that is not configured any more");
                line.with("target", target)
                    .with("count", count)
                    .with("hint", "they wait until a target of that name is there again; `trailhound deliveries list` shows them")
                    .done();
            }
        }
        Ok(())
    }

    /// Starts what is due, as far as there is room; says when the next is due.
    async fn start(
        &self,
        reader: &mut Reader,
        round: &Round,
        now: Timestamp,
    ) -> Result<(Vec<Job<Tag>>, Option<i64>), store::Error> {
        let mut due: BTreeMap<DeliveryKey, Due> = BTreeMap::new();
        let snapshot = reader.snapshot()?;
        for name in &round.names {
            let room = round.dispatcher.room(name).min(STARTS_MAX.saturating_sub(due.len()));
            let rows = u32::try_from(room).unwrap_or(u32::MAX);
            if rows > 0 {
                let entries = snapshot.due_deliveries(now.as_millisecond(), Some(name.as_str()), rows)?;
                for entry in entries {
                    // No earlier message is on its way any more, so whatever was answered to it is there.
                    let earlier = if entry.key.revision() > 0 {
                        snapshot.first_handle(entry.key.finding(), entry.key.target())?
                    } else {
                        None
                    };
                    due.insert(entry.key.clone(), Due { entry, earlier });
                }
            }
        }
        // What is due already waits for room, and a report tells of that; the timer is for what is due later.
        let next_due = snapshot.next_due_ms()?.filter(|due| *due > now.as_millisecond());
        drop(snapshot);
        if due.is_empty() {
            return Ok((Vec::new(), next_due));
        }
        let keys: Vec<DeliveryKey> = due.keys().cloned().collect();
        let granted = self.commit(|| Attempts::new(now.as_millisecond(), keys.iter().cloned())).await?;
        let mut jobs = Vec::new();
        for attempt in granted.into_iter().flatten() {
            let Some(due) = due.remove(attempt.key()) else { continue };
            match job(due, attempt, now) {
                Ok(job) => jobs.push(*job),
                Err((attempt, error)) => {
                    self.journal
                        .error("a delivery cannot be read")
                        .with("key", attempt.key())
                        .with("reason", &error)
                        .done();
                    let mut receipts = Receipts::new(now.as_millisecond());
                    receipts.note(attempt, Outcome::Dead { error });
                    self.commit_receipts(receipts).await?;
                }
            }
        }
        Ok((jobs, next_due))
    }

    /// Hands a job to its worker. There was room a moment ago; should there be none, it is due again at once.
    async fn offer(&self, round: &Round, job: Job<Tag>) -> Result<(), store::Error> {
        let job = match round.dispatcher.offer(job) {
            Ok(()) => return Ok(()),
            Err(NotTaken::Full(job) | NotTaken::UnknownTarget(job)) => job,
        };
        let now = (self.clock)().as_millisecond();
        let mut receipts = Receipts::new(now);
        receipts.note(job.tag.attempt, untried(now));
        self.commit_receipts(receipts).await
    }

    /// Notes what came of attempts: all that is known by now, in one transaction.
    async fn note(&self, round: &mut Round, mut reports: Vec<Report<Tag>>) -> Result<(), store::Error> {
        if reports.is_empty() {
            return Ok(());
        }
        while reports.len() < STARTS_MAX
            && let Some(Some(report)) = now_or_never(round.reports.next())
        {
            reports.push(report);
        }
        self.note_all(reports).await
    }

    async fn note_all(&self, reports: Vec<Report<Tag>>) -> Result<(), store::Error> {
        let now = (self.clock)();
        let mut receipts = Receipts::new(now.as_millisecond());
        for Report { tag: Tag { attempt, about }, target, fate } in reports {
            if let Fate::Tried(Next::Delivered(receipt)) = &fate
                && receipt.in_built_in_words.is_some()
            {
                receipts.count(&format!("built-in-words/{target}"), 1);
            }
            let outcome = self.outcome(&attempt, about, &target, fate, now);
            let outcome = match about {
                What::Message(_) => outcome,
                What::Events(events) => forwarded(outcome, &target, events, &mut receipts),
            };
            receipts.note(attempt, outcome);
        }
        self.commit_receipts(receipts).await
    }

    fn outcome(
        &self,
        attempt: &Attempt,
        about: What,
        target: &TargetName,
        fate: Fate,
        now: Timestamp,
    ) -> Outcome {
        match fate {
            Fate::Tried(Next::Delivered(receipt)) => {
                self.said.lock().unwrap_or_else(PoisonError::into_inner).remove(target);
                let line = self.journal.debug("delivered");
                line.with("key", attempt.key())
                    .with("attempt", attempt.number())
                    .with("answer", &receipt.text)
                    .done();
                if let Some(reason) = &receipt.in_built_in_words {
                    let line = self.journal.warn(
                        "a message went out in the built-in words: the target's `message` made nothing of it",
                    );
                    line.with("target", target).with("key", attempt.key()).with("reason", reason).done();
                }
                if let What::Message(about) = about {
                    self.latencies.delivered(about.class, about.happened, about.received, now);
                }
                Outcome::Delivered { receipt: receipt.text.into_bytes(), handle: receipt.handle }
            }
            Fate::Tried(Next::RetryAt { at, reason }) => {
                // What keeps all deliveries to a target waiting is said once, until it is something else.
                let is_said = {
                    let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
                    said.insert(target.clone(), reason.clone()).as_ref() == Some(&reason)
                };
                let what = "a delivery failed and will be tried again";
                let line = if is_said { self.journal.debug(what) } else { self.journal.warn(what) };
                let line = line.with("target", target).with("key", attempt.key());
                line.with("attempt", attempt.number()).with("reason", &reason).with("at", at).done();
                Outcome::Failed { error: reason, due_ms: at.as_millisecond() }
            }
            Fate::Tried(Next::Dead { reason }) => {
                let line = self.journal.error("a delivery was given up");
                let line = line.with("target", target).with("key", attempt.key()).with("reason", &reason);
                line.with("hint", "`trailhound deliveries retry` sends it again").done();
                Outcome::Dead { error: reason }
            }
            Fate::Untried => untried(now.as_millisecond()),
        }
    }

    async fn end(&self, round: Round, grace: Duration) -> Result<(), store::Error> {
        let Round { dispatcher, mut reports, .. } = round;
        dispatcher.shutdown(grace).await;
        let mut all = Vec::new();
        while let Some(report) = reports.next().await {
            all.push(report);
        }
        if all.is_empty() { Ok(()) } else { self.note_all(all).await }
    }

    async fn commit_receipts(&self, receipts: Receipts) -> Result<(), store::Error> {
        let mut work = receipts;
        loop {
            match self.store.commit(work) {
                Ok(_) => return Ok(()),
                Err(store::Refused { work: Some(back), error })
                    if passes(&error) && self.stop.borrow().is_none() =>
                {
                    work = *back;
                    tokio::time::sleep(AGAIN).await;
                }
                Err(refused) => return Err(refused.error),
            }
        }
    }

    async fn commit<W: store::Transaction>(&self, work: impl Fn() -> W) -> Result<W::Answer, store::Error> {
        loop {
            match self.store.commit(work()) {
                Ok(answer) => return Ok(answer),
                Err(refused) if passes(&refused.error) && self.stop.borrow().is_none() => {
                    tokio::time::sleep(AGAIN).await;
                }
                Err(refused) => return Err(refused.error),
            }
        }
    }
}

/// Waits until the service is asked to end.
async fn asked(stop: &mut watch::Receiver<Option<Duration>>) {
    let _ = stop.wait_for(Option::is_some).await;
}

fn passes(error: &store::Error) -> bool {
    matches!(error, store::Error::Full { .. } | store::Error::Busy { .. })
}

fn untried(now_ms: i64) -> Outcome {
    Outcome::Failed { error: "not tried before the service ended".to_owned(), due_ms: now_ms }
}

/// An entry that is due, with what its target calls the first message of its conversation.
struct Due {
    entry: Delivery,
    earlier: Option<String>,
}

fn job(due: Due, attempt: Attempt, now: Timestamp) -> Result<Box<Job<Tag>>, (Attempt, String)> {
    let Due { entry, earlier } = due;
    let read = || -> Result<(Load, What), String> {
        let payload = entry.payload.as_deref().ok_or("its message is gone")?;
        if let Some(events) = unpack_events(payload) {
            let events = events.map_err(|error| error.to_string())?;
            let target = TargetName::new(entry.key.target()).ok_or("its target has no possible name")?;
            let count = events.len() as u64;
            return Ok((
                Load::Events(Events::new(target, entry.key.to_string(), events)),
                What::Events(count),
            ));
        }
        let parcel = Parcel::unpack(payload).map_err(|error| error.to_string())?;
        let json = parcel.finding.get();
        let finding = match &parcel.telling {
            Some(telling) => FindingEvent::parse(&telling.within(json)),
            None => FindingEvent::parse(json),
        };
        let finding = finding.map_err(|error| error.to_string())?;
        let target = TargetName::new(entry.key.target()).ok_or("its target has no possible name")?;
        let about = About { class: parcel.class, received: parcel.received, happened: parcel.happened };
        let telling = parcel.telling.unwrap_or_else(|| Telling::alone(&finding));
        let delivery = targets::Delivery::told(target, finding, telling, earlier);
        Ok((delivery.into(), What::Message(about)))
    };
    match read() {
        Ok((load, about)) => Ok(Box::new(Job {
            load,
            attempt: attempt.number_in_round(),
            first_enqueued: Timestamp::from_millisecond(entry.created_ms).unwrap_or(now),
            tag: Tag { attempt, about },
        })),
        Err(error) => Err((attempt, error)),
    }
}

/// What becomes of a batch of events: one that has arrived is forgotten, or the store would hold every event that ever came by.
fn forwarded(outcome: Outcome, lane: &TargetName, events: u64, receipts: &mut Receipts) -> Outcome {
    let name = target_of(lane.as_str());
    match outcome {
        Outcome::Delivered { .. } => {
            receipts.count(&format!("forward/{name}/delivered"), events);
            Outcome::Forgotten
        }
        Outcome::Dead { error } => {
            receipts.count(&format!("forward/{name}/given-up"), events);
            Outcome::Dead { error }
        }
        outcome => outcome,
    }
}

/// What a future has to say without waiting.
fn now_or_never<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
