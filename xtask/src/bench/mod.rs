//! Measures, then claims: `cargo xtask bench` scans a generated corpus with the full pack and sets it beside inflating alone.
//!
//! Everything is measured in one run on one machine, so the ratios mean something where the figures do not.

mod bucket;
mod budget;
mod over_time;
mod pack;
mod peers;
mod serve;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use pack::Pack;

use crate::{Outcome, data};

/// How many events the corpus has, unless fewer are wanted.
const EVENTS: u64 = 1_000_000;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Measure something else instead
    #[command(subcommand)]
    what: Option<What>,
    /// How many events to generate
    #[arg(long, default_value_t = EVENTS)]
    events: u64,
    /// How often each figure is taken; the median is printed [default: 3, for the page 5]
    #[arg(long)]
    runs: Option<usize>,
    /// Set other people's tools beside the matcher and the scanner, and write docs/benchmarks.md
    #[arg(long, conflicts_with = "budget")]
    peers: bool,
    /// Only this part of the page; may be given several times
    #[arg(long, requires = "peers")]
    part: Vec<peers::Part>,
    /// Count the instructions that a record costs and hold them against xtask/budget.json
    #[arg(long)]
    budget: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// Events pushed over HTTP, in batches and one by one, until the webhook has them
    Serve(serve::Arguments),
    /// rsigma-eval's correlation engine and Trailhound's, over the same signals
    OverTime(over_time::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.what {
        Some(What::Serve(arguments)) => return serve::run(arguments),
        Some(What::OverTime(arguments)) => return over_time::run(arguments),
        None => {}
    }
    if arguments.peers {
        peers::run(&arguments.part, arguments.events, arguments.runs.unwrap_or(peers::RUNS).max(1))?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.budget {
        budget::run()?;
        return Ok(ExitCode::SUCCESS);
    }
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked"])
        .current_dir(data::root())
        .status()?;
    if !status.success() {
        return Err("the release build failed".into());
    }
    let logs = corpus(arguments.events)?;
    let files = files(&logs)?;
    let runs = arguments.runs.unwrap_or(3);
    let inflate = median(runs, || inflate(&files))?;
    let bytes = inflate.bytes;
    let events = arguments.events;
    println!(
        "{events} events, {} files, {:.0} MB of JSON; medians of {runs} runs\n",
        files.len(),
        mega(bytes)
    );
    println!("| what | wall s | CPU s | events/s | MB/s | × inflate | peak MB |");
    println!("|---|---|---|---|---|---|---|");
    let row = |what: &str, run: &Run| {
        let (wall, cpu) = (run.wall.as_secs_f64(), run.cpu.as_secs_f64());
        let (rate, speed, ratio) = (rate(events, wall), mega(bytes) / wall, cpu / inflate.cpu.as_secs_f64());
        println!(
            "| {what} | {wall:.2} | {cpu:.2} | {rate:.0} | {speed:.0} | {ratio:.2} | {:.0} |",
            mega(run.peak)
        );
    };
    row("inflate only (libdeflate, 1 thread)", &inflate);
    for (pack, threads) in SCANS {
        let scan = median(runs, || scan(&logs, pack, threads))?;
        row(&format!("scan with {}, {threads} thread(s)", pack.name()), &scan);
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder of a generated corpus of so many events, which is kept.
fn corpus(events: u64) -> io::Result<PathBuf> {
    let folder = data::target().join(format!("corpus-{events}"));
    if !folder.join("complete").is_file() {
        eprintln!("generating {events} events in {}", folder.display());
        let written = crate::corpus::write(&folder, events, 1)?;
        fs::write(folder.join("complete"), format!("{written:?}\n"))?;
    }
    Ok(folder.join("AWSLogs"))
}

/// One measured run.
#[derive(Clone, Copy)]
struct Run {
    wall: Duration,
    cpu: Duration,
    peak: u64,
    bytes: u64,
}

fn median(runs: usize, mut measure: impl FnMut() -> io::Result<Run>) -> io::Result<Run> {
    let mut taken = (0..runs.max(1)).map(|_| measure()).collect::<io::Result<Vec<_>>>()?;
    taken.sort_by_key(|run| run.wall);
    taken.get(taken.len() / 2).copied().ok_or_else(|| io::Error::other("no run was made"))
}

#[expect(clippy::cast_precision_loss, reason = "printed with three digits")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "printed with six digits")]
fn rate(events: u64, seconds: f64) -> f64 {
    events as f64 / seconds
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The floor: read each file and inflate it, nothing else.
fn inflate(files: &[PathBuf]) -> io::Result<Run> {
    let mut inflater = libdeflater::Decompressor::new();
    let (mut out, mut bytes) = (Vec::new(), 0);
    let (begun, cpu) = (Instant::now(), own_cpu()?);
    for file in files {
        let compressed = fs::read(file)?;
        let size = compressed.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size)) as usize;
        if out.len() < size {
            out.resize(size, 0);
        }
        let inflated = inflater.gzip_decompress(&compressed, &mut out).map_err(io::Error::other)?;
        bytes += inflated as u64;
    }
    Ok(Run { wall: begun.elapsed(), cpu: own_cpu()?.saturating_sub(cpu), peak: 0, bytes })
}

/// The scans that are measured: rules and threads.
const SCANS: [(Pack, usize); 3] = [(Pack::Single, 1), (Pack::Default, 1), (Pack::Default, 2)];

fn scan(logs: &Path, pack: Pack, threads: usize) -> io::Result<Run> {
    let rules = pack.arguments()?;
    let begun = Instant::now();
    let child = Command::new(data::target().join("release/trailhound"))
        .args(["scan", "--format", "ndjson", "--threads", &threads.to_string()])
        .args(rules)
        .arg(logs)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let (cpu, peak) = watch(child)?;
    Ok(Run { wall: begun.elapsed(), cpu, peak, bytes: 0 })
}

/// Reads what Linux knows of the process until it ends. Its peak only grows, so the last reading is right to a few milliseconds.
fn watch(mut child: Child) -> io::Result<(Duration, u64)> {
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let (mut cpu, mut peak) = (Duration::ZERO, 0);
    loop {
        cpu = cpu.max(cpu_of(&process).unwrap_or_default());
        peak = peak.max(peak_of(&process).unwrap_or_default());
        if let Some(status) = child.try_wait()? {
            return if status.success() {
                Ok((cpu, peak))
            } else {
                Err(io::Error::other(format!("scan: {status}")))
            };
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn own_cpu() -> io::Result<Duration> {
    cpu_of(Path::new("/proc/self"))
}

/// User and system time: fields 14 and 15 of `stat`, in hundredths of a second (proc(5)).
fn cpu_of(process: &Path) -> io::Result<Duration> {
    let stat = fs::read_to_string(process.join("stat"))?;
    // The name in parentheses may hold spaces, so count from behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

fn peak_of(process: &Path) -> io::Result<u64> {
    let status = fs::read_to_string(process.join("status"))?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    Ok(kilobytes.unwrap_or(0_u64) * 1_024)
}
