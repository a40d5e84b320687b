//! Which events were read already. Exact, however many there are.

use std::collections::HashSet;
use std::hash::BuildHasher;

use cloudtrail::EventId;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// In how many tables the ids of events stand. A table that grows is there twice for a moment; one of many is small.
const TABLES: usize = 64;

/// The ids of all events read so far, in sixteen bytes each for all that are UUIDs.
///
/// Whoever writes a file chooses its ids, so the hasher begins in another place in every run.
pub(super) struct Seen {
    hasher: RandomState,
    uuids: [HashTable<u128>; TABLES],
    contents: HashSet<u128, RandomState>,
    texts: HashSet<Box<str>>,
}

impl Default for Seen {
    fn default() -> Self {
        Seen {
            hasher: RandomState::default(),
            uuids: [const { HashTable::new() }; TABLES],
            contents: HashSet::default(),
            texts: HashSet::new(),
        }
    }
}

impl Seen {
    /// Whether this is the first copy.
    pub(super) fn is_first(&mut self, id: &EventId) -> bool {
        match id {
            EventId::Uuid(id) => self.is_first_uuid(*id),
            EventId::Content(hash) => self.contents.insert(*hash),
            EventId::Text(text) => self.texts.insert(text.clone()),
        }
    }

    fn is_first_uuid(&mut self, id: u128) -> bool {
        let hash = self.hasher.hash_one(id);
        // Inside of a table the lowest and the highest bits tell where an id stands.
        let number = usize::from(hash.to_le_bytes()[5]) % TABLES;
        match self.uuids[number].entry(hash, |other| *other == id, |other| self.hasher.hash_one(other)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(id);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_told_apart_by_id_and_kind_of_id() {
        let mut seen = Seen::default();
        for id in [EventId::Uuid(1), EventId::Content(1), EventId::Text("1".into())] {
            assert!(seen.is_first(&id), "{id:?}");
            assert!(!seen.is_first(&id));
        }
    }
}
