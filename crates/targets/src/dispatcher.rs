//! One bounded queue and one worker per target, so that one slow target never delays another.
//!
//! A job is one attempt. The dispatcher remembers nothing: what is owed lies in the outbox of whoever hands out jobs and gets the reports.
//! So a full queue is no loss; the job stays where it is until there is [room](Dispatcher::room).
//!
//! A target that asked for time (`Retry-After`) is left alone until then: its queue waits, and the others do not notice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use route::TargetName;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{Attempt, Clock, DeliveryError, Jitter, Load, Next, Policy, Receipt, Target};

/// A target with its policy and queue.
#[derive(Clone)]
pub struct Lane {
    /// The target.
    pub target: Arc<dyn Target>,
    /// How it is tried.
    pub policy: Policy,
    /// How many jobs may wait for it; at least one may.
    pub queue_max: usize,
}

/// One attempt to make.
#[derive(Debug)]
pub struct Job<T> {
    /// What is sent, and to which target.
    pub load: Load,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// When the delivery was first enqueued.
    pub first_enqueued: Timestamp,
    /// Whatever tells whoever hands out jobs which one it was; it comes back with the report.
    pub tag: T,
}

/// What became of a job. Each job that was taken gets exactly one.
#[derive(Debug, PartialEq, Eq)]
pub struct Report<T> {
    /// The job's tag.
    pub tag: T,
    /// The target.
    pub target: TargetName,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was tried, and this follows.
    Tried(Next),
    /// It was not: the dispatcher was shut down before its turn came. The attempt does not count.
    Untried,
}

/// Why a job was not taken; it comes back.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken<T> {
    /// Its target's queue is full.
    #[error("the target's queue is full")]
    Full(Box<Job<T>>),
    /// There is no such target.
    #[error("there is no such target")]
    UnknownTarget(Box<Job<T>>),
}

/// The workers of all targets.
///
/// Dropped without [`shutdown`](Self::shutdown), attempts under way end as they would, and the jobs that wait are reported untried.
pub struct Dispatcher<T> {
    lanes: BTreeMap<TargetName, Entrance<T>>,
    stop: watch::Sender<Stop>,
    workers: JoinSet<()>,
}

struct Entrance<T> {
    jobs: mpsc::Sender<Job<T>>,
    paused: Arc<AtomicBool>,
}

/// Where reports come out. It ends when all workers have ended.
#[derive(Debug)]
pub struct Reports<T>(mpsc::UnboundedReceiver<Report<T>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    No,
    /// No new attempts.
    Soon,
    /// Attempts under way are broken off.
    Now,
}

impl<T: Send + 'static> Dispatcher<T> {
    /// Starts a worker for each target, in the runtime it is called in.
    #[must_use]
    pub fn start(
        lanes: impl IntoIterator<Item = (TargetName, Lane)>,
        clock: &Clock,
        jitter: &Jitter,
    ) -> (Self, Reports<T>) {
        // Unbounded: no worker waits for whoever reads the reports, and there is at most one for each job that was taken.
        let (reports, received) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(Stop::No);
        let mut workers = JoinSet::new();
        let mut entrances = BTreeMap::new();
        for (name, lane) in lanes {
            let (sender, jobs) = mpsc::channel(lane.queue_max.max(1));
            let paused = Arc::new(AtomicBool::new(false));
            let worker = Worker {
                target: lane.target,
                policy: lane.policy,
                jobs,
                reports: reports.clone(),
                stop: stopped.clone(),
                paused: Arc::clone(&paused),
                paused_until: None,
                clock: Arc::clone(clock),
                jitter: Arc::clone(jitter),
            };
            workers.spawn(worker.run());
            entrances.insert(name, Entrance { jobs: sender, paused });
        }
        (Dispatcher { lanes: entrances, stop, workers }, Reports(received))
    }

    /// How many jobs a target's queue takes now: none while the target wants to be left alone, and none of an unknown target.
    #[must_use]
    pub fn room(&self, target: &TargetName) -> usize {
        let entrance = self.lanes.get(target).filter(|entrance| !entrance.paused.load(Ordering::Acquire));
        entrance.map_or(0, |entrance| entrance.jobs.capacity())
    }

    /// Hands a job to its target's worker. Never waits.
    ///
    /// # Errors
    ///
    /// If the queue is full or there is no such target; the job comes back.
    pub fn offer(&self, job: Job<T>) -> Result<(), NotTaken<T>> {
        let Some(entrance) = self.lanes.get(job.load.target()) else {
            return Err(NotTaken::UnknownTarget(Box::new(job)));
        };
        entrance.jobs.try_send(job).map_err(|refused| NotTaken::Full(Box::new(refused.into_inner())))
    }

    /// Ends: no further attempt begins, those under way have `grace` to end and are broken off then. All reports are made when it returns.
    pub async fn shutdown(mut self, grace: Duration) {
        self.stop.send_replace(Stop::Soon);
        let ended = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            self.stop.send_replace(Stop::Now);
            while self.workers.join_next().await.is_some() {}
        }
    }
}

impl<T> Drop for Dispatcher<T> {
    fn drop(&mut self) {
        self.stop.send_modify(|stop| *stop = (*stop).max(Stop::Soon));
        self.workers.detach_all();
    }
}

impl<T> Reports<T> {
    /// The next report, or `None` when there will be no more.
    pub async fn next(&mut self) -> Option<Report<T>> {
        self.0.recv().await
    }
}

/// The longest pause, whatever the policy honours: the outbox knows the time of each delivery anyway.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);

struct Worker<T> {
    target: Arc<dyn Target>,
    policy: Policy,
    jobs: mpsc::Receiver<Job<T>>,
    reports: mpsc::UnboundedSender<Report<T>>,
    stop: watch::Receiver<Stop>,
    paused: Arc<AtomicBool>,
    paused_until: Option<Instant>,
    clock: Clock,
    jitter: Jitter,
}

impl<T: Send + 'static> Worker<T> {
    async fn run(mut self) {
        loop {
            if let Some(until) = self.paused_until.take() {
                tokio::select! {
                    biased;
                    () = stopped(&mut self.stop, Stop::Soon) => break,
                    () = tokio::time::sleep_until(until) => self.paused.store(false, Ordering::Release),
                }
            }
            let job = tokio::select! {
                biased;
                () = stopped(&mut self.stop, Stop::Soon) => break,
                job = self.jobs.recv() => job,
            };
            let Some(job) = job else { break };
            self.attempt(job).await;
        }
        self.jobs.close();
        while let Some(Job { load, tag, .. }) = self.jobs.recv().await {
            self.report(tag, load.target().clone(), Fate::Untried);
        }
    }

    async fn attempt(&mut self, job: Job<T>) {
        let Job { load, attempt, first_enqueued, tag } = job;
        let name = load.target().clone();
        let target = Arc::clone(&self.target);
        // A task of its own, so that a panic inside of a target ends this attempt and not the worker.
        let mut task = tokio::spawn(async move {
            match &load {
                Load::Message(delivery) => target.deliver(delivery).await,
                Load::Events(events) => target.forward(events).await,
            }
        });
        let outcome = tokio::select! {
            biased;
            ended = &mut task => ended.unwrap_or_else(|_| Err(DeliveryError::retryable("the target broke down inside"))),
            () = tokio::time::sleep(self.policy.attempt_timeout) => {
                let seconds = self.policy.attempt_timeout.as_secs_f32();
                Err(DeliveryError::retryable(format!("not done within {seconds} s")))
            }
            () = stopped(&mut self.stop, Stop::Now) => Err(DeliveryError::retryable("broken off at the end of the process")),
        };
        task.abort();
        let now = (self.clock)();
        self.pause(now, &outcome);
        let attempt = Attempt { number: attempt, first_enqueued, now };
        let next = self.policy.next(attempt, outcome, (self.jitter)());
        self.report(tag, name, Fate::Tried(next));
    }

    /// Leaves the target alone for as long as it wished.
    fn pause(&mut self, now: Timestamp, outcome: &Result<Receipt, DeliveryError>) {
        if let Err(DeliveryError::Retryable { retry_after: Some(wish), .. }) = outcome {
            let wait = wish.wait(now).min(self.policy.retry_after_max).min(PAUSE_MAX);
            self.paused_until = Some(Instant::now() + wait);
            self.paused.store(true, Ordering::Release);
        }
    }

    fn report(&self, tag: T, target: TargetName, fate: Fate) {
        // Nobody listens any more when the process ends without a shutdown.
        let _ = self.reports.send(Report { tag, target, fate });
    }
}

/// Waits until the dispatcher is stopped at least that much. A dispatcher that is gone stopped soon, but not now.
async fn stopped(stop: &mut watch::Receiver<Stop>, least: Stop) {
    if stop.wait_for(|stop| *stop >= least).await.is_err() && least == Stop::Now {
        std::future::pending::<()>().await;
    }
}
