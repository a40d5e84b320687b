//! Public Sigma rules for CloudTrail, over records that are in memory as text.
//!
//! Trailhound does not read Sigma, so the rules are put as event patterns here: those of one selection whose fields are compared with
//! strings as a whole, from their beginning or to their end. All tools are given those rules and no others. Case does not count in Sigma,
//! so it does not count in the patterns.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cloudtrail::{Decoder, Item};
use event_pattern::Pattern;
use matcher::{Builder, RuleId, Scratch};
use rsigma_eval::Engine;
use rsigma_eval::event::JsonEvent;
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::measure::{Tool, in_turn};

/// How many log files the tools are given: the slowest takes some twenty microseconds for each of their records.
pub(crate) const FILES_MAX: usize = 40;

struct Rule {
    yaml: String,
    pattern: String,
}

pub(crate) fn run(logs: &[Vec<u8>], folder: &Path, runs: usize) -> Outcome<()> {
    let rules = rules(folder)?;
    let bytes = logs.iter().map(Vec::len).sum();
    let mut texts: Vec<String> = Vec::new();
    for log in logs {
        let value: Value = serde_json::from_slice(log)?;
        texts.extend(value["Records"].as_array().into_iter().flatten().map(Value::to_string));
    }
    let mut builder = Builder::new();
    for (rule, number) in rules.iter().zip(0..) {
        builder.add_pattern(RuleId(number), &Arc::new(Pattern::parse(&rule.pattern)?));
    }
    let matcher = builder.build();
    let (mut decoder, mut scratch) = (Decoder::default(), Scratch::new());
    let count = rules.len();
    let mut engine = Engine::new();
    for rule in &rules {
        engine.add_collection(&rsigma_parser::parse_sigma_yaml(&rule.yaml)?)?;
    }
    let sigma_rust =
        rules.iter().map(|rule| sigma_rust::rule_from_yaml(&rule.yaml)).collect::<Result<Vec<_>, _>>()?;
    let texts = &texts;
    in_turn(
        &format!("{count} Sigma rules on each record"),
        (texts.len(), bytes),
        None,
        runs,
        vec![
            Tool::new("Trailhound", move || {
                let mut found = 0;
                for text in texts {
                    let decoded = decoder.decode(text.as_bytes(), None, |item| {
                        if let Item::Event(event) = item {
                            found += matcher.matches(&event, &mut scratch).map_or(0, <[RuleId]>::len) as u64;
                        }
                    });
                    if let Some(trouble) = decoded.trouble {
                        return Err(trouble.into());
                    }
                }
                Ok(vec![found])
            }),
            Tool::new("rsigma-eval", move || {
                let mut found = 0;
                for text in texts {
                    let value: Value = serde_json::from_str(text)?;
                    found += engine.evaluate(&JsonEvent::borrow(&value)).len() as u64;
                }
                Ok(vec![found])
            }),
            Tool::new("sigma-rust", move || {
                let mut found = 0;
                for text in texts {
                    let event = sigma_rust::event_from_json(text)?;
                    found += sigma_rust.iter().filter(|rule| rule.is_match(&event)).count() as u64;
                }
                Ok(vec![found])
            }),
        ],
    )
}

/// The rules that can be put as patterns.
fn rules(folder: &Path) -> Outcome<Vec<Rule>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    paths.sort();
    let mut rules = Vec::new();
    for path in paths {
        let yaml = fs::read_to_string(path)?;
        if let Some(pattern) = pattern(&yaml) {
            rules.push(Rule { pattern, yaml });
        }
    }
    Ok(rules)
}

fn pattern(yaml: &str) -> Option<String> {
    let document: Value = yaml_serde::from_str(yaml).ok()?;
    let detection = document.get("detection")?.as_object()?;
    let selection = detection.get(detection.get("condition")?.as_str()?)?.as_object()?;
    let mut root = Map::new();
    for (field, wanted) in selection {
        let (path, modifier) =
            field.split_once('|').map_or((field.as_str(), ""), |(path, modifier)| (path, modifier));
        let wanted = match wanted {
            Value::Array(several) => several.clone(),
            one => vec![one.clone()],
        };
        let terms: Option<Vec<Value>> = wanted.iter().map(|value| term(value, modifier)).collect();
        insert(&mut root, path, Value::Array(terms?))?;
    }
    Some(json!({"detail": root}).to_string())
}

fn term(value: &Value, modifier: &str) -> Option<Value> {
    let text = value.as_str().filter(|text| !text.contains(['*', '?', '\\']) && !text.is_empty())?;
    match modifier {
        "" => Some(json!({"equals-ignore-case": text})),
        "startswith" => Some(json!({"prefix": {"equals-ignore-case": text}})),
        "endswith" => Some(json!({"suffix": {"equals-ignore-case": text}})),
        _ => None,
    }
}

fn insert(object: &mut Map<String, Value>, path: &str, terms: Value) -> Option<()> {
    let mut at = object;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return at.insert(part.to_owned(), terms).is_none().then_some(());
        }
        at = at.entry(part).or_insert_with(|| json!({})).as_object_mut()?;
    }
    None
}
