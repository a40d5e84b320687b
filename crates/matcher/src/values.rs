//! All keys asked of one field, arranged so that a leaf finds those it has without being held against each.
//!
//! | keys | kept as | a leaf pays |
//! |---|---|---|
//! | exact strings, numbers, addresses | hash maps | one look-up |
//! | prefixes, suffixes, strings in any case | byte tries, walked from either end | a byte or two |
//! | texts with stars | one literal piece of each, all in one Aho-Corasick automaton | a pass over its bytes |
//! | ranges | in the order of their lower ends, with the highest upper end of each stretch | a comparison each of those it is in, and a few more |
//! | anything but some | a list of terms | a question each |
//! | any string, any number, anything | one slot each | nothing |
//!
//! Each key leads to a *target*, a number that means something to the owner. Only structures that hold something are consulted.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use rustc_hash::FxHashMap;

use event_pattern::{Leaf, Term};

use crate::affixes::Affixes;
use crate::leaves::{Numeral, Scalar};
use crate::ranges::Ranges;
use crate::witness::{Key, no_negative_zero};

/// The keys of one field.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// Whether there is any key but `present` and `anything_but` that a string may have.
    has_strings: bool,
    texts: FxHashMap<Box<[u8]>, u32>,
    folded: Affixes,
    lexemes: FxHashMap<Box<[u8]>, u32>,
    numbers: FxHashMap<u64, u32>,
    addresses: FxHashMap<Box<[u8]>, u32>,
    prefixes: Affixes,
    suffixes: Affixes,
    folded_prefixes: Affixes,
    folded_suffixes: Affixes,
    pieces: Pieces,
    ranges: Ranges,
    anything_but: Vec<(Box<Term>, u32)>,
    true_: Option<u32>,
    false_: Option<u32>,
    null: Option<u32>,
    any_string: Option<u32>,
    any_number: Option<u32>,
    present: Option<u32>,
}

impl Values {
    /// Arranges keys, all different, with their targets.
    pub(crate) fn new(keys: Vec<(Key, u32)>) -> Self {
        let mut values = Values::default();
        let (mut starred, mut ranges) = (Vec::new(), Vec::new());
        for (key, target) in keys {
            values.has_strings |= key.is_of_strings();
            match key {
                Key::Text(text) => drop(values.texts.insert(bytes(text), target)),
                Key::Folded(text) => values.folded.insert(text.bytes(), target),
                Key::Lexeme(text) => drop(values.lexemes.insert(bytes(text), target)),
                Key::Number(value) => drop(values.numbers.insert(value.to_bits(), target)),
                Key::Address(digits) => drop(values.addresses.insert(digits, target)),
                Key::Prefix(text) => values.prefixes.insert(text.bytes(), target),
                Key::Suffix(text) => values.suffixes.insert(text.bytes().rev(), target),
                Key::FoldedPrefix(text) => values.folded_prefixes.insert(text.bytes(), target),
                Key::FoldedSuffix(text) => values.folded_suffixes.insert(text.bytes().rev(), target),
                Key::Pieces(pieces) => starred.push((pieces, target)),
                Key::Range(low, high) => ranges.push((low, high, target)),
                Key::AnythingBut(term) => values.anything_but.push((term, target)),
                Key::True => values.true_ = Some(target),
                Key::False => values.false_ = Some(target),
                Key::Null => values.null = Some(target),
                Key::AnyString => values.any_string = Some(target),
                Key::AnyNumber => values.any_number = Some(target),
                Key::Present => values.present = Some(target),
            }
        }
        values.ranges = Ranges::new(ranges);
        values.place_pieces(&starred);
        values
    }

    /// A text with stars is found by one of its pieces: none of what names of calls begin with, the one that the fewest others have
    /// as well, at an end if it can be (that is cheaper to look for), and the longest.
    fn place_pieces(&mut self, starred: &[(Box<[Box<str>]>, u32)]) {
        let mut shares: FxHashMap<&str, u32> = FxHashMap::default();
        for piece in starred.iter().flat_map(|(pieces, _)| pieces) {
            *shares.entry(piece).or_default() += 1;
        }
        let mut literals: Vec<(Box<str>, u32)> = Vec::new();
        for (pieces, target) in starred {
            let last = pieces.len().saturating_sub(1);
            let best = pieces.iter().enumerate().filter(|(_, piece)| !piece.is_empty()).min_by_key(
                |(place, piece)| {
                    let share = shares.get(&***piece).copied().unwrap_or(0);
                    let is_inner = *place != 0 && *place != last;
                    let is_verb = VERBS.contains(&&***piece);
                    // A single letter at an end says nothing a longer piece does not say better.
                    (is_verb, share, piece.len() < 3, is_inner, std::cmp::Reverse(piece.len()))
                },
            );
            match best {
                Some((0, piece)) => self.prefixes.insert(piece.bytes(), *target),
                Some((place, piece)) if place == last => self.suffixes.insert(piece.bytes().rev(), *target),
                Some((_, piece)) => literals.push((piece.clone(), *target)),
                // Keys of nothing but stars are made to be `AnyString`; should one come, it is no narrower.
                None => literals.push((Box::default(), *target)),
            }
        }
        self.pieces = Pieces::new(&literals);
    }

    /// Whether [`Values::find`] needs a string checked before, as [`Values::find_text`] has it.
    #[inline]
    pub(crate) fn reads_text(&self) -> bool {
        !self.anything_but.is_empty()
    }

    /// Tells `found` the target of every key that a leaf has. `plain` are the leaf's bytes, unescaped, if it is a string; whether they are text may
    /// still be open: if they are not, all that says something of any text is found.
    #[inline]
    pub(crate) fn find(&self, value: Scalar<'_>, plain: Option<&[u8]>, found: &mut impl FnMut(u32)) {
        match value {
            Scalar::String(_) | Scalar::Derived { .. } => {
                let plain = plain.unwrap_or_default();
                match if self.reads_text() { std::str::from_utf8(plain) } else { Ok("") } {
                    Ok(text) => self.find_anything_but(|term| term.accepts(Leaf::String(text)), found),
                    Err(_) => self.find_anything_but(|_| true, found),
                }
                self.present.into_iter().for_each(&mut *found);
                self.find_string(plain, found);
            }
            Scalar::Number(number) => {
                self.find_anything_but(|term| term.accepts_number(number.text, || number.comparable), found);
                self.present.into_iter().for_each(&mut *found);
                self.find_number(number, found);
            }
            Scalar::True => self.find_word(Leaf::True, self.true_, found),
            Scalar::False => self.find_word(Leaf::False, self.false_, found),
            Scalar::Null => self.find_word(Leaf::Null, self.null, found),
        }
    }

    /// [`Values::find`] of a string.
    #[inline]
    pub(crate) fn find_text(&self, text: &str, found: &mut impl FnMut(u32)) {
        self.find_anything_but(|term| term.accepts(Leaf::String(text)), found);
        self.present.into_iter().for_each(&mut *found);
        self.find_string(text.as_bytes(), found);
    }

    fn find_word(&self, word: Leaf<'_>, target: Option<u32>, found: &mut impl FnMut(u32)) {
        self.find_anything_but(|term| term.accepts(word), found);
        self.present.into_iter().for_each(&mut *found);
        target.into_iter().for_each(found);
    }

    #[inline]
    fn find_anything_but(&self, passes: impl Fn(&Term) -> bool, found: &mut impl FnMut(u32)) {
        for (term, target) in &self.anything_but {
            if passes(term) {
                found(*target);
            }
        }
    }

    #[inline]
    fn find_string(&self, text: &[u8], found: &mut impl FnMut(u32)) {
        if self.has_strings {
            self.find_in_string(text, found);
        }
    }

    fn find_in_string(&self, text: &[u8], found: &mut impl FnMut(u32)) {
        self.any_string.into_iter().for_each(&mut *found);
        if !self.texts.is_empty() {
            self.texts.get(text).copied().into_iter().for_each(&mut *found);
        }
        if !self.prefixes.is_empty() {
            self.prefixes.find(text.iter().copied(), found);
        }
        if !self.suffixes.is_empty() {
            self.suffixes.find(text.iter().rev().copied(), found);
        }
        if !self.folded_prefixes.is_empty() {
            self.folded_prefixes.find(text.iter().map(u8::to_ascii_lowercase), found);
        }
        if !self.folded_suffixes.is_empty() {
            self.folded_suffixes.find(text.iter().rev().map(u8::to_ascii_lowercase), found);
        }
        if !self.folded.is_empty() {
            self.folded.find_whole(text.iter().map(u8::to_ascii_lowercase), found);
        }
        if !self.addresses.is_empty()
            && let Ok(text) = std::str::from_utf8(text)
            && let Some((digits, length)) = event_pattern::address_digits(text)
        {
            self.find_address(digits.get(..length).unwrap_or_default(), found);
        }
        self.pieces.find(text, found);
    }

    fn find_number(&self, number: Numeral<'_>, found: &mut impl FnMut(u32)) {
        self.any_number.into_iter().for_each(&mut *found);
        if !self.lexemes.is_empty() {
            self.lexemes.get(number.text).copied().into_iter().for_each(&mut *found);
        }
        if !self.addresses.is_empty() {
            self.find_address(number.text, found);
        }
        if !self.numbers.is_empty() || !self.ranges.is_empty() {
            // Filters compare numbers that patterns cannot.
            let Some(value) = number.comparable.or_else(|| number.text().parse().ok().map(no_negative_zero))
            else {
                return;
            };
            if !self.numbers.is_empty() {
                self.numbers.get(&value.to_bits()).copied().into_iter().for_each(&mut *found);
            }
            self.ranges.find(value, found);
        }
    }

    /// Digits beyond those of an address do not count, so an IPv6 address may begin with an IPv4 one.
    fn find_address(&self, digits: &[u8], found: &mut impl FnMut(u32)) {
        for length in [8, 32] {
            let head = digits.get(..length);
            head.and_then(|head| self.addresses.get(head)).copied().into_iter().for_each(&mut *found);
        }
    }
}

fn bytes(text: Box<str>) -> Box<[u8]> {
    text.into_boxed_bytes()
}

/// What names of calls begin with.
const VERBS: [&str; 9] = ["Create", "Delete", "Describe", "Get", "List", "Modify", "Put", "Start", "Update"];

/// Up to so many bytes of literals get a table of all steps, which takes some 200 bytes for each of them.
const TABLE_MAX: usize = 16 * 1_024;

/// Up to so many literals are looked ahead for, by the bytes they begin with.
const LOOK_AHEAD_MAX: usize = 3;

/// Literals to be found anywhere in a text.
#[derive(Debug, Default)]
struct Pieces {
    automaton: Option<AhoCorasick>,
    /// By pattern of the automaton.
    targets: Vec<Vec<u32>>,
    /// Where no automaton could be built, every text has every piece.
    unbuilt: Vec<u32>,
}

impl Pieces {
    fn new(literals: &[(Box<str>, u32)]) -> Self {
        if literals.is_empty() {
            return Pieces::default();
        }
        let mut distinct: Vec<&str> = Vec::new();
        let mut places: FxHashMap<&str, usize> = FxHashMap::default();
        let mut targets: Vec<Vec<u32>> = Vec::new();
        for (literal, target) in literals {
            let place = *places.entry(literal).or_insert_with(|| {
                distinct.push(literal);
                targets.push(Vec::new());
                targets.len() - 1
            });
            if let Some(targets) = targets.get_mut(place) {
                targets.push(*target);
            }
        }
        // Values are short: looking ahead for where a piece could begin pays for a few pieces, a table of all steps nearly always.
        let bytes: usize = distinct.iter().map(|literal| literal.len()).sum();
        let automaton = AhoCorasick::builder()
            .kind((bytes <= TABLE_MAX).then_some(AhoCorasickKind::DFA))
            .prefilter(distinct.len() <= LOOK_AHEAD_MAX)
            .build(&distinct);
        match automaton {
            Ok(automaton) => Pieces { automaton: Some(automaton), targets, unbuilt: Vec::new() },
            // Only beyond the automaton's own limits (2³¹ states).
            Err(_) => Pieces {
                automaton: None,
                targets: Vec::new(),
                unbuilt: literals.iter().map(|(_, target)| *target).collect(),
            },
        }
    }

    fn find(&self, text: &[u8], found: &mut impl FnMut(u32)) {
        self.unbuilt.iter().copied().for_each(&mut *found);
        let Some(automaton) = &self.automaton else { return };
        for hit in automaton.find_overlapping_iter(text) {
            for &target in self.targets.get(hit.pattern().as_usize()).into_iter().flatten() {
                found(target);
            }
        }
    }
}
