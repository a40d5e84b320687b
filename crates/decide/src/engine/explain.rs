//! What is known of one key of one rule: how far it is, and what is missing.

use std::fmt;

use crate::engine::Engine;
use crate::engine::deciders::Decider;
use crate::signal::WindowKey;

/// What a rule knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation(String);

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Engine {
    /// Says what is counted so far for a key of a rule, and what is missing; none for a rule that is not there.
    pub fn explain(&self, rule: u32, key: &WindowKey) -> Option<Explanation> {
        let nothing = || "nothing is known of this key".to_owned();
        let decider = &self.rules.get(rule as usize)?.decider;
        let text = match decider {
            Decider::Grouped(windows) | Decider::Threshold(windows) => {
                windows.get(key.text()).map_or_else(nothing, |window| windows.kind().explain(window))
            }
            Decider::Sequence(windows) => {
                windows.get(key.text()).map_or_else(nothing, |attempts| windows.kind().explain(attempts))
            }
            Decider::FirstSeen(windows) => windows.explain(key.text()),
            Decider::Absent(absences) => absences.windows.explain(key).unwrap_or_else(nothing),
            Decider::Alarm(alarms) => alarms.explain(key.text()).unwrap_or_else(nothing),
            Decider::Nothing => match self.composites.as_ref().and_then(|all| all.explain(rule)) {
                Some(text) => text,
                None => "it publishes samples and decides nothing".to_owned(),
            },
            Decider::Group | Decider::Single(_) => "each event is decided by itself".to_owned(),
        };
        Some(Explanation(text))
    }
}
