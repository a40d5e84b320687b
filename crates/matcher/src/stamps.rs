//! A map from small numbers to values that is emptied in no time.
//!
//! Each slot remembers in which round it was written; emptying the map begins a new round. Per-record state is kept in these, because there
//! are thousands of slots and a record touches three.

/// A map over `0..n` for some small `n`; it grows as far as it is written.
#[derive(Debug)]
pub(crate) struct Stamps<T> {
    slots: Vec<(u32, T)>,
    round: u32,
}

impl<T> Default for Stamps<T> {
    fn default() -> Self {
        // Slots are born in round 0, which never is the current one.
        Stamps { slots: Vec::new(), round: 1 }
    }
}

impl<T: Copy + Default> Stamps<T> {
    pub(crate) fn clear(&mut self) {
        self.round = match self.round.checked_add(1) {
            Some(round) => round,
            None => {
                self.slots.clear();
                1
            }
        };
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<T> {
        let (round, value) = *self.slots.get(at)?;
        (round == self.round).then_some(value)
    }

    pub(crate) fn set(&mut self, at: usize, value: T) {
        if at >= self.slots.len() {
            self.slots.resize(at + 1, (0, T::default()));
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = (self.round, value);
        }
    }

    /// Sets the slot and says whether it was empty.
    pub(crate) fn insert(&mut self, at: usize, value: T) -> bool {
        let new = self.get(at).is_none();
        if new {
            self.set(at, value);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clearing_forgets_even_when_rounds_run_out() {
        let mut stamps = Stamps { round: u32::MAX, ..Stamps::default() };
        stamps.set(3, 'a');
        assert_eq!((stamps.get(3), stamps.get(2), stamps.get(99)), (Some('a'), None, None));
        assert!(!stamps.insert(3, 'b') && stamps.insert(4, 'c'));
        stamps.clear();
        assert_eq!((stamps.get(3), stamps.get(4)), (None, None));
    }
}
