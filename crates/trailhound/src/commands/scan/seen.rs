//! Which events were read already. Exact, however many there are.

use std::collections::HashSet;

use cloudtrail::EventId;
use foldhash::fast::RandomState;

/// The ids of all events read so far, in sixteen bytes each for all that are UUIDs.
///
/// Whoever writes a file chooses its ids, so the hasher begins in another place in every run.
#[derive(Default)]
pub(super) struct Seen {
    uuids: HashSet<u128, RandomState>,
    contents: HashSet<u128, RandomState>,
    texts: HashSet<Box<str>>,
}

impl Seen {
    /// Whether this is the first copy.
    pub(super) fn is_first(&mut self, id: &EventId) -> bool {
        match id {
            EventId::Uuid(id) => self.uuids.insert(*id),
            EventId::Content(hash) => self.contents.insert(*hash),
            EventId::Text(text) => self.texts.insert(text.clone()),
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
