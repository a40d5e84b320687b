//! Absences under delays, outages, jumping clocks and restarts: none is false, none is missed.

use std::collections::BTreeSet;

use context::Context;
use decide::{
    Engine, Evidence, Heard, Incident, Lateness, Part, Progress, RecordHandle, Settings, Signal, State,
    WindowKey,
};
use proptest::prelude::*;
use rules::RuleSet;

use crate::harness::{Rows, account_id, at, lane, load, reopened, seconds};
use crate::outages::{END, LATENESS, WITHIN, World, world};

const RULE: &str = r#"
id: quiet
title: quiet
severity: high
pattern: { source: [a] }
absent: { for: 100s, per: [account], expect: seen }
"#;

fn sighting(account: usize, time: i64) -> Signal {
    Signal {
        rule: 0,
        time: at(time),
        event: cloudtrail::EventId::Uuid(u128::from(time.unsigned_abs())),
        severity: rules::Severity::High,
        key: WindowKey::of([account_id(account).as_str()]),
        part: Part::Event,
        record: RecordHandle(0),
    }
}

fn live(rules: &RuleSet, world: &World) -> Vec<Incident> {
    let lateness = Lateness { s3: seconds(LATENESS), ..Lateness::default() };
    let settings = Settings::live(at(0), lateness);
    let mut engine = Engine::new(rules, &Context::empty(), settings.clone());
    let (mut rows, mut said) = (Rows::new(), Vec::new());
    for (n, (arrival, time, account, expected)) in world.arrivals().into_iter().enumerate() {
        // The clock jumps back now and then.
        let now = at(arrival - if n % 7 == 3 { 200 } else { 0 });
        if world.restarts.contains(&n) {
            engine = reopened(&mut engine, rules, &settings, &mut rows);
        }
        assert!(matches!(engine.hear(lane(account), at(time), now), Heard::On(_)));
        if expected {
            engine.take(sighting(account, time));
        }
        let silent: Vec<_> = engine.lanes().silent(seconds(60), now).collect();
        for lane in silent {
            let to = engine.lanes().now();
            engine.progress(Progress { lane, to, evidence: Evidence::Assumed }, now);
        }
        engine.advance();
        said.extend(engine.drain());
    }
    // In the end a digest of each account says that this was all.
    for account in 0..3 {
        let to = at(END + WITHIN + LATENESS);
        engine.progress(Progress { lane: lane(account), to, evidence: Evidence::Digest }, at(END + 2_000));
    }
    engine.advance();
    said.extend(engine.drain());
    said
}

fn firing(said: &[Incident]) -> BTreeSet<(usize, i64)> {
    let account = |one: &Incident| one.key.values().next().unwrap().parse::<usize>().unwrap() - 1;
    let firing = said.iter().filter(|one| one.state == State::Firing);
    firing.map(|one| (account(one), one.window_from.as_seconds())).collect()
}

/// 21,000 schedules, or as many as `cargo xtask soak --schedules` asks for. Each case has those of three accounts.
fn cases() -> ProptestConfig {
    let schedules = std::env::var("TRAILHOUND_SCHEDULES").ok().and_then(|number| number.parse::<u32>().ok());
    ProptestConfig::with_cases(schedules.unwrap_or(21_000).div_ceil(3))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_absence_is_false_and_none_is_missed(world in world()) {
        let rules = load(RULE);
        let said = live(&rules, &world);
        prop_assert_eq!(firing(&said), world.gaps());
        // Nothing stays unknown once all lanes have spoken.
        let last: std::collections::BTreeMap<_, _> = said.iter().map(|one| (&one.id, one.state)).collect();
        prop_assert!(last.values().all(|state| *state != State::Unknown));
    }
}
