//! The tree of shapes, and the walk along it.
//!
//! A node is text that is expected, and what kind of value follows it. Where several nodes may come next, no more than one of them can agree
//! with the text: where two agree as far as the shorter one goes, they differ in the kind of value, and values of different kinds begin with different bytes.
//! (Both are cut from JSON, so that a quote that begins a value in one of them begins one in the other.) So the order in which they are asked
//! is a matter of speed only: who is right more often than not moves to the front.

use rustc_hash::FxHashMap;

use super::lanes::{Ends, LANE, Lane, Lanes, Literal};
use super::outline::Slots;
use super::pieces::{Kind, Piece};
use crate::text::Text;
use crate::view::number;

/// Nodes, sixteen bytes each. Logs of an organization have a few hundred shapes, of thirty nodes that no other has.
const NODES_MAX: usize = 64 << 10;

/// Distinct literals, of 64 bytes.
const LITERALS_MAX: usize = 8 << 10;

/// Nodes that may follow a node: each may have to be asked.
const BRANCHES_MAX: u32 = 64;

/// How often a node must have been right, asked second or later, to move forward.
const CREDIT_MAX: u8 = 8;

const NONE: u32 = u32::MAX;

/// What is expected at one place.
#[derive(Debug, Clone, Copy)]
struct Node {
    literal: u32,
    /// The first of those that may come behind the value; of the last node of a shape, the shape's number.
    next: u32,
    /// The next of those that may stand here instead.
    other: u32,
    length: u8,
    kind: Kind,
    credit: u8,
    /// How long the string here has been whenever it was seen, if that was always the same; else [`VARIOUS`].
    usual: u8,
}

/// No string that is found in one lane is so long.
const VARIOUS: u8 = 64;

/// All shapes that were learned.
#[derive(Debug, Default)]
pub(super) struct Trie {
    /// The first is the root, which is never expected itself.
    nodes: Vec<Node>,
    literals: Vec<Literal>,
    /// By their bytes.
    places: FxHashMap<Box<[u8]>, u32>,
    shapes: u32,
    odd: Odd,
}

/// Strings that are not what they stand for.
#[derive(Debug, Default)]
struct Odd {
    /// The last of them, unescaped.
    unescaped: Vec<u8>,
    /// Whether there was one.
    seen: bool,
}

/// What becomes a node.
struct Chunk<'b> {
    literal: &'b [u8],
    kind: Kind,
    /// The length of the value behind it.
    value: usize,
}

/// A walk that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) shape: u32,
    /// Behind the closing bracket.
    pub(super) end: usize,
    /// How many slots are filled.
    pub(super) slots: usize,
    /// Whether no string has an escape in it, or a byte beyond ASCII.
    pub(super) is_plain: bool,
}

impl Trie {
    /// Adds a shape, or finds it; its number. None if there is no room for it.
    pub(super) fn add(&mut self, bytes: &[u8], pieces: &[Piece]) -> Option<u32> {
        if self.nodes.is_empty() {
            self.nodes.push(Node {
                literal: NONE,
                next: NONE,
                other: NONE,
                length: 0,
                kind: Kind::More,
                credit: 0,
                usual: VARIOUS,
            });
        }
        let mut chunks = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let value = pieces.get(number + 1).map_or(0, |next| next.from - piece.to);
            let mut parts = bytes.get(piece.from..piece.to)?.chunks(LANE).peekable();
            while let Some(literal) = parts.next() {
                let kind = if parts.peek().is_some() { Kind::More } else { piece.kind };
                chunks.push(Chunk { literal, kind, value });
            }
        }
        let (mut above, mut known) = (0, 0);
        for &Chunk { literal, kind, .. } in &chunks {
            let Some(node) = self.below(above, literal, kind) else { break };
            (above, known) = (node, known + 1);
        }
        let new = chunks.get(known..)?;
        let room =
            self.nodes.len() + new.len() <= NODES_MAX && self.literals.len() + new.len() <= LITERALS_MAX;
        if new.is_empty() {
            return Some(self.nodes.get(above as usize)?.next);
        }
        if !room || self.branches(above) >= BRANCHES_MAX {
            return None;
        }
        for &Chunk { literal, kind, value } in new {
            above = self.push(above, literal, kind, value)?;
        }
        let number = self.shapes;
        self.shapes += 1;
        self.nodes.get_mut(above as usize)?.next = number;
        Some(number)
    }

    /// Whether hardly another shape finds room.
    pub(super) fn is_full(&self) -> bool {
        self.nodes.len() > NODES_MAX / 2 || self.literals.len() > LITERALS_MAX / 2
    }

    /// The nodes that may follow `above`.
    fn followers(&self, above: u32) -> impl Iterator<Item = (u32, &Node)> {
        let mut at = self.nodes.get(above as usize).map_or(NONE, |node| node.next);
        std::iter::from_fn(move || {
            let node = self.nodes.get(at as usize)?;
            let number = std::mem::replace(&mut at, node.other);
            Some((number, node))
        })
    }

    fn below(&self, above: u32, literal: &[u8], kind: Kind) -> Option<u32> {
        let place = *self.places.get(literal)?;
        self.followers(above)
            .find(|(_, node)| {
                node.literal == place && node.kind == kind && usize::from(node.length) == literal.len()
            })
            .map(|(number, _)| number)
    }

    fn branches(&self, above: u32) -> u32 {
        u32::try_from(self.followers(above).count()).unwrap_or(u32::MAX)
    }

    /// Adds a node as the last that may follow `above`.
    fn push(&mut self, above: u32, literal: &[u8], kind: Kind, value: usize) -> Option<u32> {
        let usual = u8::try_from(value).unwrap_or(VARIOUS).min(VARIOUS);
        let place = match self.places.get(literal) {
            Some(&place) => place,
            None => {
                let mut lane = [0; LANE];
                lane.iter_mut().zip(literal).for_each(|(to, from)| *to = *from);
                let place = u32::try_from(self.literals.len()).ok()?;
                self.literals.push(Literal(lane));
                self.places.insert(literal.into(), place);
                place
            }
        };
        let number = u32::try_from(self.nodes.len()).ok()?;
        let last = self.followers(above).last().map(|(last, _)| last);
        let length = u8::try_from(literal.len()).ok()?;
        self.nodes.push(Node { literal: place, next: NONE, other: NONE, length, kind, credit: 0, usual });
        match last {
            Some(last) => self.nodes.get_mut(last as usize)?.other = number,
            None => self.nodes.get_mut(above as usize)?.next = number,
        }
        Some(number)
    }

    /// Walks the object whose bracket stands at `from`. Where it ends, if its shape is known and all of its values are well formed.
    #[inline(always)]
    pub(super) fn walk<B, E, D>(
        &mut self,
        bytes: &[u8],
        from: usize,
        slots: &mut Slots,
        lanes: Lanes<B, E, D>,
    ) -> Option<Found>
    where
        B: Fn(&Lane, &Literal, u8) -> bool + Copy,
        E: Fn(&Lane) -> Ends + Copy,
        D: Fn(&Lane) -> u64 + Copy,
    {
        let Trie { nodes, literals, odd, .. } = self;
        odd.seen = false;
        let mut at = from;
        let mut above = 0;
        let mut first = nodes.first()?.next;
        let mut filled = 0;
        loop {
            let mut number = first;
            let padded;
            let lane = match lane(bytes, at) {
                Some(lane) => lane,
                None => {
                    padded = last_lane(bytes, at);
                    &padded
                }
            };
            let (kind, end, next) = loop {
                let node = *nodes.get(number as usize)?;
                if (lanes.begins)(lane, literals.get(node.literal as usize)?, node.length) {
                    let value = at + usize::from(node.length);
                    let end = match node.kind {
                        Kind::String => match short_string(bytes, value, lanes.ends) {
                            // Otherwise the compiler sees that this is what was found, and has it waited for.
                            Some(length) if length == node.usual => {
                                Some(value + usize::from(std::hint::black_box(node.usual)))
                            }
                            Some(length) => {
                                if node.usual != VARIOUS {
                                    vary(nodes, number);
                                }
                                Some(value + usize::from(length))
                            }
                            None => string_end(bytes, value, lanes.ends, odd),
                        },
                        Kind::Word => word_end(bytes, value),
                        Kind::Number => number_end(bytes, value, lanes.digits),
                        Kind::More | Kind::End => Some(value),
                    };
                    if let Some(end) = end {
                        if node.kind.is_value() {
                            slots.put(filled, value, end);
                            filled += 1;
                        }
                        break (node.kind, end, node.next);
                    }
                }
                number = node.other;
            };
            if number != first {
                credit(nodes, above, number);
            }
            at = end;
            if kind == Kind::End {
                return Some(Found { shape: next, end, slots: filled, is_plain: !odd.seen });
            }
            (above, first) = (number, next);
        }
    }
}

/// A node was right that is not the first to be asked of those that follow `above`.
#[cold]
fn credit(nodes: &mut [Node], above: u32, number: u32) {
    let Some(node) = nodes.get_mut(number as usize) else { return };
    node.credit += 1;
    if node.credit < CREDIT_MAX {
        return;
    }
    node.credit = 0;
    let behind = node.other;
    // Changes places with the one before it.
    let (mut before_that, mut before) = (None, nodes.get(above as usize).map_or(NONE, |above| above.next));
    while let Some(other) =
        nodes.get(before as usize).map(|before| before.other).filter(|other| *other != number)
    {
        (before_that, before) = (Some(before), other);
    }
    let Some(earlier) = nodes.get_mut(before as usize) else { return };
    earlier.other = behind;
    if let Some(node) = nodes.get_mut(number as usize) {
        node.other = before;
    }
    match before_that {
        Some(place) => nodes.get_mut(place as usize).into_iter().for_each(|node| node.other = number),
        None => nodes.get_mut(above as usize).into_iter().for_each(|node| node.next = number),
    }
}

#[inline(always)]
fn lane(bytes: &[u8], at: usize) -> Option<&Lane> {
    bytes.get(at..)?.first_chunk()
}

/// The last bytes of the text, and zeros, which neither stand in any literal nor end anything.
#[cold]
fn last_lane(bytes: &[u8], at: usize) -> Lane {
    let mut lane = [0; LANE];
    lane.iter_mut().zip(bytes.get(at..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
    lane
}

/// A string here is not as long as all before it.
#[cold]
fn vary(nodes: &mut [Node], number: u32) {
    if let Some(node) = nodes.get_mut(number as usize) {
        node.usual = VARIOUS;
    }
}

/// How long the string is that begins at `from`, if it ends within a lane and is plain and well formed.
///
/// Times, identifiers and accounts are all of one length. What follows them is looked at without waiting for the answer to where they end: the
/// processor guesses that it will be as usual, and goes on from there.
#[inline(always)]
fn short_string(bytes: &[u8], from: usize, ends: impl Fn(&Lane) -> Ends) -> Option<u8> {
    let Ends { quotes, odd } = ends(lane(bytes, from)?);
    let length = quotes.trailing_zeros();
    // Also where there is neither a quote nor anything odd, the string is not short. A lane has fewer bytes than this could lose.
    (length < odd.trailing_zeros()).then(|| length.to_le_bytes()[0])
}

/// Where the quote stands that ends the string which begins at `from`, if all of the string is well formed.
#[inline(always)]
fn string_end(bytes: &[u8], from: usize, ends: impl Fn(&Lane) -> Ends, strange: &mut Odd) -> Option<usize> {
    let mut at = from;
    while let Some(lane) = lane(bytes, at) {
        let Ends { quotes, odd } = ends(lane);
        let quote = quotes.trailing_zeros();
        if odd.trailing_zeros() < quote {
            return odd_string_end(bytes, from, strange);
        }
        if quotes != 0 {
            return Some(at + quote as usize);
        }
        at += LANE;
    }
    odd_string_end(bytes, from, strange)
}

/// The same of a string with escapes or beyond ASCII, or that may be malformed or cut off.
#[cold]
#[inline(never)]
fn odd_string_end(bytes: &[u8], from: usize, odd: &mut Odd) -> Option<usize> {
    let mut at = from;
    let end = loop {
        let found = at + memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(found)? {
            b'"' => break found,
            _ => at = found + 2,
        }
    };
    odd.unescaped.clear();
    let raw = bytes.get(from..end)?;
    Text::new(from, raw).unescape_into(&mut odd.unescaped).ok()?;
    odd.seen |= !raw.is_ascii() || odd.unescaped.len() != raw.len();
    Some(end)
}

/// Where a `true` or `false` ends.
#[inline(always)]
fn word_end(bytes: &[u8], from: usize) -> Option<usize> {
    const FOUR: u64 = 0xffff_ffff;
    const FIVE: u64 = 0xff_ffff_ffff;
    let rest = bytes.get(from..)?;
    let Some(eight) = rest.first_chunk::<8>() else {
        let length = if rest.starts_with(b"true") { 4 } else { 5 };
        return (length == 4 || rest.starts_with(b"false")).then_some(from + length);
    };
    // Whether it is the one or the other nobody can guess, so no branch depends on it.
    let word = u64::from_le_bytes(*eight);
    let is_true = word & FOUR == u64::from_le_bytes(*b"true\0\0\0\0");
    let is_false = word & FIVE == u64::from_le_bytes(*b"false\0\0\0");
    (is_true | is_false).then_some(from + 4 + usize::from(is_false))
}

/// Where the number ends that begins at `from`.
#[inline(always)]
fn number_end(bytes: &[u8], from: usize, digits: impl Fn(&Lane) -> u64) -> Option<usize> {
    let Some(lane) = lane(bytes, from) else { return odd_number_end(bytes, from) };
    let length = (!digits(lane)).trailing_zeros() as usize;
    let is_plain = length > 0
        && (length == 1 || lane[0] != b'0')
        && lane.get(length).is_some_and(|behind| !matches!(behind, b'.' | b'e' | b'E'));
    if is_plain { Some(from + length) } else { odd_number_end(bytes, from) }
}

/// The same of a number with a sign, a fraction or an exponent, or of something else.
#[cold]
#[inline(never)]
fn odd_number_end(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
    number(rest.get(..length)?).map(|_| from + length)
}
