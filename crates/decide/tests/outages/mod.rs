//! Made-up outages: accounts of which one thing is expected again and again, and what their delivery suffers.

use std::collections::BTreeSet;

use proptest::prelude::*;

/// How long nothing may come, in seconds.
pub(crate) const WITHIN: i64 = 100;

/// When everything is over.
pub(crate) const END: i64 = 1_500;

/// How late an event is at most where nothing is out of order.
pub(crate) const LATENESS: i64 = 40;

/// Accounts whose one lane suffers delays and outages, and what really happened.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// By account: times of what is expected, and of other traffic.
    sightings: Vec<BTreeSet<i64>>,
    traffic: Vec<BTreeSet<i64>>,
    outages: Vec<Option<(i64, i64)>>,
    delays: Vec<i64>,
    pub(crate) restarts: BTreeSet<usize>,
}

pub(crate) fn world() -> impl Strategy<Value = World> {
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
    pub(crate) fn arrivals(&self) -> Vec<(i64, i64, usize, bool)> {
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
    pub(crate) fn gaps(&self) -> BTreeSet<(usize, i64)> {
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
