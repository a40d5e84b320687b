use std::time::Duration;

use decide::{Part, Signal, Taken, Threshold, ThresholdDefinition, Watermark, Windows};
use proptest::prelude::*;

use crate::harness::{BOUNDS, at, delayed, in_order, interrupted, last_words, settled, signal, stops};

fn definition(count: usize, distinct: bool) -> ThresholdDefinition {
    ThresholdDefinition {
        rule: "many".into(),
        by: ["principal".into()].into(),
        count,
        within: Duration::from_secs(10),
        distinct,
        early: true,
        reopen: Duration::from_secs(60),
    }
}

fn rule(definition: ThresholdDefinition) -> Threshold {
    Threshold::new(definition)
}

fn windows(definition: ThresholdDefinition) -> Windows<Threshold> {
    Windows::new(rule(definition), BOUNDS)
}

fn valued(seconds: i64, n: u32, value: &str) -> Signal {
    Signal { part: Part::of_value(value), ..signal(seconds, n, "alice") }
}

#[test]
fn windows_begin_where_enough_follows_and_take_the_whole_span() {
    // times, count → windows as (from, count)
    type Case<'a> = (&'a [i64], usize, &'a [(i64, u64)]);
    let cases: &[Case<'_>] = &[
        (&[0, 9], 2, &[(0, 2)]),
        (&[0, 10], 2, &[]),
        (&[0, 4, 9, 10, 11], 3, &[(0, 3)]),
        (&[0, 8, 12, 13, 14, 17], 4, &[(8, 5)]),
        (&[0, 1, 2, 3, 4, 5, 20, 21, 29], 3, &[(0, 6), (20, 3)]),
        (&[5], 1, &[(5, 1)]),
        (&[], 1, &[]),
    ];
    for (times, count, windows) in cases {
        let events: Vec<_> = times.iter().map(|time| signal(*time, 1, "alice")).collect();
        let said = in_order(rule(definition(*count, false)), &events);
        let mut found: Vec<_> =
            last_words(&said).into_values().map(|one| (one.from.as_seconds(), one.count)).collect();
        found.sort_unstable();
        assert_eq!(found, *windows, "{times:?} {count}");
    }
}

#[test]
fn it_is_said_early_then_settled_once_then_revised_by_what_is_late() {
    let mut rule = windows(definition(3, false));
    let mut said = Vec::new();
    assert_eq!(rule.take(&signal(100, 1, "alice"), &mut said), Taken::Absorbed);
    assert_eq!(rule.take(&signal(101, 1, "alice"), &mut said), Taken::Absorbed);
    assert_eq!(rule.take(&signal(101, 1, "alice"), &mut said), Taken::Duplicate);
    assert_eq!(rule.take(&signal(102, 1, "alice"), &mut said), Taken::Fired);
    assert_eq!(rule.take(&signal(103, 1, "alice"), &mut said), Taken::Absorbed);
    rule.advance(Watermark::at(at(109)), &mut said);
    assert_eq!(said.len(), 1);
    rule.advance(Watermark::at(at(110)), &mut said);
    rule.advance(Watermark::at(at(105)), &mut said);
    rule.advance(Watermark::at(at(150)), &mut said);
    assert_eq!(rule.take(&signal(104, 1, "alice"), &mut said), Taken::Absorbed);
    rule.advance(Watermark::at(at(170)), &mut said);
    assert_eq!(rule.take(&signal(100, 2, "alice"), &mut said), Taken::Late);
    let words: Vec<_> = said.iter().map(|one| (one.revision, one.settled, one.count)).collect();
    assert_eq!(words, [(0, false, 3), (1, true, 4), (2, true, 5)]);
    assert_eq!(last_words(&said).len(), 1);
    rule.advance(Watermark::at(at(200)), &mut said);
    assert_eq!(rule.keys(), 0, "nothing is left");
}

#[test]
fn an_event_that_begins_what_was_said_already_is_not_said_twice() {
    let mut rule = windows(definition(1, false));
    let mut said = Vec::new();
    assert_eq!(rule.take(&signal(101, 1, "alice"), &mut said), Taken::Fired);
    assert_eq!(rule.take(&signal(98, 1, "alice"), &mut said), Taken::Absorbed);
    assert_eq!(rule.take(&signal(80, 1, "alice"), &mut said), Taken::Fired, "far before it is another one");
    rule.finish(&mut said);
    let mut last: Vec<_> =
        last_words(&said).into_values().map(|one| (one.from.as_seconds(), one.count, one.revision)).collect();
    last.sort_unstable();
    assert_eq!(last, [(80, 1, 1), (98, 2, 1)]);
}

#[test]
fn a_late_event_can_make_a_window_of_what_was_too_few() {
    let mut rule = windows(definition(3, false));
    let mut said = Vec::new();
    rule.take(&signal(100, 1, "alice"), &mut said);
    rule.take(&signal(105, 1, "alice"), &mut said);
    rule.advance(Watermark::at(at(130)), &mut said);
    assert_eq!(said, []);
    assert_eq!(rule.take(&signal(103, 1, "alice"), &mut said), Taken::Fired);
    assert_eq!((said.len(), said[0].count, said[0].settled), (1, 3, true));
}

#[test]
fn only_distinct_values_count() {
    let mut rule = windows(definition(3, true));
    let mut said = Vec::new();
    for (seconds, value) in [(0, "a"), (1, "a"), (2, "b"), (3, "b"), (4, "a")] {
        assert_eq!(rule.take(&valued(seconds, 1, value), &mut said), Taken::Absorbed);
    }
    assert_eq!(rule.take(&valued(9, 1, "c"), &mut said), Taken::Fired);
    rule.finish(&mut said);
    let last = said.last().unwrap();
    assert_eq!((last.count, last.distinct.unwrap().values, last.exact), (6, 3, true));
}

#[test]
fn beyond_the_exact_limit_it_counts_on_and_says_so() {
    let mut rule = windows(definition(100, true));
    let mut said = Vec::new();
    for n in 0..20_000 {
        rule.take(&valued(i64::from(n % 10), n, &format!("203.0.113.{n}")), &mut said);
    }
    rule.finish(&mut said);
    let [early, late] = &said[..] else { panic!("{}", said.len()) };
    assert!(early.exact && !late.exact);
    assert_eq!(late.count, 20_000);
    let values = late.distinct.unwrap();
    assert!(values.estimated && values.values.abs_diff(20_000) < 2_000, "{values:?}");
    assert_eq!((rule.dropped(), late.event_ids.len()), (0, 1_000));
}

#[test]
fn one_value_repeated_does_not_crowd_out_the_others() {
    let mut rule = windows(definition(3, true));
    let mut said = Vec::new();
    rule.take(&valued(0, 0, "a"), &mut said);
    for n in 1..20_000 {
        rule.take(&valued(5, n, "b"), &mut said);
    }
    assert_eq!(said.len(), 0);
    assert!(rule.dropped() > 0, "what is forgotten is counted");
    rule.take(&valued(6, 0, "c"), &mut said);
    assert_eq!(said.len(), 1);
}

#[test]
fn a_key_with_very_many_values_is_bounded_and_counted() {
    let mut rule = windows(definition(2, false));
    let mut said = Vec::new();
    for n in 0..5_000 {
        rule.take(&signal(i64::from(n), 1, &format!("session-{n}")), &mut said);
    }
    assert_eq!((rule.keys(), rule.evicted()), (1_000, 4_000));
    rule.take(&signal(4_999, 2, "session-4999"), &mut said);
    assert_eq!(said.len(), 1, "the newest are kept");
}

const LATENESS: i64 = 30;

fn events(distinct: bool) -> impl Strategy<Value = Vec<(Signal, i64)>> {
    let one = (0_i64..90, 0_u32..3, 0_usize..2, 0_i64..LATENESS, 0_u32..5);
    prop::collection::vec(one, 0..60).prop_map(move |events| {
        events
            .into_iter()
            .map(|(seconds, n, who, delay, value)| {
                let mut event = signal(seconds, n, ["alice", "bob"][who]);
                if distinct {
                    // An event has one value, whichever copy of it one reads.
                    let value = (seconds + i64::from(n) * 7) % (i64::from(value) / 5 + 4);
                    event.part = Part::of_value(&value.to_string());
                }
                (event, delay)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arrival_order_changes_nothing_settled(
        (distinct, events) in any::<bool>().prop_flat_map(|distinct| (Just(distinct), events(distinct))),
        count in 1_usize..6,
        early in any::<bool>(),
    ) {
        let definition = ThresholdDefinition { early, ..definition(count, distinct) };
        let plain: Vec<_> = events.iter().map(|(event, _)| event.clone()).collect();
        let ordered = in_order(rule(ThresholdDefinition { early: false, ..definition.clone() }), &plain);
        prop_assert!(ordered.iter().all(|one| one.revision == 0 && one.settled), "a scan says each once");
        prop_assert_eq!(settled(&delayed(rule(definition), &events, LATENESS)), settled(&ordered));
    }

    #[test]
    fn stopping_and_going_on_changes_nothing(
        (distinct, events) in any::<bool>().prop_flat_map(|distinct| (Just(distinct), events(distinct))),
        count in 1_usize..6,
        stops in stops(),
        lateness in 5..LATENESS,
    ) {
        let rule = || rule(definition(count, distinct));
        let straight = interrupted(rule, &events, lateness, &Default::default());
        prop_assert_eq!(interrupted(rule, &events, lateness, &stops), straight);
    }
}
