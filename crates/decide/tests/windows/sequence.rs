use std::time::Duration;

use cloudtrail::EventTime;
use decide::{Occurrence, Part, Sequence, SequenceDefinition, Signal, State, Taken, Watermark, Windows};
use proptest::prelude::*;

use crate::harness::{BOUNDS, at, delayed, in_order, interrupted, last_words, settled, signal, stops};

fn definition(steps: u8) -> SequenceDefinition {
    SequenceDefinition {
        rule: "then".into(),
        by: ["principal".into()].into(),
        steps,
        then_not: false,
        within: Duration::from_secs(10),
        strict: false,
        early: true,
        reopen: Duration::from_secs(60),
    }
}

fn rule(definition: SequenceDefinition) -> Sequence {
    Sequence::new(definition)
}

fn windows(definition: SequenceDefinition) -> Windows<Sequence> {
    Windows::new(rule(definition), BOUNDS)
}

fn step(step: u8, seconds: i64) -> Signal {
    Signal { part: Part::Step(step), ..signal(seconds, u32::from(step), "alice") }
}

#[test]
fn steps_come_in_order_within_the_span() {
    let plain = definition(2);
    let strict = SequenceDefinition { strict: true, ..plain.clone() };
    let not = SequenceDefinition { then_not: true, ..plain.clone() };
    // steps as (step, second) → the seconds of each sequence's first and last event
    type Case<'a> = (&'a SequenceDefinition, &'a [(u8, i64)], &'a [(i64, i64)]);
    let cases: &[Case<'_>] = &[
        (&plain, &[(0, 0), (1, 9)], &[(0, 9)]),
        (&plain, &[(0, 0), (1, 10)], &[]),
        (&plain, &[(1, 0), (0, 1)], &[]),
        (&plain, &[(1, 5), (0, 5)], &[(5, 5)]),
        (&strict, &[(1, 5), (0, 5)], &[]),
        (&strict, &[(0, 5), (1, 6)], &[(5, 6)]),
        (&plain, &[(0, 0), (0, 8), (1, 12)], &[(8, 12)]),
        (&plain, &[(0, 0), (0, 1), (1, 2), (1, 3)], &[(0, 2), (1, 3)]),
        (&not, &[(0, 0), (1, 5)], &[(0, 5)]),
        (&not, &[(0, 0), (1, 5), (2, 7)], &[]),
        (&not, &[(0, 0), (1, 5), (2, 10)], &[(0, 5)]),
        (&not, &[(0, 0), (2, 4), (1, 5)], &[(0, 5)]),
    ];
    for (definition, steps, wanted) in cases {
        let events: Vec<_> = steps.iter().map(|(number, seconds)| step(*number, *seconds)).collect();
        let said = in_order(rule((*definition).clone()), &events);
        let seconds = |time: Option<EventTime>| time.unwrap().as_seconds();
        let mut found: Vec<_> =
            last_words(&said).values().map(|one| (seconds(one.first_time), seconds(one.last_time))).collect();
        found.sort_unstable();
        assert_eq!(found, *wanted, "{steps:?}");
    }
}

#[test]
fn it_is_said_early_and_settled_once() {
    let mut rule = windows(definition(2));
    let mut said = Vec::new();
    let take =
        |rule: &mut Windows<Sequence>, event: Signal, said: &mut Vec<Occurrence>| rule.take(&event, said);
    assert_eq!(take(&mut rule, step(1, 103), &mut said), Taken::Absorbed);
    assert_eq!(take(&mut rule, step(0, 101), &mut said), Taken::Fired);
    assert_eq!(take(&mut rule, step(0, 101), &mut said), Taken::Duplicate);
    rule.advance(Watermark::at(at(110)), &mut said);
    assert_eq!(said.len(), 1);
    rule.advance(Watermark::at(at(111)), &mut said);
    rule.advance(Watermark::at(at(190)), &mut said);
    let words: Vec<_> = said.iter().map(|one| (one.revision, one.settled, one.count)).collect();
    assert_eq!((words, rule.keys()), (vec![(0, false, 2), (1, true, 2)], 0));
}

#[test]
fn what_must_not_follow_is_waited_for_and_resolves_when_late() {
    let mut rule = windows(SequenceDefinition { then_not: true, ..definition(2) });
    let mut said = Vec::new();
    for event in [step(0, 100), step(1, 102)] {
        assert_eq!(rule.take(&event, &mut said), Taken::Absorbed);
    }
    rule.advance(Watermark::at(at(110)), &mut said);
    assert_eq!(rule.take(&step(2, 105), &mut said), Taken::Fired);
    let words: Vec<_> = said.iter().map(|one| (one.state, one.revision, one.settled)).collect();
    assert_eq!(words, [(State::Firing, 0, true), (State::Resolved, 1, true)]);
}

#[test]
fn a_late_event_completes_what_was_decided_against() {
    let mut rule = windows(definition(2));
    let mut said = Vec::new();
    rule.take(&step(0, 100), &mut said);
    rule.advance(Watermark::at(at(130)), &mut said);
    assert_eq!(rule.take(&step(1, 104), &mut said), Taken::Fired);
    assert!(said[0].settled);
}

#[test]
fn one_key_with_very_many_events_is_bounded_and_counted() {
    let mut rule = windows(definition(2));
    let mut said = Vec::new();
    let numbered = |step, seconds, n| Signal { part: Part::Step(step), ..signal(seconds, n, "alice") };
    for n in 0..20_000 {
        rule.take(&numbered(0, 0, n), &mut said);
    }
    assert!(rule.dropped() > 12_000);
    rule.take(&numbered(1, 1, 99_999), &mut said);
    assert_eq!(said.len(), 1);
}

#[test]
fn a_busy_key_is_told_as_early_as_a_quiet_one() {
    let mut rule = windows(SequenceDefinition { within: Duration::from_secs(1_000), ..definition(3) });
    let (mut said, mut fired) = (Vec::new(), 0);
    for n in 0..900 {
        let step = [0, 0, 1, 2][n as usize % 4];
        let event = Signal { part: Part::Step(step), ..signal(i64::from(n), n, "alice") };
        fired += u32::from(rule.take(&event, &mut said) == Taken::Fired);
        rule.advance(Watermark::at(at(i64::from(n) - 500)), &mut said);
    }
    assert_eq!(fired, 225, "each last step completes one at once");
    rule.finish(&mut said);
    assert!(last_words(&said).values().all(|one| one.settled));
}

const LATENESS: i64 = 30;

fn events() -> impl Strategy<Value = Vec<(Signal, i64)>> {
    let one = (0_i64..80, 0_u32..2, 0_usize..2, 0_i64..LATENESS, 0_u8..4);
    prop::collection::vec(one, 0..40).prop_map(|events| {
        let event = |(seconds, n, who, delay, step): (i64, u32, usize, i64, u8)| {
            let event = signal(seconds, n * 4 + u32::from(step), ["alice", "bob"][who]);
            (Signal { part: Part::Step(step), ..event }, delay)
        };
        events.into_iter().map(event).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arrival_order_changes_nothing_settled(
        events in events(),
        steps in 1_u8..4,
        (strict, then_not, early) in any::<(bool, bool, bool)>(),
    ) {
        let definition = SequenceDefinition { strict, then_not, early, ..definition(steps) };
        let last_step = if then_not { steps } else { steps - 1 };
        let events: Vec<_> = events.into_iter().filter(|(event, _)| event.part.step() <= last_step).collect();
        let plain: Vec<_> = events.iter().map(|(event, _)| event.clone()).collect();
        let ordered = in_order(rule(SequenceDefinition { early: false, ..definition.clone() }), &plain);
        prop_assert!(ordered.iter().all(|one| one.revision == 0 && one.settled));
        prop_assert_eq!(settled(&delayed(rule(definition), &events, LATENESS)), settled(&ordered));
    }

    #[test]
    fn stopping_and_going_on_changes_nothing(
        events in events(),
        steps in 1_u8..4,
        then_not in any::<bool>(),
        stops in stops(),
        lateness in 5..LATENESS,
    ) {
        let rule = || rule(SequenceDefinition { then_not, ..definition(steps) });
        let straight = interrupted(rule, &events, lateness, &Default::default());
        prop_assert_eq!(interrupted(rule, &events, lateness, &stops), straight);
    }
}
