//! Remembers names and which one follows which, so that reading the next object of the same kind costs a comparison a name.
//!
//! The records of a log have a few dozen names between them, in nearly the same order every time. A name is compared with the one
//! that followed its neighbour last time; where that guess is wrong it is looked up, and the guess is mended. What is kept of each object
//! is a list of numbers, by which others who want some of its members find them without reading the names again: [`KnownNames`].

use std::sync::atomic::{AtomicU64, Ordering};

use crate::malformed::Malformed;
use crate::names::Steps;
use crate::structure::{Span, place};
use crate::successors::{Place, Successors};
use crate::view::Object;

/// How many names are remembered. An object with others is read like any other, and has no [`KnownNames`].
const WORDS_MAX: usize = 512;

/// How many kinds of names can be told apart.
const KINDS: usize = 64;

/// Names that were seen, each with its kind.
///
/// ```
/// use json_scan::{Scanner, Vocabulary};
///
/// let mut vocabulary = Vocabulary::new(|name| u8::from(name.starts_with(b"event")));
/// for text in [r#"{"eventName":"a","region":"b"}"#, r#"{"eventName":"c","region":"d"}"#] {
///     let mut scanner = Scanner::new(text.as_bytes())?;
///     let object = scanner.object()?;
///     vocabulary.read(object)?;
///     assert!(vocabulary.last_of(1).is_some_and(|member| object.string_of(member).is_some()));
///     assert_eq!(vocabulary.known().map(|known| known.members().len()), Some(2));
/// }
/// # Ok::<(), json_scan::Malformed>(())
/// ```
#[derive(Debug)]
pub struct Vocabulary {
    /// Unlike that of any other.
    id: u64,
    classify: fn(&[u8]) -> u8,
    names: Successors<u8>,
    /// Those of the object that was read last, also those whose names have no number.
    members: Vec<KnownName>,
    /// By kind of name, how many members there were when the last of that kind had come.
    last: [u32; KINDS],
    /// Whether each of the names has a number.
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
        KnownName { word: word.0, name: place(name), value }
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

impl Vocabulary {
    /// With no name seen. `classify` gives the kind of a name, below 64.
    pub fn new(classify: fn(&[u8]) -> u8) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        Vocabulary {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            classify,
            names: Successors::new(WORDS_MAX),
            members: Vec::new(),
            last: [0; KINDS],
            is_complete: false,
        }
    }

    /// Steps through an object's members and remembers where they stand. Their values are the object's to [tell](Object::value_of).
    ///
    /// # Errors
    ///
    /// Where names, colons, values and commas do not follow each other as they must.
    pub fn read(&mut self, object: Object<'_>) -> Result<(), Malformed> {
        self.members.clear();
        self.last = [0; KINDS];
        self.is_complete = true;
        let outcome = self.walk(object);
        self.is_complete &= outcome.is_ok();
        outcome
    }

    #[inline]
    fn walk(&mut self, object: Object<'_>) -> Result<(), Malformed> {
        let mut last = Place::BEGINNING;
        let (mut steps, mut has_more) = object.steps();
        while has_more {
            let at = steps.at;
            let Some((place, length, kind)) = self.names.expected_at(last, steps.within.bytes, at) else {
                (last, steps, has_more) = self.other(object, steps, last)?;
                continue;
            };
            let span;
            (span, has_more) = steps.pass_value(at + length)?;
            last = place;
            self.keep(KnownName::new(place, at + 1, span), kind);
        }
        Ok(())
    }

    #[inline(always)]
    fn keep(&mut self, member: KnownName, kind: u8) {
        self.members.push(member);
        self.last[usize::from(kind) % KINDS] = place(self.members.len());
    }

    /// Steps to a member whose name is not expected there.
    #[cold]
    fn other<'a>(
        &mut self,
        object: Object<'a>,
        steps: Steps<'a>,
        last: Place,
    ) -> Result<(Place, Steps<'a>, bool), Malformed> {
        let mut names = object.names_from(steps);
        // Otherwise there is a fault: it is known that there should be a member.
        names.advance();
        names.check()?;
        let known = self.names.learn(last, names.raw(), self.classify);
        let place = known.map_or(last, |(place, _)| place);
        let (member, steps, has_more) = names.member(place);
        // An escaped name that is no valid string is nobody's.
        let plain = || names.name().unescape().ok().map(|name| (self.classify)(name.as_bytes()));
        let kind = known.map(|(_, kind)| kind).or_else(plain);
        self.is_complete &= known.is_some();
        if let Some(kind) = kind {
            self.keep(member, kind);
        }
        Ok((place, steps, has_more))
    }

    /// The last member of the object that was read last whose name is of this kind.
    #[inline]
    pub fn last_of(&self, kind: u8) -> Option<KnownName> {
        let count = *self.last.get(usize::from(kind))?;
        self.members.get((count as usize).checked_sub(1)?).copied()
    }

    /// The members of the object that was read last, if there was no fault and each of their names is known.
    #[inline]
    pub fn known(&self) -> Option<KnownNames<'_>> {
        self.is_complete.then_some(KnownNames { vocabulary: self.id, members: &self.members })
    }
}
