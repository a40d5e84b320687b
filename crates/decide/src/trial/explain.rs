//! How far a rule over several events is, after the events of a history.

use std::fmt::Write as _;
use std::time::Duration;

use context::Context;
use rules::{Decision, EventView, Rule, RuleSet};

use crate::engine::{Engine, Settings};
use crate::finding::State;
use crate::incident::Incident;
use crate::judge::{Judgement, judge};
use crate::progress::Lateness;
use crate::signal::{RecordHandle, WindowKey};
use crate::trial::{involved, offer};

/// What is counted of the last event's key after a history, and what is missing; what was said of it on the way. `events` are
/// in order of time, and the last of them is the one that is explained. `None` for a rule that decides each event by itself,
/// where no event is given, and where the last one does not count.
pub fn explain_over_time(
    rules: &RuleSet,
    rule: &Rule,
    events: &[EventView],
    context: &Context,
) -> Option<String> {
    if rule.decision.is_each() {
        return None;
    }
    let (first, last) = events.first().zip(events.last())?;
    let key = key(rule, last, context)?;
    let involved = involved(rules, rule);
    let place = u32::try_from(involved.index(rule.id.as_str())?).ok()?;
    // As a service would have it that hears of each event at once.
    let none = Duration::ZERO;
    let lateness = Lateness { eventbridge: none, logs: none, s3: none };
    let settings = Settings { durable: false, ..Settings::live(first.time(), lateness) };
    let mut engine = Engine::new(&involved, context, settings);
    for (number, view) in (0..).zip(events) {
        offer(&mut engine, &involved, view, view.time(), RecordHandle(number), context);
        engine.advance_to(view.time());
    }
    // Writing to a String cannot fail.
    let mut text = String::new();
    for (name, value) in key_names(rule).iter().zip(key.values()) {
        let _ = write!(text, "{}{name} \"{value}\"", if text.is_empty() { "of " } else { ", " });
    }
    if !text.is_empty() {
        text.push_str(":\n");
    }
    let _ = write!(text, "{}", engine.explain(place, &key)?);
    let said = engine.drain();
    let said: Vec<&Incident> = said.iter().filter(|said| said.rule == place && said.key == key).collect();
    for (at, one) in said.iter().enumerate() {
        // What was said again is told as it was said last.
        let again = |later: &&Incident| (&later.id, later.state) == (&one.id, one.state);
        if said.get(at + 1..).is_some_and(|later| later.iter().any(again)) {
            continue;
        }
        let state = match one.state {
            State::Firing => "it fired",
            State::Resolved => "it was resolved",
            State::Unknown => "it could not be decided",
        };
        let _ = write!(text, "\n{state}");
        let _ = match (one.window_from, one.window_end) {
            (from, end) if from == end => write!(text, ", at {from}"),
            (from, end) => write!(text, ", from {from} to {end}"),
        };
        let _ = match one.count {
            0 => Ok(()),
            1 => write!(text, ", with 1 event"),
            count => write!(text, ", with {count} events"),
        };
        if !one.settled {
            text.push_str(", not settled yet");
        }
    }
    Some(text)
}

/// What the values of a key are called: by their paths, or as dimensions of a metric.
fn key_names(rule: &Rule) -> Vec<String> {
    match &rule.decision {
        Decision::Alarm(alarm) if alarm.is_for_each_value() => {
            let published = alarm.publishes.iter();
            published.flat_map(|published| published.definition.dimensions.keys().cloned()).collect()
        }
        _ => rule.key_paths(0).iter().map(ToString::to_string).collect(),
    }
}

/// The key by which the event counts. Alarms and composite alarms look at no event, and have one key for all.
fn key(rule: &Rule, event: &EventView, context: &Context) -> Option<WindowKey> {
    if rule.selectors().next().is_none() {
        return Some(WindowKey::default());
    }
    let steps = rule.selectors().filter(|(_, selector)| selector.matches(event)).map(|(step, _)| step);
    let mut delivered = steps.filter(|&step| event.delivered(rule.delivery_of(step)));
    delivered.find_map(|step| match judge(rule, step, event, context) {
        Judgement::Fires { key, .. } => Some(key),
        Judgement::Ends(_) => None,
    })
}
