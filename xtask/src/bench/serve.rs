//! `cargo xtask bench serve`: what the service takes over HTTP, with durable commits, and how long a finding needs to its webhook.
//!
//! Load, receiver and service share the machine, so the figures are what a small machine does while somebody also makes the load. One
//! event in a hundred fires.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::Client;
use crate::soak::{Manners, Receiver, Site, Wanted, event};
use crate::{Outcome, data};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long each case runs, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The binary; by default the release build is made
    #[arg(long)]
    binary: Option<PathBuf>,
    /// What a commit survives: `power-loss` or `crash`
    #[arg(long, default_value = "power-loss")]
    durability: String,
}

/// One case.
struct Case {
    title: &'static str,
    /// Events in a request.
    batch: usize,
    /// Requests under way at once.
    connections: usize,
    /// Events in a second at most; none for as many as are taken.
    rate: Option<u64>,
}

const CASES: [Case; 3] = [
    Case { title: "batches of 1,000, as fast as taken", batch: 1_000, connections: 8, rate: None },
    Case { title: "one event a request, as fast as taken", batch: 1, connections: 64, rate: None },
    Case { title: "batches of 100, 10,000 events/s", batch: 100, connections: 16, rate: Some(10_000) },
];

/// One event in so many fires.
const FIRES: u64 = 100;

const RULES: &str = "id: logging-stopped\ntitle: stopped\nseverity: high\npattern: { detail: { eventName: [StopLogging] } }\n";

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let binary = match &arguments.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => {
            let status = Command::new(env!("CARGO"))
                .args(["build", "--release", "--locked"])
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
    for case in &CASES {
        measure(&binary, case, arguments)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// When each firing event was sent.
type Sent = Arc<Mutex<Vec<Instant>>>;

fn measure(binary: &Path, case: &Case, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::Builder::new().prefix("trailhound-bench-").tempdir()?;
    let receiver = Receiver::start(0, Manners::default())?;
    let wanted = Wanted {
        rules: RULES,
        receiver: receiver.address,
        durability: &arguments.durability,
        directory: false,
        people: false,
    };
    let site = Site::new(binary, folder.path(), &wanted)?;
    let mut running = site.start()?;
    running.wait_until_ready()?;
    let sent: Sent = Sent::default();
    let (requests, number) = (AtomicU64::new(0), AtomicU64::new(0));
    let begun = Instant::now();
    let until = begun + Duration::from_secs(arguments.seconds);
    thread::scope(|scope| -> io::Result<()> {
        let pushing: Vec<_> = (0..case.connections)
            .map(|_| scope.spawn(|| push(case, &site, begun, until, &number, &requests, &sent)))
            .collect();
        for one in pushing {
            one.join().map_err(|_| io::Error::other("a pusher broke down"))??;
        }
        Ok(())
    })?;
    let took = begun.elapsed().as_secs_f64();
    let expected = sent.lock().unwrap_or_else(PoisonError::into_inner).len();
    let waited = Instant::now();
    let mut arrived = Vec::new();
    while arrived.len() < expected && waited.elapsed() < Duration::from_secs(60) {
        arrived.extend(receiver.take_arrivals());
        thread::sleep(Duration::from_millis(20));
    }
    let peak = peak(running.id());
    running.stop()?;
    let mut spans = spans(&sent.lock().unwrap_or_else(PoisonError::into_inner), &arrived);
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
    #[expect(clippy::cast_precision_loss, reason = "printed with six digits")]
    let rate = |count: u64| count as f64 / took;
    println!(
        "| {} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} | {} of {expected} | {:.0} |",
        case.title,
        rate(number.load(Ordering::Relaxed)),
        rate(requests.load(Ordering::Relaxed)),
        at(0.5),
        at(0.99),
        at(0.999),
        arrived.len(),
        peak
    );
    Ok(())
}

fn push(
    case: &Case,
    site: &Site,
    begun: Instant,
    until: Instant,
    number: &AtomicU64,
    requests: &AtomicU64,
    sent: &Sent,
) -> io::Result<()> {
    let mut client = Client::new(site.push, Duration::from_secs(30));
    let mut body = Vec::new();
    while Instant::now() < until {
        let first = number.fetch_add(case.batch as u64, Ordering::Relaxed);
        if let Some(rate) = case.rate {
            let due = begun + Duration::from_secs_f64(precise(first) / precise(rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        body.clear();
        let mut firing = 0;
        for n in first..first + case.batch as u64 {
            let fires = n % FIRES == 0;
            firing += usize::from(fires);
            let name = if fires { "StopLogging" } else { "DescribeInstances" };
            body.extend_from_slice(
                event(&format!("bench-{n:012}"), name, "203.0.113.7", "2026-11-03T02:40:00Z").as_bytes(),
            );
        }
        let now = Instant::now();
        sent.lock().unwrap_or_else(PoisonError::into_inner).extend(std::iter::repeat_n(now, firing));
        let answer = client.ask("POST", "/events", &body)?;
        if answer.status != 200 {
            return Err(io::Error::other(format!("the service answered {}: {}", answer.status, answer.body)));
        }
        requests.fetch_add(1, Ordering::Relaxed);
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
