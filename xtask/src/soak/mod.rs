//! The crash harness: the real binary is killed at random moments and started again, over and over, while events are pushed and files
//! dropped; then everything is compared with a run that nobody disturbed.
//!
//! What must hold:
//!
//! 1. every finding of the undisturbed run is there, and no other, each with the same fingerprint;
//! 2. each is in the outbox once, and reached the receiver;
//! 3. what reached the receiver twice did so under the same key, and only where the receiver gave no good answer, or where the
//!    process was killed before it could note one: never more often than the service itself says;
//! 4. after every kill the counters in the store add up;
//! 5. people are told of every finding in conversations whose messages are numbered without a gap, and which count each finding once: what is folded, what is
//!    held until it repeats, and what goes to others because nobody answers.
//!
//! The seed is printed; with it, the same events are made and kills fall after the same delays.

mod load;
mod people;
mod process;
mod receiver;
mod schedules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use store::{DeliveryState, FindingFilter, Reader};

use crate::corpus::Random;
use crate::{Outcome, data};
use load::Load;
use people::People;
use receiver::Answered;

pub(crate) use load::event;
pub(crate) use process::{Site, Wanted};
pub(crate) use receiver::{Manners, Receiver};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often the service is killed
    #[arg(long, default_value_t = 500)]
    kills: u64,
    /// A run with this seed is made again
    #[arg(long)]
    seed: Option<u64>,
    /// The binary; by default the release build of this checkout
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Keep the folders of the run
    #[arg(long)]
    keep: bool,
    /// Kill nothing: put so many random schedules of delay and outage through the engine
    #[arg(long, conflicts_with_all = ["kills", "seed", "binary", "keep"])]
    schedules: Option<u32>,
}

/// The rules of the run: one over every tenth event, and one that counts over several and so needs what it remembers.
const RULES: &str = "id: logging-stopped
title: \"{{ detail.eventName }} in {{ account.id }}\"
severity: high
pattern: { detail: { eventName: [StopLogging] } }
---
id: stopped-again
title: stopped again from one address
severity: critical
pattern: { detail: { eventName: [StopLogging] } }
threshold: { count: 2, within: 10m, by: [detail.sourceIPAddress] }
";

type Failure = Box<dyn std::error::Error>;

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if let Some(schedules) = arguments.schedules {
        return schedules::run(schedules);
    }
    let binary = match &arguments.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => std::path::absolute(data::target().join("release/trailhound"))?,
    };
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => std::time::UNIX_EPOCH.elapsed()?.subsec_nanos().into(),
    };
    println!("seed {seed}, {} kills, {}", arguments.kills, binary.display());
    let folder =
        tempfile::Builder::new().prefix("trailhound-soak-").disable_cleanup(arguments.keep).tempdir()?;
    let begun = Instant::now();
    match soak(&binary, folder.path(), seed, arguments.kills) {
        Ok(told) => {
            println!("{told}; {:.0} s", begun.elapsed().as_secs_f64());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let kept = folder.keep();
            Err(format!("{error}\nseed {seed}; what the service said and stored is in {}", kept.display())
                .into())
        }
    }
}

fn soak(binary: &Path, folder: &Path, seed: u64, kills: u64) -> Result<String, Failure> {
    // More than the kills take, so that events are on their way at each of them.
    let pushed = Load::new("push", seed, 40 * kills + 100, TIME);
    let dropped = Load::new("file", seed ^ 1, 2 * kills + 20, TIME);
    let quiet = Receiver::start(seed, Manners::default())?;
    let undisturbed = site(binary, &folder.join("undisturbed"), &quiet)?;
    let calm = thread::scope(|scope| -> Result<State, Failure> {
        // Both runs at once: the machine is as busy in one as in the other.
        let calm =
            scope.spawn(|| run_calmly(&undisturbed, &pushed, &dropped).map_err(|error| error.to_string()));
        calm.join().map_err(|_| "the undisturbed run broke down")?.map_err(Into::into)
    })?;

    let rude = Receiver::start(seed, Manners { cut: 20, later: 20, slow: 100 })?;
    let disturbed = site(binary, &folder.join("disturbed"), &rude)?;
    let shaken = run_with_kills(&disturbed, &rude, &pushed, &dropped, seed, kills)?;
    compare(&calm, &shaken.state)?;
    let expected: BTreeSet<&String> = pushed.firing.iter().chain(&dropped.firing).collect();
    if calm.singles != expected.len() {
        return Err(format!("{} events fire, and {} findings were made", expected.len(), calm.singles).into());
    }
    if calm.singles == calm.findings.len() {
        return Err("no finding was made over several events".into());
    }
    let repeated = check_receiver(&rude, &shaken)?;
    let conversations = shaken.state.people.check(&shaken.state.findings)?;
    Ok(format!(
        "{} findings, each once in the outbox; {} deliveries were under way in a kill, {repeated} of them came twice; \
         {conversations}; the sums held after all {kills} kills",
        calm.findings.len(),
        shaken.interrupted
    ))
}

/// Between two batches that are pushed.
const PAUSE: Duration = Duration::from_millis(8);
/// Every event is of this time: what is decided does not depend on how long the run takes.
const TIME: &str = "2026-11-03T02:40:00Z";

fn site(binary: &Path, folder: &Path, receiver: &Receiver) -> Result<Site, Failure> {
    let wanted = Wanted {
        rules: RULES,
        receiver: receiver.address,
        durability: "crash",
        directory: true,
        people: true,
    };
    Ok(Site::new(binary, folder, &wanted)?)
}

/// What the store holds at the end.
struct State {
    /// Fingerprints by id and revision.
    findings: BTreeMap<(String, u32), String>,
    /// How many of them are about one event.
    singles: usize,
    /// Keys of the outbox.
    keys: BTreeSet<String>,
    /// What people were told.
    people: People,
}

struct Shaken {
    state: State,
    /// Deliveries that were under way when the process was killed.
    interrupted: u64,
}

fn run_calmly(site: &Site, pushed: &Load, dropped: &Load) -> Result<State, Failure> {
    let mut running = site.start()?;
    running.wait_until_ready()?;
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| -> Result<(), Failure> {
        let pushing = scope.spawn(|| load::push(&pushed.batches, site.push, Duration::ZERO, &done, &stop));
        load::drop_files(&dropped.batches, &site.logs(), Duration::from_millis(1))?;
        Ok(pushing.join().map_err(|_| "pushing broke down")??)
    })?;
    settle(site, dropped)?;
    let took = running.stop()?;
    if took > Duration::from_secs(10) {
        return Err(format!("the service took {took:?} to end").into());
    }
    read_state(site)
}

fn run_with_kills(
    site: &Site,
    receiver: &Receiver,
    pushed: &Load,
    dropped: &Load,
    seed: u64,
    kills: u64,
) -> Result<Shaken, Failure> {
    let mut random = Random::new(seed ^ 2);
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| -> Result<Shaken, Failure> {
        let pushing = scope.spawn(|| load::push(&pushed.batches, site.push, PAUSE, &done, &stop));
        let files = scope.spawn(|| {
            load::drop_files(&dropped.batches, &site.logs(), 20 * PAUSE).map_err(|error| error.to_string())
        });
        let kills = kill_again_and_again(site, receiver, &mut random, kills);
        if kills.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        let mut interrupted = kills?;
        let mut running = site.start()?;
        running.wait_until_ready()?;
        files.join().map_err(|_| "dropping files broke down")??;
        let begun = Instant::now();
        while !pushing.is_finished() {
            if begun.elapsed() > Duration::from_secs(120) {
                stop.store(true, Ordering::Relaxed);
                return Err("pushed events were not acknowledged within two minutes".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        pushing.join().map_err(|_| "pushing broke down")??;
        settle(site, dropped)?;
        running.stop()?;
        interrupted += interrupted_in(&site.log());
        Ok(Shaken { state: read_state(site)?, interrupted })
    })
}

/// Starts and kills. Returns nothing of note: what was interrupted is in the log.
fn kill_again_and_again(
    site: &Site,
    receiver: &Receiver,
    random: &mut Random,
    kills: u64,
) -> Result<u64, Failure> {
    for kill in 0..kills {
        let mut running = site.start()?;
        // One in eight is killed while it starts.
        if random.below(8) > 0 {
            running.wait_until_ready()?;
        }
        thread::sleep(Duration::from_millis(random.below(400)));
        running.kill()?;
        receiver.killed();
        check_sums(site).map_err(|error| format!("after kill {}: {error}", kill + 1))?;
    }
    Ok(0)
}

/// After a kill everything in the store must add up.
fn check_sums(site: &Site) -> Result<(), Failure> {
    let mut reader = match Reader::open(&site.state()) {
        Ok(reader) => reader,
        // Killed before there was anything.
        Err(store::Error::Missing { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let snapshot = reader.snapshot()?;
    let wrong = service::unbalanced(&snapshot.counters()?);
    if !wrong.is_empty() {
        return Err(wrong.join("; ").into());
    }
    let status = snapshot.status()?;
    if !status.findings.balanced() || !status.deliveries.balanced() {
        return Err(format!("the store's own sums do not add up: {status:?}").into());
    }
    Ok(())
}

/// Waits until everything that was dropped was read and everything that is owed has arrived.
fn settle(site: &Site, dropped: &Load) -> Result<(), Failure> {
    let begun = Instant::now();
    let expected: BTreeSet<&String> = dropped.firing.iter().collect();
    loop {
        let mut reader = Reader::open(&site.state())?;
        let snapshot = reader.snapshot()?;
        let status = snapshot.status()?.deliveries;
        let read = file_events(&snapshot)?;
        // What is held stays so; everything else is said and closed some seconds after the last finding.
        let open = service::kept(&snapshot)?.conversations.into_iter().any(|one| !one.held);
        if !open && status.pending + status.sending == 0 && expected.iter().all(|id| read.contains(*id)) {
            return Ok(());
        }
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(format!(
                "after a minute something is still owed: {status:?}, {} of {} files' findings",
                read.len(),
                expected.len()
            )
            .into());
        }
        drop(snapshot);
        thread::sleep(Duration::from_millis(50));
    }
}

/// The events of files that findings were made of.
fn file_events(snapshot: &store::Snapshot<'_>) -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    each_finding(snapshot, |body, _| {
        let ids = body["detail"]["event_ids"].as_array().into_iter().flatten();
        found
            .extend(ids.filter_map(|id| id.as_str()).filter(|id| id.starts_with("file-")).map(str::to_owned));
    })?;
    Ok(found)
}

fn each_finding(
    snapshot: &store::Snapshot<'_>,
    mut each: impl FnMut(&serde_json::Value, &store::Finding),
) -> Result<(), Failure> {
    let filter = FindingFilter { replaced: true, ..FindingFilter::default() };
    let mut after = None;
    loop {
        let page = snapshot.findings(&filter, after, 1_000)?;
        for finding in &page.findings {
            each(&serde_json::from_slice(&finding.body)?, finding);
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn read_state(site: &Site) -> Result<State, Failure> {
    check_sums(site)?;
    let mut reader = Reader::open(&site.state())?;
    let snapshot = reader.snapshot()?;
    let (mut findings, mut singles) = (BTreeMap::new(), 0);
    each_finding(&snapshot, |body, finding| {
        let fingerprint = body["detail"]["fingerprint"].as_str().unwrap_or_default().to_owned();
        singles += usize::from(finding.rule == "logging-stopped");
        findings.insert((finding.id.clone(), finding.revision), fingerprint);
    })?;
    let (mut keys, mut people) = (BTreeSet::new(), People::default());
    for state in DeliveryState::ALL {
        let mut after = 0;
        loop {
            let page = snapshot.deliveries(state, after, 1_000)?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for entry in &page {
                if state != DeliveryState::Delivered {
                    return Err(format!("{} is {} and not delivered", entry.key, state.name()).into());
                }
                if !keys.insert(entry.key.to_string()) {
                    return Err(format!("{} is in the outbox twice", entry.key).into());
                }
                people.note(entry)?;
            }
        }
    }
    Ok(State { findings, singles, keys, people })
}

fn compare(calm: &State, shaken: &State) -> Result<(), Failure> {
    let first = |of: &State, not: &State| {
        of.findings
            .iter()
            .find(|(id, _)| !not.findings.contains_key(*id))
            .map(|((id, revision), _)| format!("{id}:{revision}"))
    };
    if let Some(id) = first(calm, shaken) {
        return Err(format!("finding {id} of the undisturbed run is missing").into());
    }
    if let Some(id) = first(shaken, calm) {
        return Err(format!("finding {id} is not one of the undisturbed run").into());
    }
    if let Some((id, _)) =
        calm.findings.iter().find(|(id, fingerprint)| shaken.findings.get(*id) != Some(fingerprint))
    {
        return Err(format!("finding {} has another fingerprint", id.0).into());
    }
    // When people are told depends on how long things took.
    let own = |of: &State| of.keys.iter().filter(|key| key.ends_with(":hook")).cloned().collect::<Vec<_>>();
    if own(calm) != own(shaken) {
        return Err("the outboxes are not the same".into());
    }
    Ok(())
}

/// What arrived: everything, and twice only what may have.
fn check_receiver(receiver: &Receiver, shaken: &Shaken) -> Result<u64, Failure> {
    let seen = receiver.keys();
    if let Some(key) = shaken.state.keys.iter().find(|key| !seen.contains_key(*key)) {
        return Err(format!("{key} was marked delivered and never arrived").into());
    }
    if let Some(key) = seen.keys().find(|key| !shaken.state.keys.contains(*key)) {
        return Err(format!("{key} arrived and is not in the outbox").into());
    }
    let mut repeated = 0;
    for (key, requests) in &seen {
        for pair in requests.windows(2) {
            let [before, after] = pair else { continue };
            if before.answered != Answered::Taken {
                continue;
            }
            // It was taken, and came again: only a kill between the answer and its receipt explains that.
            if before.kills == after.kills {
                return Err(
                    format!("{key} was taken and came again although nothing was killed between").into()
                );
            }
            repeated += 1;
        }
    }
    if repeated > shaken.interrupted {
        return Err(format!("{repeated} came twice, and the service knows of {}", shaken.interrupted).into());
    }
    Ok(repeated)
}

/// What the service says of deliveries that were under way when it last ended.
fn interrupted_in(log: &str) -> u64 {
    let lines =
        log.lines().filter(|line| line.contains("deliveries were under way when the service last ended"));
    lines.filter_map(|line| line.rsplit_once("count=")?.1.trim().parse::<u64>().ok()).sum()
}
