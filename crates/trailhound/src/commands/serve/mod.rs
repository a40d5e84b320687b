//! `trailhound serve`: the live service, from a configuration file or as a demonstration.

mod demo;
mod environment;
mod heartbeat;
mod organization;
mod plan;
mod prints;

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use service::{Handle, Journal, Level, Loader, Plan, Service, ServiceError, Settings, StartError};
use targets::{Clock, Jitter};

pub(super) use environment::Environment;

use crate::arguments::Serve;
use crate::clock;
use crate::exit_code::{Exit, Failure, Outcome};
use crate::talk::Talk;

pub(crate) fn run(arguments: &Serve, talk: Talk) -> Outcome {
    match (&arguments.config, arguments.demo) {
        (Some(config), false) => from_file(config, arguments, talk),
        _ => demo::run(arguments, talk),
    }
}

fn from_file(config: &Path, arguments: &Serve, talk: Talk) -> Outcome {
    let path = config.display().to_string();
    let (clock, jitter) = (wall_clock(), jitter());
    let loaded = plan::load(&path, &clock).map_err(|faults| {
        faults.tell(talk);
        faults.failure()
    })?;
    let warnings = loaded.warnings;
    if warnings > 0 {
        let what = if warnings == 1 { "1 warning".to_owned() } else { format!("{warnings} warnings") };
        talk.note(format_args!(
            "{what} about the configuration and its rules; `trailhound check` shows them"
        ));
    }
    let level = arguments.log.unwrap_or(loaded.level);
    let journal = Journal::new(io::stderr(), level, clock.clone());
    let fixed = Fixed::of(&loaded);
    let settings = Settings {
        state: loaded.state.folder.clone(),
        store: loaded.state.options(),
        operations: loaded.operations,
        workers: workers(arguments.threads),
        retention: plan::retention(loaded.state.retention),
        journal: journal.clone(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let asked = organization::Asked::default();
    asked.set(loaded.organizations);
    let loader: Loader = {
        let (clock, asked) = (clock.clone(), asked.clone());
        Arc::new(move || {
            let mut again = plan::load(&path, &clock).map_err(|faults| faults.to_string())?;
            again.plan.at_restart = fixed.changes(&Fixed::of(&again));
            asked.set(again.organizations);
            Ok(again.plan)
        })
    };
    let service = start(settings, loaded.plan, loader, clock, jitter)?;
    obey_signals(&service, &journal);
    if let Some(heartbeat) = &loaded.heartbeat {
        let signs = heartbeat::give(heartbeat, service.health().clone(), journal.clone());
        service.spawn(signs.map_err(|error| Failure::usage(format!("`heartbeat`: {error}")))?);
    }
    #[cfg(feature = "aws")]
    service.spawn(organization::ask(asked, journal.clone()));
    ended(service.wait())
}

/// What is read at the start only.
struct Fixed {
    state: configuration::State,
    listen: Option<SocketAddr>,
    /// Secrets: these are never shown.
    keys: Vec<String>,
    slack_secrets: Vec<String>,
    heartbeat: Option<(String, Duration)>,
    level: Level,
}

impl Fixed {
    fn of(loaded: &plan::Loaded) -> Self {
        let operations = loaded.operations.as_ref();
        let keys = operations.into_iter().flat_map(|one| &one.keys);
        let slack_secrets = operations.into_iter().flat_map(|one| &one.slack_secrets);
        Fixed {
            state: loaded.state.clone(),
            listen: operations.map(|one| one.listen),
            keys: keys.map(|key| key.expose().to_owned()).collect(),
            slack_secrets: slack_secrets.map(|secret| secret.expose().to_owned()).collect(),
            heartbeat: loaded.heartbeat.as_ref().map(|one| (one.pulse.url.expose().to_owned(), one.every)),
            level: loaded.level,
        }
    }

    /// What is different now, by the keys of the configuration.
    fn changes(&self, now: &Fixed) -> Vec<&'static str> {
        let settings = [
            ("state.folder", self.state.folder == now.state.folder),
            ("state.durability", self.state.durability == now.state.durability),
            ("state.size_max", self.state.size_max_bytes == now.state.size_max_bytes),
            ("state.retention", self.state.retention == now.state.retention),
            ("http.listen", self.listen == now.listen),
            ("http.keys", self.keys == now.keys),
            ("targets.*.slack.signing_secret", self.slack_secrets == now.slack_secrets),
            ("heartbeat", self.heartbeat == now.heartbeat),
            ("log", self.level == now.level),
        ];
        settings.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

fn start(
    settings: Settings,
    plan: Plan,
    loader: Loader,
    clock: Clock,
    jitter: Jitter,
) -> Result<Service, Failure> {
    let journal = settings.journal.clone();
    let line = journal.info("the service starts").with("version", settings.version);
    let line = line.with("state", settings.state.display()).with("rules", plan.program.rules().len());
    line.with("sources", plan.sources.len()).with("threads", settings.workers).done();
    let service = Service::start(settings, plan, loader, clock, jitter).map_err(|error| match error {
        StartError::Store(error) => Failure::input(error.to_string()).hint(error.hint()),
        StartError::Exposed(error) => Failure::usage(error.to_string()),
        StartError::Listen { .. } => Failure::input(error.to_string()).hint("free the port, or set another"),
        StartError::State(_) => {
            Failure::input(error.to_string()).hint("run the version that wrote it, or restore a backup")
        }
        StartError::System(_) => Failure::input(error.to_string()),
    })?;
    if let Some(address) = service.operations() {
        journal
            .info("health and metrics are served")
            .with("at", format_args!("http://{address}/metrics"))
            .done();
    }
    Ok(service)
}

fn ended(result: Result<(), ServiceError>) -> Outcome {
    match result {
        Ok(()) => Ok(Exit::Fine),
        Err(ServiceError::Store(error)) => Err(Failure::input(error.to_string()).hint(error.hint())),
        Err(error) => Err(Failure::input(error.to_string())),
    }
}

/// The time of this machine.
fn wall_clock() -> Clock {
    Arc::new(clock::now)
}

/// Chance: the standard library seeds its hashers with it.
fn jitter() -> Jitter {
    use std::hash::{BuildHasher, RandomState};
    Arc::new(|| {
        let bits = RandomState::new().hash_one(0_u8) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what fits")]
        let number = bits as f64;
        number / (1_u64 << 53) as f64
    })
}

fn workers(threads: Option<NonZero<usize>>) -> NonZero<usize> {
    threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZero::<usize>::MIN)
}

/// Ends on SIGTERM and SIGINT, reloads on SIGHUP. A second signal to end is obeyed at once: what was not acknowledged comes again.
fn obey_signals(service: &Service, journal: &Journal) {
    let (handle, journal) = (service.handle(), journal.clone());
    service.spawn(async move {
        if let Err(error) = obey(&handle, &journal).await {
            journal.warn("signals cannot be heard").with("reason", error).done();
        }
    });
}

#[cfg(unix)]
async fn obey(handle: &Handle, journal: &Journal) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut ending = false;
    loop {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            _ = hang_up.recv() => {
                journal.info("the configuration is loaded again").with("because", "SIGHUP").done();
                handle.reload();
                continue;
            }
        };
        if ending {
            std::process::exit(Exit::Input as i32);
        }
        ending = true;
        journal.info("the service was asked to end").with("by", name).done();
        handle.stop();
    }
}

#[cfg(not(unix))]
async fn obey(handle: &Handle, journal: &Journal) -> io::Result<()> {
    tokio::signal::ctrl_c().await?;
    journal.info("the service was asked to end").done();
    handle.stop();
    tokio::signal::ctrl_c().await?;
    std::process::exit(Exit::Input as i32);
}

/// A level of the log, as it is typed.
pub(crate) fn level(text: &str) -> Result<Level, String> {
    let named = Level::ALL.into_iter().find(|level| level.name() == text);
    named.ok_or_else(|| "one of error, warn, info, debug".to_owned())
}
