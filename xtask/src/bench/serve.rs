//! `cargo xtask bench serve`: what the service takes over HTTP and from S3 by way of SQS, with durable commits, and how long a finding needs
//! to its webhook.
//!
//! Load, receiver and service share the machine, so the figures are what a small machine does while somebody also makes the load. One
//! event in a hundred fires. S3 and SQS are played by [`Bucket`], over plain HTTP on loopback.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use store::Reader;

use crate::bench::bucket::Bucket;
use crate::http::Client;
use crate::soak::{Event, Manners, Receiver, Site, Wanted};
use crate::{Outcome, data};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long each case runs, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The binary; by default the release build is made
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Only the cases whose title contains this
    #[arg(long)]
    case: Option<String>,
    /// What a commit survives: `power-loss` or `crash`
    #[arg(long, default_value = "power-loss")]
    durability: String,
}

/// One case.
struct Case {
    title: &'static str,
    /// Events in a request, or in an object.
    batch: usize,
    way: Way,
    /// Whether every event is forwarded to a webhook as well.
    forwards: bool,
}

/// How events come in.
#[derive(Clone, Copy)]
enum Way {
    /// Over so many connections at once; so many events in a second at most, or as many as are taken.
    Push { connections: usize, rate: Option<u64> },
    /// As objects that a queue tells of, as fast as they are read.
    Queue,
}

const CASES: [Case; 6] = [
    Case {
        title: "batches of 1,000, as fast as taken",
        batch: 1_000,
        way: Way::Push { connections: 8, rate: None },
        forwards: false,
    },
    Case {
        title: "one event a request, as fast as taken",
        batch: 1,
        way: Way::Push { connections: 64, rate: None },
        forwards: false,
    },
    Case {
        title: "batches of 100, 10,000 events/s",
        batch: 100,
        way: Way::Push { connections: 16, rate: Some(10_000) },
        forwards: false,
    },
    Case {
        title: "objects of 1,000 in S3, told of by SQS, as fast as read",
        batch: 1_000,
        way: Way::Queue,
        forwards: false,
    },
    Case {
        title: "batches of 1,000, as fast as taken, all forwarded",
        batch: 1_000,
        way: Way::Push { connections: 8, rate: None },
        forwards: true,
    },
    Case {
        title: "batches of 100, 5,000 events/s, all forwarded",
        batch: 100,
        way: Way::Push { connections: 16, rate: Some(5_000) },
        forwards: true,
    },
];

/// One event in so many fires.
const FIRES: u64 = 100;

const RULES: &str = "id: logging-stopped\ntitle: stopped\nseverity: high\npattern: { detail: { eventName: [StopLogging] } }\n";

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let binary = match &arguments.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => {
            let status = Command::new(env!("CARGO"))
                .args([
                    "build",
                    "--release",
                    "--locked",
                    "--package",
                    "trailhound",
                    "--features",
                    "trailhound/aws",
                ])
                .current_dir(data::root())
                .status()?;
            if !status.success() {
                return Err("the release build failed".into());
            }
            std::path::absolute(data::target().join("release/trailhound"))?
        }
    };
    println!("| what | events/s | requests/s | p50 ms | p99 ms | p99.9 ms | findings | peak MB |");
    println!("|---|---|---|---|---|---|---|---|");
    for case in
        CASES.iter().filter(|case| arguments.case.as_deref().is_none_or(|word| case.title.contains(word)))
    {
        measure(&binary, case, arguments)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was put in.
#[derive(Default)]
struct Load {
    events: u64,
    requests: u64,
    /// How long that took, in seconds.
    took: f64,
    /// When each firing event was sent.
    sent: Vec<Instant>,
}

fn measure(binary: &Path, case: &Case, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::Builder::new().prefix("trailhound-bench-").tempdir()?;
    let receiver = Receiver::start(0, Manners::default())?;
    let lake = case.forwards.then(|| Receiver::start(1, Manners::default())).transpose()?;
    let batch = case.batch as u64;
    let bucket = match case.way {
        Way::Push { .. } => None,
        Way::Queue => Some(Bucket::start(move |number| log_file(number * batch, batch))?),
    };
    let wanted = Wanted {
        rules: RULES,
        receiver: receiver.address,
        durability: &arguments.durability,
        directory: false,
        queue: bucket.as_ref().map(|bucket| bucket.address),
        people: false,
        lake: lake.as_ref().map(|lake| lake.address),
    };
    let site = Site::new(binary, folder.path(), &wanted)?;
    let begun = Instant::now();
    let mut running = site.start()?;
    running.wait_until_ready()?;
    let time = Duration::from_secs(arguments.seconds);
    let load = match (case.way, &bucket) {
        (Way::Push { connections, rate }, _) => push_all(&site, case.batch, connections, rate, time)?,
        (Way::Queue, Some(bucket)) => read_all(bucket, batch, begun, time),
        (Way::Queue, None) => Load::default(),
    };
    let expected = load.sent.len();
    let waited = Instant::now();
    let mut arrived = Vec::new();
    while arrived.len() < expected && waited.elapsed() < Duration::from_secs(60) {
        arrived.extend(receiver.take_arrivals());
        thread::sleep(Duration::from_millis(20));
    }
    let forwarded = lake.map(|lake| Forwarded::all_of(&site, &lake, load.events, waited)).transpose()?;
    let peak = peak(running.id());
    running.stop()?;
    let mut spans = spans(&load.sent, &arrived);
    spans.sort_unstable();
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list"
        )]
        let place = ((spans.len() as f64 * share) as usize).min(spans.len().saturating_sub(1));
        spans.get(place).map_or(f64::NAN, |span| span.as_secs_f64() * 1e3)
    };
    println!(
        "| {} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} | {} of {expected} | {:.0} |",
        case.title,
        precise(load.events) / load.took,
        precise(load.requests) / load.took,
        at(0.5),
        at(0.99),
        at(0.999),
        arrived.len(),
        peak
    );
    if let Some(forwarded) = forwarded {
        forwarded.tell(&load);
    }
    Ok(())
}

/// What became of forwarded events.
struct Forwarded {
    queued: u64,
    delivered: u64,
    lost: u64,
    batches: usize,
    /// How long the last of them took, after the last was put in.
    late: Duration,
}

impl Forwarded {
    /// Waits until all that was put in has gone on, or a minute is over.
    fn all_of(
        site: &Site,
        lake: &Receiver,
        events: u64,
        since: Instant,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let (mut batches, mut late) = (0, Duration::ZERO);
        loop {
            let came = lake.take_arrivals();
            batches += came.len();
            if let Some((_, last)) = came.last() {
                late = last.saturating_duration_since(since);
            }
            let counters = Reader::open(&site.state())?.snapshot()?.counters()?;
            let of = |name: &str| {
                let name = format!("forward/lake/{name}");
                counters.iter().find(|(counter, _)| *counter == name).map_or(0, |(_, count)| *count)
            };
            let lost = of("left-out") + of("too-large") + of("given-up");
            let (queued, delivered) = (of("queued"), of("delivered"));
            if delivered + lost >= events || since.elapsed() > Duration::from_secs(60) {
                return Ok(Forwarded { queued, delivered, lost, batches, late });
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn tell(&self, load: &Load) {
        let Forwarded { queued, delivered, lost, batches, late } = self;
        println!(
            "  forwarded: {delivered} of {} events in {batches} requests, {queued} queued, {lost} lost; the last {:.1} s after the last \
             was put in, {:.0} events/s in all",
            load.events,
            late.as_secs_f64(),
            precise(*delivered) / (load.took + late.as_secs_f64()),
        );
    }
}

/// Lets the service read objects for a while, and waits until all it was told of are committed and their messages deleted.
fn read_all(bucket: &Bucket, batch: u64, begun: Instant, time: Duration) -> Load {
    thread::sleep(time);
    let (objects, last) = bucket.finish(Duration::from_secs(60));
    let handed = bucket.handed();
    let first = handed.first().copied().unwrap_or(begun);
    let took = last.map_or(time, |last| last.saturating_duration_since(first));
    let fires = usize::try_from(batch.div_ceil(FIRES)).unwrap_or(usize::MAX);
    let sent = handed.iter().flat_map(|handed| std::iter::repeat_n(*handed, fires)).collect();
    Load { events: objects * batch, requests: objects, took: took.as_secs_f64(), sent }
}

/// So many events from a number on, a line each; and how many of them fire.
fn lines(first: u64, count: u64) -> (Vec<u8>, usize) {
    let (mut text, mut firing) = (Vec::new(), 0);
    for n in first..first + count {
        let fires = n % FIRES == 0;
        firing += usize::from(fires);
        let name = if fires { "StopLogging" } else { "DescribeInstances" };
        let id = format!("bench-{n:012}");
        text.extend_from_slice(Event { id: &id, name, ..Event::HARMLESS }.line().as_bytes());
    }
    (text, firing)
}

/// The same as a log file.
fn log_file(first: u64, count: u64) -> Vec<u8> {
    let (mut text, _) = lines(first, count);
    // Each line ends with its end of line, and no record has another.
    for byte in text.iter_mut().filter(|byte| **byte == b'\n') {
        *byte = b',';
    }
    text.pop();
    [b"{\"Records\":[", &text[..], b"]}"].concat()
}

fn push_all(
    site: &Site,
    batch: usize,
    connections: usize,
    rate: Option<u64>,
    time: Duration,
) -> io::Result<Load> {
    let (number, load) = (AtomicU64::new(0), Mutex::new(Load::default()));
    let begun = Instant::now();
    thread::scope(|scope| -> io::Result<()> {
        let pushing: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| push(site, batch as u64, rate, (begun, begun + time), &number, &load)))
            .collect();
        for one in pushing {
            one.join().map_err(|_| io::Error::other("a pusher broke down"))??;
        }
        Ok(())
    })?;
    let mut load = load.into_inner().unwrap_or_else(PoisonError::into_inner);
    load.took = begun.elapsed().as_secs_f64();
    Ok(load)
}

fn push(
    site: &Site,
    batch: u64,
    rate: Option<u64>,
    (begun, until): (Instant, Instant),
    number: &AtomicU64,
    load: &Mutex<Load>,
) -> io::Result<()> {
    let mut client = Client::new(site.push, Duration::from_secs(30));
    while Instant::now() < until {
        let first = number.fetch_add(batch, Ordering::Relaxed);
        if let Some(rate) = rate {
            let due = begun + Duration::from_secs_f64(precise(first) / precise(rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let (body, firing) = lines(first, batch);
        let now = Instant::now();
        load.lock().unwrap_or_else(PoisonError::into_inner).sent.extend(std::iter::repeat_n(now, firing));
        let answer = client.ask("POST", "/events", &body)?;
        if answer.status != 200 {
            return Err(io::Error::other(format!("the service answered {}: {}", answer.status, answer.body)));
        }
        let mut load = load.lock().unwrap_or_else(PoisonError::into_inner);
        (load.events, load.requests) = (load.events + batch, load.requests + 1);
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of some minutes")]
fn precise(count: u64) -> f64 {
    count as f64
}

/// From the request to the webhook. Findings arrive in the order of their requests, give or take one commit, so the n-th to arrive is
/// set against the n-th that was sent.
fn spans(sent: &[Instant], arrived: &[(String, Instant)]) -> Vec<Duration> {
    sent.iter().zip(arrived).map(|(sent, (_, arrived))| arrived.saturating_duration_since(*sent)).collect()
}

/// The most memory the process had, in megabytes.
fn peak(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1_000.0
}
