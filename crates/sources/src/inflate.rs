//! How much text compressed bytes hold, found out without keeping any of it.
//!
//! Deflate packs at most 1,032 bytes into one, so what is small enough needs no look. The rest is inflated through a small buffer before
//! it is handed over: whoever can put a file somewhere must not be able to keep the process busy for hours with a megabyte.

use std::io::{self, ErrorKind, Read};

use flate2::read::MultiGzDecoder;

/// The most text that one source hands over at once, in bytes. CloudTrail's largest files hold a fiftieth of it.
pub(crate) const INFLATED_MAX: u64 = 4 << 30;

/// No deflated byte holds more than this.
const RATIO_MAX: u64 = 1032;

/// What compressed bytes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inflated {
    /// No more text than allowed, as far as is known: damage is the decoder's to report.
    Fits,
    /// More text than allowed.
    TooLarge,
    /// The data ends too early.
    BreaksOff,
}

/// Whether bytes begin as gzip does.
pub(crate) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Whether compressed bytes so many can hold more than `max` bytes of text at all.
pub(crate) fn may_exceed(compressed: u64, max: u64) -> bool {
    compressed.saturating_mul(RATIO_MAX) > max
}

/// Inflates to the end, or to `max` bytes of text. Blocks.
pub(crate) fn measure(compressed: impl Read, max: u64) -> Inflated {
    let mut text = MultiGzDecoder::new(compressed).take(max.saturating_add(1));
    match io::copy(&mut text, &mut io::sink()) {
        Ok(length) if length > max => Inflated::TooLarge,
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Inflated::BreaksOff,
        Ok(_) | Err(_) => Inflated::Fits,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    /// Compresses.
    pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bombs_and_broken_files_are_told_from_good_ones() {
        let zeros = gzip(&vec![0; 1 << 20]);
        assert!(may_exceed(zeros.len() as u64, (1 << 20) - 1), "the bound on the ratio holds");
        assert!(!may_exceed(100, 1 << 20));
        assert_eq!(measure(zeros.as_slice(), 1 << 20), Inflated::Fits);
        assert_eq!(measure(zeros.as_slice(), (1 << 20) - 1), Inflated::TooLarge);
        assert_eq!(measure(zeros.get(..zeros.len() - 9).unwrap(), 1 << 20), Inflated::BreaksOff);
        let two = [zeros.clone(), zeros].concat();
        assert_eq!(measure(two.as_slice(), (1 << 21) - 1), Inflated::TooLarge, "all members count");
    }
}
