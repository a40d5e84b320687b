use std::collections::BTreeSet;
use std::time::Duration;

use cloudtrail::EventTime;
use decide::{FirstSeen, FirstSeenDefinition, Occurrence, Signal, State, Taken, Watermark, Windows};
use proptest::prelude::*;

use crate::harness::{BOUNDS, at, delayed, in_order, interrupted, last_words, signal, stops};

fn definition() -> FirstSeenDefinition {
    FirstSeenDefinition {
        rule: "new".into(),
        of: ["principal".into()].into(),
        learn: Duration::from_secs(20),
        forget: Duration::from_secs(25),
        begin: at(0),
        say_cold: false,
        early: true,
    }
}

fn rule(definition: FirstSeenDefinition) -> FirstSeen {
    FirstSeen::new(definition)
}

fn windows(definition: FirstSeenDefinition) -> Windows<FirstSeen> {
    Windows::new(rule(definition), BOUNDS)
}

/// When new, by the last word of each.
fn new_at(said: &[Occurrence]) -> Vec<i64> {
    let firing = last_words(said).into_values().filter(|one| one.state == State::Firing);
    let mut times: Vec<_> = firing.map(|one| one.from.as_seconds()).collect();
    times.sort_unstable();
    times
}

#[test]
fn learning_says_nothing_and_forgetting_makes_new_again() {
    // times of one value → when it was new
    let cases: &[(&[i64], &[i64])] = &[
        (&[5, 21, 45], &[]),
        (&[19], &[]),
        (&[20], &[20]),
        (&[30, 31, 54], &[30]),
        (&[30, 55], &[30, 55]),
        (&[5, 30], &[30]),
    ];
    for (times, wanted) in cases {
        let events: Vec<_> = times.iter().map(|time| signal(*time, 1, "alice")).collect();
        assert_eq!(new_at(&in_order(rule(definition()), &events)), *wanted, "{times:?}");
    }
}

#[test]
fn a_cold_start_says_so() {
    let events = [signal(5, 1, "alice"), signal(6, 1, "alice"), signal(22, 1, "bob")];
    let said = in_order(rule(FirstSeenDefinition { say_cold: true, early: false, ..definition() }), &events);
    let said: Vec<_> = said.iter().map(|one| (one.from.as_seconds(), one.cold)).collect();
    assert_eq!(said, [(5, true), (22, false)]);
}

#[test]
fn what_turns_out_to_be_known_is_resolved() {
    let mut rule = windows(definition());
    let mut said = Vec::new();
    assert_eq!(rule.take(&signal(40, 1, "alice"), &mut said), Taken::Fired);
    assert_eq!(rule.take(&signal(18, 1, "alice"), &mut said), Taken::Absorbed);
    rule.advance(Watermark::at(at(41)), &mut said);
    let words: Vec<_> = said.iter().map(|one| (one.state, one.revision, one.settled)).collect();
    assert_eq!(words, [(State::Firing, 0, false), (State::Resolved, 1, true)]);
}

#[test]
fn values_given_up_are_counted_and_told() {
    let mut rule = windows(definition());
    let mut said = Vec::new();
    for n in 0..1_500 {
        rule.take(&signal(30, n, &format!("session-{n}")), &mut said);
    }
    assert_eq!((rule.keys(), rule.evicted()), (1_000, 500));
    assert!(said[999].exact && !said[1_499].exact);
}

const LATENESS: i64 = 30;

fn events() -> impl Strategy<Value = Vec<(Signal, i64)>> {
    let one = (0_i64..150, 0_u32..3, 0_usize..3, 0_i64..LATENESS);
    prop::collection::vec(one, 0..50).prop_map(|events| {
        let event = |(seconds, n, who, delay)| (signal(seconds, n, ["alice", "bob", "carol"][who]), delay);
        events.into_iter().map(event).collect()
    })
}

/// What is told as known: between the seconds of events, some before all of them.
fn sightings() -> impl Strategy<Value = Vec<Signal>> {
    let one = (-40_i64..100, 0_usize..3).prop_map(|(seconds, who)| {
        let time = EventTime::from_micros(seconds * 1_000_000 + 500_000);
        Signal { time, ..signal(seconds, 9, ["alice", "bob", "carol"][who]) }
    });
    prop::collection::vec(one, 0..6)
}

/// Straight from the definition: a sighting is new if none is within `forget` before it.
fn naive(events: &[(Signal, i64)]) -> Vec<i64> {
    let mut sightings: Vec<_> =
        events.iter().map(|(one, _)| (one.key.clone(), one.time.as_seconds())).collect();
    sightings.sort();
    sightings.dedup();
    let known = |key: &_, time: i64| {
        sightings.iter().any(|(other, before)| other == key && *before < time && time - before < 25)
    };
    let new = sightings.iter().filter(|(key, time)| *time >= 20 && !known(key, *time));
    let mut times: Vec<_> = new.map(|(_, time)| *time).collect();
    times.sort_unstable();
    times
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arrival_order_changes_nothing_settled(events in events(), early in any::<bool>()) {
        let plain: Vec<_> = events.iter().map(|(event, _)| event.clone()).collect();
        let ordered = in_order(rule(FirstSeenDefinition { early: false, ..definition() }), &plain);
        prop_assert!(ordered.iter().all(|one| one.revision == 0 && one.settled));
        let said = delayed(rule(FirstSeenDefinition { early, ..definition() }), &events, LATENESS);
        let firing = |said: &[Occurrence]| {
            let last = last_words(said);
            assert!(last.values().all(|one| one.settled));
            let firing = last.into_values().filter(|one| one.state == State::Firing);
            firing.map(|one| one.fingerprint).collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(firing(&said), firing(&ordered));
        prop_assert_eq!(new_at(&said), naive(&events));
    }

    #[test]
    fn what_was_learned_is_not_new(events in events(), learned in sightings(), turn in 0_usize..20) {
        let mut arrivals = events.clone();
        arrivals.sort_by_key(|(event, delay)| event.time.as_seconds() + delay);
        let (mut rule, mut said) = (windows(definition()), Vec::new());
        let learn = |rule: &mut Windows<FirstSeen>| {
            for one in &learned {
                rule.learn(one);
            }
        };
        for (n, (event, delay)) in arrivals.iter().enumerate() {
            if n == turn {
                learn(&mut rule);
            }
            rule.advance(Watermark::at(at(event.time.as_seconds() + delay - LATENESS)), &mut said);
            rule.take(event, &mut said);
        }
        rule.finish(&mut said);
        prop_assert!(last_words(&said).values().all(|one| one.settled));
        let unknown = |(event, _): &&(Signal, i64)| {
            let after = |one: &Signal| one.time.as_micros() > event.time.as_micros() - 25_000_000;
            !learned.iter().any(|one| one.key == event.key && after(one))
        };
        let without = naive(&events);
        let (new, mut least) = (new_at(&said), Vec::new());
        for event in events.iter().filter(unknown) {
            let time = event.0.time.as_seconds();
            let own: Vec<_> = events.iter().filter(|(one, _)| one.key == event.0.key).cloned().collect();
            if naive(&own).contains(&time) {
                least.push((event.0.key.clone(), time));
            }
        }
        least.sort();
        least.dedup();
        let mut least: Vec<_> = least.into_iter().map(|(_, time)| time).collect();
        least.sort_unstable();
        if turn == 0 && !arrivals.is_empty() {
            prop_assert_eq!(new, least);
        } else {
            prop_assert!(new.iter().all(|time| without.contains(time)));
            prop_assert!(least.iter().all(|time| new.contains(time)));
        }
    }

    #[test]
    fn learning_in_any_order_and_twice_is_learning_once(learned in sightings()) {
        let rows = |sightings: &mut dyn Iterator<Item = &Signal>| {
            let mut rule = windows(definition());
            for one in sightings {
                rule.learn(one);
            }
            rule.changes()
        };
        let once = rows(&mut learned.iter());
        prop_assert_eq!(once.is_empty(), learned.is_empty());
        prop_assert_eq!(&rows(&mut learned.iter().rev()), &once);
        prop_assert_eq!(&rows(&mut learned.iter().chain(&learned)), &once);
    }

    #[test]
    fn stopping_and_going_on_changes_nothing(events in events(), stops in stops(), lateness in 5..LATENESS) {
        let rule = || rule(definition());
        let straight = interrupted(rule, &events, lateness, &Default::default());
        prop_assert_eq!(interrupted(rule, &events, lateness, &stops), straight);
    }
}
