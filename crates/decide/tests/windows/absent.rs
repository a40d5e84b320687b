use std::collections::BTreeSet;
use std::time::Duration;

use decide::{
    Absent, AbsentDefinition, Evidence, Lane, Lanes, Lateness, Occurrence, Progress, SourceClass, State,
    Taken, Watermark, WindowKey,
};
use proptest::prelude::*;

use crate::harness::{BOUNDS, Rows, at, last_words, signal, stored};
use crate::outages::{END, LATENESS, WITHIN, World, world};

fn definition() -> AbsentDefinition {
    AbsentDefinition {
        rule: "quiet".into(),
        per: ["account".into()].into(),
        within: Duration::from_secs(100),
        expect_seen: true,
        accept_assumed: false,
        patience: Duration::from_secs(60),
    }
}

fn words(said: &[Occurrence]) -> Vec<(State, u32, bool, i64)> {
    said.iter().map(|one| (one.state, one.revision, one.settled, one.from.as_seconds())).collect()
}

#[test]
fn absence_fires_when_proved_and_is_resolved_by_a_sighting() {
    let mut rule = Absent::new(definition(), BOUNDS);
    let mut said = Vec::new();
    rule.take(&signal(10, 1, "a"), &mut said);
    rule.advance(at(109), |_| Watermark::at(at(109)), &mut said);
    assert_eq!(said, []);
    rule.advance(at(110), |_| Watermark::at(at(110)), &mut said);
    rule.advance(at(500), |_| Watermark::at(at(500)), &mut said);
    assert_eq!(rule.take(&signal(510, 1, "a"), &mut said), Taken::Fired);
    assert_eq!(words(&said), [(State::Firing, 0, true, 10), (State::Resolved, 1, true, 10)]);
    rule.advance(at(610), |_| Watermark::at(at(610)), &mut said);
    assert_eq!(words(&said)[2], (State::Firing, 0, true, 510));
    assert_eq!(last_words(&said).len(), 2);
}

#[test]
fn assumed_progress_is_unknown_unless_accepted() {
    let silent = Watermark { firm: at(50), assumed: at(200) };
    for (accept_assumed, wanted) in [(false, State::Unknown), (true, State::Firing)] {
        let mut rule = Absent::new(AbsentDefinition { accept_assumed, ..definition() }, BOUNDS);
        let mut said = Vec::new();
        rule.take(&signal(10, 1, "a"), &mut said);
        rule.advance(at(300), |_| silent, &mut said);
        rule.advance(at(301), |_| silent, &mut said);
        assert_eq!(words(&said), [(wanted, 0, accept_assumed, 10)]);
    }
}

#[test]
fn unknown_is_decided_when_the_lane_speaks_again() {
    let silent = Watermark { firm: at(50), assumed: at(200) };
    let mut rule = Absent::new(definition(), BOUNDS);
    let mut said = Vec::new();
    rule.take(&signal(10, 1, "was there"), &mut said);
    rule.take(&signal(10, 1, "was not"), &mut said);
    rule.advance(at(300), |_| silent, &mut said);
    rule.take(&signal(60, 1, "was there"), &mut said);
    rule.advance(at(301), |_| Watermark::at(at(120)), &mut said);
    let mut last: Vec<_> = last_words(&said)
        .into_values()
        .map(|one| (one.key.values().next().unwrap().to_owned(), one.state, one.revision))
        .collect();
    last.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(last, [("was not".into(), State::Firing, 1), ("was there".into(), State::Resolved, 1)]);
}

#[test]
fn a_listed_key_is_expected_before_it_was_seen_and_no_other() {
    let mut rule = Absent::new(AbsentDefinition { expect_seen: false, ..definition() }, BOUNDS);
    let mut said = Vec::new();
    let (listed, unheard) = (WindowKey::of(["listed"]), WindowKey::of(["unheard"]));
    rule.expect(&listed, at(0));
    rule.expect(&unheard, at(0));
    rule.take(&signal(5, 1, "other"), &mut said);
    let mark = |key: &WindowKey| if *key == listed { Watermark::at(at(150)) } else { Watermark::nothing() };
    rule.advance(at(150), mark, &mut said);
    assert_eq!(words(&said), [(State::Firing, 0, true, 0)]);
    rule.advance(at(160), mark, &mut said);
    assert_eq!(words(&said)[1], (State::Unknown, 0, false, 0), "no lane was ever heard of");
    rule.dismiss(&unheard, &mut said);
    assert_eq!((words(&said)[2], rule.keys()), ((State::Resolved, 1, true, 0), 1));
}

fn name(account: usize) -> String {
    format!("{account:012}")
}

fn lane(account: usize) -> Lane {
    Lane { account: Some(name(account).parse().unwrap()), region: None, class: SourceClass::S3 }
}

fn live(world: &World) -> Vec<Occurrence> {
    let lateness = Lateness { s3: Duration::from_secs(40), ..Lateness::default() };
    let mut lanes = Lanes::new(lateness);
    let (mut rule, mut rows, mut said) = (Absent::new(definition(), BOUNDS), Rows::new(), Vec::new());
    let decide = |rule: &mut Absent, lanes: &Lanes, said: &mut Vec<Occurrence>| {
        let mark = |key: &WindowKey| {
            let account = key.values().next().unwrap().parse().unwrap();
            lanes.watermark(|lane| lane.account == Some(account)).unwrap_or(Watermark::nothing())
        };
        rule.advance(lanes.now(), mark, said);
    };
    for (n, (arrival, time, account, expected)) in world.arrivals().into_iter().enumerate() {
        // The clock jumps back now and then.
        let now = at(arrival - if n % 7 == 3 { 200 } else { 0 });
        if world.restarts.contains(&n) {
            let saved = serde_json::to_vec(&lanes.save()).unwrap();
            lanes = Lanes::restore(lateness, serde_json::from_slice(&saved).unwrap()).unwrap();
            for change in rule.changes() {
                match change.value {
                    Some(value) => rows.insert(change.key, value),
                    None => rows.remove(&change.key),
                };
            }
            rule = Absent::restore(definition(), BOUNDS, stored(&rows)).unwrap();
        }
        if expected {
            rule.take(&signal(time, 0, &name(account)), &mut said);
        }
        lanes.hear(lane(account), at(time), now);
        let silent: Vec<_> = lanes.silent(Duration::from_secs(60), now).collect();
        for lane in silent {
            lanes.advance(Progress { lane, to: lanes.now(), evidence: Evidence::Assumed }, now);
        }
        decide(&mut rule, &lanes, &mut said);
    }
    // In the end a digest of each account says that this was all.
    for account in 0..3 {
        let to = at(END + WITHIN + LATENESS);
        lanes.advance(Progress { lane: lane(account), to, evidence: Evidence::Digest }, at(END + 2_000));
    }
    decide(&mut rule, &lanes, &mut said);
    said
}

fn firing(said: &[Occurrence]) -> BTreeSet<(usize, i64)> {
    let firing = said.iter().filter(|one| one.state == State::Firing);
    firing.map(|one| (one.key.values().next().unwrap().parse().unwrap(), one.from.as_seconds())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_absence_is_false_and_none_is_missed(mut world in world()) {
        let said = live(&world);
        prop_assert_eq!(firing(&said), world.gaps());
        // Nothing stays unknown once all lanes have spoken.
        prop_assert!(last_words(&said).values().all(|one| one.state != State::Unknown));
        // And a restart changes nothing.
        world.restarts.clear();
        let straight = live(&world);
        prop_assert_eq!(said, straight);
    }

    #[test]
    fn in_order_and_out_of_order_say_the_same(times in prop::collection::vec((0_i64..900, 0_i64..40), 0..30)) {
        let last_of = |arrivals: &[(i64, i64)], lateness: i64| {
            let (mut rule, mut said) = (Absent::new(definition(), BOUNDS), Vec::new());
            for (arrival, time) in arrivals {
                rule.advance(at(*arrival), |_| Watermark::at(at(arrival - lateness)), &mut said);
                rule.take(&signal(*time, 0, "a"), &mut said);
            }
            rule.finish(at(2_000), &mut said);
            last_words(&said).into_values().map(|one| one.fingerprint).collect::<BTreeSet<_>>()
        };
        let sorted = |mut arrivals: Vec<(i64, i64)>| { arrivals.sort_unstable(); arrivals };
        let late = sorted(times.iter().map(|(time, delay)| (time + delay, *time)).collect());
        let ordered = sorted(times.iter().map(|(time, _)| (*time, *time)).collect());
        prop_assert_eq!(last_of(&late, 40), last_of(&ordered, 0));
    }
}
