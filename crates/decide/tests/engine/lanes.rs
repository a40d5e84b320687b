//! Which lanes a rule waits for, and what a silent one does to the others.

use context::Context;
use decide::{
    Engine, Evidence, Heard, Incident, LANES_MAX, Lane, Part, Progress, RecordHandle, Settings, Signal,
    SourceClass, WindowKey,
};

use crate::harness::{Rows, account_id, at, lane, live_settings, load, reopened, seconds};

const RULES: &str = r#"
id: anywhere
title: anywhere
severity: low
pattern: { source: [a] }
threshold: { count: 2, within: 10s, by: [detail.who] }
---
id: at-home
title: at home
severity: low
pattern: { source: [a], account: ['000000000001'] }
threshold: { count: 2, within: 10s, by: [detail.who] }
---
id: quiet
title: quiet
severity: low
pattern: { source: [a] }
absent: { for: 100s, per: [account], expect: seen }
"#;

fn signal(rule: u32, time: i64, key: &str) -> Signal {
    Signal {
        rule,
        time: at(time),
        event: cloudtrail::EventId::Uuid(u128::from(time.unsigned_abs())),
        severity: rules::Severity::Low,
        key: WindowKey::of([key]),
        part: Part::Event,
        record: RecordHandle(0),
    }
}

fn settled(said: &[Incident]) -> Vec<u32> {
    said.iter().filter(|one| one.settled).map(|one| one.rule).collect()
}

#[test]
fn a_rule_waits_for_the_lanes_its_pattern_names_and_a_silent_lane_for_nobody_for_ever() {
    let (rules, settings) = (load(RULES), live_settings());
    let mut engine = Engine::new(&rules, &Context::empty(), settings.clone());
    let mut rows = Rows::new();
    // Another account is heard once, and never again.
    engine.hear(lane(1), at(100), at(100));
    engine.take(signal(2, 100, &account_id(1)));
    for time in [100, 105] {
        engine.hear(lane(0), at(time), at(time));
        engine.take(signal(0, time, "alice"));
        engine.take(signal(1, time, "alice"));
    }
    engine.advance();
    assert_eq!(engine.drain().iter().filter(|one| !one.settled).count(), 2, "said early");

    engine.hear(lane(0), at(1_000), at(1_000));
    engine.advance();
    assert_eq!(settled(&engine.drain()), [1], "only the rule of one account can settle");

    let mut engine = reopened(&mut engine, &rules, &settings, &mut rows);
    engine.advance();
    assert!(engine.drain().is_empty(), "what was settled stays so over a restart");

    let silent: Vec<Lane> = engine.lanes().silent(seconds(600), at(1_000)).collect();
    assert_eq!(silent, [lane(1)]);
    for lane in silent {
        engine.progress(Progress { lane, to: at(1_000), evidence: Evidence::Assumed }, at(1_000));
    }
    engine.advance();
    let said = engine.drain();
    let of = |rule| {
        said.iter().filter(|one| one.rule == rule).map(|one| (one.state, one.settled)).collect::<Vec<_>>()
    };
    assert_eq!(of(0), [(decide::State::Firing, true)]);
    assert_eq!(of(2), [(decide::State::Unknown, false)], "silence is no proof of absence");
}

#[test]
fn lanes_without_end_are_refused_and_counted() {
    let rules = load(RULES);
    let mut engine = Engine::new(&rules, &Context::empty(), Settings { durable: false, ..live_settings() });
    let lane = |number: usize| Lane {
        account: Some(format!("{number:012}").parse().unwrap()),
        region: None,
        class: SourceClass::EventBridge,
    };
    for number in 0..LANES_MAX + 3 {
        let heard = engine.hear(lane(number), at(50), at(50));
        assert_eq!(heard == Heard::Unwatched, number >= LANES_MAX, "{number}");
    }
    assert_eq!((engine.lanes().count(), engine.lanes().refused()), (LANES_MAX, 3));
    assert!(matches!(engine.hear(lane(7), at(60), at(60)), Heard::On(_)), "those known go on");
}

#[test]
fn only_lanes_that_changed_are_stored() {
    let rules = load(RULES);
    let mut engine = Engine::new(&rules, &Context::empty(), live_settings());
    for account in 0..50 {
        engine.hear(lane(account), at(100), at(100));
    }
    let rows = |engine: &mut Engine| engine.changes().into_iter().map(|(_, rows)| rows.len()).sum::<usize>();
    assert_eq!(rows(&mut engine), 51);
    engine.hear(lane(3), at(101), at(101));
    assert_eq!(rows(&mut engine), 2, "the engine's own and the lane's");
    assert_eq!(rows(&mut engine), 0);
}
