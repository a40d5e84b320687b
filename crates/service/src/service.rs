//! The service as a whole: it starts the threads and tasks, reloads, and ends in order.
//!
//! Ending takes no more than ten seconds, whatever hangs: sources end first, then what they brought is committed, then what is being
//! delivered is waited for. What is broken off was not acknowledged, or is in the outbox, and comes again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc as std_mpsc};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use store::{Audit, DeadLetters, Prune, Store};
use targets::respond::AuditList;
use targets::{Clock, Jitter};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::control::{self, Request, Response};
use crate::courier::{Courier, Lanes};
use crate::decider::{Decider, Ending, Input};
use crate::deliberation::{Deliberation, DeliberationError};
use crate::desk::{Desk, DeskError, Order, Standings};
use crate::drill::{Closed, Drill, DrillOrder};
use crate::enrichment::Enrichment;
use crate::examine::{Current, Entrance, work};
use crate::health::{Health, State};
use crate::latency::Latencies;
use crate::operations::{Exposed, Operations, Sight, describe, router};
use crate::respond::{self, StoredList};
use crate::slack_actions::{self, Door};
use crate::steady::steady;
use crate::supervisor::{Supervised, Surroundings, supervise};
use crate::watch::Watch;
use crate::{Journal, Program};

/// How long sources may take to end.
const SOURCES_END: Duration = Duration::from_millis(3_500);
/// How long what they brought may take to be committed.
const DECIDER_END: Duration = Duration::from_millis(2_500);
/// How long attempts under way may take.
const COURIER_END: Duration = Duration::from_millis(2_500);
/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often old rows are forgotten.
const FORGET: Duration = Duration::from_secs(600);
/// How many drills may be held at once.
const DRILLS_MAX: usize = 8;
/// Batches between the sources and the workers. Sources bound what is on its way themselves.
const ARRIVALS_MAX: usize = 16;

/// What does not change while the service runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The state folder.
    pub state: PathBuf,
    /// How the store is opened.
    pub store: store::Options,
    /// Where the service tells how it is; nowhere without.
    pub operations: Option<Operations>,
    /// How many threads decode, match and judge.
    pub workers: NonZero<usize>,
    /// How long things are kept.
    pub retention: Retention,
    /// Where the service tells what happens.
    pub journal: Journal,
    /// The program's version.
    pub version: &'static str,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Findings whose deliveries are settled.
    pub findings: Duration,
    /// The messages of settled deliveries.
    pub payloads: Duration,
    /// The keys of settled deliveries; longer than any input can be replayed.
    pub keys: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        Retention { findings: days(400), payloads: days(30), keys: days(800) }
    }
}

/// What a reload replaces.
pub struct Plan {
    /// What is decided with.
    pub program: Program,
    /// Where input comes from.
    pub sources: Vec<Supervised>,
    /// Makes the lanes to all targets.
    pub lanes: Lanes,
    /// What the configuration says of targets, in any form: a reload that leaves it equal leaves their workers running.
    pub targets: String,
    /// Files and folders whose change makes the service reload.
    pub files: Vec<PathBuf>,
    /// Settings that are different from those the service runs with, and that it reads at its start only.
    pub at_restart: Vec<&'static str>,
}

/// Loads the configuration again; the text says what is wrong with it.
pub type Loader = Arc<dyn Fn() -> Result<Plan, String> + Send + Sync>;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What is stored cannot be gone on from.
    #[error("{0}")]
    State(String),
    /// Others could ask how it is.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// The system gives no threads.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// Why the service ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The store writes no more.
    #[error(transparent)]
    Store(store::Error),
    /// What is stored cannot be gone on from.
    #[error("{0}")]
    State(String),
    /// A thread broke down.
    #[error(
        "a part of the service broke down: this is a defect, please report it with the lines before this one"
    )]
    Defect,
}

/// A service that runs.
pub struct Service {
    runtime: Runtime,
    handle: Handle,
    operations: Option<SocketAddr>,
    ended: oneshot::Receiver<Result<(), ServiceError>>,
    health: Health,
}

/// Tells a running service what to do. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle(mpsc::Sender<Command>);

#[derive(Debug)]
enum Command {
    Stop,
    Reload,
    Asked(Request, oneshot::Sender<Response>),
}

impl Handle {
    /// Asks it to end.
    pub fn stop(&self) {
        // A service that has ended needs not be asked; one with so much to do will be asked again.
        let _ = self.0.try_send(Command::Stop);
    }

    /// Asks it what another command could ask, and waits for the answer; none if it has ended.
    pub async fn ask(&self, request: Request) -> Option<Response> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Command::Asked(request, answer)).await.ok()?;
        answered.await.ok()
    }

    /// Asks it to load its configuration again.
    pub fn reload(&self) {
        let _ = self.0.try_send(Command::Reload);
    }
}

impl Service {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// If the state folder cannot be used, or an address not be listened on.
    pub fn start(
        settings: Settings,
        plan: Plan,
        loader: Loader,
        clock: Clock,
        jitter: Jitter,
    ) -> Result<Service, StartError> {
        if let Some(operations) = &settings.operations {
            operations.check()?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("service")
            .enable_all()
            .build()?;
        let store = Arc::new(Store::open(&settings.state, &settings.store)?);
        let guard = runtime.enter();
        let (commands, received) = mpsc::channel(64);
        let health = Health::default();
        let latencies = Latencies::default();
        let standings = Standings::default();
        let sight = Sight {
            store: Arc::clone(&store),
            standings: standings.clone(),
            state: settings.state.clone(),
            health: health.clone(),
            latencies: latencies.clone(),
            version: settings.version,
        };
        let operations = match &settings.operations {
            Some(operations) => {
                let door = Door {
                    secrets: operations.slack_secrets.clone().into(),
                    handle: Handle(commands.clone()),
                    clock: clock.clone(),
                    journal: settings.journal.clone(),
                };
                Some(listen(&runtime, operations, sight, door)?)
            }
            None => None,
        };
        control(&settings, &commands);
        let running = Running::begin(
            settings,
            plan,
            loader,
            store,
            health.clone(),
            latencies,
            standings,
            clock,
            jitter,
        )?;
        let (sender, ended) = oneshot::channel();
        runtime.spawn(async move { drop(sender.send(running.run(received).await)) });
        drop(guard);
        Ok(Service { runtime, handle: Handle(commands), operations, ended, health })
    }

    /// For telling it what to do.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Where `/healthz`, `/readyz` and `/metrics` are.
    #[must_use]
    pub fn operations(&self) -> Option<SocketAddr> {
        self.operations
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Runs something beside the service, such as waiting for signals.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// If it ended by itself.
    pub fn wait(self) -> Result<(), ServiceError> {
        let ended = self.runtime.block_on(self.ended).unwrap_or(Err(ServiceError::Defect));
        // Whoever still asks for metrics is cut off; the store is closed with the last task that holds it.
        self.runtime.shutdown_timeout(Duration::from_millis(500));
        ended
    }
}

fn listen(
    runtime: &Runtime,
    operations: &Operations,
    sight: Sight,
    door: Door,
) -> Result<SocketAddr, StartError> {
    let failed = |error| StartError::Listen { address: operations.listen, error };
    let listener = runtime.block_on(TcpListener::bind(operations.listen)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let mut router = router(sight, &operations.keys);
    if !door.secrets.is_empty() {
        router = router.merge(slack_actions::router(door));
    }
    runtime.spawn(async move { drop(axum::serve(listener, router).await) });
    Ok(address)
}

/// Lets other commands speak to the service, where that is possible.
fn control(settings: &Settings, commands: &mpsc::Sender<Command>) {
    #[cfg(unix)]
    {
        let (questions, mut asked) = mpsc::channel(16);
        if let Err(error) = control::serve(&settings.state, questions) {
            let line = settings.journal.warn("other commands cannot speak to the service");
            line.with("reason", error).done();
            return;
        }
        let commands = commands.clone();
        tokio::spawn(async move {
            while let Some((request, answer)) = asked.recv().await {
                if commands.send(Command::Asked(request, answer)).await.is_err() {
                    break;
                }
            }
        });
    }
    #[cfg(not(unix))]
    let _ = (settings, commands);
}

/// A source that runs.
struct RunningSource {
    definition: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Running {
    settings: Settings,
    loader: Loader,
    store: Arc<Store>,
    health: Health,
    clock: Clock,
    since: Timestamp,
    current: Current,
    around: Surroundings,
    sources: BTreeMap<String, RunningSource>,
    lanes: watch::Sender<Lanes>,
    targets: String,
    watch: Watch,
    to_decider: std_mpsc::Sender<Input>,
    decider: oneshot::Receiver<Ending>,
    stop_courier: watch::Sender<Option<Duration>>,
    courier: oneshot::Receiver<Result<(), store::Error>>,
    drills: JoinSet<()>,
    /// What came of closing drills, for those who still ask.
    closed: BTreeMap<String, oneshot::Receiver<Closed>>,
}

impl Running {
    #[expect(clippy::too_many_arguments, reason = "called once, with all that the service is made of")]
    fn begin(
        settings: Settings,
        plan: Plan,
        loader: Loader,
        store: Arc<Store>,
        health: Health,
        latencies: Latencies,
        standings: Standings,
        clock: Clock,
        jitter: Jitter,
    ) -> Result<Running, StartError> {
        let Plan { program, sources, lanes, targets, files, at_restart: _ } = plan;
        let journal = settings.journal.clone();
        if store.interrupted() > 0 {
            let line = journal.warn("deliveries were under way when the service last ended; they are sent again under the same key");
            line.with("count", store.interrupted()).done();
        }
        let program = Arc::new(program);
        let now = clock();
        let mut first = store::Batch::new(now.as_millisecond());
        let deliberation =
            Deliberation::open(Arc::clone(&program), store.reader()?, &mut first, now, &journal).map_err(
                |error| match error {
                    DeliberationError::Store(error) => StartError::Store(error),
                    error => StartError::State(error.to_string()),
                },
            )?;
        let desk = Desk::open(store.reader()?, &program.policy, &mut first, now, standings, &journal)
            .map_err(|error| match error {
                DeskError::Store(error) => StartError::Store(error),
                error => StartError::State(error.to_string()),
            })?;
        let current: Current = Arc::new(RwLock::new(program));
        let (arrivals, received) = mpsc::channel(ARRIVALS_MAX);
        let outbox = Arc::new(Notify::new());
        let (to_decider, inputs) = std_mpsc::channel();
        let workers = settings.workers.get();
        let entrance = Arc::new(Entrance::new(received, Arc::clone(&current)));
        for number in 0..workers {
            let (entrance, to_decider) = (Arc::clone(&entrance), to_decider.clone());
            let (clock, journal) = (clock.clone(), journal.clone());
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || work(&entrance, &to_decider, &clock, &journal))?;
        }
        let decider = Decider {
            store: Arc::clone(&store),
            inputs,
            answers: to_decider.clone(),
            workers,
            deliberation,
            desk,
            enrichment: Enrichment::new(tokio::runtime::Handle::current()),
            first,
            entrance: Arc::clone(&entrance),
            outbox: Arc::clone(&outbox),
            health: health.clone(),
            journal: journal.clone(),
            clock: clock.clone(),
        };
        let (decider_sender, decider_ended) = oneshot::channel();
        thread::Builder::new()
            .name("decider".into())
            .spawn(move || drop(decider_sender.send(decider.run())))?;

        // What was done about findings and not said before the service last ended.
        for order in respond::unsaid(&store.reader()?.snapshot()?)? {
            // Nobody waits for the answer.
            let _ = to_decider.send(Input::Order(order, oneshot::channel().0));
        }
        let (lanes, lanes_receiver) = watch::channel(lanes);
        let (stop_courier, stop) = watch::channel(None);
        let courier = Courier {
            store: Arc::clone(&store),
            orders: to_decider.clone(),
            outbox,
            lanes: lanes_receiver,
            stop,
            latencies,
            clock: steady(clock.clone()),
            jitter: jitter.clone(),
            journal: journal.clone(),
            said: Mutex::default(),
        };
        let (courier_sender, courier_ended) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        thread::Builder::new()
            .name("courier".into())
            .spawn(move || drop(courier_sender.send(runtime.block_on(courier.run()))))?;

        let around = Surroundings {
            arrivals,
            state: settings.state.clone(),
            health: health.clone(),
            journal,
            clock: clock.clone(),
            jitter,
        };
        let since = clock();
        let mut running = Running {
            settings,
            loader,
            store,
            health,
            clock,
            since,
            current,
            around,
            sources: BTreeMap::new(),
            lanes,
            targets,
            watch: Watch::new(files),
            to_decider,
            decider: decider_ended,
            stop_courier,
            courier: courier_ended,
            drills: JoinSet::new(),
            closed: BTreeMap::new(),
        };
        for source in sources {
            running.begin_source(source);
        }
        Ok(running)
    }

    fn begin_source(&mut self, supervised: Supervised) {
        let name = supervised.source.name().to_owned();
        let definition = supervised.definition.clone();
        // Known before it runs: nobody is ready while a source has not been heard of.
        self.health.source(&name, State::Starting);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(supervise(supervised, self.around.clone(), stopped));
        self.sources.insert(name, RunningSource { definition, stop, task });
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>) -> Result<(), ServiceError> {
        let mut look = tokio::time::interval(LOOK);
        let mut forget = tokio::time::interval(FORGET);
        let result = loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Stop) | None => break Ok(()),
                    Some(Command::Reload) => self.reload().await,
                    Some(Command::Asked(request, answer)) => {
                        let reloads = request == Request::Reload;
                        self.answer(request, answer);
                        if reloads {
                            self.reload().await;
                        }
                    }
                },
                _ = look.tick() => if self.watch.changed() {
                    self.settings.journal.info("a file of the configuration has changed").done();
                    self.reload().await;
                },
                _ = forget.tick() => self.forget(),
                ending = &mut self.decider => break Err(decider_error(ending)),
                ended = &mut self.courier => break Err(match ended {
                    Ok(Err(error)) => ServiceError::Store(error),
                    _ => ServiceError::Defect,
                }),
            }
        };
        let by_itself = result.is_err();
        self.end(by_itself).await.and(result)
    }

    /// Exchanges what is decided with, all of it or nothing.
    async fn reload(&mut self) {
        let journal = self.settings.journal.clone();
        let loader = Arc::clone(&self.loader);
        let loaded = tokio::task::spawn_blocking(move || loader()).await;
        let plan = match loaded.unwrap_or_else(|_| Err("loading it met a defect of the program".to_owned())) {
            Ok(plan) => plan,
            Err(reason) => {
                journal
                    .error("the configuration was not reloaded; the old one goes on")
                    .with("reason", &reason)
                    .done();
                let next_step = "`trailhound check` shows what is wrong".to_owned();
                return self.health.reload(State::Unhealthy { reason, next_step, since: (self.clock)() });
            }
        };
        let Plan { program, sources, lanes, targets, files, at_restart } = plan;
        let rules = program.rules().len();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(program);
        if targets != self.targets {
            self.targets = targets;
            self.lanes.send_replace(lanes);
        }
        self.exchange_sources(sources).await;
        self.watch = Watch::new(files);
        self.health.reload(State::Healthy);
        if !at_restart.is_empty() {
            let line = journal.warn("some settings were changed that take effect at the next start only");
            line.with("settings", at_restart.join(", ")).done();
        }
        journal
            .info("the configuration was reloaded")
            .with("rules", rules)
            .with("sources", self.sources.len())
            .done();
    }

    /// Ends the sources that are gone or different, and begins those that are new.
    async fn exchange_sources(&mut self, sources: Vec<Supervised>) {
        let wanted: BTreeSet<(String, String)> =
            sources.iter().map(|one| (one.source.name().to_owned(), one.definition.clone())).collect();
        let gone: Vec<String> = self
            .sources
            .iter()
            .filter(|(name, running)| !wanted.contains(&((*name).clone(), running.definition.clone())))
            .map(|(name, _)| name.clone())
            .collect();
        let ending: Vec<RunningSource> = gone
            .iter()
            .filter_map(|name| {
                self.health.forget_source(name);
                self.sources.remove(name)
            })
            .collect();
        end_sources(ending).await;
        for source in sources {
            if !self.sources.contains_key(source.source.name()) {
                self.begin_source(source);
            }
        }
    }

    fn answer(&mut self, request: Request, answer: oneshot::Sender<Response>) {
        let response = match request {
            Request::Health => {
                let (ready, parts) = self.health.told();
                let parts = parts.iter().map(|(part, state)| (part.clone(), describe(state))).collect();
                Response::Health {
                    ready,
                    parts,
                    since: self.since,
                    version: self.settings.version.to_owned(),
                }
            }
            // Answered before it is done: whether it worked is told by `Health`.
            Request::Reload => Response::Reloading,
            Request::Retry { actor, keys, target } => {
                return self.retry(&actor, &keys, target.as_deref(), answer);
            }
            Request::Silence { silence } => return self.order(Order::Silence(silence), answer),
            Request::SilenceLike { finding, who, why, until } => {
                return self.order(Order::SilenceLike { finding, who, why, until }, answer);
            }
            Request::Drill { order } => return self.drill(order, answer),
            Request::DrillEnd { id } => return self.drill_end(&id, answer),
            Request::Note { finding, note } => {
                return self.order(Order::Note { finding, note, kept: None }, answer);
            }
            Request::Unsilence { id, who } => return self.order(Order::Unsilence { id, who }, answer),
            Request::Acknowledge { finding, by } => {
                return self.order(Order::Acknowledge { finding, by }, answer);
            }
        };
        let _ = answer.send(response);
    }

    /// Holds a drill beside everything else, and answers when its messages have been sent.
    fn drill(&mut self, order: DrillOrder, answer: oneshot::Sender<Response>) {
        while self.drills.try_join_next().is_some() {}
        if self.drills.len() >= DRILLS_MAX {
            let reason = format!("{DRILLS_MAX} drills are being held: wait until one is over");
            return drop(answer.send(Response::Refused { reason }));
        }
        let list: Arc<dyn AuditList> =
            Arc::new(StoredList::new(Arc::clone(&self.store), self.to_decider.clone()));
        let lanes = Arc::clone(&self.lanes.borrow());
        let drill = Drill {
            order,
            program: Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)),
            lanes: lanes(&list),
            store: Arc::clone(&self.store),
            journal: self.settings.journal.clone(),
            now: (self.clock)(),
            ends: self.stop_courier.subscribe(),
        };
        let (told, drilled) = oneshot::channel();
        let (closed, over) = oneshot::channel();
        while self.closed.len() >= DRILLS_MAX {
            self.closed.pop_first();
        }
        self.closed.insert(drill.id(), over);
        self.drills.spawn(drill.hold(told, closed));
        tokio::spawn(async move {
            let _ = answer.send(match drilled.await {
                Ok(Ok(drilled)) => Response::Drilled { drilled: Box::new(drilled) },
                Ok(Err(reason)) => Response::Refused { reason },
                Err(_) => Response::Refused { reason: "the service ended before it was done".to_owned() },
            });
        });
    }

    /// Answers when a drill is over.
    fn drill_end(&mut self, id: &str, answer: oneshot::Sender<Response>) {
        let Some(over) = self.closed.remove(id) else {
            return drop(answer.send(Response::Refused { reason: format!("there is no drill `{id}`") }));
        };
        tokio::spawn(async move {
            let _ = answer.send(match over.await {
                Ok(closed) => Response::DrillOver { closed },
                Err(_) => Response::Refused { reason: "the service ended before it was over".to_owned() },
            });
        });
    }

    /// Hands an order to the decider, and answers when it is in the store.
    fn order(&self, order: Order, answer: oneshot::Sender<Response>) {
        let (done, kept) = oneshot::channel();
        let _ = self.to_decider.send(Input::Order(order, done));
        tokio::spawn(async move {
            let _ = answer.send(match kept.await {
                Ok(Ok(())) => Response::Done,
                Ok(Err(reason)) => Response::Refused { reason },
                Err(_) => Response::Refused { reason: "the service ended before it was done".to_owned() },
            });
        });
    }

    fn retry(&self, actor: &str, keys: &[String], target: Option<&str>, answer: oneshot::Sender<Response>) {
        let now_ms = (self.clock)().as_millisecond();
        let letters = match dead_letters(actor, keys, target, now_ms) {
            Ok(letters) => letters,
            Err(reason) => return drop(answer.send(Response::Refused { reason })),
        };
        let then = move |outcome: Result<store::DeadLettersChanged, store::Refused<DeadLetters>>| {
            drop(answer.send(match outcome {
                Ok(changed) => Response::Retried { count: changed.retried },
                Err(refused) => Response::Refused { reason: refused.error.to_string() },
            }));
        };
        // Without room the answer is dropped, and whoever asked is told that there was none.
        let _ = self.store.try_submit_then(letters, then);
    }

    /// Forgets what is old, in the background, a slice at a time.
    fn forget(&self) {
        let now = (self.clock)();
        let before = |span: Duration| {
            let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
            Some(now.as_millisecond().saturating_sub(span))
        };
        let Retention { findings, payloads, keys } = self.settings.retention;
        let prune = Prune {
            findings_before_ms: before(findings),
            payloads_before_ms: before(payloads),
            keys_before_ms: before(keys),
            seen_before_ms: Some(now.as_millisecond()),
            ..Prune::default()
        };
        let (store, journal) = (Arc::clone(&self.store), self.settings.journal.clone());
        tokio::task::spawn_blocking(move || {
            loop {
                match store.commit(prune.clone()) {
                    Ok(pruned) if pruned.more => {}
                    Ok(_) => break,
                    Err(refused) => {
                        break journal
                            .warn("old rows could not be deleted")
                            .with("reason", refused.error)
                            .done();
                    }
                }
            }
        });
    }

    async fn end(self, by_itself: bool) -> Result<(), ServiceError> {
        let Running {
            settings,
            health,
            around,
            sources,
            to_decider,
            decider,
            stop_courier,
            courier,
            mut drills,
            ..
        } = self;
        let journal = settings.journal;
        journal.info("the service ends").done();
        health.stopping();
        end_sources(sources.into_values().collect()).await;
        // With the last of these the workers run out of input, and then the decider.
        drop(around);
        if by_itself {
            let _ = to_decider.send(Input::GiveUp);
        }
        let drained = tokio::time::timeout(DECIDER_END, decider).await;
        let result = match drained {
            _ if by_itself => Ok(()),
            Ok(Ok(Ending::Drained)) => Ok(()),
            Ok(ending) => Err(decider_error(ending)),
            Err(_) => {
                journal.warn("not all input could be committed in time; its sources keep it").done();
                let _ = to_decider.send(Input::GiveUp);
                Ok(())
            }
        };
        stop_courier.send_replace(Some(COURIER_END));
        // What a drill left open is closed meanwhile.
        let drills = tokio::spawn(async move { while drills.join_next().await.is_some() {} });
        if tokio::time::timeout(COURIER_END + Duration::from_secs(1), courier).await.is_err() {
            journal
                .warn("deliveries under way were broken off; they are sent again under the same key")
                .done();
        }
        if tokio::time::timeout(Duration::from_millis(500), drills).await.is_err() {
            journal.warn("a drill was broken off; what it opened may have to be closed by hand").done();
        }
        journal.info("the service has ended").done();
        result
    }
}

/// Asks sources to end, waits, and drops those that do not.
async fn end_sources(sources: Vec<RunningSource>) {
    for source in &sources {
        source.stop.send_replace(true);
    }
    let deadline = tokio::time::Instant::now() + SOURCES_END;
    for mut source in sources {
        if tokio::time::timeout_at(deadline, &mut source.task).await.is_err() {
            source.task.abort();
        }
    }
}

fn decider_error(ending: Result<Ending, oneshot::error::RecvError>) -> ServiceError {
    match ending {
        Ok(Ending::Failed(error)) => ServiceError::Store(error),
        Ok(Ending::Unreadable(error)) => ServiceError::State(error),
        _ => ServiceError::Defect,
    }
}

/// Dead letters to send again, noted in the audit list.
///
/// # Errors
///
/// If a key is none.
pub fn dead_letters(
    actor: &str,
    keys: &[String],
    target: Option<&str>,
    now_ms: i64,
) -> Result<DeadLetters, String> {
    let mut letters = DeadLetters::new(Audit {
        at_ms: now_ms,
        actor: actor.to_owned(),
        action: "retry".to_owned(),
        subject: target
            .map_or_else(|| format!("{} dead letters", keys.len()), |target| format!("target {target}")),
        detail: keys.join("\n").into_bytes(),
    });
    for key in keys {
        letters.retry(key.parse().map_err(|error| format!("{key}: {error}"))?, now_ms);
    }
    if let Some(target) = target {
        letters.retry_target(target, now_ms);
    }
    Ok(letters)
}
