//! Names, and which one followed which.
//!
//! Objects of a kind have the same names in nearly the same order every time. A name is compared with the two that followed its neighbour
//! last, where it should stand, each at the price of a comparison of a few words; only where both guesses are wrong is it looked up, and the guesses are mended.

use rustc_hash::FxHashMap;

use crate::names::Names;

/// Names that were seen, each with a value that follows from it.
///
/// ```
/// use json_scan::{Place, Scanner, Step, Successors};
///
/// let mut lengths = Successors::new(100);
/// let mut seen = Vec::new();
/// for text in [r#"{"a":1,"bcd":2,"ef":3}"#, r#"{"a":4,"bcd":5,"ef":6}"#] {
///     let mut scanner = Scanner::new(text.as_bytes())?;
///     let mut names = scanner.object()?.names();
///     let mut last = Place::BEGINNING;
///     loop {
///         match lengths.advance(&mut last, &mut names, |length| *length < 3) {
///             Step::Expected(length) => seen.push((length, true)),
///             Step::Other => {
///                 let length;
///                 (last, length) = lengths.learn(last, names.raw(), |name| name.len()).expect("few names, without escapes");
///                 seen.push((length, false));
///             }
///             Step::End => break,
///         }
///     }
///     names.check()?;
/// }
/// assert_eq!(seen, [(1, false), (3, false), (2, false), (1, true), (2, true)]);
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

/// What a walk came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<V> {
    /// A wanted member with one of the names that were expected.
    Expected(V),
    /// A member with another name, wanted or not.
    Other,
    /// The end, or a fault: [`Names::check`] tells.
    End,
}

#[derive(Debug, Clone)]
struct Word<V> {
    /// With its quotes, and the colon.
    name: Expected,
    /// As it stands between two strings: behind a comma, and a quote behind the colon.
    between: Expected,
    /// That of the beginning is never handed out.
    value: Option<V>,
    /// What followed it last, and what did before that.
    next: [Place; 2],
}

impl<V: Clone> Successors<V> {
    /// With no name seen. No more than `limit` will be remembered.
    pub fn new(limit: usize) -> Self {
        let beginning = Word::new(b"", None);
        Successors { limit, words: vec![beginning], places: FxHashMap::default() }
    }

    /// Steps to the next member, past all that are expected and not wanted. A name is expected if it is one of those that followed the one at
    /// `last` lately; `last` is moved along.
    #[inline(always)]
    pub fn advance(
        &self,
        last: &mut Place,
        names: &mut Names<'_>,
        is_wanted: impl Fn(&V) -> bool,
    ) -> Step<V> {
        names.advance_to(self, last, is_wanted)
    }

    /// Which of the names that followed the one at `last` lately stands at `at`, with nothing between it and its colon, and how long it is with
    /// that and the quotes.
    #[inline(always)]
    pub(crate) fn expected_at(&self, last: Place, bytes: &[u8], at: usize) -> Option<(Place, usize, &V)> {
        let [first, second] = self.words.get(last.0 as usize)?.next;
        let found = |place: Place| {
            let word = self.words.get(place.0 as usize)?;
            let value = word.value.as_ref()?;
            word.name.stands_at(bytes, at).then_some((place, word.name.len, value))
        };
        found(first).or_else(|| found(second))
    }

    /// Steps on from the end of a string, the value of the member at `last`, past members that are expected, have strings and are not wanted. `quote`
    /// says where the next quote is. Where the last of those strings ends, and whose it is.
    ///
    /// This is how most members of most objects are passed: all that stands between two values is compared at once.
    #[inline(always)]
    pub(crate) fn pass_strings(
        &self,
        bytes: &[u8],
        (mut end, mut last): (usize, Place),
        is_wanted: impl Fn(&V) -> bool,
        quote: impl Fn(usize) -> usize,
    ) -> (usize, Place) {
        while let Some(Word { next: [next, _], .. }) = self.words.get(last.0 as usize)
            && let Some(Word { between, value: Some(value), .. }) = self.words.get(next.0 as usize)
            && between.stands_at(bytes, end)
            && !is_wanted(value)
        {
            end = quote(end + between.len) + 1;
            last = *next;
        }
        (end, last)
    }

    /// Looks up a name that was not expected. `value` is asked for that of a new one. None for one that is not, or can
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
                self.words.push(Word::new(name, Some(value(name))));
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

impl<V> Word<V> {
    fn new(name: &[u8], value: Option<V>) -> Self {
        let quoted = [b"\"", name, b"\":"].concat();
        let between = Expected::new(&[b",", quoted.as_slice(), b"\""].concat());
        Word { name: Expected::new(&quoted), between, value, next: [Place::BEGINNING; 2] }
    }
}

/// A piece of compact text, with a name.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    len: usize,
    /// Its bytes in words; those behind it are zero, in the masks as well.
    words: [u64; WORDS],
    masks: [u64; WORDS],
    /// Behind what the words hold.
    rest: Box<[u8]>,
}

/// Enough for all names at the top of records but a few.
const WORDS: usize = 4;
const HEAD: usize = WORDS * 8;

impl Expected {
    fn new(text: &[u8]) -> Self {
        let word = |place: usize, byte: &dyn Fn(u8) -> u8| {
            let bytes = text.get(place * 8..).unwrap_or_default().iter().take(8);
            bytes.rev().fold(0_u64, |word, of| word << 8 | u64::from(byte(*of)))
        };
        Expected {
            len: text.len(),
            words: std::array::from_fn(|place| word(place, &|byte| byte)),
            masks: std::array::from_fn(|place| word(place, &|_| 0xff)),
            rest: text.get(HEAD..).unwrap_or_default().into(),
        }
    }

    /// Whether it stands at `at`. No branch depends on how long it is, unless it is very long: names of all lengths follow each other.
    #[inline(always)]
    fn stands_at(&self, bytes: &[u8], at: usize) -> bool {
        let Some(head) = bytes.get(at..).and_then(|text| text.first_chunk::<HEAD>()) else {
            return self.stands_near_the_end(bytes.get(at..).unwrap_or_default());
        };
        let (words, _) = head.as_chunks::<8>();
        let mut differences = 0;
        for ((text, word), mask) in words.iter().zip(self.words).zip(self.masks) {
            differences |= (u64::from_le_bytes(*text) ^ word) & mask;
        }
        differences == 0
            && (self.rest.is_empty()
                || bytes.get(at + HEAD..).is_some_and(|text| text.starts_with(&self.rest)))
    }

    /// The same where the text has fewer bytes than the words: the names in its last members.
    fn stands_near_the_end(&self, text: &[u8]) -> bool {
        let Some(text) = text.get(..self.len) else { return false };
        text.chunks(8).zip(self.words).all(|(text, word)| {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(bytes) == word
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scanner;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = String> {
        let values = ["1", r#""x""#, r#""""#, r#""\",\"a\":\"""#, r#"{"a":"b","b":"c"}"#, r#"["a","b"]"#];
        prop::sample::select(values.to_vec()).prop_map(str::to_owned)
    }

    proptest! {
        #[test]
        fn a_name_stands_where_its_bytes_do(
            name in "[ab]{0,40}", before in "[ab\":]{0,9}", behind in "[ab\":]{0,50}", other in any::<prop::sample::Index>(),
        ) {
            let text = format!("\"{name}\":");
            let expected = Expected::new(text.as_bytes());
            prop_assert_eq!(expected.len, text.len());
            let mut whole = format!("{before}{text}{behind}").into_bytes();
            prop_assert!(expected.stands_at(&whole, before.len()));
            whole[before.len() + other.index(text.len())] = b'c';
            prop_assert!(!expected.stands_at(&whole, before.len()));
        }

        #[test]
        fn whatever_was_seen_before_a_name_has_its_own_value(
            objects in prop::collection::vec(prop::collection::vec(("[a-c.]{0,3}", value()), 0..6), 0..20), padding in 0_usize..40,
            unwanted in "[a-c]{0,3}",
        ) {
            let mut known: Successors<Vec<u8>> = Successors::new(10);
            let is_wanted = |name: &[u8]| !unwanted.as_bytes().starts_with(name);
            for object in objects {
                let members: Vec<String> = object.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                let text = format!("{{{}}}{}", members.join(","), " ".repeat(padding));
                let mut scanner = Scanner::new(text.as_bytes()).unwrap();
                let mut names = scanner.object().unwrap().names();
                let (mut last, mut seen) = (Place::BEGINNING, Vec::new());
                loop {
                    match known.advance(&mut last, &mut names, |name| is_wanted(name)) {
                        Step::Expected(value) => {
                            prop_assert_eq!(value, names.raw());
                            prop_assert!(is_wanted(names.raw()));
                        }
                        Step::Other => {
                            if let Some((place, value)) = known.learn(last, names.raw(), <[u8]>::to_vec) {
                                prop_assert_eq!(value, names.raw());
                                last = place;
                            }
                        }
                        Step::End => break,
                    }
                    let value = names.member().0.of(text.as_bytes());
                    seen.push([names.raw(), value].map(|text| String::from_utf8(text.to_vec()).unwrap()).into());
                }
                prop_assert_eq!(names.check(), Ok(()));
                // Those that are not wanted may have been passed.
                let wanted = |members: Vec<(String, String)>| -> Vec<_> {
                    members.into_iter().filter(|(name, _)| is_wanted(name.as_bytes())).collect()
                };
                prop_assert_eq!(wanted(seen), wanted(object));
            }
        }
    }
}
