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

mod commit;
mod open;
mod piece;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use jiff::Timestamp;
use store::{Committed, Refused, Store};
use targets::Clock;
use tokio::sync::Notify;

use self::commit::Flying;
use self::open::Open;
use crate::deliberation::{Deliberation, DeliberationError};
use crate::desk::{Desk, Order};
use crate::enrichment::Enrichment;
use crate::examine::{Entrance, Piece};
use crate::forward::Backlog;
use crate::health::{Health, State};
use crate::recent::Recent;
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
