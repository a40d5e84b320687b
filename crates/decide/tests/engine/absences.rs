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

const RULE: &str = r#"
id: quiet
title: quiet
severity: high
pattern: { source: [a] }
absent: { for: 100s, per: [account], expect: seen }
"#;

const WITHIN: i64 = 100;

/// Accounts whose one lane suffers delays and outages, and what really happened.
#[derive(Debug, Clone)]
struct World {
    /// By account: times of what is expected, and of other traffic.
    sightings: Vec<BTreeSet<i64>>,
    traffic: Vec<BTreeSet<i64>>,
    outages: Vec<Option<(i64, i64)>>,
    delays: Vec<i64>,
    restarts: BTreeSet<usize>,
}

const END: i64 = 1_500;
const LATENESS: i64 = 40;

fn world() -> impl Strategy<Value = World> {
    let times = || prop::collection::vec(prop::collection::btree_set(0_i64..END, 0..25), 3);
    let outage = prop::option::of((0_i64..1_200, 1_i64..600).prop_map(|(from, span)| (from, from + span)));
    let delays = prop::collection::vec(0..LATENESS, 1..40);
    let restarts = prop::collection::btree_set(0_usize..150, 0..4);
    (times(), times(), prop::collection::vec(outage, 3), delays, restarts).prop_map(
        |(sightings, traffic, outages, delays, restarts)| World {
            sightings,
            traffic,
            outages,
            delays,
            restarts,
        },
    )
}

impl World {
    /// (arrival, event time, account, whether it is what is expected), in order of arrival.
    fn arrivals(&self) -> Vec<(i64, i64, usize, bool)> {
        let mut arrivals = Vec::new();
        let mut delays = self.delays.iter().cycle();
        for account in 0..3 {
            for (times, expected) in [(&self.sightings[account], true), (&self.traffic[account], false)] {
                for time in times {
                    let arrival = time + delays.next().unwrap();
                    // What an outage held back comes at its end, in order of time.
                    let held = self.outages[account].filter(|(from, to)| (*from..*to).contains(&arrival));
                    arrivals.push((held.map_or(arrival, |(_, to)| to), *time, account, expected));
                }
            }
        }
        arrivals.sort_unstable();
        arrivals
    }

    /// Where nothing came for too long, from the first sighting on.
    fn gaps(&self) -> BTreeSet<(usize, i64)> {
        let mut gaps = BTreeSet::new();
        for (account, times) in self.sightings.iter().enumerate() {
            // After the last one comes nothing any more.
            let next = times.iter().skip(1).copied().chain([i64::MAX]);
            for (time, next) in times.iter().zip(next) {
                if next - time >= WITHIN {
                    gaps.insert((account, *time));
                }
            }
        }
        gaps
    }
}

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
