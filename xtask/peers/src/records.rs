//! Splitting log files into records, and one condition on each.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use cloudtrail::{Decoder, Item};
use event_pattern::Pattern;
use json_scan::Scanner;
use matcher::{Builder, RuleId, Scratch};
use sonic_rs::JsonValueTrait as _;

use crate::Outcome;
use crate::measure::{Tool, in_turn};

const NAME: &str = "AssumeRole";

/// The texts of inflated log files.
pub(crate) fn read(folder: &Path) -> Outcome<Vec<Vec<u8>>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths.iter().map(fs::read).collect::<Result<_, _>>()?)
}

pub(crate) fn run(logs: &[Vec<u8>], runs: usize) -> Outcome<()> {
    let bytes = logs.iter().map(Vec::len).sum();
    let split = |log: &Vec<u8>| -> Outcome<u64> {
        let mut scanner = Scanner::new(log)?;
        (0..3).for_each(|_| scanner.bump());
        let mut records = 0;
        while let Some(mark) = scanner.peek() {
            if mark.byte == b'{' {
                scanner.object()?;
                records += 1;
            } else {
                scanner.bump();
            }
        }
        Ok(records)
    };
    let events = logs.iter().map(split).sum::<Outcome<u64>>()? as usize;
    let each = |log: fn(&Vec<u8>) -> Outcome<u64>| {
        move || logs.iter().map(log).sum::<Outcome<u64>>().map(|sum| vec![sum])
    };
    in_turn(
        "split log files into records",
        (events, bytes),
        None,
        runs,
        vec![
            Tool::new("Trailhound", move || Ok(vec![logs.iter().map(split).sum::<Outcome<u64>>()?])),
            Tool::new(
                "sonic-rs, lazily",
                each(|log| {
                    let records = sonic_rs::get(log.as_slice(), ["Records"])?;
                    let mut count = 0;
                    for record in sonic_rs::to_array_iter(records.as_raw_str()) {
                        record?;
                        count += 1;
                    }
                    Ok(count)
                }),
            ),
            Tool::new(
                "serde_json, into Value",
                each(|log| {
                    let value: serde_json::Value = serde_json::from_slice(log)?;
                    Ok(value["Records"].as_array().map_or(0, Vec::len) as u64)
                }),
            ),
        ],
    )?;
    let mut builder = Builder::new();
    let pattern = format!(r#"{{"detail":{{"eventName":["{NAME}"]}}}}"#);
    builder.add_pattern(RuleId(0), &Arc::new(Pattern::parse(&pattern)?));
    let matcher = builder.build();
    let (mut decoder, mut scratch) = (Decoder::default(), Scratch::new());
    in_turn(
        "one condition on each record",
        (events, bytes),
        None,
        runs,
        vec![
            Tool::new("Trailhound", move || {
                let mut count = 0;
                for log in logs {
                    let decoded = decoder.decode(log, None, |item| {
                        if let Item::Event(event) = item {
                            count += matcher.matches(&event, &mut scratch).map_or(0, <[RuleId]>::len) as u64;
                        }
                    });
                    if let Some(trouble) = decoded.trouble {
                        return Err(trouble.into());
                    }
                }
                Ok(vec![count])
            }),
            Tool::new(
                "sonic-rs, lazily, two look-ups",
                each(|log| {
                    let records = sonic_rs::get(log.as_slice(), ["Records"])?;
                    let mut count = 0;
                    for record in sonic_rs::to_array_iter(records.as_raw_str()) {
                        let record = record?;
                        let text = record.as_raw_str();
                        let source = sonic_rs::get(text, ["eventSource"])?;
                        let name = sonic_rs::get(text, ["eventName"])?;
                        count += u64::from(name.as_str() == Some(NAME) && source.as_str().is_some());
                    }
                    Ok(count)
                }),
            ),
            Tool::new(
                "serde_json, into Value",
                each(|log| {
                    let value: serde_json::Value = serde_json::from_slice(log)?;
                    let records = value["Records"].as_array().map_or(&[][..], Vec::as_slice);
                    Ok(records.iter().filter(|record| record["eventName"] == NAME).count() as u64)
                }),
            ),
        ],
    )?;
    jq(logs, events, bytes, runs)
}

/// jq has a process of its own, so its processor time is read when it has ended.
fn jq(logs: &[Vec<u8>], events: usize, bytes: usize, runs: usize) -> Outcome<()> {
    let work = "one condition on each record";
    let filter = format!("[.Records[] | select(.eventName == \"{NAME}\")] | length");
    let mut taken = Vec::new();
    let mut found = 0;
    for _ in 0..runs.max(1) {
        let spawned = Command::new("jq").arg(&filter).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = spawned else {
            crate::measure::unable(work, "jq", "not installed");
            return Ok(());
        };
        let before = children_ticks()?;
        let mut input = child.stdin.take().ok_or("no pipe to jq")?;
        let output = std::thread::scope(|scope| {
            scope.spawn(move || logs.iter().try_for_each(|log| std::io::Write::write_all(&mut input, log)));
            child.wait_with_output()
        })?;
        taken.push((children_ticks()? - before) * 10_000_000);
        let text = String::from_utf8(output.stdout)?;
        found = text.lines().filter_map(|line| line.parse::<u64>().ok()).sum();
    }
    let agrees = {
        let needle = format!("\"eventName\":\"{NAME}\"");
        logs.iter().map(|log| String::from_utf8_lossy(log).matches(&needle).count() as u64).sum::<u64>()
            == found
    };
    println!(
        "{}",
        serde_json::json!({
            "work": work, "tool": "jq", "events": events, "bytes": bytes, "cpu_ns": taken,
            "verdicts": found, "agrees": agrees,
        })
    );
    Ok(())
}

/// Processor time of children that have ended, in hundredths of a second: fields 16 and 17 of `stat` (proc(5)).
fn children_ticks() -> Outcome<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    Ok(fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum())
}
