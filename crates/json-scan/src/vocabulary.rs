//! Remembers names and which one follows which, so that reading the next object of the same kind costs a comparison a name.
//!
//! The objects of a log have a few dozen names between them, in nearly the same order every time. A name is compared with the one
//! that followed its neighbour last time; where that guess is wrong it is looked up, and the guess is mended. What is kept of each object
//! is where the members stand that somebody wants, by the kinds of their names.

use crate::malformed::Malformed;
use crate::names::Steps;
use crate::structure::Span;
use crate::successors::{Place, Successors};
use crate::view::Object;

/// How many names are remembered. An object with others is read like any other.
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
///     assert!(vocabulary.last_of(2).is_none());
/// }
/// # Ok::<(), json_scan::Malformed>(())
/// ```
#[derive(Debug)]
pub struct Vocabulary {
    classify: fn(&[u8]) -> u8,
    names: Successors<u8>,
    /// By kind of name, the last member of that kind of the object that was read last.
    last: [Option<KnownMember>; KINDS],
}

/// Where the value of a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownMember(Span);

impl KnownMember {
    #[inline]
    pub(crate) fn value(self) -> Span {
        self.0
    }
}

impl Vocabulary {
    /// With no name seen. `classify` gives the kind of a name, below 64.
    pub fn new(classify: fn(&[u8]) -> u8) -> Self {
        Vocabulary { classify, names: Successors::new(WORDS_MAX), last: [None; KINDS] }
    }

    /// Steps through an object's members and remembers where they stand. Their values are the object's to [tell](Object::value_of).
    ///
    /// # Errors
    ///
    /// Where names, colons, values and commas do not follow each other as they must.
    pub fn read(&mut self, object: Object<'_>) -> Result<(), Malformed> {
        self.last = [None; KINDS];
        let mut last = Place::BEGINNING;
        let (mut steps, mut has_more) = object.steps();
        while has_more {
            let at = steps.at;
            let Some((place, length, &kind)) = self.names.expected_at(last, steps.within.bytes, at) else {
                (last, steps, has_more) = self.other(object, steps, last)?;
                continue;
            };
            let span;
            (span, has_more) = steps.pass_value(at + length)?;
            last = place;
            self.keep(span, kind);
        }
        Ok(())
    }

    #[inline(always)]
    fn keep(&mut self, value: Span, kind: u8) {
        self.last[usize::from(kind) % KINDS] = Some(KnownMember(value));
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
        let (value, steps, has_more) = names.member();
        // An escaped name that is no valid string is nobody's.
        let plain = || names.name().unescape().ok().map(|name| (self.classify)(name.as_bytes()));
        let kind = known.map(|(_, kind)| kind).or_else(plain);
        if let Some(kind) = kind {
            self.keep(value, kind);
        }
        Ok((place, steps, has_more))
    }

    /// The last member of the object that was read last whose name is of this kind.
    #[inline]
    pub fn last_of(&self, kind: u8) -> Option<KnownMember> {
        self.last.get(usize::from(kind)).copied().flatten()
    }
}
