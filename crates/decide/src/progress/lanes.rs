//! All lanes with their frontiers, the guard against dates in the future, and watermarks over some of the lanes.
//!
//! Invariants: a frontier never goes back; none is ever past the latest `now` that was handed in; an event more than
//! [`FUTURE_MAX`] ahead of that `now` moves nothing. `now` itself never goes back: when the clock does, the latest it
//! showed goes on to count, so that events which were in time a moment ago are not suddenly in the future.

use std::collections::BTreeSet;
use std::time::Duration;

use cloudtrail::EventTime;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::progress::lane::{Evidence, Lane, LaneId, Lateness, Progress, SourceClass};

/// How far ahead of now an event may be dated: clocks differ. One dated later is skipped (`future`).
pub const FUTURE_MAX: Duration = Duration::from_secs(5 * 60);

/// How many lanes are watched: ten times what the largest organizations have. Whoever may push events could name any account.
pub const LANES_MAX: usize = 500_000;

/// The lanes that were heard of and how far each is.
#[derive(Debug, Clone)]
pub struct Lanes {
    lateness: Lateness,
    ids: FxHashMap<Lane, LaneId>,
    lanes: Vec<Known>,
    now: EventTime,
    /// Lanes that changed since they were last stored.
    changed: BTreeSet<u32>,
    refused: u64,
}

/// What became of a record's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It belongs to this lane, which may have moved.
    On(LaneId),
    /// Its lane is new, and there are [`LANES_MAX`] already: nothing waits for it, and it was counted.
    Unwatched,
    /// It is dated more than [`FUTURE_MAX`] ahead of now: skip it, it moved nothing.
    Future,
}

/// Up to when everything is held to have arrived.
///
/// `assumed` is never before `firm`: it takes [`Evidence::Assumed`] as good. Windows settle by it, because one silent lane
/// must not hold back all findings; only an absence asks for the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// By events, digests and listings alone.
    pub firm: EventTime,
    /// With what is assumed of idle lanes.
    pub assumed: EventTime,
}

/// All of [`Lanes`] that outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanesState {
    /// The format; [`LanesState::VERSION`].
    pub version: u32,
    now: EventTime,
    lanes: Vec<Known>,
}

impl LanesState {
    /// The format that is written.
    pub const VERSION: u32 = 1;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    lane: Lane,
    live: bool,
    /// When, by the caller's clock, it last spoke with proof.
    heard: EventTime,
    /// Before the lateness is taken off; so a change of lateness takes effect at once.
    firm: Option<EventTime>,
    assumed: Option<EventTime>,
}

impl Watermark {
    /// Nothing is known: before all times.
    pub fn nothing() -> Self {
        let least = EventTime::from_micros(i64::MIN);
        Watermark { firm: least, assumed: least }
    }

    /// All has been told: the end of a history.
    pub fn end() -> Self {
        Self::at(EventTime::from_micros(i64::MAX))
    }

    /// Both at one time: where events come in order, as in a scan.
    pub fn at(time: EventTime) -> Self {
        Watermark { firm: time, assumed: time }
    }
}

impl Lanes {
    /// With no lane known.
    pub fn new(lateness: Lateness) -> Self {
        Lanes {
            lateness,
            ids: FxHashMap::default(),
            lanes: Vec::new(),
            now: EventTime::from_micros(i64::MIN),
            changed: BTreeSet::new(),
            refused: 0,
        }
    }

    /// Takes the time of a record that arrived at `now`.
    pub fn hear(&mut self, lane: Lane, time: EventTime, now: EventTime) -> Heard {
        self.now = self.now.max(now);
        if time > shift(self.now, FUTURE_MAX) {
            return Heard::Future;
        }
        let heard = self.advance(Progress { lane, to: time, evidence: Evidence::Event }, now);
        heard.map_or(Heard::Unwatched, Heard::On)
    }

    /// Takes news of a lane. What is dated after now counts as of now. None where there are too many lanes for another one.
    pub fn advance(&mut self, progress: Progress, now: EventTime) -> Option<LaneId> {
        self.now = self.now.max(now);
        let to = Some(progress.to.min(self.now));
        let id = self.id(progress.lane)?;
        if let Some(known) = self.lanes.get_mut(id.0 as usize) {
            self.changed.insert(id.0);
            known.live = true;
            if progress.evidence == Evidence::Assumed {
                known.assumed = known.assumed.max(to);
            } else {
                known.firm = known.firm.max(to);
                known.heard = self.now;
            }
        }
        Some(id)
    }

    /// The lanes that have proved nothing for `after`, as of `now`: those of which progress may be assumed.
    pub fn silent(&self, after: Duration, now: EventTime) -> impl Iterator<Item = Lane> + '_ {
        let since = self.now.max(now).as_micros().saturating_sub(micros(after));
        self.lanes
            .iter()
            .filter(move |known| known.live && known.heard.as_micros() <= since)
            .map(|known| known.lane)
    }

    /// Waits for a lane no longer: its account left, its region was switched off. It lives again when it is heard again.
    pub fn retire(&mut self, lane: Lane) {
        let Some(id) = self.ids.get(&lane).copied() else { return };
        if let Some(known) = self.lanes.get_mut(id.0 as usize) {
            known.live = false;
            self.changed.insert(id.0);
        }
    }

    /// The least over the live lanes that `carries` wants; none if there is no such lane.
    pub fn watermark(&self, carries: impl Fn(&Lane) -> bool) -> Option<Watermark> {
        let live = self.lanes.iter().filter(|known| known.live && carries(&known.lane));
        live.map(|known| self.of(known))
            .reduce(|a, b| Watermark { firm: a.firm.min(b.firm), assumed: a.assumed.min(b.assumed) })
    }

    /// The same over the lanes of these numbers.
    pub(crate) fn watermark_of(&self, ids: &[LaneId]) -> Option<Watermark> {
        let known = ids.iter().filter_map(|id| self.lanes.get(id.0 as usize)).filter(|known| known.live);
        known
            .map(|known| self.of(known))
            .reduce(|a, b| Watermark { firm: a.firm.min(b.firm), assumed: a.assumed.min(b.assumed) })
    }

    /// How many lanes were ever heard of.
    pub fn count(&self) -> usize {
        self.lanes.len()
    }

    /// How many times news of a further lane was not taken, because there were [`LANES_MAX`] already.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// All live lanes.
    pub fn iter(&self) -> impl Iterator<Item = Lane> + '_ {
        self.lanes.iter().filter(|known| known.live).map(|known| known.lane)
    }

    /// A lane's number, if it was heard of.
    pub fn lane_id(&self, lane: &Lane) -> Option<LaneId> {
        self.ids.get(lane).copied()
    }

    /// The lane behind a number.
    pub fn lane(&self, id: LaneId) -> Option<Lane> {
        self.lanes.get(id.0 as usize).map(|known| known.lane)
    }

    /// The latest time the caller's clock showed.
    pub fn now(&self) -> EventTime {
        self.now
    }

    /// What has to be kept.
    pub fn save(&self) -> LanesState {
        LanesState { version: LanesState::VERSION, now: self.now, lanes: self.lanes.clone() }
    }

    /// Goes on from what was kept; none if that is of a format this version does not know.
    pub fn restore(lateness: Lateness, state: LanesState) -> Option<Self> {
        if state.version != LanesState::VERSION {
            return None;
        }
        let ids = state.lanes.iter().zip(0..).map(|(known, id)| (known.lane, LaneId(id))).collect();
        Some(Lanes { ids, lanes: state.lanes, now: state.now, ..Lanes::new(lateness) })
    }

    /// What changed since the last time: a lane's number, and its text to be stored.
    pub(crate) fn changes(&mut self) -> Vec<(LaneId, Vec<u8>)> {
        let changed = std::mem::take(&mut self.changed);
        let known = changed.into_iter().filter_map(|id| Some((LaneId(id), self.lanes.get(id as usize)?)));
        known.map(|(id, known)| (id, serde_json::to_vec(known).unwrap_or_default())).collect()
    }

    /// Goes on from what was stored of each lane, in the order of their numbers.
    pub(crate) fn reopened<'r>(
        lateness: Lateness,
        now: EventTime,
        lanes: impl IntoIterator<Item = &'r [u8]>,
    ) -> Result<Self, serde_json::Error> {
        let lanes: Vec<Known> = lanes.into_iter().map(serde_json::from_slice).collect::<Result<_, _>>()?;
        let ids = lanes.iter().zip(0..).map(|(known, id)| (known.lane, LaneId(id))).collect();
        Ok(Lanes { ids, lanes, now, ..Lanes::new(lateness) })
    }

    fn id(&mut self, lane: Lane) -> Option<LaneId> {
        if let Some(id) = self.ids.get(&lane) {
            return Some(*id);
        }
        if self.lanes.len() >= LANES_MAX {
            self.refused += 1;
            return None;
        }
        let id = LaneId(u32::try_from(self.lanes.len()).ok()?);
        self.ids.insert(lane, id);
        self.lanes.push(Known { lane, live: true, heard: self.now, firm: None, assumed: None });
        Some(id)
    }

    fn of(&self, known: &Known) -> Watermark {
        let late = self.lateness.of(known.lane.class);
        let less = |time: Option<EventTime>| {
            time.map_or(Watermark::nothing().firm, |time| {
                EventTime::from_micros(time.as_micros().saturating_sub(micros(late)))
            })
        };
        Watermark { firm: less(known.firm), assumed: less(known.firm.max(known.assumed)) }
    }
}

impl SourceClass {
    /// All of them.
    pub const ALL: [SourceClass; 3] = [SourceClass::EventBridge, SourceClass::Logs, SourceClass::S3];
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

fn shift(time: EventTime, by: Duration) -> EventTime {
    EventTime::from_micros(time.as_micros().saturating_add(micros(by)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> EventTime {
        EventTime::from_micros(seconds * 1_000_000)
    }

    fn lane(account: u64, class: SourceClass) -> Lane {
        Lane {
            account: Some(format!("{account:012}").parse().unwrap()),
            region: Some("eu-central-1".parse().unwrap()),
            class,
        }
    }

    const HOUR: i64 = 3_600;

    #[test]
    fn each_evidence_moves_its_frontier_less_the_lateness() {
        let s3 = lane(1, SourceClass::S3);
        let cases = [
            (Evidence::Event, Some(9 * HOUR), Some(9 * HOUR)),
            (Evidence::Digest, Some(9 * HOUR), Some(9 * HOUR)),
            (Evidence::Listing, Some(9 * HOUR), Some(9 * HOUR)),
            (Evidence::Assumed, None, Some(9 * HOUR)),
        ];
        for (evidence, firm, assumed) in cases {
            let mut lanes = Lanes::new(Lateness::default());
            assert_eq!(lanes.watermark(|_| true), None);
            lanes.advance(Progress { lane: s3, to: at(10 * HOUR), evidence }, at(10 * HOUR));
            let time = |seconds: Option<i64>| seconds.map_or(Watermark::nothing().firm, at);
            let wanted = Watermark { firm: time(firm), assumed: time(assumed) };
            assert_eq!(lanes.watermark(|_| true), Some(wanted), "{evidence:?}");
        }
    }

    #[test]
    fn the_least_of_the_live_lanes_that_carry_it() {
        let (slow, fast) = (lane(1, SourceClass::S3), lane(2, SourceClass::EventBridge));
        let mut lanes = Lanes::new(Lateness::default());
        lanes.hear(slow, at(5 * HOUR), at(10 * HOUR));
        lanes.hear(fast, at(10 * HOUR), at(10 * HOUR));
        let all = |lanes: &Lanes| lanes.watermark(|_| true).unwrap().firm;
        assert_eq!(all(&lanes), at(4 * HOUR));
        assert_eq!(
            lanes.watermark(|lane| lane.class != SourceClass::S3),
            Some(Watermark::at(at(10 * HOUR - 120)))
        );
        lanes.retire(slow);
        assert_eq!(all(&lanes), at(10 * HOUR - 120));
        lanes.hear(slow, at(6 * HOUR), at(10 * HOUR));
        assert_eq!(all(&lanes), at(5 * HOUR), "it lives again");
    }

    #[test]
    fn a_date_in_the_future_moves_nothing() {
        let bridge = lane(1, SourceClass::EventBridge);
        let mut lanes = Lanes::new(Lateness::default());
        lanes.hear(bridge, at(1_000), at(1_000));
        let before = lanes.save();
        let year_2099: EventTime = EventTime::from_bytes(b"2099-01-01T00:00:00Z").unwrap();
        assert_eq!(lanes.hear(bridge, year_2099, at(1_000)), Heard::Future);
        assert_eq!(lanes.hear(lane(9, SourceClass::S3), at(1_301), at(1_000)), Heard::Future);
        assert_eq!(lanes.save(), before);
        assert!(matches!(lanes.hear(bridge, at(1_300), at(1_000)), Heard::On(_)));
        let watermark = lanes.watermark(|_| true).unwrap();
        assert_eq!(watermark.firm, at(880), "an event some minutes ahead counts as of now");
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_put_events_in_the_future() {
        let bridge = lane(1, SourceClass::EventBridge);
        let mut lanes = Lanes::new(Lateness::default());
        lanes.hear(bridge, at(10_000), at(10_000));
        assert!(matches!(lanes.hear(bridge, at(10_010), at(3_000)), Heard::On(_)));
        assert_eq!(lanes.now(), at(10_000));
    }

    #[test]
    fn silence_is_measured_from_the_last_proof() {
        let (a, b) = (lane(1, SourceClass::S3), lane(2, SourceClass::S3));
        let mut lanes = Lanes::new(Lateness::default());
        lanes.hear(a, at(0), at(0));
        lanes.hear(b, at(0), at(500));
        lanes.advance(Progress { lane: a, to: at(600), evidence: Evidence::Assumed }, at(600));
        let silent = |now| lanes.silent(Duration::from_secs(600), at(now)).collect::<Vec<_>>();
        assert_eq!(silent(0), [a]);
        assert_eq!(silent(1_099), [a]);
        assert_eq!(silent(1_100), [a, b], "time goes on when nothing comes at all");
    }

    proptest! {
        /// Frontiers only grow, and the order in which the same news comes changes nothing.
        #[test]
        fn order_of_news_changes_nothing(
            news in prop::collection::vec((0_u64..4, 0_usize..3, 0_i64..100_000, 0_usize..4), 1..60),
            cut in 0_usize..60,
        ) {
            let now = at(50_000);
            let evidence = [Evidence::Event, Evidence::Digest, Evidence::Listing, Evidence::Assumed];
            let feed = |lanes: &mut Lanes, &(account, class, to, how): &(u64, usize, i64, usize)| {
                let lane = lane(account, SourceClass::ALL[class]);
                lanes.advance(Progress { lane, to: at(to), evidence: evidence[how] }, now);
            };
            let mut forward = Lanes::new(Lateness::default());
            let mut last = None;
            for (n, one) in news.iter().enumerate() {
                feed(&mut forward, one);
                let lane = lane(one.0, SourceClass::ALL[one.1]);
                if n > 0 && last.is_some_and(|(of, _)| of == lane) {
                    let (_, before): (Lane, Watermark) = last.unwrap();
                    let after = forward.watermark(|other| *other == lane).unwrap();
                    prop_assert!(before.firm <= after.firm && before.assumed <= after.assumed);
                    prop_assert!(after.firm <= after.assumed && after.assumed <= now);
                }
                last = forward.watermark(|other| *other == lane).map(|mark| (lane, mark));
                if n == cut {
                    let saved = serde_json::to_string(&forward.save()).unwrap();
                    forward = Lanes::restore(Lateness::default(), serde_json::from_str(&saved).unwrap()).unwrap();
                }
            }
            let mut backward = Lanes::new(Lateness::default());
            news.iter().rev().for_each(|one| feed(&mut backward, one));
            for class in SourceClass::ALL {
                let wanted = |lane: &Lane| lane.class == class;
                prop_assert_eq!(forward.watermark(wanted), backward.watermark(wanted));
            }
        }
    }
}
