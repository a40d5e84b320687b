//! gzip, in one piece or in many.
//!
//! Whole objects go to libdeflate, which is about twice as fast as inflating through a window but needs room for the result and reads one
//! member only. The length in a file's last four bytes says how much room, but it is modulo 4 GiB, of the last member only, and whatever
//! a hostile file wants it to be: a hint to start from, never a limit. Everything else goes through [`Members`].

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;
use libdeflater::{DecompressionError, Decompressor};

use super::Trouble;

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Header and trailer of the smallest member.
const SMALLEST: usize = 18;

/// Whether these are the first bytes of a gzip file.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Inflates a file of one member in one piece.
pub(super) struct Whole(Decompressor);

impl Default for Whole {
    fn default() -> Self {
        Whole(Decompressor::new())
    }
}

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Whole")
    }
}

impl Whole {
    /// Inflates `input` into the front of `text`, which grows as needed up to `limit`, and returns how much it is. `None` if it is more, is
    /// damaged, or there may be something behind its first member.
    pub(super) fn inflate(&mut self, input: &[u8], limit: usize, text: &mut Vec<u8>) -> Option<usize> {
        let (trailer, behind_header) = (input.last_chunk::<4>()?, input.get(SMALLEST..)?);
        // Only the first member would be inflated, silently. Compressed data may contain these bytes by chance, which costs a little speed.
        if memchr::memmem::find(behind_header, &[MAGIC[0], MAGIC[1], 8]).is_some() {
            return None;
        }
        // Nothing shrinks to less than a thousandth.
        let most = limit.min(input.len().saturating_mul(1_032));
        let hint = usize::try_from(u32::from_le_bytes(*trailer)).unwrap_or(most);
        let mut room = if hint <= most { hint } else { most.min(input.len().saturating_mul(16)) };
        loop {
            if text.len() < room {
                text.resize(room, 0);
            }
            match self.0.gzip_decompress(input, text) {
                // Otherwise there is more behind the member: padding, or what should not be there.
                Ok(len) => return (len & 0xffff_ffff == hint).then_some(len),
                Err(DecompressionError::InsufficientSpace) if text.len() < most => {
                    room = text.len().saturating_mul(2).clamp(4_096, most);
                }
                Err(DecompressionError::InsufficientSpace | DecompressionError::BadData) => return None,
            }
        }
    }
}

/// Reads all members of a gzip file as one text. Zeros behind the last one are padding.
pub(super) struct Members<R> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(reader: R) -> Self {
        Members { member: Some(GzDecoder::new(reader)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if let Some(ended) = self.member.take() {
                self.member = next_member(ended.into_inner())?;
            }
        }
        Ok(0)
    }
}

/// The member that begins where `reader` stands, behind padding.
fn next_member<R: BufRead>(mut reader: R) -> io::Result<Option<GzDecoder<R>>> {
    let mut padded = false;
    loop {
        let bytes = reader.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        match bytes.get(zeros) {
            _ if bytes.is_empty() => return Ok(None),
            None => {
                padded = true;
                reader.consume(zeros);
            }
            Some(&byte) if byte == MAGIC[0] && zeros == 0 && !padded => {
                return Ok(Some(GzDecoder::new(reader)));
            }
            Some(_) => return Err(io::Error::other(Trailing)),
        }
    }
}

/// Something that is no member follows a member.
#[derive(Debug, thiserror::Error)]
#[error("something other than gzip data follows")]
struct Trailing;

/// What a failed read means.
pub(super) fn trouble(error: io::Error, after: u64) -> Trouble {
    if error.get_ref().and_then(|inner| inner.downcast_ref::<Trailing>()).is_some() {
        return Trouble::TrailingBytes { after };
    }
    match error.kind() {
        ErrorKind::UnexpectedEof => Trouble::TruncatedGzip { after },
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            Trouble::CorruptGzip { after, detail: error.to_string() }
        }
        _ => Trouble::Read { after, error },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    /// One member.
    pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn whole(input: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        let len = Whole::default().inflate(input, limit, &mut text)?;
        Some(text[..len].to_vec())
    }

    fn members(input: &[u8]) -> (Vec<u8>, Option<String>) {
        let mut text = Vec::new();
        let failed = Members::new(input).read_to_end(&mut text).err();
        let after = text.len() as u64;
        (text, failed.map(|error| trouble(error, after).to_string()))
    }

    #[test]
    fn a_lying_length_is_only_a_hint() {
        let text = b"cloud trail ".repeat(10_000);
        let honest = gzip(&text);
        assert_eq!(whole(&honest, 1 << 20).as_deref(), Some(&text[..]));
        // The last four bytes claim nothing, or everything: the sum before them still has to fit, so libdeflate refuses.
        for lie in [0_u32, 1, u32::MAX] {
            let mut lying = honest.clone();
            let at = lying.len() - 4;
            lying[at..].copy_from_slice(&lie.to_le_bytes());
            assert_eq!(whole(&lying, 1 << 20), None);
        }
        let mut padded = honest.clone();
        padded.extend([0; 512]);
        assert_eq!(whole(&padded, 1 << 20), None, "something follows");
        assert_eq!(members(&padded), (text, None));
        assert_eq!(whole(&honest, 1_000), None, "larger than the limit");
    }

    #[test]
    fn members_are_one_text() {
        let mut input = gzip(b"{\"a\":1}");
        input.extend(gzip(b""));
        input.extend(gzip(b"{\"b\":2}"));
        assert_eq!(whole(&input, 1 << 20), None);
        assert_eq!(members(&input), (b"{\"a\":1}{\"b\":2}".to_vec(), None));
        input.extend([0; 100]);
        assert_eq!(members(&input), (b"{\"a\":1}{\"b\":2}".to_vec(), None));
        input.extend(b"x");
        let (text, trouble) = members(&input);
        assert_eq!(text, b"{\"a\":1}{\"b\":2}");
        assert_eq!(trouble.as_deref(), Some("something other than gzip data follows 14 inflated bytes"));
    }

    #[test]
    fn what_comes_before_the_damage_is_kept() {
        let text: Vec<u8> =
            (0..50_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_string().into_bytes()).collect();
        let input = gzip(&text);
        let (seen, trouble) = members(&input[..input.len() / 2]);
        assert!(seen.len() > text.len() / 3 && text.starts_with(&seen));
        assert!(trouble.unwrap().starts_with("the gzip data breaks off after"));
        let mut damaged = input.clone();
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        let (seen, trouble) = members(&damaged);
        assert_eq!(seen, text);
        assert!(trouble.unwrap().starts_with("the gzip data is damaged after"));
    }
}
