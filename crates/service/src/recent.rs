//! Which records were seen lately: enough to count copies, not to decide anything.
//!
//! Two generations of ids: when the younger one is full the older one is forgotten. So between [`GENERATION`] and twice as many
//! records back, a copy is told. What rules decide does not rest on this: they recognise their own events durably.

use cloudtrail::EventId;
use rustc_hash::FxHashSet;

/// Ids in one generation: with two of them some 30 MB.
const GENERATION: usize = 250_000;

#[derive(Debug, Default)]
pub(crate) struct Recent {
    young: FxHashSet<EventId>,
    old: FxHashSet<EventId>,
}

impl Recent {
    /// Whether the id was not seen lately; it is from now on.
    pub(crate) fn is_first(&mut self, id: &EventId) -> bool {
        if self.old.contains(id) {
            return false;
        }
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_told_for_at_least_a_generation() {
        let mut recent = Recent::default();
        let id = |n: usize| EventId::new(&format!("event {n}"));
        for n in 0..2 * GENERATION + 1 {
            assert!(recent.is_first(&id(n)));
        }
        assert!(!recent.is_first(&id(GENERATION + 1)));
        assert!(!recent.is_first(&id(2 * GENERATION)));
        assert!(recent.is_first(&id(0)), "forgotten");
    }
}
