//! The crash harness: the real binary is killed at random moments and started again, over and over, while events are pushed and files
//! dropped; then everything is compared with a run that nobody disturbed.
//!
//! What must hold:
//!
//! 1. every settled finding of the undisturbed run is there once, and no other: equal rules, states and fingerprints, of every kind of
//!    rule; windows settle all through the run, and what they remember has to outlive the kills;
//! 2. each revision is in the outbox once, and reached the receiver;
//! 3. what reached the receiver twice did so under the same key, and only where the receiver gave no good answer, or where the
//!    process was killed before it could note one: never more often than the service itself says;
//! 4. after every kill the counters in the store add up;
//! 5. people are told of every finding, in conversations: what is folded, what is
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

use jiff::SignedDuration;
use store::{DeliveryState, FindingFilter, Reader};

use crate::corpus::Random;
use crate::{Outcome, data};
use load::{Load, Maker};
use people::People;
use receiver::Answered;

pub(crate) use load::Event;
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

/// The rules of the run: one over every tenth event by itself, and one of each kind that remembers.
const RULES: &str = include_str!("rules.yaml");

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
    let pushed = Load::new(&PUSHED, seed, PACE as u64 * (2 * kills + 20))?;
    let dropped = Load::new(&DROPPED, seed ^ 1, 2 * kills + 20)?;
    let grown = Load::new(&GROWN, seed ^ 3, 2 * kills + 20)?;
    let loads = Loads { pushed, dropped, grown };
    let quiet = Receiver::start(seed, Manners::default())?;
    let undisturbed = site(binary, &folder.join("undisturbed"), &quiet)?;
    let calm = run_calmly(&undisturbed, &loads)?;

    let rude = Receiver::start(seed, Manners { cut: 20, later: 20, slow: 100 })?;
    let disturbed = site(binary, &folder.join("disturbed"), &rude)?;
    let shaken = run_with_kills(&disturbed, &rude, &loads, seed, kills)?;
    compare(&calm, &shaken.state)?;
    let expected = loads.all().map(|load| load.firing.len()).sum::<usize>();
    if calm.singles != expected {
        return Err(format!("{expected} events fire, and {} findings were made", calm.singles).into());
    }
    for rule in rules_that_find() {
        if !calm.settled.keys().any(|settled| settled.rule == rule) {
            return Err(format!("the rule {rule} found nothing, so nothing is known of it").into());
        }
    }
    let repeated = check_receiver(&rude, &shaken)?;
    let conversations = shaken.state.people.check(&shaken.state.findings)?;
    Ok(format!(
        "{} settled findings of {} revisions, each once in the outbox; {} deliveries were under way in a kill, {repeated} of them came twice; \
         {conversations}; the sums held after all {kills} kills",
        calm.settled.len(),
        shaken.state.keys.len(),
        shaken.interrupted
    ))
}

/// The ids of all rules but those that only publish a metric.
fn rules_that_find() -> impl Iterator<Item = &'static str> {
    let documents = RULES.split("---\n").filter(|document| !document.contains("kind: metric-filter"));
    documents.filter_map(|document| document.lines().find_map(|line| line.strip_prefix("id: ")))
}

/// Between two batches that are pushed.
const PAUSE: Duration = Duration::from_millis(8);
/// How many batches are pushed while one file is dropped.
const PACE: usize = 20;

/// What goes in, by each of the ways.
struct Loads {
    pushed: Load,
    dropped: Load,
    grown: Load,
}

impl Loads {
    fn all(&self) -> impl Iterator<Item = &Load> {
        [&self.pushed, &self.dropped, &self.grown].into_iter()
    }
}

/// In the time of events all are equally far all through a run: windows settle by the slowest of them.
const PUSHED: Maker =
    Maker { name: "push", account: "111122223333", network: "198.51", step: SignedDuration::from_secs(3) };
const DROPPED: Maker =
    Maker { name: "file", account: "444455556666", network: "203.0", step: SignedDuration::from_secs(60) };
const GROWN: Maker =
    Maker { name: "grow", account: "777788889999", network: "192.0", step: SignedDuration::from_secs(60) };

fn site(binary: &Path, folder: &Path, receiver: &Receiver) -> Result<Site, Failure> {
    let wanted = Wanted {
        rules: RULES,
        receiver: receiver.address,
        durability: "crash",
        directory: true,
        queue: None,
        people: true,
        lake: None,
    };
    let site = Site::new(binary, folder, &wanted)?;
    // Values that were never seen are news only to who has learned before.
    let before = Event { time: "2025-10-01T00:00:00Z", name: "StopLogging", ..Event::HARMLESS };
    site.learn(before.line().as_bytes())?;
    Ok(site)
}

/// What the store holds at the end.
struct State {
    /// How often each was said.
    settled: BTreeMap<Settled, u32>,
    /// Fingerprints of all findings by id and revision.
    findings: BTreeMap<(String, u32), String>,
    /// How many findings are about one event.
    singles: usize,
    /// Keys of the outbox.
    keys: BTreeSet<String>,
    /// What people were told.
    people: People,
}

/// A finding that no event in time can change. Early revisions, and ids, depend on what arrives first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Settled {
    rule: String,
    state: String,
    fingerprint: String,
}

struct Shaken {
    state: State,
    /// Deliveries that were under way when the process was killed.
    interrupted: u64,
}

fn run_calmly(site: &Site, loads: &Loads) -> Result<State, Failure> {
    let Loads { pushed, dropped, grown } = loads;
    let mut running = site.start()?;
    running.wait_until_ready()?;
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| -> Result<(), Failure> {
        let pushing = scope.spawn(|| load::push(&pushed.batches, site.push, Duration::ZERO, &done, &stop));
        load::drop_files(&dropped.batches, &grown.batches, &site.logs(), PACE, &done, &stop)?;
        Ok(pushing.join().map_err(|_| "pushing broke down")??)
    })?;
    settle(site, loads)?;
    let took = running.stop()?;
    if took > Duration::from_secs(10) {
        return Err(format!("the service took {took:?} to end").into());
    }
    read_state(site)
}

fn run_with_kills(
    site: &Site,
    receiver: &Receiver,
    loads: &Loads,
    seed: u64,
    kills: u64,
) -> Result<Shaken, Failure> {
    let Loads { pushed, dropped, grown } = loads;
    let mut random = Random::new(seed ^ 2);
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| -> Result<Shaken, Failure> {
        let pushing = scope.spawn(|| load::push(&pushed.batches, site.push, PAUSE, &done, &stop));
        let files = scope.spawn(|| {
            load::drop_files(&dropped.batches, &grown.batches, &site.logs(), PACE, &done, &stop)
                .map_err(|error| error.to_string())
        });
        let running = kill_again_and_again(site, receiver, &mut random, kills)
            .and_then(|()| {
                let mut running = site.start()?;
                running.wait_until_ready()?;
                acknowledged(&done, pushed.batches.len() as u64)?;
                Ok(running)
            })
            .inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
        files.join().map_err(|_| "dropping files broke down")??;
        pushing.join().map_err(|_| "pushing broke down")??;
        settle(site, loads)?;
        running.stop()?;
        Ok(Shaken { state: read_state(site)?, interrupted: interrupted_in(&site.log()) })
    })
}

/// Waits until all that is pushed was acknowledged. It may take long, but never stands still.
fn acknowledged(done: &AtomicU64, wanted: u64) -> Result<(), Failure> {
    let (mut before, mut since) = (0, Instant::now());
    loop {
        let now = done.load(Ordering::Relaxed);
        if now >= wanted {
            return Ok(());
        }
        if now > before {
            (before, since) = (now, Instant::now());
        } else if since.elapsed() > Duration::from_secs(60) {
            return Err(format!(
                "{now} of {wanted} pushed batches were acknowledged, and no more within a minute"
            )
            .into());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Starts and kills.
fn kill_again_and_again(
    site: &Site,
    receiver: &Receiver,
    random: &mut Random,
    kills: u64,
) -> Result<(), Failure> {
    for kill in 0..kills {
        let mut running = site.start()?;
        // One in eight is killed while it starts.
        if random.below(8) > 0 {
            running.wait_until_ready()?;
        }
        thread::sleep(Duration::from_millis(random.below(400)));
        running.kill()?;
        receiver.killed()?;
        check_sums(site).map_err(|error| format!("after kill {}: {error}", kill + 1))?;
    }
    Ok(())
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

/// Waits until everything that was dropped was read, lets everything be settled, and waits until everything that is owed has arrived.
fn settle(site: &Site, loads: &Loads) -> Result<(), Failure> {
    let expected: BTreeSet<&String> = loads.dropped.firing.iter().chain(&loads.grown.firing).collect();
    wait_for(site, "all files' findings", |snapshot| {
        let read = file_events(snapshot)?;
        Ok(expected.iter().all(|id| read.contains(*id)))
    })?;
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let closing = loads.all().map(Load::closing).collect::<Result<Vec<_>, _>>()?;
    load::push(&closing, site.push, Duration::ZERO, &done, &stop)?;
    wait_for(site, "nothing that is not settled", |snapshot| Ok(unsettled(snapshot)? == 0))?;
    wait_for(site, "nothing that is owed", |snapshot| {
        let status = snapshot.status()?.deliveries;
        // What is held stays so, and what lasts stands until it is over. Everything else is said and closed some seconds after the last
        // finding.
        let open = service::kept(snapshot)?.conversations.into_iter().any(|one| !one.held && !one.stands);
        Ok(!open && status.pending + status.sending == 0)
    })
}

fn wait_for(
    site: &Site,
    what: &str,
    holds: impl Fn(&store::Snapshot<'_>) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut reader = Reader::open(&site.state())?;
    while !holds(&reader.snapshot()?)? {
        if begun.elapsed() > Duration::from_secs(120) {
            let status = reader.snapshot()?.status()?;
            return Err(format!("waited two minutes in vain for {what}: {status:?}").into());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Findings whose newest revision is not settled. An absence that fired is said again when its key comes by, however late.
fn unsettled(snapshot: &store::Snapshot<'_>) -> Result<usize, Failure> {
    let mut newest: BTreeMap<String, (u32, bool)> = BTreeMap::new();
    each_finding(snapshot, |body, finding| {
        let settled = body["detail"]["settled"] == true;
        let known = newest.entry(finding.id.clone()).or_insert((finding.revision, settled));
        if finding.revision >= known.0 {
            *known = (finding.revision, settled);
        }
    })?;
    Ok(newest.values().filter(|(_, settled)| !settled).count())
}

/// The events of files that findings were made of.
fn file_events(snapshot: &store::Snapshot<'_>) -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    each_finding(snapshot, |body, _| {
        let ids = body["detail"]["event_ids"].as_array().into_iter().flatten();
        found.extend(
            ids.filter_map(|id| id.as_str()).filter(|id| !id.starts_with("push-")).map(str::to_owned),
        );
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
    let (mut settled, mut singles, mut revisions) = (BTreeMap::new(), 0, BTreeSet::new());
    let mut findings = BTreeMap::new();
    each_finding(&snapshot, |body, finding| {
        singles += usize::from(finding.rule == "logging-stopped");
        revisions.insert(format!("{}:{}:hook", finding.id, finding.revision));
        let fingerprint = body["detail"]["fingerprint"].as_str().unwrap_or_default().to_owned();
        findings.insert((finding.id.clone(), finding.revision), fingerprint.clone());
        if body["detail"]["settled"] == true {
            let one = Settled { rule: finding.rule.clone(), state: finding.state.clone(), fingerprint };
            *settled.entry(one).or_default() += 1;
        }
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
    if keys.iter().filter(|key| key.ends_with(":hook")).ne(&revisions) {
        return Err("what is in the outbox are not the revisions of all findings".into());
    }
    Ok(State { settled, findings, singles, keys, people })
}

fn compare(calm: &State, shaken: &State) -> Result<(), Failure> {
    if let Some((one, count)) = shaken.settled.iter().chain(&calm.settled).find(|(_, count)| **count > 1) {
        return Err(format!("{one:?} was settled {count} times").into());
    }
    let missing =
        |of: &State, from: &State| of.settled.keys().find(|one| !from.settled.contains_key(one)).cloned();
    if let Some(one) = missing(calm, shaken) {
        return Err(format!("{one:?} of the undisturbed run is missing").into());
    }
    if let Some(one) = missing(shaken, calm) {
        return Err(format!("{one:?} is not of the undisturbed run").into());
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
