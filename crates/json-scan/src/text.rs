//! A JSON string as it stands in the text.

use std::borrow::Cow;

use crate::malformed::{Malformed, Reason};

/// A string between its quotes, still escaped.
///
/// Cheap questions ([`Text::raw`], [`Text::is`]) are answered on the raw bytes; [`Text::unescape`] is where a string is checked.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    offset: usize,
    raw: &'a [u8],
}

impl<'a> Text<'a> {
    #[inline]
    pub(crate) fn new(offset: usize, raw: &'a [u8]) -> Self {
        Text { offset, raw }
    }

    /// The bytes between the quotes, escapes and all.
    #[inline]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Where those bytes begin in the scanned buffer.
    #[inline]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Whether there is anything to unescape.
    #[inline]
    pub fn is_escaped(&self) -> bool {
        memchr::memchr(b'\\', self.raw).is_some()
    }

    /// Whether the string, unescaped, equals `plain`. False for a string that is not valid.
    #[inline]
    pub fn is(&self, plain: &str) -> bool {
        if self.raw == plain.as_bytes() {
            // Equal bytes are an equal string unless they need escapes to stand in JSON at all.
            return !plain.bytes().any(needs_escape);
        }
        self.raw.len() > plain.len() && self.is_escaped() && self.unescape().is_ok_and(|text| text == plain)
    }

    /// The string itself.
    ///
    /// # Errors
    ///
    /// [`Reason::NotAString`] for a bad escape, a lone surrogate, a raw control character or a stray quote (which the
    /// neighbours of this text then lack); [`Reason::NotUtf8`].
    pub fn unescape(&self) -> Result<Cow<'a, str>, Malformed> {
        if is_plain(self.raw) {
            return match std::str::from_utf8(self.raw) {
                Ok(text) => Ok(Cow::Borrowed(text)),
                Err(error) => Err(Malformed::at(self.offset + error.valid_up_to(), Reason::NotUtf8)),
            };
        }
        let mut out = Vec::with_capacity(self.raw.len());
        self.unescape_into(&mut out)?;
        // Checked already; checking again is how to turn bytes into a string without `unsafe`.
        match String::from_utf8(out) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(_) => Err(Malformed::at(self.offset, Reason::NotUtf8)),
        }
    }

    /// Whether what is escaped is escaped as it must be; the bytes are known to be UTF-8.
    pub(crate) fn check_escapes(&self) -> Result<(), Malformed> {
        if is_plain(self.raw) { Ok(()) } else { self.unescape().map(drop) }
    }

    /// Appends the string itself to `out`, which may be a buffer used again and again. After an error `out` ends with a part of it.
    ///
    /// # Errors
    ///
    /// As [`Text::unescape`].
    pub fn unescape_into(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let begun_at = out.len();
        let mut rest = self.raw;
        loop {
            let plain = rest.iter().position(|&byte| needs_escape(byte)).unwrap_or(rest.len());
            let (done, behind) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
            out.extend_from_slice(done);
            let fault = Malformed::at(self.offset + (self.raw.len() - behind.len()), Reason::NotAString);
            rest = match behind {
                [] => break,
                [b'\\', behind @ ..] => unescape_one(behind, out).ok_or(fault)?,
                _ => return Err(fault),
            };
        }
        // Escapes cannot repair what is wrong with the bytes around them, so a fault here is one of the raw text.
        match std::str::from_utf8(out.get(begun_at..).unwrap_or_default()) {
            Ok(_) => Ok(()),
            Err(_) => {
                let valid = std::str::from_utf8(self.raw).map_or_else(|error| error.valid_up_to(), str::len);
                Err(Malformed::at(self.offset + valid, Reason::NotUtf8))
            }
        }
    }
}

/// Whether the bytes are a string as they stand. Whole blocks are looked at without leaving early, so that the compiler can look at
/// all bytes of one at once; the last one overlaps the one before, and most strings are no longer than two.
#[inline]
fn is_plain(raw: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (raw.first_chunk::<16>(), raw.last_chunk::<16>()) {
        let escapes = |block: &[u8; 16]| block.iter().fold(false, |found, &byte| found | needs_escape(byte));
        return !escapes(first) && !escapes(last) && !raw.as_chunks::<16>().0.iter().skip(1).any(escapes);
    }
    if let (Some(first), Some(last)) = (raw.first_chunk::<8>(), raw.last_chunk::<8>()) {
        return !needs_escapes(u64::from_le_bytes(*first)) && !needs_escapes(u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (raw.first_chunk::<4>(), raw.last_chunk::<4>()) {
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        return !needs_escapes(first | last << 32);
    }
    !raw.iter().any(|&byte| needs_escape(byte))
}

/// Whether one of eight bytes [needs an escape](needs_escape).
#[inline]
fn needs_escapes(eight: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    // Taking something from a byte that is less than it sets its high bit; a byte that had it set is none of those.
    let less = |word: u64, than: u64| word.wrapping_sub(ONES * than) & !word & HIGHS;
    let is = |byte: u64| less(eight ^ (ONES * byte), 1);
    less(eight, 0x20) | is(u64::from(b'"')) | is(u64::from(b'\\')) != 0
}

/// Bytes that stand in a JSON string only behind a backslash.
fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1f)
}

/// Appends what the escape at the front of `rest` (behind its backslash) stands for, and returns what follows it.
fn unescape_one<'r>(rest: &'r [u8], out: &mut Vec<u8>) -> Option<&'r [u8]> {
    let (&kind, rest) = rest.split_first()?;
    let byte = match kind {
        b'"' | b'\\' | b'/' => kind,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unescape_unicode(rest, out),
        _ => return None,
    };
    out.push(byte);
    Some(rest)
}

/// `XXXX`, or `XXXX\uXXXX` for a surrogate pair.
fn unescape_unicode<'r>(rest: &'r [u8], out: &mut Vec<u8>) -> Option<&'r [u8]> {
    let (unit, rest) = code_unit(rest)?;
    let (units, rest) = if (0xd800..0xdc00).contains(&unit) {
        let (low, rest) = code_unit(rest.strip_prefix(b"\\u")?)?;
        ([unit, low], rest)
    } else {
        ([unit, 0], rest)
    };
    let used = if (0xd800..0xdc00).contains(&unit) { 2 } else { 1 };
    let scalar = char::decode_utf16(units.into_iter().take(used)).next()?.ok()?;
    out.extend_from_slice(scalar.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

fn code_unit(rest: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = rest.split_at_checked(4)?;
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some((u16::from_str_radix(text, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_string_is_plain_if_all_its_bytes_are(raw in prop::collection::vec(any::<u8>(), 0..50), is_quiet in any::<bool>()) {
            let quiet = |byte: &u8| if needs_escape(*byte) { b'a' } else { *byte };
            let raw: Vec<u8> = if is_quiet { raw.iter().map(quiet).collect() } else { raw };
            prop_assert_eq!(is_plain(&raw), !raw.iter().any(|&byte| needs_escape(byte)));
        }

        #[test]
        fn a_single_byte_is_seen_wherever_it_stands(len in 1_usize..50, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut raw = vec![b'a'; len];
            raw[at.index(len)] = byte;
            prop_assert_eq!(is_plain(&raw), !needs_escape(byte));
        }
    }
}
