//! `cargo xtask bench --peers`: other people's tools and Trailhound's parts doing the same work, written to `docs/benchmarks.md`.
//!
//! The tools are in a workspace of their own below `xtask/peers`, so that nobody who builds Trailhound builds them. What each run took is
//! kept beside the page.

use std::fmt::Write as _;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::data;

/// What the page is made of. Each part can be run by itself; what is known of the others stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    /// Sets of event patterns over parcels of land, beside quamina and event-ruler
    Citylots,
    /// Splitting log files, and one condition on each record, beside serde_json, sonic-rs, jq, ripgrep and DuckDB
    Records,
    /// Sigma rules on each record, beside rsigma-eval and sigma-rust
    Sigma,
    /// Ten thousand rules, and what somebody could make a matcher cost
    Rules,
    /// A scan from files to findings beside inflating them
    Scan,
}

const PARTS: [Part; 5] = [Part::Scan, Part::Citylots, Part::Rules, Part::Records, Part::Sigma];

/// What was measured of a work.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Measured(Measured),
    /// A table that a program wrote.
    Table {
        part: Part,
        table: String,
    },
}

/// What the program says of a tool and a work.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Measured {
    #[serde(default)]
    part: Option<Part>,
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

impl Line {
    fn part(&self) -> Option<Part> {
        match self {
            Line::Measured(measured) => measured.part,
            Line::Table { part, .. } => Some(*part),
        }
    }
}

/// Runs the parts that are named, or all, writes the page and says where. Fewer events or runs than the page wants go to a page in the target folder.
pub(super) fn run(parts: &[Part], events: u64, runs: usize) -> Result<(), Box<dyn std::error::Error>> {
    let is_trial = events < super::EVENTS || runs < RUNS;
    let docs = if is_trial { data::target().join("peers-data") } else { data::root().join("docs") };
    let folder = data::target().join("peers-data");
    fs::create_dir_all(&folder)?;
    let raw = docs.join("benchmarks.jsonl");
    let known = fs::read_to_string(&raw).unwrap_or_default();
    // What an older version wrote is not worth an error.
    let mut lines: Vec<Line> = known.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    lines.retain(|line| line.part().is_some());
    for part in PARTS.into_iter().filter(|part| parts.is_empty() || parts.contains(part)) {
        eprintln!("running part {part:?}");
        let new = match part {
            Part::Citylots => citylots(&folder, runs)?,
            Part::Records => peers(part, runs, &[&super::corpus(events)?])?,
            Part::Sigma => peers(part, runs, &[&super::corpus(events)?, &shared("sigma_aws")?])?,
            Part::Rules => vec![rules(&folder, events)?],
            Part::Scan => scan(events, runs)?,
        };
        lines.retain(|line| line.part() != Some(part));
        lines.extend(new);
        // After each part: what a run that is stopped has measured is not lost.
        let text: Vec<String> = lines.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        fs::write(&raw, text.join("\n") + "\n")?;
        fs::write(docs.join("benchmarks.md"), page(&lines, runs))?;
    }
    println!("{}", page(&lines, runs));
    eprintln!("written to {}", docs.join("benchmarks.md").display());
    let wrong = lines.iter().find_map(|line| match line {
        Line::Measured(one) if one.tool == "Trailhound" && !one.agrees => Some(one.work.as_str()),
        _ => None,
    });
    wrong.map_or(Ok(()), |wrong| Err(format!("{wrong}: wrong verdicts").into()))
}

/// How often each figure of the page is taken.
pub(super) const RUNS: usize = 5;

fn shared(name: &str) -> Result<PathBuf, String> {
    let path = data::shared().map(|shared| shared.join(name)).filter(|path| path.exists());
    path.ok_or_else(|| format!("`{name}` is in the shared data folder; set TRAILHOUND_DATA"))
}

fn citylots(folder: &Path, runs: usize) -> Result<Vec<Line>, Box<dyn std::error::Error>> {
    let bench = shared("bench")?;
    let events = folder.join("citylots2.jsonl");
    if !events.is_file() {
        eprintln!("generating {}", events.display());
        let unfinished = folder.join("citylots2.unfinished");
        must(Command::new("python3").arg(bench.join("gen_citylots2.py")).arg(&unfinished))?;
        fs::rename(unfinished, &events)?;
    }
    peers(Part::Citylots, runs, &[&events, &bench.join("rules.json"), &bench.join("expected_counts.json")])
}

/// Builds and asks the program that has the peers in it.
fn peers(part: Part, runs: usize, arguments: &[&Path]) -> Result<Vec<Line>, Box<dyn std::error::Error>> {
    let manifest = data::root().join("xtask/peers/Cargo.toml");
    must(
        Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--bin", "peers", "--manifest-path"])
            .arg(&manifest)
            .env("CARGO_TARGET_DIR", data::target().join("peers")),
    )?;
    let name = format!("{part:?}").to_lowercase();
    let output = Command::new(data::target().join("peers/release/peers"))
        .args([&name, &runs.to_string()])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("peers {name}: {}", output.status).into());
    }
    let of_part = |line: &str| {
        let measured: Measured = serde_json::from_str(line)?;
        Ok(Line::Measured(Measured { part: Some(part), ..measured }))
    };
    String::from_utf8(output.stdout)?.lines().map(of_part).collect()
}

/// The tables of the matcher's example `adversarial`, over some of the corpus.
fn rules(folder: &Path, events: u64) -> Result<Line, Box<dyn std::error::Error>> {
    let log = folder.join("log.json");
    fs::write(&log, joined(&super::files(&super::corpus(events)?)?)?)?;
    must(
        Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--package", "matcher", "--example", "adversarial"])
            .current_dir(data::root()),
    )?;
    let example = data::target().join("release/examples/adversarial");
    let output = Command::new(example).arg(&log).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the example `adversarial`: {}", output.status).into());
    }
    Ok(Line::Table { part: Part::Rules, table: String::from_utf8(output.stdout)? })
}

/// The records of the first few log files as one.
fn joined(files: &[PathBuf]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut inflater = libdeflater::Decompressor::new();
    let mut all = b"{\"Records\":[".to_vec();
    for path in files.iter().take(10) {
        let compressed = fs::read(path)?;
        let size = compressed.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size)) as usize;
        let mut text = vec![0; size];
        inflater.gzip_decompress(&compressed, &mut text)?;
        let records = text.strip_prefix(b"{\"Records\":[").and_then(|text| text.strip_suffix(b"]}"));
        if all.last() != Some(&b'[') {
            all.push(b',');
        }
        all.extend_from_slice(records.ok_or("a generated log file has another form")?);
    }
    all.extend_from_slice(b"]}");
    Ok(all)
}

/// The scan with the rules of the pack, and inflating alone, in turn.
fn scan(events: u64, runs: usize) -> Result<Vec<Line>, Box<dyn std::error::Error>> {
    let logs = super::corpus(events)?;
    must(Command::new(env!("CARGO")).args(["build", "--release", "--locked"]).current_dir(data::root()))?;
    let files = super::files(&logs)?;
    let mut taken: [Vec<u64>; 1 + super::SCANS.len()] = [const { Vec::new() }; _];
    let mut bytes = 0;
    let ns = |run: &super::Run| u64::try_from(run.cpu.as_nanos()).unwrap_or(u64::MAX);
    for _ in 0..runs {
        let inflated = super::inflate(&files)?;
        bytes = inflated.bytes;
        let [inflate, scans @ ..] = &mut taken;
        inflate.push(ns(&inflated));
        for (taken, (pack, threads)) in scans.iter_mut().zip(super::SCANS) {
            taken.push(ns(&super::scan(&logs, pack, threads)?));
        }
    }
    let scans =
        super::SCANS.map(|(pack, threads)| format!("Trailhound, {}, {threads} thread(s)", pack.name()));
    let names = iter::once("libdeflate, inflating alone".to_owned()).chain(scans);
    let line = |(tool, cpu_ns): (String, Vec<u64>)| {
        let work = "scan of compressed files".to_owned();
        let part = Some(Part::Scan);
        Line::Measured(Measured {
            part,
            work,
            tool,
            events,
            bytes,
            cpu_ns,
            agrees: true,
            ..Measured::default()
        })
    };
    Ok(names.zip(taken).map(line).collect())
}

fn must(command: &mut Command) -> Result<(), Box<dyn std::error::Error>> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// The page.
fn page(lines: &[Line], runs: usize) -> String {
    let mut page = format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench --peers`, or part by part with `--part`. One thread; each figure is the median of {runs} runs by processor time, the\n\
         tools running in turn, so the ratios mean something where the figures depend on the machine and on what else it did. What each run took is in\n\
         [benchmarks.jsonl](benchmarks.jsonl). A figure counts only where a tool came to the expected verdicts, which is checked.\n\n\
         | | |\n|---|---|\n"
    );
    for (name, value) in machine() {
        let _ = writeln!(page, "| {name} | {value} |");
    }
    for part in PARTS {
        let of_part: Vec<&Line> = lines.iter().filter(|line| line.part() == Some(part)).collect();
        let mut works: Vec<&str> = Vec::new();
        for line in &of_part {
            match line {
                Line::Measured(one) if !works.contains(&one.work.as_str()) => works.push(&one.work),
                Line::Measured(_) => {}
                Line::Table { table, .. } => {
                    let _ = write!(page, "\n## Many rules, and hostile ones\n\n{table}");
                }
            }
        }
        for work in works {
            let tools = of_part.iter().filter_map(|line| match line {
                Line::Measured(one) if one.work == work => Some(one),
                _ => None,
            });
            write_work(&mut page, work, &tools.collect::<Vec<_>>());
        }
    }
    page.push_str(LEFT_OUT);
    page
}

fn write_work(page: &mut String, work: &str, tools: &[&Measured]) {
    let _ = writeln!(page, "\n## {}\n", capital(work));
    let first = tools.iter().find(|tool| tool.tool == "Trailhound").and_then(|tool| rate(tool));
    page.push_str(
        "| tool | events | events/s | MB/s | Trailhound is so many times as fast | verdicts |\n|---|---|---|---|---|---|\n",
    );
    for tool in tools {
        let Some(rate) = rate(tool) else {
            let why = tool.unable.as_deref().unwrap_or("it did not run");
            let _ = writeln!(page, "| {} | | | | | {} |", tool.tool, why.replace('|', "\\|"));
            continue;
        };
        let speed = rate * number(tool.bytes) / number(tool.events) / 1e6;
        let times = first.map_or(String::new(), |first| format!("{:.1}", first / rate));
        let verdicts = match tool {
            Measured { part: Some(Part::Scan), .. } => String::new(),
            Measured { agrees: true, .. } => "as expected".to_owned(),
            _ => format!("**wrong**: {}", tool.verdicts),
        };
        let events = tool.events;
        let _ =
            writeln!(page, "| {} | {events} | {rate:.0} | {speed:.0} | {times} | {verdicts} |", tool.tool);
    }
}

const LEFT_OUT: &str = "
## What the figures leave out

- Where it does not say \"from compressed files\", everything is in memory as text before the clock starts: neither reading nor inflating is in a figure.
- The scan's figures are processor time of the whole process, from its start to its last finding, over all its threads; wall time is what `cargo xtask bench` shows.
- citylots2 is generated with the field names, sizes and match counts of the original, which is not distributed; the rules are the original ones.
  Trailhound checks that an event's brackets pair up to its end. quamina stops reading when it has seen all fields that its patterns name; a
  pattern for a field that no event has makes it read on.
- event-ruler has to be there as Java classes: `TRAILHOUND_EVENT_RULER` names a class path of it, Jackson (core, databind, annotations) and FastDoubleParser.
  It is given the first 40,000 events, in a virtual machine that had two seconds for each set of rules to get warm; its time is that of the thread that matches,
  without what the collector of garbage and the compiler at run time take on others.
- Of the Sigma rules those run that can be put as event patterns: one selection, compared with whole strings, beginnings or ends.
  rsigma-eval and sigma-rust are given them as they are, and their time includes parsing the record, without which they cannot begin.
- sonic-rs and serde_json decide nothing: one look-up per record, or two, stands for a rule. ripgrep knows no records: it looks for the text of the member.
- jq, ripgrep and DuckDB run where they are installed.
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
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
        output.map_or_else(
            |_| "not installed".to_owned(),
            |output| {
                String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned()
            },
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
        ("compiler", said("rustc", &["--version"])),
        ("peers", versions.join(", ")),
        (
            "event-ruler",
            std::env::var("TRAILHOUND_EVENT_RULER").map_or("not run".to_owned(), |class_path| {
                let program = data::root().join("xtask/peers/EventRuler.java").display().to_string();
                format!("{}, {}", said("java", &["--version"]), said("java", &["-cp", &class_path, &program]))
            }),
        ),
        ("jq", said("jq", &["--version"])),
        ("ripgrep", said("rg", &["--version"])),
        ("DuckDB", said("duckdb", &["--version"])),
    ]
}
