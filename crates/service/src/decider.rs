//! The one thread that decides and commits: transaction 1.
//!
//! ```text
//!   workers ──▶ pieces, in the order they came in ──▶ deliberate ──▶ route ──▶ one store batch ──▶ durable
//!                                                                                 │                   │
//!                      the next batch grows while this one is on its way ◀────────┘    acknowledge ◀──┘
//! ```
//!
//! Invariants:
//!
//! * A piece is acknowledged after the commit of the batch that holds all of it, and never before.
//! * At most one batch is on its way. What comes meanwhile is decided into the next one, so batches grow with the load by
//!   themselves and a lone event never waits for company.
//! * A batch that was refused (the disk is full) is kept and tried again; nothing overtakes it. Memory does not grow meanwhile,
//!   because sources have a bounded number of batches without a verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use cloudtrail::EventTime;
use cloudtrail::outcome::{Outcome, Tally};
use decide::{SignalTally, SourceClass};
use jiff::Timestamp;
use route::{FindingEvent, FindingOutcome};
use rules::MetricTime;
use sources::Acknowledge;
use store::{Committed, Refused, Store};
use targets::Clock;
use tokio::sync::Notify;

use crate::counts;
use crate::deliberation::{Deliberation, DeliberationError, Told};
use crate::desk::{Became, Desk, Fresh, Order, Put};
use crate::enrichment::Enrichment;
use crate::examine::{Entrance, Hit, Part, Piece};
use crate::forward::{BACKLOG_MAX, Backlog, Forwarded, Gathered, target_of};
use crate::health::{Health, State};
use crate::recent::Recent;
use crate::respond::About;
use crate::{Journal, Program};

/// How long the decider waits for input before it looks at the clock.
const TICK: Duration = Duration::from_millis(500);
/// How long a refused batch waits.
const AGAIN: Duration = Duration::from_secs(1);
/// Beyond this many bytes of findings a batch takes no more pieces: the writer would hold up the sender of messages.
const OPEN_MAX: usize = 8 << 20;

/// Who is told that an order is kept, or why it is not.
pub(crate) type Answer = tokio::sync::oneshot::Sender<Result<(), String>>;

/// What reaches the decider.
#[derive(Debug)]
pub(crate) enum Input {
    /// A batch with its number.
    Piece(u64, Box<Piece>),
    /// A number that no piece will come for.
    Void(u64),
    /// What became of the batch that was on its way.
    Outcome(Result<Committed, Refused<store::Batch>>),
    /// A worker has ended.
    WorkerLeft,
    /// What an operator wants, and whom to tell that it is done.
    Order(Order, Answer),
    /// Nothing more will be waited for: whatever is not committed goes back to its sources.
    GiveUp,
}

/// The decider.
pub(crate) struct Decider {
    pub(crate) store: Arc<Store>,
    pub(crate) inputs: Receiver<Input>,
    /// For the store's answers.
    pub(crate) answers: Sender<Input>,
    pub(crate) workers: usize,
    pub(crate) deliberation: Deliberation,
    pub(crate) desk: Desk,
    pub(crate) enrichment: Enrichment,
    /// What opening the deliberation has to store.
    pub(crate) first: store::Batch,
    /// Where the workers take batches from: it knows of a reload before the first batch under it comes.
    pub(crate) entrance: Arc<Entrance>,
    /// Told when there is something to deliver.
    pub(crate) outbox: Arc<Notify>,
    pub(crate) health: Health,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
}

/// Why the decider ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// No more input, and all of it is committed.
    Drained,
    /// It was told to give up.
    GaveUp,
    /// The store writes no more, or cannot be read.
    Failed(store::Error),
    /// What is stored cannot be gone on from.
    Unreadable(String),
}

/// A batch that is being filled.
struct Open {
    batch: store::Batch,
    acknowledges: Vec<Acknowledge>,
    answers: Vec<Answer>,
    gathered: Gathered,
    bytes: usize,
    deliveries: u64,
    empty: bool,
}

/// A batch that is on its way or waits to be tried again.
struct Flying {
    acknowledges: Vec<Acknowledge>,
    answers: Vec<Answer>,
    deliveries: u64,
    refused: Option<Box<store::Batch>>,
}

struct Run {
    decider: Decider,
    open: Open,
    flying: Option<Flying>,
    /// Pieces that came before their turn.
    early: BTreeMap<u64, Option<Box<Piece>>>,
    next: u64,
    recent: Recent,
    backlog: Backlog,
    /// Lanes of forwarded events in which as much waits as may.
    full_lanes: BTreeSet<String>,
    full: bool,
    gave_up: bool,
}

impl Decider {
    /// Decides until the workers have left and all is committed.
    pub(crate) fn run(self) -> Ending {
        let mut open = Open::new((self.clock)());
        let mut decider = self;
        let backlog = match decider.store.reader() {
            Ok(reader) => Backlog::new(reader),
            Err(error) => return Ending::Failed(error),
        };
        open.batch = std::mem::replace(&mut decider.first, store::Batch::new(0));
        open.empty = false;
        let mut run = Run {
            decider,
            open,
            flying: None,
            early: BTreeMap::new(),
            next: 0,
            recent: Recent::default(),
            backlog,
            full_lanes: BTreeSet::new(),
            full: false,
            gave_up: false,
        };
        run.decider.health.store(State::Healthy);
        loop {
            match run.step() {
                Ok(None) => {}
                Ok(Some(ending)) => return ending,
                Err(DeliberationError::Store(error)) => return Ending::Failed(error),
                Err(error) => return Ending::Unreadable(error.to_string()),
            }
        }
    }
}

impl Run {
    fn step(&mut self) -> Result<Option<Ending>, DeliberationError> {
        let wait = if self.is_refused() { AGAIN } else { TICK };
        match self.decider.inputs.recv_timeout(wait) {
            Ok(input) => self.take(input)?,
            Err(RecvTimeoutError::Timeout) if self.is_refused() => self.try_again(),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        // Whatever is there goes into the same batch.
        while self.open.bytes < OPEN_MAX
            && let Ok(input) = self.decider.inputs.try_recv()
        {
            self.take(input)?;
        }
        if self.gave_up {
            return Ok(Some(Ending::GaveUp));
        }
        if self.flying.is_none() {
            let now = (self.decider.clock)();
            self.decide_in_order()?;
            if !self.full_lanes.is_empty() {
                // That it is over is said also where nothing more comes.
                self.must_wait()?;
            }
            if let Some(program) = self.decider.entrance.program_of_nothing(self.next)
                && self.is_at_rest()
                && !Arc::ptr_eq(&program, self.decider.deliberation.program())
            {
                self.use_program(&program)?;
            }
            self.advance(now);
            if !self.open.empty {
                self.submit(now);
            } else if self.decider.workers == 0 && self.early.is_empty() {
                return Ok(Some(Ending::Drained));
            }
        }
        Ok(None)
    }

    fn is_refused(&self) -> bool {
        self.flying.as_ref().is_some_and(|flying| flying.refused.is_some())
    }

    fn take(&mut self, input: Input) -> Result<(), DeliberationError> {
        match input {
            Input::Piece(number, piece) => drop(self.early.insert(number, Some(piece))),
            Input::Void(number) => drop(self.early.insert(number, None)),
            Input::WorkerLeft => self.decider.workers = self.decider.workers.saturating_sub(1),
            Input::Order(order, answer) => self.obey(order, answer),
            Input::GiveUp => self.gave_up = true,
            Input::Outcome(Ok(_)) => self.committed(),
            Input::Outcome(Err(refused)) => self.refused(refused)?,
        }
        self.decide_in_order()
    }

    /// Decides the pieces whose turn it is. One under another program waits until all before it is in the store, because the state it
    /// goes on from is read from there.
    fn decide_in_order(&mut self) -> Result<(), DeliberationError> {
        while self.early.contains_key(&self.next) && !self.must_wait()? {
            let Some(piece) = self.early.get(&self.next) else { break };
            let program = piece.as_ref().map(|piece| Arc::clone(&piece.program));
            if let Some(program) =
                program.filter(|program| !Arc::ptr_eq(program, self.decider.deliberation.program()))
            {
                if !self.is_at_rest() {
                    break;
                }
                self.use_program(&program)?;
            }
            let piece = self.early.remove(&self.next).flatten();
            self.next += 1;
            if let Some(piece) = piece {
                self.decide(*piece);
            }
        }
        Ok(())
    }

    /// Whether everything that was decided is in the store.
    fn is_at_rest(&self) -> bool {
        self.open.empty && self.flying.is_none()
    }

    fn use_program(&mut self, program: &Arc<Program>) -> Result<(), DeliberationError> {
        let now = (self.decider.clock)();
        let Decider { deliberation, desk, journal, .. } = &mut self.decider;
        self.open.empty = false;
        deliberation.use_program(Arc::clone(program), &mut self.open.batch, now, journal)?;
        desk.meet(&program.policy, now, journal);
        Ok(())
    }

    fn committed(&mut self) {
        let Some(flying) = self.flying.take() else { return };
        self.decider.deliberation.committed();
        self.decider.desk.committed();
        flying.answers.into_iter().for_each(|answer| drop(answer.send(Ok(()))));
        flying.acknowledges.into_iter().for_each(Acknowledge::committed);
        if flying.deliveries > 0 {
            self.decider.outbox.notify_one();
        }
        if self.full {
            self.full = false;
            self.decider.journal.info("the store writes again").done();
            self.decider.health.store(State::Healthy);
        }
    }

    /// Keeps the work if the reason may pass; ends if nobody knows any more what is on the disk.
    fn refused(&mut self, refused: Refused<store::Batch>) -> Result<(), store::Error> {
        let Refused { work, error } = refused;
        let passes = matches!(error, store::Error::Full { .. } | store::Error::Busy { .. });
        let (Some(work), true, Some(flying)) = (work, passes, &mut self.flying) else {
            let flying = self.flying.take();
            let acknowledges = flying.into_iter().flat_map(|flying| flying.acknowledges);
            acknowledges.for_each(|acknowledge| acknowledge.refused("the store cannot write"));
            return Err(error);
        };
        flying.refused = Some(work);
        if !self.full {
            self.full = true;
            let journal = &self.decider.journal;
            journal
                .error("the store refuses to write; input waits")
                .with("reason", &error)
                .with("hint", error.hint())
                .done();
            self.decider.health.store(State::Unhealthy {
                reason: error.to_string(),
                next_step: error.hint().to_owned(),
                since: (self.decider.clock)(),
            });
        }
        Ok(())
    }

    fn try_again(&mut self) {
        if let Some(flying) = &mut self.flying
            && let Some(work) = flying.refused.take()
        {
            self.send(*work);
        }
    }

    fn submit(&mut self, now: Timestamp) {
        let put = self.open.gathered.flush(now, &mut self.open.batch);
        self.open.deliveries += put.deliveries;
        let Open { batch, acknowledges, answers, deliveries, .. } =
            std::mem::replace(&mut self.open, Open::new(now));
        self.flying = Some(Flying { acknowledges, answers, deliveries, refused: None });
        self.decider.deliberation.submitted();
        self.decider.desk.submitted();
        self.send(batch);
    }

    fn send(&mut self, batch: store::Batch) {
        let answers = self.decider.answers.clone();
        let mut parts = (batch, move |outcome| drop(answers.send(Input::Outcome(outcome))));
        // The queue has room for thousands, and only this thread and the sender of messages write.
        while let Err(back) = self.decider.store.try_submit_then(parts.0, parts.1) {
            parts = back;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn decide(&mut self, piece: Piece) {
        let Piece { source, received, parts, proofs, checkpoints, set_aside, acknowledge, .. } = piece;
        self.open.empty = false;
        self.open.batch.count(&format!("sources/{source}/batches"), 1);
        for part in parts {
            self.decide_part(&source, part, received);
        }
        self.decider.deliberation.prove(&proofs, received);
        for aside in set_aside {
            self.open.batch.count(&format!("sources/{source}/set-aside"), 1);
            let journal = &self.decider.journal;
            let line = journal.warn("input was set aside: it cannot be used however often it comes");
            line.with("source", &source).with("origin", &aside.origin).with("reason", &aside.reason).done();
            self.open.batch.audit(store::Audit {
                at_ms: received.as_millisecond(),
                actor: format!("source {source}"),
                action: "set aside".to_owned(),
                subject: aside.origin,
                detail: [aside.reason.as_bytes(), b"\n", &aside.excerpt].concat(),
            });
        }
        for checkpoint in checkpoints {
            match checkpoint.position {
                Some(position) => self.open.batch.checkpoint(&source, &checkpoint.partition, &position),
                None => self.open.batch.forget_checkpoint(&source, &checkpoint.partition),
            };
        }
        self.open.acknowledges.push(acknowledge);
    }

    fn decide_part(&mut self, source: &str, part: Part, received: Timestamp) {
        let Part {
            origin,
            class,
            mut tally,
            events,
            minutes,
            hits,
            forwards,
            handovers,
            latest,
            rejected,
            trouble,
        } = part;
        let journal = &self.decider.journal;
        if let Some(trouble) = trouble {
            self.open.batch.count(&format!("sources/{source}/unreadable"), 1);
            let line = journal.warn("input could not be read to its end");
            line.with("source", source).with("origin", &origin).with("reason", trouble).done();
        }
        if let Some((offset, reason)) = rejected {
            let line = journal.warn("records could not be used");
            let line = line.with("source", source).with("origin", &origin).with("count", tally.rejected);
            line.with("first_at", offset).with("first", reason).done();
        }
        self.decider.deliberation.hear(class, &latest, received);
        self.decider.deliberation.hear_of_people(handovers, &mut self.open.batch);
        let mut hits = hits.into_iter().peekable();
        let mut forwards = forwards.into_iter().peekable();
        let mut signals = SignalTally::default();
        let mut unmatched = Unmatched::default();
        let program = Arc::clone(self.decider.deliberation.program());
        for (number, event) in events.into_iter().enumerate() {
            let hit = hits.next_if(|hit| hit.event == number);
            let first = self.recent.is_first(&event);
            tally.received();
            tally.ended(match (&hit, first) {
                (_, false) => Outcome::Duplicate,
                (Some(_), true) => Outcome::Matched,
                (None, true) => Outcome::Unmatched,
            });
            if let Some(minutes) = minutes.get(number).filter(|_| first) {
                unmatched.add(*minutes, hit.as_ref(), program.with_defaults());
            }
            if let Some(forwarded) = forwards.next_if(|forwarded| forwarded.event == number && first) {
                self.forward(&program, &forwarded, received);
            }
            forwards.next_if(|forwarded| forwarded.event == number);
            // A copy is asked too: only its rules know whether they have decided on it.
            if let Some(hit) = hit {
                let Decider { deliberation, .. } = &mut self.decider;
                deliberation.take(hit, &event, class, received, &mut self.open.batch, &mut signals);
            }
        }
        for ((minute, rule), records) in unmatched.0 {
            let time = EventTime::from_micros(minute.saturating_mul(60_000_000));
            self.decider.deliberation.take_unmatched(rule, time, records);
        }
        self.count(class, &tally, &signals);
        self.tell();
    }

    /// Puts an event into the outbox as it is. Where as much waits as may, it is left out if that was asked for; whoever is to wait waits before
    /// the next piece.
    fn forward(&mut self, program: &Program, forwarded: &Forwarded, now: Timestamp) {
        for lane in forwarded.lanes.iter().filter_map(|lane| program.forwards().lanes.get(*lane)) {
            if !lane.waits && self.full_lanes.contains(lane.name.as_str()) {
                let name = target_of(lane.name.as_str());
                self.open.batch.count(&format!("forward/{name}/left-out"), 1);
                continue;
            }
            let put = self.open.gathered.add(lane, &forwarded.text, now, &mut self.open.batch);
            self.open.deliveries += put.deliveries;
            self.open.bytes += put.bytes;
        }
    }

    /// Whether a target has so much waiting that its sources are to wait too. Said when it begins and when it is over.
    fn must_wait(&mut self) -> Result<bool, store::Error> {
        let program = Arc::clone(self.decider.deliberation.program());
        if program.forwards().is_empty() && self.full_lanes.is_empty() {
            return Ok(false);
        }
        let now = (self.decider.clock)();
        let (mut full, mut waits) = (BTreeSet::new(), false);
        for lane in &program.forwards().lanes {
            if self.backlog.is_full(lane, now)? {
                full.insert(lane.name.to_string());
                waits |= lane.waits;
            }
        }
        if full != self.full_lanes {
            let journal = &self.decider.journal;
            for lane in full.difference(&self.full_lanes) {
                let its = program.forwards().lanes.iter().find(|one| one.name.as_str() == lane);
                let what =
                    if its.is_some_and(|one| one.waits) { "its sources wait" } else { "events are left out" };
                let line = journal
                    .error("too much waits for a target that events are forwarded to")
                    .with("target", target_of(lane));
                line.with("batches", BACKLOG_MAX).with("so", what).done();
            }
            for lane in self.full_lanes.difference(&full) {
                journal
                    .info("a target that events are forwarded to has caught up")
                    .with("target", target_of(lane))
                    .done();
            }
            self.decider.health.forward(full.first().map(|lane| State::Unhealthy {
                reason: format!("{BACKLOG_MAX} batches of events wait for {}", target_of(lane)),
                next_step: "`trailhound deliveries list` shows why it takes none".to_owned(),
                since: now,
            }));
            self.full_lanes = full;
        }
        Ok(waits)
    }

    fn count(&mut self, class: SourceClass, tally: &Tally, signals: &SignalTally) {
        if let Err(error) = tally.check() {
            self.decider.journal.error("records are not accounted for").with("reason", error).done();
        }
        if let Err(error) = signals.check() {
            self.decider.journal.error("signals are not accounted for").with("reason", error).done();
        }
        counts::records(&mut self.open.batch, class, tally);
        counts::signals(&mut self.open.batch, signals);
    }

    fn advance(&mut self, now: Timestamp) {
        let Decider { deliberation, journal, .. } = &mut self.decider;
        deliberation.advance(now, journal);
        self.tell();
        let Decider { deliberation, desk, journal, .. } = &mut self.decider;
        let policy = &deliberation.program().policy;
        let put = desk.tick(policy, now, &mut self.open.batch, journal);
        self.open.note(put);
        let of_rules = deliberation.save(&mut self.open.batch);
        if desk.save(&mut self.open.batch) || of_rules {
            self.open.empty = false;
        }
    }

    fn obey(&mut self, order: Order, answer: Answer) {
        let now = (self.decider.clock)();
        let Decider { deliberation, desk, journal, .. } = &mut self.decider;
        let policy = &deliberation.program().policy;
        match desk.obey(policy, order, now, &mut self.open.batch, journal) {
            Ok(put) => {
                self.open.note(put);
                self.open.empty = false;
                self.open.answers.push(answer);
            }
            Err(reason) => drop(answer.send(Err(reason))),
        }
    }

    /// Routes what was found and puts it into the batch.
    fn tell(&mut self) {
        let program = Arc::clone(self.decider.deliberation.program());
        let mut told = self.decider.deliberation.findings(&self.decider.journal);
        let Decider { deliberation, enrichment, desk, journal, clock, .. } = &mut self.decider;
        let earlier = |finding: &str| deliberation.said_about(finding);
        enrichment.enrich(&mut told, &program, earlier, &mut self.open.batch, clock(), journal);
        for told in told {
            self.open.add(told, &program, desk, clock(), journal);
        }
    }
}

/// By minute and rule, how many records a metric filter that counts those too did not match.
#[derive(Default)]
struct Unmatched(BTreeMap<(i64, u32), u64>);

impl Unmatched {
    /// With the minutes in which it happened and in which the log got it.
    fn add(&mut self, (happened, logged): (i64, i64), hit: Option<&Hit>, rules: &[(u32, MetricTime)]) {
        for (rule, time) in rules {
            let minute = if *time == MetricTime::Ingestion { logged } else { happened };
            let matched = hit.is_some_and(|hit| hit.judgements.iter().any(|(of, _)| of == rule));
            if !matched {
                *self.0.entry((minute, *rule)).or_default() += 1;
            }
        }
    }
}

impl Open {
    fn new(now: Timestamp) -> Self {
        let batch = store::Batch::new(now.as_millisecond());
        Open {
            batch,
            acknowledges: Vec::new(),
            answers: Vec::new(),
            gathered: Gathered::default(),
            bytes: 0,
            deliveries: 0,
            empty: true,
        }
    }

    fn note(&mut self, put: Put) {
        self.deliveries += put.deliveries;
        self.bytes += put.bytes;
        if put.deliveries > 0 {
            self.empty = false;
        }
    }

    fn add(&mut self, told: Told, program: &Program, desk: &mut Desk, now: Timestamp, journal: &Journal) {
        let Told { finding, class, received } = told;
        self.empty = false;
        let detail = &finding.detail;
        let json = match serde_json::to_string(&finding) {
            Ok(json) => json,
            Err(error) => {
                // Texts, numbers and JSON that was JSON before.
                journal
                    .error("a finding cannot be written")
                    .with("rule", &detail.rule)
                    .with("reason", error)
                    .done();
                return;
            }
        };
        self.batch.count("findings/received", 1).count(&format!("rules/{}", detail.rule), 1);
        let happened = detail.last_time.parse().ok();
        let about = About { class, received, happened };
        let owed = program.responses.owe(&json, about, now, &mut self.batch);
        self.deliveries += owed.deliveries;
        self.bytes += owed.bytes;
        let became = match FindingEvent::parse(&json) {
            Ok(event) => {
                let fresh = Fresh { json: json.as_str().into(), class, received, happened };
                let (became, put) = desk.take(&program.policy, &event, fresh, now, &mut self.batch, journal);
                self.note(put);
                became
            }
            Err(error) => {
                self.batch.count("findings/unrouted", 1);
                let line = journal.error("a finding cannot be routed");
                line.with("id", &finding.id).with("reason", error).done();
                Became { outcome: FindingOutcome::Unrouted, of: None }
            }
        };
        self.bytes += json.len();
        let time: Option<Timestamp> = finding.time.parse().ok();
        self.batch.finding(store::Finding {
            id: finding.id.clone(),
            revision: detail.revision,
            rule: detail.rule.clone(),
            severity: severity(detail.severity),
            state: state(detail.state).to_owned(),
            account: finding.account.clone(),
            region: finding.region.clone(),
            time_ms: time.unwrap_or(now).as_millisecond(),
            outcome: Some(became.outcome.name().to_owned()),
            outcome_of: became.of,
            body: json.into_bytes(),
        });
    }
}

fn state(state: decide::State) -> &'static str {
    match state {
        decide::State::Firing => "firing",
        decide::State::Resolved => "resolved",
        decide::State::Unknown => "unknown",
    }
}

fn severity(severity: rules::Severity) -> store::Severity {
    match severity {
        rules::Severity::Info => store::Severity::Info,
        rules::Severity::Low => store::Severity::Low,
        rules::Severity::Medium => store::Severity::Medium,
        rules::Severity::High => store::Severity::High,
        rules::Severity::Critical => store::Severity::Critical,
    }
}
