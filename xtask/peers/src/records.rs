//! Splitting log files into records, and one condition on each, in memory.

use std::sync::Arc;

use cloudtrail::{Decoder, Item};
use event_pattern::Pattern;
use json_scan::Scanner;
use matcher::{Builder, Matcher, RuleId, Scratch};
use sonic_rs::JsonValueTrait as _;

use crate::Outcome;
use crate::measure::{Tool, in_turn};

/// The condition: a call of this name.
pub(crate) const NAME: &str = "AssumeRole";

/// The condition as a rule.
pub(crate) fn matcher() -> Outcome<Matcher> {
    let pattern = format!(r#"{{"detail":{{"eventName":["{NAME}"]}}}}"#);
    let mut builder = Builder::new();
    builder.add_pattern(RuleId(0), &Arc::new(Pattern::parse(&pattern)?));
    Ok(builder.build())
}

/// How many records of a log file match.
pub(crate) fn count(
    matcher: &Matcher,
    log: &[u8],
    decoder: &mut Decoder,
    scratch: &mut Scratch,
) -> Outcome<u64> {
    let mut count = 0;
    let decoded = decoder.decode(log, None, |item| {
        if let Item::Event(event) = item {
            count += matcher.matches(&event, scratch).map_or(0, <[RuleId]>::len) as u64;
        }
    });
    decoded.trouble.map_or(Ok(count), |trouble| Err(trouble.into()))
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
    let matcher = matcher()?;
    let (mut decoder, mut scratch) = (Decoder::default(), Scratch::new());
    in_turn(
        "one condition on each record",
        (events, bytes),
        None,
        runs,
        vec![
            Tool::new("Trailhound", move || {
                let each = |log: &Vec<u8>| count(&matcher, log, &mut decoder, &mut scratch);
                Ok(vec![logs.iter().map(each).sum::<Outcome<u64>>()?])
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
    )
}
