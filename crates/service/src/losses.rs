//! What rules had to give up because there was too much of it: counted by rule with what it was lost to, and said to whoever runs
//! the service, once and then no more than every ten minutes a rule.

use std::collections::BTreeMap;

use decide::{Engine, LANES_MAX};
use jiff::Timestamp;
use store::Batch;

use crate::{Journal, Program};

/// How long nothing more is said of a rule.
const PAUSE: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

/// What was said last of each rule.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    rules: BTreeMap<u32, Told>,
    lanes: Told,
    /// How much each rule lost that is in the counters.
    counted: BTreeMap<u32, u64>,
}

/// How much was lost when it was said last, and when that was.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Told {
    lost: u64,
    at: Option<Timestamp>,
}

impl Told {
    /// How much more is lost now, if that is to be said.
    pub(crate) fn news(&mut self, lost: u64, now: Timestamp) -> Option<u64> {
        if lost <= self.lost || self.at.is_some_and(|at| now.duration_since(at) < PAUSE) {
            return None;
        }
        self.at = Some(now);
        Some(lost - std::mem::replace(&mut self.lost, lost))
    }
}

impl Losses {
    /// Of an engine as it is stored: what it lost before was said then.
    pub(crate) fn known(engine: &Engine) -> Self {
        let counted: BTreeMap<u32, u64> = lost(engine).collect();
        let rules = counted.iter().map(|(rule, lost)| (*rule, Told { lost: *lost, at: None })).collect();
        Losses { rules, lanes: Told::default(), counted }
    }

    /// Counts what is new.
    pub(crate) fn count(&mut self, engine: &Engine, program: &Program, batch: &mut Batch) {
        for (number, lost) in lost(engine) {
            let counted = self.counted.entry(number).or_default();
            if lost > *counted {
                let rule = program.rule(number).map_or("", |rule| rule.id.as_str());
                batch.count(&format!("given-up/{rule}"), lost - std::mem::replace(counted, lost));
            }
        }
    }

    /// Says what is new.
    pub(crate) fn tell(&mut self, engine: &Engine, program: &Program, now: Timestamp, journal: &Journal) {
        for (number, holding) in engine.holdings() {
            let told = self.rules.entry(number).or_default();
            let Some(lost) = told.news(holding.evicted + holding.dropped, now) else { continue };
            let rule = program.rule(number).map_or("", |rule| rule.id.as_str());
            let line =
                journal.warn("a rule has more keys or events than it may keep; findings may be missing");
            line.with("rule", rule)
                .with("given_up", lost)
                .with("keys", holding.keys)
                .with("hint", "raise its `keys_max`, or tell fewer things apart by its key")
                .done();
        }
        if let Some(refused) = self.lanes.news(engine.lanes().refused(), now) {
            let line = journal.warn("events name more accounts and regions than are waited for");
            line.with("most", LANES_MAX)
                .with("refused", refused)
                .with("hint", "somebody may be pushing events with made-up accounts")
                .done();
        }
    }
}

/// How many keys and events each rule gave up.
fn lost(engine: &Engine) -> impl Iterator<Item = (u32, u64)> {
    engine.holdings().map(|(rule, holding)| (rule, holding.evicted + holding.dropped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_said_with_pauses() {
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).unwrap();
        let mut told = Told::default();
        // minutes, lost in all → what is said
        for (minutes, lost, wanted) in
            [(0, 0, None), (1, 5, Some(5)), (2, 9, None), (11, 9, Some(4)), (30, 9, None), (31, 10, Some(1))]
        {
            assert_eq!(told.news(lost, at(minutes)), wanted, "{minutes}");
        }
    }
}
