//! Objects of the same shape, read by what they have in common.
//!
//! The records of a log differ in their values: names, brackets and the order of it all come again and again. So the text between
//! the values is kept, as a tree, and a record is walked by comparing what should stand there with what does, and by finding out where
//! each value ends:
//!
//! ```text
//! {"eventVersion":" ─ string ─ ","userIdentity":{"type":" ─ string ─ ","arn":" ─ …
//!                                                                   └ ","invokedBy":" ─ string ─ "},"eventTime":" ─ …
//! ```
//!
//! That is one comparison for all that stands between two values, and no masks, no brackets to pair, no names to look up. A walk
//! that comes to its end has seen that the object is JSON to the last byte: what lies between the values was well formed where it was learned, and every
//! value is checked. Where each value stands is known by its number in the shape ([`Slot`]); which number the
//! value of some member has, whoever wants it finds out once per shape ([`Extent`]).
//!
//! Whatever does not agree with the tree is nothing to the walk, and goes the way of the [`Scanner`](crate::Scanner), from its beginning:
//! that is the one truth, and shapes are a short cut to some of it.
//!
//! # Limits
//!
//! Text of strangers must not make the tree grow or slow without bound. Nodes, literals, alternatives at one place, values and depth of a shape are
//! limited. Where fewer than half of the objects of late were found, nothing is tried for a while; and a tree with hardly any room left is
//! then forgotten, so that it can learn what there is now.

mod lanes;
mod outline;
mod pieces;
mod trie;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::structure::Known;
use crate::view::Object;
use outline::Slots;
use trie::Trie;

pub use outline::{Extent, Outline, Room, Slot, Unread};

/// Longer objects are not learned.
const LONGEST: usize = 256 << 10;

/// Over how many objects it is counted how many were found.
const WINDOW: u32 = 1_024;

/// For how many objects nothing is tried after fewer than half of a window were found.
const PAUSE: u32 = 16 * WINDOW;

/// A shape, by its number and whose number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeId {
    shapes: u64,
    number: u32,
}

impl ShapeId {
    /// Among whose numbers it is one: unlike that of any other [`Shapes`], and of what these were before they forgot.
    #[inline]
    pub fn shapes(self) -> u64 {
        self.shapes
    }

    /// Its number: small, and the same for the same shape.
    #[inline]
    pub fn number(self) -> usize {
        self.number as usize
    }
}

/// The shapes of objects that were seen.
///
/// ```
/// use json_scan::{Scanner, Shapes};
///
/// let mut shapes = Shapes::default();
/// assert!(shapes.walk(br#"{"a":"x"}"#, 0).is_none());
/// shapes.learn(Scanner::new(br#"{"a":"x"}"#)?.object()?);
/// let outline = shapes.walk(br#"[{"a":"other"},1]"#, 1).expect("the same shape");
/// assert_eq!(outline.bytes(), br#"{"a":"other"}"#);
/// for other in [r#"{"a":1}"#, r#"{"b":"x"}"#, r#"{"a":"x"#, r#"{"a":"\x"}"#, r#"{"a" : "x"}"#] {
///     assert!(shapes.walk(other.as_bytes(), 0).is_none());
/// }
/// # Ok::<(), json_scan::Malformed>(())
/// ```
#[derive(Debug)]
pub struct Shapes {
    id: u64,
    trie: Trie,
    /// By number of the shape: what is known of its objects.
    known: Vec<Known>,
    slots: Slots,
    #[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
    level: crate::block::Level,
    /// Objects that were tried in this window, and of those the ones that were found.
    tried: u32,
    found: u32,
    /// For so many objects nothing is tried.
    pause: u32,
}

impl Default for Shapes {
    fn default() -> Self {
        Shapes {
            id: next_id(),
            trie: Trie::default(),
            known: Vec::new(),
            slots: Slots::default(),
            #[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
            level: crate::block::Level::best(),
            tried: 0,
            found: 0,
            pause: 0,
        }
    }
}

fn next_id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    IDS.fetch_add(1, Ordering::Relaxed)
}

impl Shapes {
    /// Walks the object whose bracket stands at `from`, if its shape is known and it is well formed to its last byte.
    #[inline]
    pub fn walk<'a>(&'a mut self, bytes: &'a [u8], from: usize) -> Option<Outline<'a>> {
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        if self.tried == WINDOW {
            self.look_back();
        }
        self.tried += 1;
        let found = self.along(bytes, from)?;
        self.found += 1;
        let shape = ShapeId { shapes: self.id, number: found.shape };
        let known = self.known.get(shape.number()).copied()?;
        Some(Outline::new(bytes, from, (shape, known), &self.slots, found))
    }

    #[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
    #[inline]
    fn along(&mut self, bytes: &[u8], from: usize) -> Option<trie::Found> {
        lanes::vector::walk(self.level, &mut self.trie, bytes, from, &mut self.slots)
    }

    #[cfg(not(all(target_arch = "x86_64", not(feature = "plain"))))]
    fn along(&mut self, bytes: &[u8], from: usize) -> Option<trie::Found> {
        lanes::plain::walk(&mut self.trie, bytes, from, &mut self.slots)
    }

    /// Remembers the shape of `object`. None if that is not done: because the object is malformed, repeats or escapes a name, is too
    /// large, or because nothing is tried now or there is no room.
    pub fn learn(&mut self, object: Object<'_>) -> Option<ShapeId> {
        let bytes = object.bytes();
        if self.pause > 0 || bytes.len() > LONGEST || object.check().is_err() {
            return None;
        }
        let pieces = pieces::pieces(bytes, outline::SLOTS)?;
        let number = self.trie.add(bytes, &pieces)?;
        if number as usize == self.known.len() {
            self.known.push(if object.is_compact() { Known::Compact } else { Known::WellFormed });
        }
        Some(ShapeId { shapes: self.id, number })
    }

    /// At the end of a window: whether it was worth it.
    #[cold]
    fn look_back(&mut self) {
        if self.found < WINDOW / 2 {
            self.pause = PAUSE;
            if self.trie.is_full() {
                (self.id, self.trie) = (next_id(), Trie::default());
                self.known.clear();
            }
        }
        (self.tried, self.found) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Scanner;

    /// Walks in every way that this machine has; what each found, with the slots.
    fn walks(shapes: &mut Shapes, text: &[u8]) -> Vec<(Option<trie::Found>, Slots)> {
        let mut found = Vec::new();
        let mut slots = Slots::default();
        found.push((lanes::plain::walk(&mut shapes.trie, text, 0, &mut slots), slots));
        #[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
        {
            use crate::block::Level;
            for level in [Level::Sse2, Level::Avx2, Level::Avx512] {
                if level <= Level::best() {
                    let mut slots = Slots::default();
                    let walked = lanes::vector::walk(level, &mut shapes.trie, text, 0, &mut slots);
                    found.push((walked, slots));
                }
            }
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn all_processors_find_the_same(
            name in "[a-zé]{1,150}", string in "[a-zé{}\\[\\], ]{0,150}", number in any::<u128>(), exponent in "(\\.[0-9])?([eE][-+]?[0-9]{1,2})?",
            at in any::<prop::sample::Index>(), byte in any::<u8>(), behind in "[,\\]} ]{0,80}", far in prop::sample::select(vec![0_usize, 100, 150, 200, 400]),
        ) {
            let text = format!("{{\"{name}\":\"{string}\",\"0\":[{number}{exponent},true,{{\"m\":null}}]}}");
            let mut shapes = Shapes::default();
            let mut scanner = Scanner::new(text.as_bytes()).unwrap();
            prop_assert!(shapes.learn(scanner.object().unwrap()).is_some());
            // The end of the text is near for all of the object, for none of it, or for a part.
            let mut broken = format!("{text}{behind}{}", " ".repeat(far)).into_bytes();
            for is_broken in [false, true] {
                if is_broken {
                    let at = at.index(text.len());
                    broken[at] = byte;
                }
                let all = walks(&mut shapes, &broken);
                prop_assert!(is_broken || all[0].0.is_some_and(|found| found.end == text.len() && found.slots == 3));
                for other in &all {
                    // Slots that a walk filled before it failed are nobody's.
                    prop_assert!(other.0 == all[0].0 && (other.0.is_none() || other.1 == all[0].1));
                }
            }
        }

        /// What is known of an object by its shape is what looking at it shows.
        #[test]
        fn shapes_tell_no_lies(
            blanks in prop::collection::vec("[ \n]?", 6), string in "[a-zé\\\\\"ud8 ]{0,70}", number in "-?(0|[1-9][0-9]{0,2})(\\.[0-9])?",
            at in any::<prop::sample::Index>(), byte in prop_oneof![prop::sample::select(b"\"\\ \n\x1f\xc3,:".to_vec()), any::<u8>()],
            behind in prop::sample::select(vec![0_usize, 300]),
        ) {
            let [a, b, c, d, e, f] = blanks.as_slice() else { return Ok(()) };
            let text = |string: &str| format!("{{{a}\"a\"{b}:{c}\"{string}\"{d},\"b\":{e}[{number},true]{f}}}");
            let mut shapes = Shapes::default();
            let taught = text("x");
            prop_assert!(shapes.learn(Scanner::new(taught.as_bytes()).unwrap().object().unwrap()).is_some());
            for is_broken in [false, true] {
                let mut text = text(&string).into_bytes();
                if is_broken {
                    let at = at.index(text.len());
                    text[at] = byte;
                }
                text.extend(std::iter::repeat_n(b' ', behind));
                let Some(outline) = shapes.walk(&text, 0) else { continue };
                let mut scanner = Scanner::new(outline.bytes()).unwrap();
                let looked_at = scanner.object().unwrap();
                prop_assert_eq!(looked_at.check(), Ok(()));
                let room = Room::default();
                let unread = outline.unread(&room);
                let object = unread.object();
                prop_assert_eq!(object.check(), Ok(()));
                prop_assert_eq!(object.bytes(), looked_at.bytes());
                prop_assert_eq!(object.is_compact(), looked_at.is_compact());
                let (mut compact, mut expected) = (Vec::new(), Vec::new());
                object.write_compact(&mut compact);
                looked_at.write_compact(&mut expected);
                prop_assert_eq!(compact, expected);
            }
        }
    }
}
