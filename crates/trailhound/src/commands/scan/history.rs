//! A history, decided from its first event to its last.
//!
//! Signals come in the order of time; what is due is settled before each. The end of the history is the end of the data: its
//! newest event, or the end of its last hour that digest files vouch for. What a silent account had to say after its own last
//! event or digest nobody knows, and rules that wait for events say so.

use std::collections::{BTreeMap, BTreeSet};

use cloudtrail::{AccountId, Digest, EventTime, LogKey, Region};
use decide::{
    Engine, Evidence, Holding, Incident, Lane, Progress, Settings, Signal, SignalTally, SourceClass,
};
use rules::MetricTime;

use super::reach::Reach;
use crate::loading::Loaded;

/// All that was read, in order.
pub(super) struct History {
    pub(super) signals: Vec<Signal>,
    pub(super) reach: Reach,
    /// Up to when digests vouch for an account and region.
    pub(super) digests: BTreeMap<(AccountId, Region), EventTime>,
    /// How many records there are by the minute in which they happened, and in which the log got them.
    pub(super) minutes: BTreeMap<(MetricTime, i64), u64>,
    /// How many of those each rule's selector matched.
    pub(super) matched: BTreeMap<(u32, (MetricTime, i64)), u64>,
}

/// What came of it.
pub(super) struct Decided {
    pub(super) incidents: Vec<Incident>,
    pub(super) tally: SignalTally,
    /// Rules that had to forget something.
    pub(super) forgot: Vec<(u32, Holding)>,
}

/// A signal that is in a finding: the event, the rule, the finding's id.
pub(super) type Named<'n> = (&'n cloudtrail::EventId, u32, &'n str);

impl History {
    /// Decides all of it. `each` is told which finding an event is in, where that is known at once.
    pub(super) fn decide<E>(
        self,
        loaded: &Loaded,
        mut each: impl FnMut(Named<'_>) -> Result<(), E>,
    ) -> Result<Decided, E> {
        let newest = |times: Option<EventTime>| times.unwrap_or(EventTime::EPOCH);
        let (begin, last) = self.reach.span().unwrap_or_default();
        let end = newest(self.digests.values().copied().max()).max(last);
        let mut engine = Engine::new(&loaded.rules, &loaded.context, Settings::history(begin));
        let mut incidents = Vec::new();
        let mut unmatched = self.unmatched(loaded).into_iter().peekable();
        for signal in self.signals {
            while let Some((minute, rule, records)) =
                unmatched.next_if(|(minute, ..)| *minute <= signal.time.as_seconds().div_euclid(60))
            {
                engine.take_unmatched(rule, at_minute(minute), records);
            }
            let (event, rule) = (signal.event.clone(), signal.rule);
            let (_, finding) = engine.take_named(signal);
            if let Some(finding) = finding {
                each((&event, rule, &finding))?;
            }
            incidents.extend(engine.drain());
        }
        for (minute, rule, records) in unmatched {
            engine.take_unmatched(rule, at_minute(minute), records);
        }
        for ((account, region), to) in self.reach.lanes() {
            let lane = Lane { account, region, class: SourceClass::S3 };
            engine.progress(Progress { lane, to, evidence: Evidence::Event }, end);
        }
        for ((account, region), to) in &self.digests {
            let lane = Lane { account: Some(*account), region: Some(*region), class: SourceClass::S3 };
            engine.progress(Progress { lane, to: *to, evidence: Evidence::Digest }, end);
        }
        engine.finish(end);
        incidents.extend(engine.drain());
        let lost = |holding: &Holding| holding.evicted > 0 || holding.dropped > 0;
        let forgot = engine.holdings().filter(|(_, holding)| lost(holding)).collect();
        Ok(Decided { incidents, tally: *engine.tally(), forgot })
    }

    /// By minute and rule, how many records a metric filter with a default value did not match.
    fn unmatched(&self, loaded: &Loaded) -> Vec<(i64, u32, u64)> {
        let has_default =
            |rule: &rules::Rule| rule.publishes().is_some_and(|of| of.definition.default_value.is_some());
        let filters: Vec<(u32, MetricTime)> = (0..)
            .zip(loaded.rules())
            .filter(|(_, rule)| has_default(rule))
            .map(|(number, rule)| (number, rule.time()))
            .collect();
        let mut unmatched = Vec::new();
        for (minute @ (time, number), records) in &self.minutes {
            for (rule, _) in filters.iter().filter(|(_, of_rule)| of_rule == time) {
                let matched = self.matched.get(&(*rule, *minute)).copied().unwrap_or_default();
                if *records > matched {
                    unmatched.push((*number, *rule, records - matched));
                }
            }
        }
        unmatched.sort_unstable();
        unmatched
    }
}

fn at_minute(minute: i64) -> EventTime {
    EventTime::from_micros(minute.saturating_mul(60_000_000))
}

/// Up to when digests vouch for what they are about: those all of whose log files were read.
pub(super) fn vouching(
    digests: Vec<Digest>,
    read: impl Iterator<Item = String>,
) -> BTreeMap<(AccountId, Region), EventTime> {
    let mut vouched = BTreeMap::new();
    if digests.is_empty() {
        return vouched;
    }
    let base = |name: &str| name.replace('\\', "/").rsplit('/').next().unwrap_or_default().to_owned();
    let read: BTreeSet<String> = read.map(|name| base(&name)).collect();
    for digest in digests {
        let Ok(key) = digest.digest_s3_object.parse::<LogKey>() else { continue };
        if !digest.log_files.iter().all(|file| read.contains(&base(&file.s3_object))) {
            continue;
        }
        let to = vouched.entry((key.account, key.region)).or_insert(digest.digest_end_time);
        *to = digest.digest_end_time.max(*to);
    }
    vouched
}
