//! Order of arrival, stops, and dates in the future change nothing, for no kind of rule.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::harness::{Event, LATENESS, history, live, rules, settled};

fn events() -> impl Strategy<Value = Vec<(Event, i64)>> {
    let one = (0_i64..200, 0_u32..2, 0_usize..3, 0_u32..5, any::<bool>(), 0..LATENESS);
    prop::collection::vec(one, 0..60).prop_map(|events| {
        let event = |(time, n, who, what, second, delay): (i64, u32, usize, u32, bool, i64)| {
            // An event has one account and one value, whichever copy of it one reads.
            let what = (what + n) % 5;
            let what = u32::try_from((time + i64::from(n) * 7) % (i64::from(what) / 5 + 4)).unwrap();
            (Event { time, n, who, account: who % 2, what, second }, delay)
        };
        events.into_iter().map(event).collect()
    })
}

/// Cases of a property: a few hundred, or a tenth of the schedules that `cargo xtask soak --schedules` asks for.
fn cases(usual: u32) -> ProptestConfig {
    let schedules = std::env::var("TRAILHOUND_SCHEDULES").ok().and_then(|number| number.parse::<u32>().ok());
    ProptestConfig::with_cases(schedules.map_or(usual, |schedules| schedules.div_ceil(10)))
}

/// What has no words is held by no property: over the events that are tried, every rule that can says something.
#[test]
fn every_rule_speaks() {
    let rules = rules();
    let burst = |at: i64| (0..5).map(move |n| (at + n * 3, n));
    let events = [0, 70, 75, 130, 160].into_iter().flat_map(burst).map(|(time, n)| {
        let n = u32::try_from(n).unwrap();
        let event = Event { time, n, who: 0, account: n as usize % 2, what: n, second: n == 4 };
        (event, 0)
    });
    let said = history(&rules, &events.collect::<Vec<_>>());
    let silent = rules.iter().enumerate().filter(|(number, rule)| {
        rule.id.as_str() != "denied"
            && rule.id.as_str() != "followed"
            && !said.iter().any(|one| one.rule as usize == *number)
    });
    let silent: Vec<&str> = silent.map(|(_, rule)| rule.id.as_str()).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn any_order_of_arrival_settles_as_the_history_does(events in events()) {
        let rules = rules();
        let live = settled(&live(&rules, &events, &BTreeSet::new()));
        prop_assert_eq!(live, settled(&history(&rules, &events)));
    }

    #[test]
    fn stopping_anywhere_changes_nothing(
        events in events(),
        stops in prop::collection::btree_set(0_usize..60, 1..6),
    ) {
        let rules = rules();
        let straight = live(&rules, &events, &BTreeSet::new());
        prop_assert_eq!(live(&rules, &events, &stops), straight);
    }

    #[test]
    fn a_date_in_the_future_changes_nothing(events in events(), place in 0_usize..60) {
        let rules = rules();
        let straight = live(&rules, &events, &BTreeSet::new());
        let mut with = events.clone();
        // It arrives with the others: dated 2099, "delayed" back to their time.
        let arrival = with.first().map_or(50, |(event, delay)| event.time + delay);
        let year_2099 = 4_070_908_800;
        let event = Event { time: year_2099, n: 9, who: 0, account: 0, what: 0, second: false };
        with.insert(place.min(with.len()), (event, arrival - year_2099));
        prop_assert_eq!(settled(&live(&rules, &with, &BTreeSet::new())), settled(&straight));
    }
}
