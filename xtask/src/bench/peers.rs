//! `cargo xtask bench --peers`: other people's tools and Trailhound's parts doing the same work, written to `docs/benchmarks.md`.
//!
//! The tools are in a workspace of their own below `xtask/peers`, so that nobody who builds Trailhound builds them. What each run took is
//! kept beside the page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::{corpus, data};

/// How many records the tools are given. The slowest takes some twenty microseconds for each.
const RECORDS: u64 = 30_000;

/// What the program says of a tool and a work.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Measured {
    work: String,
    tool: String,
    #[serde(default)]
    events: u64,
    #[serde(default)]
    bytes: u64,
    /// Of each run.
    #[serde(default)]
    cpu_ns: Vec<u64>,
    #[serde(default)]
    verdicts: u64,
    #[serde(default)]
    agrees: bool,
    /// Why the tool cannot do the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unable: Option<String>,
}

/// Runs everything, writes the page and says where.
pub(super) fn run(runs: usize) -> Result<(), Box<dyn std::error::Error>> {
    let bench = data::shared().map(|shared| shared.join("bench"));
    let Some(bench) = bench.filter(|bench| bench.is_dir()) else {
        return Err("the sets of patterns are in the shared data folder; set TRAILHOUND_DATA".into());
    };
    let folder = data::target().join("peers-data");
    fs::create_dir_all(&folder)?;
    let citylots = folder.join("citylots2.jsonl");
    if !citylots.is_file() {
        eprintln!("generating {}", citylots.display());
        let unfinished = folder.join("citylots2.unfinished");
        must(Command::new("python3").arg(bench.join("gen_citylots2.py")).arg(&unfinished))?;
        fs::rename(unfinished, &citylots)?;
    }
    let records = records(&folder)?;
    let manifest = data::root().join("xtask/peers/Cargo.toml");
    must(
        Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(&manifest)
            .env("CARGO_TARGET_DIR", data::target().join("peers")),
    )?;
    let output = Command::new(data::target().join("peers/release/peers"))
        .args([&citylots, &bench.join("rules.json"), &bench.join("expected_counts.json"), &records])
        .arg(bench.with_file_name("sigma_aws"))
        .arg(runs.to_string())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("peers: {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let measured = text.lines().map(serde_json::from_str).collect::<Result<Vec<Measured>, _>>()?;
    let docs = data::root().join("docs");
    fs::write(docs.join("benchmarks.jsonl"), &text)?;
    fs::write(docs.join("benchmarks.md"), page(&measured, runs))?;
    println!("{}", page(&measured, runs));
    let wrong = measured.iter().find(|measured| measured.tool == "Trailhound" && !measured.agrees);
    wrong.map_or(Ok(()), |wrong| Err(format!("{}: wrong verdicts", wrong.work).into()))
}

/// A folder of inflated log files.
fn records(folder: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let inflated = folder.join("records");
    if inflated.join("0.json").is_file() {
        return Ok(inflated);
    }
    let logs = folder.join("logs");
    corpus::write(&logs, RECORDS, 1)?;
    fs::create_dir_all(&inflated)?;
    let mut inflater = libdeflater::Decompressor::new();
    for (number, path) in super::files(&logs)?.iter().enumerate().rev() {
        let compressed = fs::read(path)?;
        let size = compressed.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size)) as usize;
        let mut text = vec![0; size];
        inflater.gzip_decompress(&compressed, &mut text)?;
        fs::write(inflated.join(format!("{number}.json")), text)?;
    }
    Ok(inflated)
}

fn must(command: &mut Command) -> Result<(), Box<dyn std::error::Error>> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// The page.
fn page(measured: &[Measured], runs: usize) -> String {
    let mut works: BTreeMap<&str, Vec<&Measured>> = BTreeMap::new();
    for one in measured {
        works.entry(&one.work).or_default().push(one);
    }
    let mut page = format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench --peers`. One thread; each figure is the median of {runs} runs by processor time, the tools running in turn, so\n\
         the ratios mean something where the figures depend on the machine and on what else it did. What each run took is in\n\
         [benchmarks.jsonl](benchmarks.jsonl). A figure counts only where a tool came to the expected verdicts, which is checked.\n\n\
         | | |\n|---|---|\n"
    );
    for (name, value) in machine() {
        let _ = writeln!(page, "| {name} | {value} |");
    }
    for (work, tools) in works {
        let _ = writeln!(page, "\n## {}\n", capital(work));
        let first = tools.iter().find(|tool| tool.tool == "Trailhound").and_then(|tool| rate(tool));
        page.push_str("| tool | events/s | MB/s | Trailhound is so many times as fast | verdicts |\n|---|---|---|---|---|\n");
        for tool in tools {
            let Some(rate) = rate(tool) else {
                let why = tool.unable.as_deref().unwrap_or("it did not run");
                let _ = writeln!(page, "| {} | | | | refuses: {} |", tool.tool, why.replace('|', "\\|"));
                continue;
            };
            let speed = rate * number(tool.bytes) / number(tool.events) / 1e6;
            let times = first.map_or(String::new(), |first| format!("{:.1}", first / rate));
            let verdicts =
                if tool.agrees { "as expected".to_owned() } else { format!("**wrong**: {}", tool.verdicts) };
            let _ = writeln!(page, "| {} | {rate:.0} | {speed:.0} | {times} | {verdicts} |", tool.tool);
        }
    }
    page.push_str(LEFT_OUT);
    page
}

const LEFT_OUT: &str = "
## What the figures leave out

- Everything is in memory as text before the clock starts: neither reading nor inflating is in a figure. jq is the exception, it reads a pipe.
- citylots2 is generated with the field names, sizes and match counts of the original, which is not distributed; the rules are the original ones.
  Trailhound checks that an event's brackets pair up to its end. quamina stops reading when it has seen all fields that its patterns name; a
  pattern for a field that no event has makes it read on.
- Of the Sigma rules those run that can be put as event patterns: one selection, compared with whole strings, beginnings or ends.
  rsigma-eval and sigma-rust are given them as they are, and their time includes parsing the record, without which they cannot begin.
- sonic-rs and serde_json decide nothing: one look-up per record, or two, stands for a rule.
- event-ruler is no peer here: it needs a Java archive that the registries this build reads do not carry. ripgrep and DuckDB are left out for
  the same reason: they run where they are installed, and no package registry of this build has them.
";

fn rate(measured: &Measured) -> Option<f64> {
    let mut taken = measured.cpu_ns.clone();
    taken.sort_unstable();
    let median = taken.get(taken.len() / 2).copied().filter(|&taken| taken > 0)?;
    Some(number(measured.events) * 1e9 / number(median))
}

#[expect(clippy::cast_precision_loss, reason = "printed with a few digits")]
fn number(count: u64) -> f64 {
    count as f64
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// What the figures were taken on, and with which versions.
fn machine() -> Vec<(&'static str, String)> {
    let line = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let value = text.lines().find_map(|line| {
            line.strip_prefix(name)?.split_once(':').map(|(_, value)| value.trim().to_owned())
        });
        value.unwrap_or_else(|| "unknown".to_owned())
    };
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).stdin(Stdio::null()).output();
        output.map_or_else(
            |_| "not installed".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    let lock = fs::read_to_string(data::root().join("xtask/peers/Cargo.lock")).unwrap_or_default();
    let version = |name: &str| {
        let behind =
            lock.split_once(&format!("name = \"{name}\"\nversion = \"")).map_or("", |(_, behind)| behind);
        behind.split('"').next().unwrap_or_default().to_owned()
    };
    let peers = ["quamina", "rsigma-eval", "sigma-rust", "serde_json", "sonic-rs"];
    let versions: Vec<String> = peers.iter().map(|name| format!("{name} {}", version(name))).collect();
    vec![
        ("processor", line("/proc/cpuinfo", "model name")),
        ("memory", line("/proc/meminfo", "MemTotal")),
        ("compiler", said("rustc", "--version")),
        ("peers", versions.join(", ")),
        ("jq", said("jq", "--version")),
    ]
}
