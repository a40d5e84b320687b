//! The service while it runs: what it is made of, how it begins, reloads and ends in order.
//!
//! Ending takes no more than ten seconds, whatever hangs: sources end first, then what they brought is committed, then what is being
//! delivered is waited for. What is broken off was not acknowledged, or is in the outbox, and comes again.

mod answers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc as std_mpsc};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use store::{Prune, Store};
use targets::{Clock, Jitter};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

pub use self::answers::dead_letters;
use crate::control::Request;
use crate::courier::{Courier, Lanes};
use crate::decider::{Decider, Ending, Input};
use crate::deliberation::{Deliberation, DeliberationError};
use crate::desk::{Desk, DeskError, Standings};
use crate::drill::Closed;
use crate::enrichment::Enrichment;
use crate::examine::{Current, Entrance, work};
use crate::health::{Health, State};
use crate::latency::Latencies;
use crate::respond;
use crate::service::{Command, Loader, Plan, Retention, ServiceError, Settings, StartError};
use crate::steady::steady;
use crate::supervisor::{Supervised, Surroundings, supervise};
use crate::watch::Watch;

/// How long sources may take to end.
const SOURCES_END: Duration = Duration::from_millis(3_500);
/// How long what they brought may take to be committed.
const DECIDER_END: Duration = Duration::from_millis(2_500);
/// How long attempts under way may take.
const COURIER_END: Duration = Duration::from_millis(2_500);
/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often old rows are forgotten, and what could not be ended is tried again.
const TIDY: Duration = Duration::from_secs(600);
/// Batches between the sources and the workers. Sources bound what is on its way themselves.
const ARRIVALS_MAX: usize = 16;

/// All of it.
pub(crate) struct Running {
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

/// A source that runs.
struct RunningSource {
    definition: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    #[expect(clippy::too_many_arguments, reason = "called once, with all that the service is made of")]
    /// Starts threads and tasks.
    pub(crate) fn begin(
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
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(supervise(supervised, self.around.clone(), stopped));
        self.sources.insert(name, RunningSource { definition, stop, task });
    }

    /// Runs until it is told to end, or ends by itself.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) -> Result<(), ServiceError> {
        let mut look = tokio::time::interval(LOOK);
        let mut tidy = tokio::time::interval(TIDY);
        self.close_drills(true);
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
                _ = look.tick() => {
                    if let Some(Err(damage)) = self.store.examined() {
                        break Err(ServiceError::Store(damage));
                    }
                    if self.watch.changed() {
                        self.settings.journal.info("a file of the configuration has changed").done();
                        self.reload().await;
                    }
                },
                _ = tidy.tick() => {
                    self.forget();
                    self.close_drills(false);
                },
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
        let ending: Vec<RunningSource> = gone.iter().filter_map(|name| self.sources.remove(name)).collect();
        let new: Vec<Supervised> =
            sources.into_iter().filter(|one| !self.sources.contains_key(one.source.name())).collect();
        end_sources(ending).await;
        // Nobody is ready while a source has not been heard of: the new ones are known before the old ones are forgotten.
        for supervised in &new {
            self.health.source(supervised.source.name(), State::Starting);
        }
        let begun: BTreeSet<&str> = new.iter().map(|supervised| supervised.source.name()).collect();
        for name in gone.iter().filter(|name| !begun.contains(name.as_str())) {
            self.health.forget_source(name);
        }
        for supervised in new {
            self.begin_source(supervised);
        }
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
            let findings_kept = match still_to_tell(&store) {
                Ok(ids) => ids.into(),
                // Without knowing what is still to be told nothing is forgotten.
                Err(reason) => {
                    return journal.warn("old rows could not be deleted").with("reason", reason).done();
                }
            };
            let prune = Prune { findings_kept, ..prune };
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

/// Findings that conversations show, now or later.
fn still_to_tell(store: &Store) -> Result<Vec<String>, String> {
    let mut reader = store.reader().map_err(|error| error.to_string())?;
    let kept = crate::desk::kept(&reader.snapshot().map_err(|error| error.to_string())?)?;
    Ok(kept.conversations.into_iter().map(|conversation| conversation.shows).collect())
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
