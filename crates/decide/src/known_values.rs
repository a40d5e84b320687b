//! What first-seen rules know already, for whoever meets sightings before they become signals.

use std::sync::Arc;

use cloudtrail::EventTime;

use crate::signal::WindowKey;
use crate::window::{Known, name_of};

/// The known values of all first-seen rules of an engine, shared with it: [`Engine::known_values`](crate::Engine::known_values).
///
/// Most sightings are of known values. Asked here, where the record is at hand, they become no signal: nothing of them is
/// kept but when the value was seen last. Any number of threads may ask while the engine decides.
#[derive(Debug, Clone, Default)]
pub struct KnownValues(Arc<[Option<Arc<Known>>]>);

impl KnownValues {
    pub(crate) fn of(rules: impl Iterator<Item = Option<Arc<Known>>>) -> Self {
        KnownValues(rules.collect())
    }

    /// Whether a sighting tells a rule nothing new; then it is taken note of, and is no signal. Never so for rules that are not
    /// first-seen.
    pub fn takes(&self, rule: u32, key: &WindowKey, time: EventTime) -> bool {
        let known = self.0.get(rule as usize).and_then(Option::as_ref);
        known.is_some_and(|known| known.is_known(&name_of(key.text()), time.as_micros()))
    }
}
