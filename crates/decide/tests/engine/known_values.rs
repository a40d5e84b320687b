//! What first-seen rules know is asked before a sighting becomes a signal.

use context::Context;
use decide::{Engine, Part, RecordHandle, Signal, SignalOutcome, WindowKey};

use crate::harness::{Rows, at, live_settings, load, reopened};

const RULE: &str = r#"
id: new
title: new
severity: low
pattern: { source: [a] }
first_seen: { of: [detail.who], learn: 20s, forget: 100s }
"#;

fn sighting(seconds: i64, who: &str) -> Signal {
    Signal {
        rule: 0,
        time: at(seconds),
        event: cloudtrail::EventId::Uuid(u128::from(seconds.unsigned_abs())),
        severity: rules::Severity::Low,
        key: WindowKey::of([who]),
        part: Part::Event,
        record: RecordHandle(0),
    }
}

#[test]
fn a_known_value_is_no_signal_and_is_remembered_all_the_same() {
    let (rules, settings) = (load(RULE), live_settings());
    let mut engine = Engine::new(&rules, &Context::empty(), settings.clone());
    let mut rows = Rows::new();
    let takes = |engine: &Engine, seconds: i64, who: &str| {
        engine.known_values().takes(0, &WindowKey::of([who]), at(seconds))
    };
    assert!(!takes(&engine, 30, "alice"), "nobody is known yet");
    assert_eq!(engine.take(sighting(30, "alice")), SignalOutcome::Fired);
    assert!(!takes(&engine, 31, "alice"), "nor is who is not settled");
    engine.advance_to(at(60));
    assert!(takes(&engine, 120, "alice") && takes(&engine, 31, "alice"));
    assert!(!takes(&engine, 220, "alice"), "not seen for `forget`");

    let mut engine = reopened(&mut engine, &rules, &settings, &mut rows);
    engine.advance_to(at(200));
    assert!(takes(&engine, 219, "alice"), "the sighting at 120 outlived the restart");
    engine.advance_to(at(319));
    assert!(!takes(&engine, 320, "alice"));
    assert_eq!(engine.take(sighting(320, "alice")), SignalOutcome::Fired, "forgotten, and new again");
    assert!(!engine.known_values().takes(7, &WindowKey::of(["alice"]), at(320)), "no such rule");
}

#[test]
fn a_value_seen_very_often_before_it_is_settled_takes_no_more_room() {
    let rules = load(RULE);
    let mut engine = Engine::new(&rules, &Context::empty(), live_settings());
    for second in 30..2_000 {
        let mut one = sighting(second, "alice");
        one.time = at(30 + second % 90);
        engine.take(one);
    }
    let rows: usize = engine
        .changes()
        .iter()
        .flat_map(|(_, rows)| rows)
        .filter_map(|row| Some(row.value.as_ref()?.1.len()))
        .sum();
    assert!(rows < 2_000, "{rows} bytes");
    engine.advance_to(at(1_000));
    let said = engine.drain();
    assert_eq!(said.iter().filter(|one| one.settled).count(), 1);
}
