//! What may stand in front of a record, behind it, and around a list of them.
//!
//! Marks say where a record's brackets close; only the text next to it says whether they closed where they should. These are the
//! questions a splitter asks of that text. Each answers `None` where a window ends too early to tell.

use super::resync::{Beginning, FirstName, first_name};
use crate::record::BatchKind;

/// How much of a text that does not begin like JSON is looked through for a line that does.
pub(super) const FOREIGN: usize = 4 << 10;

/// How far into a broken log file its list of records is looked for.
const HEADER: usize = 64 << 10;

/// An array whose elements are records, or hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List {
    pub(super) kind: BatchKind,
    /// Whether it stands in an object, not by itself.
    pub(super) wrapped: bool,
    /// How many lists within it are open.
    pub(super) inner: u32,
}

/// The text at hand.
#[derive(Clone, Copy)]
pub(super) struct Window<'w> {
    pub(super) bytes: &'w [u8],
    /// Offset of its first byte in the whole text.
    pub(super) base: u64,
    /// Whether nothing follows it.
    pub(super) last: bool,
}

/// The first byte at or behind `at` that is no white space.
pub(super) fn first_byte(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let rest = bytes.get(at..)?;
    let blanks = rest.iter().position(|byte| !is_space(byte))?;
    Some((at + blanks, *rest.get(blanks)?))
}

/// Whether what follows a record may follow one; `None` if the text ends too early to tell.
///
/// A comma with a member behind it may not: then a stray bracket closed the record too early. Unless the member is that with which records begin:
/// then it is the next one that lost its bracket.
pub(super) fn is_separated(
    window: Window<'_>,
    end: usize,
    list: Option<List>,
    had_list: bool,
    beginning: &Beginning,
) -> Option<bool> {
    let rest = window.bytes.get(end..).unwrap_or_default();
    if let [b',', b'{', ..] = rest {
        return Some(true);
    }
    if list.is_none() && matches!(rest, [b'\n', ..] | [b'\r', b'\n', ..]) {
        return Some(true);
    }
    let verdict = match (first_byte(rest, 0), list) {
        (None, _) => None,
        (Some((_, b'{')), _) => Some(true),
        (Some((_, b']')), Some(list)) if list.inner > 0 => Some(true),
        (Some((at, b']')), Some(list)) => ends_list(rest, at + 1, list),
        // A bracket in a broken record may have led out of the list.
        (Some((_, b']')), None) => Some(had_list),
        (Some((comma, b',')), _) => match first_byte(rest, comma + 1) {
            None => None,
            Some((name, b'"')) => {
                let member = rest.get(name..).unwrap_or_default();
                is_member(member).map(|is_member| !is_member || beginning.is_name(member))
            }
            Some(_) => Some(true),
        },
        (Some(_), _) => Some(false),
    };
    // What is cut off is no fault of this record.
    verdict.or(window.last.then_some(true))
}

/// Whether the text from `behind` on may follow the bracket that closes a list; `None` if it ends too early to tell.
pub(super) fn ends_list(text: &[u8], behind: usize, list: List) -> Option<bool> {
    let (next, byte) = first_byte(text, behind)?;
    match byte {
        b'}' => Some(list.wrapped),
        b',' if list.wrapped => is_member(text.get(first_byte(text, next + 1)?.0..)?),
        b'{' | b'[' => Some(!list.wrapped),
        _ => Some(false),
    }
}

/// Whether an object begins behind a comma at `end`.
pub(super) fn is_followed_by_object(text: &[u8], end: usize) -> bool {
    let next = |at, wanted| first_byte(text, at).filter(|(_, byte)| *byte == wanted).map(|(at, _)| at + 1);
    let name = next(end, b',').and_then(|at| next(at, b'{')).and_then(|at| first_byte(text, at));
    name.is_some_and(|(at, _)| text.get(at..).and_then(is_member) == Some(true))
}

/// Whether `text` begins with a member's name and a colon; `None` if it ends too early to tell.
pub(super) fn is_member(text: &[u8]) -> Option<bool> {
    let [b'"', rest @ ..] = text else { return if text.is_empty() { None } else { Some(false) } };
    let name = memchr::memchr(b'"', rest)?;
    first_byte(rest, name + 1).map(|(_, byte)| byte == b':')
}

/// What an object begins with.
pub(super) enum InFront {
    /// A list, whose first element would begin so many bytes behind the object's bracket.
    List(List, usize),
    Nothing,
    /// The text ends too early to tell.
    CutOff,
}

/// Whether `text`, an object, begins with its list: then it is not taken as a whole. A subscription is, to see whether it says anything.
pub(super) fn list_in_front(text: &[u8]) -> InFront {
    let name = match first_name(text) {
        FirstName::Is(name) => name,
        FirstName::None => return InFront::Nothing,
        FirstName::CutOff => return InFront::CutOff,
    };
    let kind = match BatchKind::named(name) {
        Some(kind @ (BatchKind::Records | BatchKind::Events)) => kind,
        Some(BatchKind::LogEvents) | None => return InFront::Nothing,
    };
    let behind = memchr::memmem::find(text, name).map_or(text.len(), |at| at + name.len() + 1);
    let Some((colon, byte)) = first_byte(text, behind) else { return InFront::CutOff };
    match first_byte(text, colon + 1) {
        Some((at, b'[')) if byte == b':' => InFront::List(List { kind, wrapped: true, inner: 0 }, at + 1),
        None if byte == b':' => InFront::CutOff,
        _ => InFront::Nothing,
    }
}

/// The list in a broken object that `text` begins with, and where in `text` its first element would begin.
pub(super) fn list_ahead(text: &[u8]) -> Option<(List, usize)> {
    let text = text.get(..HEADER.min(text.len()))?;
    // Not beyond the line that is broken.
    let line = text.get(1..).and_then(|rest| memchr::memmem::find(rest, b"\n{"));
    let text = text.get(..line.map_or(text.len(), |at| at + 1))?;
    let find = |name: &[u8], kind| {
        memchr::memmem::find_iter(text, name).find_map(|at| {
            let (colon, byte) = first_byte(text, at + name.len())?;
            let (bracket, behind) = first_byte(text, colon + 1)?;
            (byte == b':' && behind == b'[').then_some((List { kind, wrapped: true, inner: 0 }, bracket + 1))
        })
    };
    let found = [
        find(b"\"Records\"", BatchKind::Records),
        find(b"\"Events\"", BatchKind::Events),
        find(b"\"logEvents\"", BatchKind::LogEvents),
    ];
    found.into_iter().flatten().min_by_key(|(_, at)| *at)
}

/// Whether an object begins on a line of its own somewhere: then the text is worth looking through.
pub(super) fn begins_a_line(text: &[u8]) -> bool {
    let text = text.get(..FOREIGN.min(text.len())).unwrap_or_default();
    memchr::memmem::find_iter(text, b"\n{").any(|at| matches!(first_byte(text, at + 2), Some((_, b'"'))))
}

/// The first bytes of a file, for a message, and what kind it is if that is well known.
pub(super) fn describe(text: &[u8]) -> String {
    let start = text.get(..text.len().min(24)).unwrap_or_default();
    let shown: String = match std::str::from_utf8(start) {
        Ok(text) => text
            .chars()
            .map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.into() })
            .collect(),
        Err(_) => start.escape_ascii().to_string(),
    };
    let known = [
        (&b"PK\x03\x04"[..], " (a zip archive)"),
        (b"\x28\xb5\x2f\xfd", " (zstd: decompress it first)"),
        (b"BZh", " (bzip2: decompress it first)"),
        (b"PAR1", " (Parquet)"),
        (b"\xff\xfe", " (UTF-16: convert it to UTF-8 first)"),
        (b"\xfe\xff", " (UTF-16: convert it to UTF-8 first)"),
        // Without a byte order mark.
        (b"{\0", " (UTF-16: convert it to UTF-8 first)"),
        (b"\0{", " (UTF-16: convert it to UTF-8 first)"),
        (b"[\0", " (UTF-16: convert it to UTF-8 first)"),
        (b"\0[", " (UTF-16: convert it to UTF-8 first)"),
        (b"\x1f\x8b", " (gzip inside gzip)"),
        (b"<", " (XML or HTML)"),
    ];
    let kind = known.iter().find(|(magic, _)| start.starts_with(magic)).map_or("", |(_, kind)| kind);
    format!("`{shown}`{kind}")
}

#[cfg(test)]
mod tests {
    use crate::Decoder;

    #[test]
    fn text_in_sixteen_bits_is_named_with_and_without_its_mark() {
        let text = r#"{"Records":[]}"#;
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let (marked_little, marked_big) =
            ([&b"\xff\xfe"[..], &little].concat(), [&b"\xfe\xff"[..], &big].concat());
        for bytes in [little, big, marked_little, marked_big] {
            let decoded = Decoder::default().decode(&bytes, None, |item| panic!("{item:?}"));
            let trouble = decoded.trouble.map(|trouble| trouble.to_string()).unwrap_or_default();
            assert!(trouble.contains("UTF-16: convert it to UTF-8 first"), "{trouble}");
        }
    }
}
