//! Names, and which one followed which.
//!
//! Objects of a kind have the same names in nearly the same order every time. A name is compared with the two that followed its neighbour
//! last, each at the price of a comparison of a few words; only where both guesses are wrong is it looked up, and the guesses are mended.

use rustc_hash::FxHashMap;

/// Names that were seen, each with a value that follows from it.
///
/// ```
/// use json_scan::{Place, Scanner, Successors};
///
/// let mut lengths = Successors::new(100);
/// let mut seen = Vec::new();
/// for text in [r#"{"a":1,"bc":2}"#, r#"{"a":3,"bc":4}"#] {
///     let mut scanner = Scanner::new(text.as_bytes())?;
///     let mut names = scanner.object()?.names();
///     let mut last = Place::BEGINNING;
///     while names.advance() {
///         let known = lengths.follow(last, names.raw());
///         let was_known = known.is_some();
///         let known = known.or_else(|| lengths.learn(last, names.raw(), |name| name.len()));
///         let (place, length) = known.expect("few names, without escapes");
///         seen.push((length, was_known));
///         last = place;
///     }
/// }
/// assert_eq!(seen, [(1, false), (2, false), (1, true), (2, true)]);
/// # Ok::<(), json_scan::Malformed>(())
/// ```
#[derive(Debug, Clone)]
pub struct Successors<V> {
    limit: usize,
    /// The first stands for the beginning of an object.
    words: Vec<Word<V>>,
    places: FxHashMap<Box<[u8]>, Place>,
}

/// Where a name stands among those that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place(pub(crate) u32);

impl Place {
    /// Before the first name of an object.
    pub const BEGINNING: Place = Place(0);
}

#[derive(Debug, Clone)]
struct Word<V> {
    name: Box<[u8]>,
    /// That of the beginning is never handed out.
    value: Option<V>,
    /// What followed it last, and what did before that.
    next: [Place; 2],
}

impl<V: Clone> Successors<V> {
    /// With no name seen. No more than `limit` will be remembered.
    pub fn new(limit: usize) -> Self {
        let beginning = Word { name: Box::default(), value: None, next: [Place::BEGINNING; 2] };
        Successors { limit, words: vec![beginning], places: FxHashMap::default() }
    }

    /// The name that follows the one at `last`, with its value, if it is one of those that did so lately.
    #[inline]
    pub fn follow(&self, last: Place, name: &[u8]) -> Option<(Place, V)> {
        let [first, second] = self.words.get(last.0 as usize)?.next;
        match self.words.get(first.0 as usize) {
            Some(word) if is_same(&word.name, name) => Some((first, word.value.clone()?)),
            _ => match self.words.get(second.0 as usize) {
                Some(word) if is_same(&word.name, name) => Some((second, word.value.clone()?)),
                _ => None,
            },
        }
    }

    /// The same for a name that [`Successors::follow`] does not expect. `value` is asked for that of a new one. None for one that is not, or can
    /// no longer be, remembered: those with an escape or a dot never are.
    #[cold]
    pub fn learn(&mut self, last: Place, name: &[u8], value: impl FnOnce(&[u8]) -> V) -> Option<(Place, V)> {
        let place = match self.places.get(name) {
            Some(&place) => place,
            None if self.words.len() > self.limit || name.iter().any(|byte| matches!(byte, b'\\' | b'.')) => {
                return None;
            }
            None => {
                let place = Place(u32::try_from(self.words.len()).ok()?);
                let next = [Place::BEGINNING; 2];
                self.words.push(Word { name: name.into(), value: Some(value(name)), next });
                self.places.insert(name.into(), place);
                place
            }
        };
        if let Some(word) = self.words.get_mut(last.0 as usize) {
            word.next = [place, word.next[0]];
        }
        Some((place, self.words.get(place.0 as usize)?.value.clone()?))
    }
}

/// Whether two names are equal, without a call for those of a usual length: the first and the last bytes, overlapping, are all of them.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    fn ends<const N: usize>(name: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
        Some((name.first_chunk::<N>()?, name.last_chunk::<N>()?))
    }
    if a.len() != b.len() {
        return false;
    }
    if let (Some(of_a), Some(of_b)) = (ends::<16>(a), ends::<16>(b)) {
        return of_a == of_b && (a.len() <= 32 || a == b);
    }
    if let (Some(of_a), Some(of_b)) = (ends::<8>(a), ends::<8>(b)) {
        return of_a == of_b;
    }
    if let (Some(of_a), Some(of_b)) = (ends::<4>(a), ends::<4>(b)) {
        return of_a == of_b;
    }
    a == b
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_are_the_same_if_all_their_bytes_are(a in "[ab]{0,40}", at in any::<prop::sample::Index>()) {
            prop_assert!(is_same(a.as_bytes(), a.clone().as_bytes()));
            let mut b = a.clone().into_bytes();
            b.push(b'a');
            prop_assert!(!is_same(a.as_bytes(), &b));
            b.pop();
            if !b.is_empty() {
                let at = at.index(b.len());
                b[at] = b'c';
                prop_assert!(!is_same(a.as_bytes(), &b));
            }
        }

        #[test]
        fn whatever_was_seen_before_a_name_has_its_own_value(
            objects in prop::collection::vec(prop::collection::vec("[a-c]{0,3}", 0..6), 0..20),
        ) {
            let mut names = Successors::new(10);
            for object in objects {
                let mut last = Place::BEGINNING;
                for name in object {
                    let name = name.as_bytes();
                    let sum = |name: &[u8]| name.iter().fold(1_u32, |sum, &byte| sum * 5 + u32::from(byte - b'a'));
                    let known = names.follow(last, name).or_else(|| names.learn(last, name, sum));
                    if let Some((place, value)) = known {
                        prop_assert_eq!(value, sum(name));
                        last = place;
                    }
                }
            }
        }
    }
}
