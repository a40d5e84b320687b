//! The built-in pack over labelled events of public rule sets: what it finds, and where it is loud without need.
//!
//! The labels are others' opinions of single events. A miss is either mended in the pack or has its reason in `attack_misses.json`, by
//! the names of the foreign rule and test; one that is no longer missed must leave that list.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cloudtrail::{Decoder, Item};
use context::Context;
use decide::{Judgement, is_delivered, judge};
use matcher::{Builder, Matcher, Scratch};
use rules::{BuiltIn, Decision, EventView, Rule, RuleSet, Selector, Severity};
use serde_json::Value;

fn labelled() -> Option<Vec<Value>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let file = std::env::var_os("TRAILHOUND_DATA").map_or(beside, PathBuf::from).join("attack_events.jsonl");
    let Ok(text) = fs::read_to_string(&file) else {
        assert!(std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none(), "{} is missing", file.display());
        eprintln!("left out: there is no {}", file.display());
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

struct Pack {
    rules: RuleSet,
    matcher: Matcher,
    context: Context,
}

impl Pack {
    fn load() -> Self {
        let context = Context::empty();
        let loaded = RuleSet::load(BuiltIn.rules(), &BuiltIn, &context);
        assert!(!loaded.has_errors());
        let mut builder = Builder::new();
        // Rules over time want more than one event: what they count is no finding yet.
        let of_one_event = |(_, rule): &(u32, &Arc<Rule>)| matches!(rule.decision, Decision::Each);
        for (number, rule) in (0..).zip(loaded.rules.iter()).filter(of_one_event) {
            for (_, selector) in rule.selectors() {
                match selector {
                    Selector::Pattern(pattern) => builder.add_pattern(matcher::RuleId(number), pattern),
                    Selector::Filter(filter) => builder.add_filter(matcher::RuleId(number), filter),
                }
            }
        }
        Pack { matcher: builder.build(), rules: loaded.rules, context }
    }

    /// The rules that fire on any of the events, with the severity each gives.
    fn fired(&self, events: &[&Value]) -> BTreeMap<String, Severity> {
        let mut fired = BTreeMap::new();
        for event in events {
            let text = serde_json::to_vec(event).unwrap();
            let decoded = Decoder::default().decode(&text, None, |item| {
                let Item::Event(event) = item else { return };
                let mut scratch = Scratch::new();
                for id in self.matcher.matches(&event, &mut scratch).unwrap_or_default() {
                    let rule = self.rules.at(id.0 as usize).unwrap();
                    let view = EventView::of(&event).unwrap();
                    if !is_delivered(rule, 0, &event) {
                        continue;
                    }
                    if let Judgement::Fires { severity, .. } = judge(rule, 0, &view, &self.context) {
                        let worst = fired.entry(rule.id.to_string()).or_insert(severity);
                        *worst = severity.max(*worst);
                    }
                }
            });
            assert!(decoded.trouble.is_none(), "{:?}", decoded.trouble);
        }
        fired
    }
}

/// Lines that can be decided from their own events alone.
fn is_decidable(line: &Value) -> bool {
    line["is_cloudtrail"] == true && line["needs_mocks"] == false && line["threshold"] == 1
}

fn events(line: &Value) -> Vec<&Value> {
    match line.get("event").or(line.get("events")).unwrap() {
        Value::Array(events) => events.iter().collect(),
        event => vec![event],
    }
}

/// Source, name and whether it succeeded: what tells one sort of event from another.
fn sorts(line: &Value) -> Vec<(Value, Value, bool)> {
    let failed = |event: &Value| {
        event.get("errorCode").is_some_and(|code| !code.is_null())
            || event.pointer("/responseElements/ConsoleLogin") == Some(&"Failure".into())
    };
    events(line).into_iter().map(|e| (e["eventSource"].clone(), e["eventName"].clone(), failed(e))).collect()
}

fn name(line: &Value) -> String {
    format!("{}: {}", line["rule"].as_str().unwrap_or("?"), line["test"].as_str().unwrap_or("?"))
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "printed as percentages")]
fn the_pack_finds_labelled_attacks_and_is_not_loud_about_the_rest() {
    let Some(lines) = labelled() else { return };
    let pack = Pack::load();
    let decidable: Vec<&Value> = lines.iter().filter(|line| is_decidable(line)).collect();
    let attacks: Vec<&&Value> = decidable.iter().filter(|line| line["expected"] == true).collect();
    let fires = |line: &Value, least| pack.fired(&events(line)).values().any(|severity| *severity >= least);

    let missed: BTreeSet<String> =
        attacks.iter().filter(|line| !fires(line, Severity::Low)).map(|line| name(line)).collect();
    let reasons: BTreeMap<String, String> = serde_json::from_str(include_str!("attack_misses.json")).unwrap();
    for miss in &missed {
        println!("missed: {miss}: {}", reasons.get(miss).map_or("NO REASON", String::as_str));
    }
    let found = attacks.len() - attacks.iter().filter(|line| missed.contains(&name(line))).count();
    let share = found as f64 / attacks.len() as f64 * 100.0;
    println!("{found} of {} attacks raise low or higher: {share:.1} %", attacks.len());

    let attack_sorts: BTreeSet<String> =
        attacks.iter().flat_map(|line| sorts(line)).map(|sort| format!("{sort:?}")).collect();
    let innocent: Vec<&&Value> = decidable
        .iter()
        .filter(|line| line["expected"] == false)
        .filter(|line| sorts(line).iter().all(|sort| !attack_sorts.contains(&format!("{sort:?}"))))
        .collect();
    let loud: Vec<String> =
        innocent.iter().filter(|line| fires(line, Severity::High)).map(|line| name(line)).collect();
    let loud_share = loud.len() as f64 / innocent.len() as f64 * 100.0;
    println!(
        "{} of {} others raise high or critical: {loud_share:.1} %\n{loud:#?}",
        loud.len(),
        innocent.len()
    );

    assert!(attacks.len() >= 100 && innocent.len() >= 50, "the labelled events are there");
    assert_eq!(missed, reasons.keys().cloned().collect(), "each miss has a reason, and each reason a miss");
    assert!(share >= 95.0, "{share:.1} %");
    assert!(loud_share <= 10.0, "{loud_share:.1} %");
}
