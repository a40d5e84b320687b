//! Sets of event patterns over parcels of land: the data event-ruler and quamina measure themselves by.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use event_pattern::Pattern;
use json_scan::{Scanner, Spare};
use matcher::{Builder, Matcher, RuleId, Scratch};
use quamina::Quamina;

use crate::Outcome;
use crate::event_ruler::EventRuler;
use crate::measure::{Tool, in_turn, unable};

/// How many events event-ruler is given of all: enough to be timed.
const EVENT_RULER_EVENTS: usize = 40_000;

type Sets = BTreeMap<String, Vec<String>>;

pub(crate) fn run(events: &Path, rules: &Path, counts: &Path, runs: usize) -> Outcome<()> {
    let text = fs::read(events)?;
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    let mut sets: Sets = serde_json::from_slice(&fs::read(rules)?)?;
    let mut counts: BTreeMap<String, Vec<u64>> = serde_json::from_slice(&fs::read(counts)?)?;
    // Of each kind once, as event-ruler's own benchmark has it.
    let nine = [
        "EXACT",
        "WILDCARD",
        "PREFIX",
        "PREFIX_EQUALS_IGNORE_CASE",
        "SUFFIX",
        "SUFFIX_EQUALS_IGNORE_CASE",
        "EQUALS_IGNORE_CASE",
        "NUMERIC",
        "ANYTHING_BUT",
    ];
    let of = |sets: &Sets| nine.iter().filter_map(|name| sets.get(*name).cloned()).flatten().collect();
    let all: Vec<String> = of(&sets);
    let all_counts: Vec<u64> = nine.iter().filter_map(|name| counts.get(*name).cloned()).flatten().collect();
    sets.insert(format!("{} RULES OF NINE KINDS", all.len()), all.clone());
    counts.insert(format!("{} RULES OF NINE KINDS", all.len()), all_counts);
    let few = EVENT_RULER_EVENTS.min(lines.len());
    let mut ruler = EventRuler::start(events, few);
    for (name, patterns) in &sets {
        let work = format!("citylots2, {}", name.to_lowercase().replace('_', " "));
        let size = (lines.len(), text.len());
        let matcher = trailhound(patterns)?;
        let ask = |lines: &[&[u8]], scratch: &mut Scratch| -> Outcome<Vec<u64>> {
            let mut found = vec![0; patterns.len()];
            let mut spare = Spare::default();
            for line in lines {
                let mut scanner = Scanner::with_spare(line, spare)?;
                for rule in matcher.matches_object(scanner.object()?, scratch)? {
                    found[rule.0 as usize] += 1;
                }
                spare = scanner.into_spare();
            }
            Ok(found)
        };
        let mut scratch = Scratch::new();
        let of_few = ask(lines.get(..few).unwrap_or_default(), &mut scratch)?;
        let mut tools = Vec::new();
        tools.push(Tool::new("Trailhound", || ask(&lines, &mut scratch)));
        // A field that no event has keeps it from stopping as soon as it has seen all it wants.
        for (name, to_the_end) in [("quamina", false), ("quamina, reading to the end", true)] {
            match peer(patterns, to_the_end) {
                Ok(quamina) => tools.push(Tool::new(name, {
                    let lines = &lines;
                    move || {
                        let mut found = vec![0; patterns.len()];
                        for line in lines {
                            for rule in quamina.matches_for_event(line)? {
                                found[rule] += 1;
                            }
                        }
                        Ok(found)
                    }
                })),
                Err(why) => unable(&work, name, &why),
            }
        }
        match &mut ruler {
            Ok(ruler) => match ruler.take(patterns) {
                Ok(()) => {
                    let bytes = lines.iter().take(few).map(|line| line.len() + 1).sum();
                    tools.push(Tool::elsewhere("event-ruler", || ruler.run()).with_share(few, bytes, of_few));
                }
                Err(why) => unable(&work, "event-ruler", &why.to_string()),
            },
            Err(why) => unable(&work, "event-ruler", why),
        }
        in_turn(&work, size, counts.get(name).cloned(), runs, tools)?;
    }
    Ok(())
}

fn trailhound(patterns: &[String]) -> Outcome<Matcher> {
    let mut builder = Builder::new();
    for (pattern, number) in patterns.iter().zip(0..) {
        builder.add_pattern(RuleId(number), &Arc::new(Pattern::parse(pattern)?));
    }
    Ok(builder.build())
}

fn peer(patterns: &[String], to_the_end: bool) -> Result<Quamina<usize>, String> {
    let mut quamina = Quamina::new();
    for (number, pattern) in patterns.iter().enumerate() {
        quamina.add_pattern(number, pattern).map_err(|error| error.to_string())?;
    }
    if to_the_end {
        let nowhere = r#"{"there is no such field": [{"exists": true}]}"#;
        quamina.add_pattern(usize::MAX, nowhere).map_err(|error| error.to_string())?;
    }
    Ok(quamina)
}
