//! Remembers names and which one follows which, so that reading the next object of the same kind costs a comparison a name.
//!
//! The records of a log have a few dozen names between them, in nearly the same order every time. A name is compared with the one
//! that followed its neighbour last time; where that guess is wrong it is looked up, and the guess is mended. What is kept of each object
//! is a list of numbers, by which others who want some of its members find them without reading the names again: [`KnownNames`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::malformed::Malformed;
use crate::names::Names;
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
    /// The first stands for the beginning of an object.
    words: Vec<Word<V>>,
    by_name: HashMap<Box<[u8]>, u32>,
    members: Vec<KnownName>,
    is_complete: bool,
}

#[derive(Debug)]
struct Word<V> {
    name: Box<[u8]>,
    value: V,
    /// What followed it last.
    next: u32,
}

/// A member by the number of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownName {
    word: u32,
    colon: u32,
}

impl KnownName {
    /// The number of the name in its vocabulary: small, and the same for the same name.
    #[inline]
    pub fn word(self) -> usize {
        self.word as usize
    }

    /// The mark of the colon behind the name.
    #[inline]
    pub(crate) fn colon(self) -> usize {
        self.colon as usize
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
        let beginning = Word { name: Box::default(), value: classify(b""), next: 0 };
        Vocabulary {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            classify,
            words: vec![beginning],
            by_name: HashMap::new(),
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
        let mut last = 0;
        let mut names = object.names();
        while names.advance() {
            let raw = names.name().raw();
            let guess = self.words.get(last as usize).map_or(0, |word| word.next);
            let word = match self.words.get(guess as usize) {
                Some(word) if *word.name == *raw => Some((guess, word.value.clone())),
                _ => self.look_up(last, raw),
            };
            if let Some((word, value)) = word {
                last = word;
                self.members.push(KnownName { word, colon: names.colon() });
                take(value, &names)?;
            } else {
                is_complete = false;
                // An escaped name that is no valid string is nobody's.
                if let Ok(name) = names.name().unescape() {
                    take((self.classify)(name.as_bytes()), &names)?;
                }
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

    /// The number of a name that did not follow `last` before. None for one that is not, or can no longer be, remembered.
    #[cold]
    fn look_up(&mut self, last: u32, name: &[u8]) -> Option<(u32, V)> {
        let number = match self.by_name.get(name) {
            Some(&number) => number,
            None if self.words.len() >= WORDS_MAX || name.iter().any(|byte| matches!(byte, b'\\' | b'.')) => {
                return None;
            }
            None => {
                let number = u32::try_from(self.words.len()).ok()?;
                self.words.push(Word { name: name.into(), value: (self.classify)(name), next: 0 });
                self.by_name.insert(name.into(), number);
                number
            }
        };
        if let Some(word) = self.words.get_mut(last as usize) {
            word.next = number;
        }
        self.words.get(number as usize).map(|word| (number, word.value.clone()))
    }
}
