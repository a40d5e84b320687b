//! How many instructions the path of a record may take: counted by callgrind, held against a stored number.
//!
//! A count does not depend on what else the machine does, so it can fail a build where a time cannot. The same program runs over two
//! generated corpora of different size, and the difference is what the additional records cost, without start and rules. Valgrind
//! shows programs a processor with AVX2 at most, so the count is the same on machines that have more.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{corpus, data};

/// Instructions per event, by which rules run.
const BUDGET: &str = include_str!("../../budget.json");

/// How much more is no failure: another compiler or C library counts a little differently.
const TOLERANCE_PERCENT: u64 = 5;

const EVENTS: [u64; 2] = [4_000, 12_000];

/// Counts and compares. Without valgrind it says so and passes.
pub(super) fn run() -> Result<(), Box<dyn std::error::Error>> {
    if !Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("warning: valgrind is not installed; nobody counted instructions");
        return Ok(());
    }
    let folder = data::target().join("budget");
    for events in EVENTS {
        let logs = folder.join(events.to_string());
        if logs.exists() {
            fs::remove_dir_all(&logs)?;
        }
        corpus::write(&logs, events, 1)?;
    }
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--package", "decide", "--example", "hot_path"])
        .current_dir(data::root())
        .status()?;
    if !built.success() {
        return Err("the example `hot_path` does not build".into());
    }
    let budget: BTreeMap<String, u64> = serde_json::from_str(BUDGET)?;
    let mut over = Vec::new();
    for (rules, &allowed) in &budget {
        let [few, many] = EVENTS.map(|events| instructions(&folder, events, rules));
        let per_event = (many?.saturating_sub(few?)) / (EVENTS[1] - EVENTS[0]);
        println!("{rules}: {per_event} instructions an event, {allowed} allowed");
        if per_event > allowed + allowed * TOLERANCE_PERCENT / 100 {
            over.push(rules.as_str());
        }
    }
    if over.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the path of a record takes more instructions than xtask/budget.json allows ({}): mend it, or say in the commit why it is worth it",
        over.join(", ")
    )
    .into())
}

fn instructions(folder: &Path, events: u64, rules: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let counts: PathBuf = folder.join(format!("{rules}-{events}.callgrind"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(data::target().join("release/examples/hot_path"))
        .arg(folder.join(events.to_string()))
        .args([rules, "--once"])
        .output()?;
    if !output.status.success() {
        return Err(format!("hot_path under valgrind: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = fs::read_to_string(&counts)?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")));
    Ok(total.ok_or("callgrind counted nothing")?.trim().parse()?)
}
