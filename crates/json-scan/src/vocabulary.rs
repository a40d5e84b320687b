//! Remembers names and which one follows which, so that reading the next object of the same kind costs a comparison a name.
//!
//! The records of a log have a few dozen names between them, in nearly the same order every time. A name is compared with the one
//! that followed its neighbour last time; where that guess is wrong it is looked up, and the guess is mended. What is kept of each object
//! is a list of numbers, by which others who want some of its members find them without reading the names again: [`KnownNames`].

use std::sync::atomic::{AtomicU64, Ordering};

use crate::malformed::Malformed;
use crate::names::Names;
use crate::structure::Span;
use crate::successors::{Place, Step, Successors};
use crate::view::Object;

/// How many names are remembered. An object with others is read like any other, and has no [`KnownNames`].
const WORDS_MAX: usize = 512;

/// Names that were seen, each with a value that follows from it.
///
/// ```
/// use json_scan::{Scanner, Vocabulary};
///
/// let mut vocabulary = Vocabulary::new(|name| name.starts_with(b"event"));
/// for text in [r#"{"eventName":"a","region":"b"}"#, r#"{"eventName":"c","region":"d"}"#] {
///     let mut scanner = Scanner::new(text.as_bytes())?;
///     let object = scanner.object()?;
///     let mut found = Vec::new();
///     vocabulary.read(object, |is_event, names| {
///         if is_event {
///             found.push(names.value()?);
///         }
///         Ok(())
///     })?;
///     assert_eq!(found.len(), 1);
///     assert_eq!(vocabulary.known().map(|known| known.members().len()), Some(2));
/// }
/// # Ok::<(), json_scan::Malformed>(())
/// ```
#[derive(Debug)]
pub struct Vocabulary<V> {
    /// Unlike that of any other.
    id: u64,
    classify: fn(&[u8]) -> V,
    names: Successors<V>,
    members: Vec<KnownName>,
    /// Whether those are all members of the object that was read last.
    is_complete: bool,
}

/// A member by the number of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownName {
    word: u32,
    /// Where the name stands, behind its quote.
    name: u32,
    value: Span,
}

impl KnownName {
    #[inline]
    pub(crate) fn new(word: Place, name: usize, value: Span) -> Self {
        // A scanner takes buffers only whose offsets fit.
        KnownName { word: word.0, name: u32::try_from(name).unwrap_or(u32::MAX), value }
    }

    /// The number of the name in its vocabulary: small, and the same for the same name.
    #[inline]
    pub fn word(self) -> usize {
        self.word as usize
    }

    #[inline]
    pub(crate) fn name(self) -> usize {
        self.name as usize
    }

    #[inline]
    pub(crate) fn value(self) -> Span {
        self.value
    }
}

/// All members of an object by the numbers of their names; none of the names has an escape or a dot.
#[derive(Debug, Clone, Copy)]
pub struct KnownNames<'a> {
    vocabulary: u64,
    members: &'a [KnownName],
}

impl<'a> KnownNames<'a> {
    /// Which vocabulary the numbers are of.
    pub fn vocabulary(&self) -> u64 {
        self.vocabulary
    }

    /// The members in the order of the text, duplicates included.
    pub fn members(&self) -> &'a [KnownName] {
        self.members
    }
}

impl<V: Clone> Vocabulary<V> {
    /// With no name seen. `classify` gives a name's value.
    pub fn new(classify: fn(&[u8]) -> V) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        Vocabulary {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            classify,
            names: Successors::new(WORDS_MAX),
            members: Vec::new(),
            is_complete: false,
        }
    }

    /// Steps through an object's names and hands each to `take` with its value; the member's own value is the walk's to read.
    ///
    /// # Errors
    ///
    /// Where names, colons and commas do not follow each other as they must, and whatever `take` gives.
    #[inline]
    pub fn read<'a>(
        &mut self,
        object: Object<'a>,
        mut take: impl FnMut(V, &Names<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.members.clear();
        self.is_complete = false;
        let mut is_complete = true;
        let mut last = Place::BEGINNING;
        let mut names = object.names();
        loop {
            let known = match self.names.advance(last, &mut names) {
                Step::Expected(place, value) => Some((place, value)),
                Step::Other => self.names.learn(last, names.raw(), self.classify),
                Step::End => break,
            };
            let value = match known {
                Some((place, value)) => {
                    last = place;
                    self.members.push(names.known(place));
                    Some(value)
                }
                None => {
                    is_complete = false;
                    // An escaped name that is no valid string is nobody's.
                    names.name().unescape().ok().map(|name| (self.classify)(name.as_bytes()))
                }
            };
            if let Some(value) = value {
                take(value, &names)?;
            }
        }
        names.check()?;
        self.is_complete = is_complete;
        Ok(())
    }

    /// The members of the object that was read last, if each of their names is known.
    #[inline]
    pub fn known(&self) -> Option<KnownNames<'_>> {
        self.is_complete.then_some(KnownNames { vocabulary: self.id, members: &self.members })
    }
}
