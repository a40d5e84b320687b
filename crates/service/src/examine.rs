//! The workers: bytes are decoded, matched and judged, each batch by one thread, nothing of it shared.
//!
//! Batches are numbered as they are taken, under the lock that hands them out together with the program of that moment: so the
//! [decider](crate::decider) can put them back into that order, checkpoints of one source never overtake each other, and a reload
//! falls between two batches for everybody.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc as std_mpsc};

use cloudtrail::eventbridge::write_envelope;
use cloudtrail::outcome::{Outcome, RejectReason, SkipReason, Tally};
use cloudtrail::{AccountId, Decoder, Event, EventId, EventTime, Item, Region};
use context::Handover;
use decide::{FUTURE_MAX, Judge, Judgement, SourceClass};
use jiff::Timestamp;
use matcher::Scratch;
use rules::EventInPlace;
use sources::{Acknowledge, Batch, Checkpoint, Class, Payload, Proof, SetAside};
use targets::Clock;
use tokio::sync::mpsc;

use crate::decider::Input;
use crate::forward::Forwarded;
use crate::{Journal, Program};

/// The program of the moment.
pub(crate) type Current = Arc<RwLock<Arc<Program>>>;

/// A batch as it came in.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) batch: Batch,
    /// When it came in.
    pub(crate) received: Timestamp,
}

/// A batch, decoded and judged.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) source: String,
    pub(crate) received: Timestamp,
    pub(crate) program: Arc<Program>,
    pub(crate) parts: Vec<Part>,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) checkpoints: Vec<Checkpoint>,
    pub(crate) set_aside: Vec<SetAside>,
    pub(crate) acknowledge: Acknowledge,
}

/// What one payload held.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) origin: String,
    pub(crate) class: SourceClass,
    /// Records that were left aside or rejected; the events are counted by the decider, which knows duplicates.
    pub(crate) tally: Tally,
    /// All events in the order of the text.
    pub(crate) events: Vec<EventId>,
    /// The minutes in which each happened and in which the log got it, where a metric filter counts records it does not match.
    pub(crate) minutes: Vec<(i64, i64)>,
    /// Those of them that a selector matched.
    pub(crate) hits: Vec<Hit>,
    /// Those that go on as they are.
    pub(crate) forwards: Vec<Forwarded>,
    /// Whose credentials are whose, as far as its events tell.
    pub(crate) handovers: Vec<Handover>,
    /// When the first and the last event of each account and region in it happened.
    pub(crate) spans: BTreeMap<(Option<AccountId>, Option<Region>), Span>,
    /// The first record that could not be used.
    pub(crate) rejected: Option<(u64, RejectReason)>,
    /// Why it could not be read to its end.
    pub(crate) trouble: Option<String>,
}

/// Two times, of which the second is not before the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) first: EventTime,
    pub(crate) last: EventTime,
}

/// An event that at least one selector matched.
#[derive(Debug)]
pub(crate) struct Hit {
    /// Its place in [`Part::events`].
    pub(crate) event: usize,
    pub(crate) time: EventTime,
    /// When the log got it.
    pub(crate) logged: EventTime,
    /// Its compact text; empty where nothing fired.
    pub(crate) text: Vec<u8>,
    /// What each rule says of it.
    pub(crate) judgements: Vec<(u32, Judgement)>,
}

/// Where workers take batches from.
#[derive(Debug)]
pub(crate) struct Entrance {
    arrivals: Mutex<mpsc::Receiver<Arrival>>,
    /// The number of the next batch.
    next: AtomicU64,
    current: Current,
    /// The latest time the clock showed, in microseconds.
    latest: AtomicI64,
}

impl Entrance {
    pub(crate) fn new(arrivals: mpsc::Receiver<Arrival>, current: Current) -> Self {
        Entrance {
            arrivals: Mutex::new(arrivals),
            next: AtomicU64::new(0),
            current,
            latest: AtomicI64::new(i64::MIN),
        }
    }

    /// The next batch with its number and program; none when there will be no more.
    fn next(&self) -> Option<(u64, Arrival, Arc<Program>)> {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let arrival = arrivals.blocking_recv()?;
        // Numbered first: see `program_of_nothing`. Under the lock, so a later number never has an earlier program.
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        Some((number, arrival, self.program()))
    }

    /// Beyond this an event is dated in the future. It never goes back: what was in time a moment ago is not in the future because the
    /// clock was set back, and what is left aside for that is acknowledged and does not come again.
    fn horizon(&self, now: Timestamp) -> EventTime {
        let latest = self.latest.fetch_max(now.as_microsecond(), Ordering::SeqCst).max(now.as_microsecond());
        let future = i64::try_from(FUTURE_MAX.as_micros()).unwrap_or(i64::MAX);
        EventTime::from_micros(latest.saturating_add(future))
    }

    fn program(&self) -> Arc<Program> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The program of the moment, if no batch with `number` or a later one was taken yet: whichever comes next has this program or
    /// a later one.
    pub(crate) fn program_of_nothing(&self, number: u64) -> Option<Arc<Program>> {
        let program = self.program();
        (self.next.load(Ordering::SeqCst) == number).then_some(program)
    }
}

/// One thread's work, until no batch comes any more.
pub(crate) fn work(entrance: &Entrance, decider: &std_mpsc::Sender<Input>, clock: &Clock, journal: &Journal) {
    let mut examiner = Examiner { decoder: Decoder::default(), scratch: Scratch::new() };
    while let Some((number, arrival, program)) = entrance.next() {
        let Arrival { batch: Batch { source, content, acknowledge }, received } = arrival;
        let horizon = entrance.horizon(clock());
        // A defect met in one batch must not stop the others; the batch stays with its source.
        let parts = catch_unwind(AssertUnwindSafe(|| {
            let examine = |payload| examiner.part(payload, &program, horizon);
            content.payloads.into_iter().map(examine).collect::<Vec<_>>()
        }));
        let input = match parts {
            Ok(parts) => Input::Piece(
                number,
                Box::new(Piece {
                    source,
                    received,
                    program,
                    parts,
                    proofs: content.proofs,
                    checkpoints: content.checkpoints,
                    set_aside: content.set_aside,
                    acknowledge,
                }),
            ),
            Err(_) => {
                journal
                    .error("a batch met a defect of the program and was given back to its source; please report it")
                    .with("source", &source)
                    .done();
                acknowledge.refused("a defect of the program");
                examiner = Examiner { decoder: Decoder::default(), scratch: Scratch::new() };
                Input::Void(number)
            }
        };
        if decider.send(input).is_err() {
            break;
        }
    }
    // The decider may have ended first.
    let _ = decider.send(Input::WorkerLeft);
}

/// What one thread keeps from batch to batch.
struct Examiner {
    decoder: Decoder,
    scratch: Scratch,
}

impl Examiner {
    fn part(&mut self, mut payload: Payload, program: &Program, horizon: EventTime) -> Part {
        let Examiner { decoder, scratch } = self;
        let mut part = Part {
            origin: std::mem::take(&mut payload.origin),
            class: class(payload.class),
            tally: Tally::default(),
            events: Vec::new(),
            minutes: Vec::new(),
            hits: Vec::new(),
            forwards: Vec::new(),
            handovers: Vec::new(),
            spans: BTreeMap::new(),
            rejected: None,
            trouble: None,
        };
        let known = program.known_values();
        let judge = Judge { rules: program.rules(), context: &program.context, known: Some(&known) };
        let decoded = payload.decode(decoder, |item| match item {
            Item::Event(event) => part.event(&event, program, judge, scratch, horizon),
            Item::Digest(_) => part.ended(Outcome::Skipped(SkipReason::Digest)),
            Item::Skipped { reason, .. } => part.ended(Outcome::Skipped(reason)),
            Item::Rejected { offset, error } => part.reject(offset, error),
        });
        part.trouble = decoded.trouble.map(|trouble| chain(&trouble));
        part
    }
}

impl Part {
    fn ended(&mut self, outcome: Outcome) {
        self.tally.received();
        self.tally.ended(outcome);
    }

    fn reject(&mut self, offset: u64, reason: RejectReason) {
        self.ended(Outcome::Rejected(reason));
        self.rejected.get_or_insert((offset, reason));
    }

    fn event(
        &mut self,
        event: &Event<'_>,
        program: &Program,
        judge: Judge<'_>,
        scratch: &mut Scratch,
        horizon: EventTime,
    ) {
        if event.time > horizon {
            return self.ended(Outcome::Skipped(SkipReason::Future));
        }
        let matched = match program.matcher().matches(event, scratch) {
            Ok(matched) => matched,
            Err(malformed) => {
                // Offsets of faults count from where the scanned text begins, those of events from where the input does.
                let within = malformed.offset.saturating_sub(event.json().offset());
                let at = event.offset + within as u64;
                return self.reject(event.offset, RejectReason::Malformed { reason: malformed.reason, at });
            }
        };
        let forward_to =
            if program.forwards().is_empty() { Vec::new() } else { program.forward_lanes(matched) };
        let judgements = judge.judge(event, matched);
        let fires = judgements.iter().any(|(_, judgement)| matches!(judgement, Judgement::Fires { .. }));
        // What is told, or goes on, has to be JSON through and through.
        if (fires || !forward_to.is_empty()) && EventInPlace::new(event).check().is_err() {
            return self.reject(event.offset, RejectReason::Unreadable);
        }
        self.handovers.extend(Handover::of(event));
        self.tally.undated += u64::from(event.undated);
        if !event.undated {
            let span = self.spans.entry((event.account(), event.region()));
            let span = span.or_insert(Span { first: event.time, last: event.time });
            *span = Span { first: span.first.min(event.time), last: span.last.max(event.time) };
        }
        self.events.push(event.id());
        if !program.with_defaults().is_empty() {
            let minute = |time: EventTime| time.as_seconds().div_euclid(60);
            self.minutes.push((minute(event.time), minute(event.logged)));
        }
        if !forward_to.is_empty() {
            let mut text = Vec::new();
            write_envelope(event, &mut text);
            // Text that is JSON is UTF-8.
            if let Ok(text) = String::from_utf8(text) {
                self.forwards.push(Forwarded { event: self.events.len() - 1, lanes: forward_to, text });
            }
        }
        if judgements.is_empty() {
            return;
        }
        let mut text = Vec::new();
        if fires {
            event.json().write_compact(&mut text);
        }
        let (time, logged) = (event.time, event.logged);
        self.hits.push(Hit { event: self.events.len() - 1, time, logged, text, judgements });
    }
}

pub(crate) fn class(class: Class) -> SourceClass {
    match class {
        Class::EventBridge => SourceClass::EventBridge,
        Class::Logs => SourceClass::Logs,
        Class::S3 => SourceClass::S3,
    }
}

/// The error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
