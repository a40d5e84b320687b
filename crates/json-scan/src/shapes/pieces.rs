//! An object's text, cut at its values.
//!
//! What is left between two values (names, brackets, commas, white space, `null`) is what all objects of a shape have in common.

/// What stands behind a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string, between its quotes.
    String,
    Number,
    /// `true` or `false`.
    Word,
    /// The rest of a piece that is too long for one node.
    More,
    /// Nothing: this is the end of the object.
    End,
}

impl Kind {
    #[inline(always)]
    pub(super) fn is_value(self) -> bool {
        matches!(self, Kind::String | Kind::Number | Kind::Word)
    }
}

/// Text from behind a value up to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kind: Kind,
}

/// How deep containers may nest in what is learned.
const DEPTH_MAX: usize = 32;

/// The pieces of an object that is known to be well formed. None for one that is not learned: it has `most` values or more, nests too
/// deep, or some name in it has an escape or comes twice in one object.
pub(super) fn pieces(object: &[u8], most: usize) -> Option<Vec<Piece>> {
    let (mut pieces, mut open) = (Vec::new(), Vec::<Open<'_>>::new());
    let (mut at, mut from, mut values) = (0, 0, 0);
    loop {
        let begun = at;
        let kind = match object.get(at)? {
            b'{' | b'[' => {
                if open.len() == DEPTH_MAX {
                    return None;
                }
                let is_object = object.get(at) == Some(&b'{');
                open.push(Open { is_object, names: Vec::new() });
                at += 1;
                at = if is_object { name(object, at, open.last_mut()?)? } else { at };
                continue;
            }
            b'}' | b']' => {
                open.pop();
                at += 1;
                if open.is_empty() {
                    pieces.push(Piece { from, to: at, kind: Kind::End });
                    return Some(pieces);
                }
                continue;
            }
            b',' => {
                at += 1;
                let innermost = open.last_mut()?;
                at = if innermost.is_object { name(object, at, innermost)? } else { at };
                continue;
            }
            b'"' => {
                at = quote(object, at + 1)?;
                Kind::String
            }
            b't' => {
                at += 4;
                Kind::Word
            }
            b'f' => {
                at += 5;
                Kind::Word
            }
            b'n' => {
                at += 4;
                continue;
            }
            b'-' | b'0'..=b'9' => {
                let rest = object.get(at..)?;
                let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                at += rest.iter().position(|byte| !is_part(byte))?;
                Kind::Number
            }
            // White space, and colons.
            _ => {
                at += 1;
                continue;
            }
        };
        values += 1;
        if values >= most {
            return None;
        }
        pieces.push(Piece { from, to: begun + usize::from(kind == Kind::String), kind });
        from = at;
        // A string's closing quote belongs to what follows it.
        at += usize::from(kind == Kind::String);
    }
}

/// A container around the place at hand.
struct Open<'a> {
    is_object: bool,
    names: Vec<&'a [u8]>,
}

/// Steps over the name that begins at or behind `at`, if there is one; where it ends. None if it comes twice or has an escape.
fn name<'a>(object: &'a [u8], at: usize, open: &mut Open<'a>) -> Option<usize> {
    let begun =
        at + object.get(at..)?.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))?;
    if object.get(begun) != Some(&b'"') {
        return Some(begun);
    }
    let end = quote(object, begun + 1)?;
    let name = object.get(begun + 1..end)?;
    if name.contains(&b'\\') || open.names.contains(&name) {
        return None;
    }
    open.names.push(name);
    Some(end + 1)
}

/// The quote that ends the string whose text begins at `at`.
fn quote(object: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', object.get(at..)?)?;
        match object.get(found)? {
            b'"' => return Some(found),
            _ => at = found + 2,
        }
    }
}
