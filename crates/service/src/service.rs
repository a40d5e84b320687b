//! The service as its owner sees it: what it is started with, how it is told what to do, and why it ends.

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use store::Store;
use targets::{Clock, Jitter};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use crate::control::{self, Request, Response};
use crate::courier::Lanes;
use crate::desk::Standings;
use crate::health::Health;
use crate::latency::Latencies;
use crate::operations::{Exposed, Operations, Sight, router};
use crate::running::Running;
use crate::slack_actions::{self, Door};
use crate::supervisor::Supervised;
use crate::{Journal, Program};

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

/// What a running service is told.
#[derive(Debug)]
pub(crate) enum Command {
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
        let health = Health::starting(plan.sources.iter().map(|supervised| supervised.source.name()));
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
