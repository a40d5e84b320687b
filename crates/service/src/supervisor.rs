//! Keeps sources running: what fails is run again, later each time, and shows why; nothing ever stops without a word.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sources::{Health as SourceHealth, Limits, Session, Source, SourceError};
use targets::{Clock, Jitter};
use tokio::sync::{mpsc, watch};

use crate::Journal;
use crate::examine::Arrival;
use crate::health::{Health, State};

/// The first delay after a failure; each further failure doubles it.
const DELAY_BASE: Duration = Duration::from_secs(1);
/// The longest delay.
const DELAY_MAX: Duration = Duration::from_secs(60);
/// A run that lasted this long was a good one: the next failure counts as the first.
const GOOD_RUN: Duration = Duration::from_secs(60);

/// A source that is to be run.
#[derive(Clone)]
pub struct Supervised {
    /// The source.
    pub source: Arc<dyn Source>,
    /// How much of it may be on its way.
    pub limits: Limits,
    /// What its configuration says, in any form: a reload that leaves it equal leaves the source running.
    pub definition: String,
}

/// What all supervisors share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    pub(crate) state: PathBuf,
    pub(crate) health: Health,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    pub(crate) jitter: Jitter,
}

/// Why a run ended.
enum Ended {
    /// It was asked to, or its input is over.
    Well,
    Failed(SourceError),
}

/// Runs a source until it is stopped or its input is over.
pub(crate) async fn supervise(supervised: Supervised, around: Surroundings, mut stop: watch::Receiver<bool>) {
    let name = supervised.source.name().to_owned();
    let (health, journal) = (around.health.clone(), around.journal.clone());
    journal.info("a source begins").with("source", &name).done();
    let mut failures = 0;
    loop {
        let begun = tokio::time::Instant::now();
        let ended = run_once(&supervised, &around, &mut stop).await;
        if *stop.borrow() {
            break journal.info("a source was stopped").with("source", &name).done();
        }
        let error = match ended {
            Ended::Well => {
                health.source(&name, State::Ended);
                break journal.info("a source has no more input").with("source", &name).done();
            }
            Ended::Failed(error) => error,
        };
        failures = if begun.elapsed() >= GOOD_RUN { 1 } else { failures + 1 };
        let delay = match error {
            // Running it again changes nothing until somebody acts, but whoever acts should not have to come here.
            SourceError::Misconfigured { .. } => DELAY_MAX,
            _ => delay(failures, (around.jitter)()),
        };
        let next_step = error.next_step().unwrap_or_default();
        let line = journal.error("a source failed and will be run again").with("source", &name);
        let line = line.with("reason", &error).with("hint", next_step);
        line.with("again_in", format_args!("{:.1}s", delay.as_secs_f64())).done();
        unhealthy(&health, &name, &error.to_string(), next_step, &around.clock);
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = asked(&mut stop) => {}
        }
        if *stop.borrow() {
            break;
        }
    }
}

async fn run_once(supervised: &Supervised, around: &Surroundings, stop: &mut watch::Receiver<bool>) -> Ended {
    let name = supervised.source.name().to_owned();
    let checkpoints = match checkpoints(around.state.clone(), name.clone()).await {
        Ok(checkpoints) => checkpoints,
        Err(error) => return Ended::Failed(SourceError::failed(error.to_string(), error.hint())),
    };
    let (session, mut control) = Session::open(&name, supervised.limits, &around.clock, checkpoints);
    let mut told = control.watch_health();
    let source = Arc::clone(&supervised.source);
    // A task of its own: a panic inside of a source ends this run and not the service.
    let mut run = tokio::spawn(async move { source.run(session).await });
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            batch = control.next() => {
                let Some(batch) = batch else { break (&mut run).await };
                let arrival = Arrival { batch, received: (around.clock)() };
                if around.arrivals.send(arrival).await.is_err() {
                    run.abort();
                    return Ended::Well;
                }
            }
            result = &mut run => {
                // What it had handed over before it ended is still taken.
                while let Some(batch) = control.next().await {
                    if around.arrivals.send(Arrival { batch, received: (around.clock)() }).await.is_err() {
                        break;
                    }
                }
                break result;
            }
            Ok(()) = told.changed() => show(&told.borrow_and_update(), &name, around),
            () = asked(stop), if !stopping => {
                stopping = true;
                control.stop();
            }
        }
    };
    match result {
        Ok(Ok(())) => Ended::Well,
        Ok(Err(error)) => Ended::Failed(error),
        Err(_) => Ended::Failed(SourceError::failed(
            "the source broke down inside",
            "this is a defect of the program: please report it with the lines before this one",
        )),
    }
}

/// Waits until it is asked to stop.
async fn asked(stop: &mut watch::Receiver<bool>) {
    // An owner that is gone asks too.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn checkpoints(state: PathBuf, name: String) -> Result<Vec<(String, Vec<u8>)>, store::Error> {
    let read = move || {
        let mut reader = store::Reader::open(&state)?;
        let all = reader.snapshot()?.checkpoints()?;
        let own = all.into_iter().filter(|checkpoint| checkpoint.source == name);
        Ok(own.map(|checkpoint| (checkpoint.partition, checkpoint.position)).collect())
    };
    tokio::task::spawn_blocking(read).await.unwrap_or(Err(store::Error::Stopped))
}

fn show(told: &SourceHealth, name: &str, around: &Surroundings) {
    let journal = &around.journal;
    match told {
        SourceHealth::Starting => around.health.source(name, State::Starting),
        SourceHealth::Healthy => {
            journal.info("a source works").with("source", name).done();
            around.health.source(name, State::Healthy);
        }
        SourceHealth::Unhealthy { reason, next_step, .. } => {
            let line = journal.warn("a source does not work at the moment").with("source", name);
            line.with("reason", reason).with("hint", next_step).done();
            unhealthy(&around.health, name, reason, next_step, &around.clock);
        }
    }
}

/// Tells it, counted from the first time.
fn unhealthy(health: &Health, name: &str, reason: &str, next_step: &str, clock: &Clock) {
    let since = match health.sources().get(name) {
        Some(State::Unhealthy { since, .. }) => *since,
        _ => clock(),
    };
    let (reason, next_step) = (reason.to_owned(), next_step.to_owned());
    health.source(name, State::Unhealthy { reason, next_step, since });
}

fn delay(failures: u32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let ceiling = DELAY_BASE.saturating_mul(1 << doublings).min(DELAY_MAX);
    ceiling / 2 + (ceiling / 2).mul_f64(jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_minute_and_half_of_each_is_left_to_chance() {
        let seconds = |failures, jitter| delay(failures, jitter).as_secs_f64();
        for (failures, least, most) in
            [(1, 0.5, 1.0), (2, 1.0, 2.0), (6, 16.0, 32.0), (7, 30.0, 60.0), (400, 30.0, 60.0)]
        {
            assert!(
                (seconds(failures, 0.0) - least).abs() < 1e-9 && (seconds(failures, 1.0) - most).abs() < 1e-9
            );
        }
    }
}
