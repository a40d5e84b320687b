//! Which lanes a rule waits for, followed as lanes come up.

use rules::{Decision, Rule};

use crate::progress::{LaneId, Lanes, Reach, Watermark};

/// The lanes that a rule waits for.
#[derive(Debug)]
pub(crate) struct Reached {
    reach: Reach,
    /// Those among the first `seen` of all.
    lanes: Vec<LaneId>,
    seen: usize,
    /// Up to where the rule was settled.
    pub(crate) settled: Watermark,
}

impl Reached {
    /// The lanes a rule waits for. An alarm that others build on is evaluated with all of them; an absence asks for each key.
    pub(crate) fn of(rule: &Rule, has_composites: bool) -> Option<Box<Self>> {
        let is_own = match &rule.decision {
            Decision::Each | Decision::Threshold(_) | Decision::Sequence(_) | Decision::FirstSeen(_) => true,
            Decision::Alarm(alarm) => {
                let published = alarm.publishes.as_ref();
                !has_composites
                    && published.is_some_and(|published| published.definition.default_value.is_none())
            }
            Decision::Absent(_) | Decision::Composite(_) | Decision::Metric(_) => false,
        };
        let reach = Reach::of(rule).filter(|_| is_own)?;
        Some(Box::new(Reached { reach, lanes: Vec::new(), seen: 0, settled: Watermark::nothing() }))
    }

    /// Up to where those lanes have told; none where there are none.
    pub(crate) fn watermark(&mut self, lanes: &Lanes) -> Option<Watermark> {
        for number in self.seen..lanes.count() {
            let id = LaneId(u32::try_from(number).ok()?);
            if lanes.lane(id).is_some_and(|lane| self.reach.holds(&lane)) {
                self.lanes.push(id);
            }
        }
        self.seen = lanes.count();
        lanes.watermark_of(&self.lanes)
    }
}
