//! Which events were read already. Exact, however many there are.
//!
//! A million ids fit into no cache, so nearly every question goes to memory. Asked one after the other each would wait for the one
//! before; so those of a batch are taken a few dozen at a time, and the places where they would stand are touched first, all at once.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::hint::black_box;

use cloudtrail::EventId;
use foldhash::fast::RandomState;

/// In how many tables the ids of events stand. A table that grows is there twice for a moment; one of many is small.
const TABLES: usize = 64;

/// How many ids are looked for at once.
const AT_ONCE: usize = 32;

/// The ids of all events read so far, in sixteen bytes each for all that are UUIDs, beside the room that tables keep free.
///
/// Whoever writes a file chooses its ids, so the hasher begins in another place in every run.
pub(super) struct Seen {
    hasher: RandomState,
    uuids: [Table; TABLES],
    contents: HashSet<u128, RandomState>,
    texts: HashSet<Box<str>>,
}

impl Default for Seen {
    fn default() -> Self {
        Seen {
            hasher: RandomState::default(),
            uuids: std::array::from_fn(|_| Table::default()),
            contents: HashSet::default(),
            texts: HashSet::new(),
        }
    }
}

impl Seen {
    /// Whether each is the first copy, in their order.
    pub(super) fn are_first(&mut self, ids: &[EventId], are_first: &mut Vec<bool>) {
        are_first.clear();
        are_first.reserve(ids.len());
        let mut hashes = [0_u64; AT_ONCE];
        for ids in ids.chunks(AT_ONCE) {
            let mut touched = 0;
            for (id, hash) in ids.iter().zip(&mut hashes) {
                if let EventId::Uuid(id) = id {
                    *hash = self.hasher.hash_one(id);
                    touched ^= self.uuids[table_of(*hash)].touch(*hash);
                }
            }
            black_box(touched);
            for (id, &hash) in ids.iter().zip(&hashes) {
                are_first.push(match id {
                    EventId::Uuid(id) => {
                        self.uuids[table_of(hash)].insert(*id, hash, |id| self.hasher.hash_one(id))
                    }
                    EventId::Content(hash) => self.contents.insert(*hash),
                    EventId::Text(text) => self.texts.insert(text.clone()),
                });
            }
        }
    }
}

/// The highest bits tell the table, those below where in it an id stands.
fn table_of(hash: u64) -> usize {
    usize::from(hash.to_be_bytes()[0]) * TABLES / 256
}

/// Ids by their hashes: each stands at its place, or at the first free one behind.
#[derive(Default)]
struct Table {
    /// As many as a power of two, and a quarter of them free at least; zero where nothing stands.
    slots: Vec<u128>,
    len: usize,
    /// Zero is an id too.
    has_zero: bool,
}

impl Table {
    /// As many as fill a page.
    const SLOTS_MIN: usize = 256;

    fn place(&self, hash: u64) -> usize {
        let bits = self.slots.len().max(2).ilog2();
        usize::try_from((hash << TABLES.ilog2()) >> (u64::BITS - bits)).unwrap_or_default()
    }

    /// Brings the place where an id of this hash would stand nearer. What it gives means nothing.
    fn touch(&self, hash: u64) -> u128 {
        self.slots.get(self.place(hash)).copied().unwrap_or_default()
    }

    /// Whether the id was not there.
    fn insert(&mut self, id: u128, hash: u64, hash_of: impl Fn(u128) -> u64) -> bool {
        if id == 0 {
            return !std::mem::replace(&mut self.has_zero, true);
        }
        if self.len * 4 >= self.slots.len() * 3 {
            self.grow(hash_of);
        }
        let is_new = self.put(id, hash);
        self.len += usize::from(is_new);
        is_new
    }

    fn put(&mut self, id: u128, hash: u64) -> bool {
        let place = self.place(hash);
        let (before, from) = self.slots.split_at_mut_checked(place).unwrap_or_default();
        for slot in from.iter_mut().chain(before) {
            if *slot == id {
                return false;
            }
            if *slot == 0 {
                *slot = id;
                return true;
            }
        }
        false
    }

    /// Makes room. Ids keep their order nearly, so both tables are gone through from front to back.
    fn grow(&mut self, hash_of: impl Fn(u128) -> u64) {
        let room = (self.slots.len() * 2).max(Self::SLOTS_MIN);
        for id in std::mem::replace(&mut self.slots, vec![0; room]) {
            if id != 0 {
                self.put(id, hash_of(id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn are_first(seen: &mut Seen, ids: &[EventId]) -> Vec<bool> {
        let mut are_first = Vec::new();
        seen.are_first(ids, &mut are_first);
        are_first
    }

    #[test]
    fn copies_are_told_apart_by_id_and_kind_of_id() {
        let mut seen = Seen::default();
        let ids = [0, 1].map(EventId::Uuid).into_iter();
        let ids: Vec<_> = ids.chain([EventId::Content(1), EventId::Text("1".into())]).collect();
        assert_eq!(are_first(&mut seen, &ids), [true; 4]);
        assert_eq!(are_first(&mut seen, &ids), [false; 4]);
        assert_eq!(are_first(&mut seen, &[EventId::Uuid(2), EventId::Uuid(2)]), [true, false]);
    }

    #[test]
    fn many_ids_are_remembered() {
        let mut seen = Seen::default();
        let ids =
            |from: u128| -> Vec<EventId> { (from..from + 60_000).map(|n| EventId::Uuid(n << 64)).collect() };
        assert!(are_first(&mut seen, &ids(0)).into_iter().all(|is_first| is_first));
        let again = are_first(&mut seen, &ids(30_000));
        assert!(again.iter().enumerate().all(|(n, is_first)| *is_first == (n >= 30_000)));
    }

    proptest! {
        /// Few hashes, so that ids stand behind each other, to the end of the table and on from its beginning.
        #[test]
        fn a_table_is_a_set(ids in prop::collection::vec(0_u128..600, 0..900)) {
            let hash_of = |id: u128| (u64::MAX - u64::try_from(id % 4).unwrap()).rotate_right(8);
            let (mut table, mut set) = (Table::default(), HashSet::new());
            for id in ids {
                prop_assert_eq!(table.insert(id, hash_of(id), hash_of), set.insert(id));
            }
        }
    }
}
