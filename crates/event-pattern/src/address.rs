//! IP literals and address blocks, compared as EventBridge compares them.
//!
//! An address becomes upper-case hex digits (8 for IPv4, 32 for IPv6) and a block becomes a lowest and a highest digit string. A value
//! is inside as soon as its digits, read from the left, have decided it. The two families are not kept apart:
//! `10.0.0.0/8` (`0A000000` to `0AFFFFFF`) holds `a00::1`, and a JSON number, which is compared by its own text, can
//! fall into a block too. Both were recorded on the service (September 2026), so they are followed here.

use std::fmt;

/// The hex digits of the address that `text` spells, if it is an IP literal as Java's parser reads it behind two regular expressions:
/// leading zeros are decimal (`010.0.0.1` is `10.0.0.1`), `::ffff:a00:1` is folded to IPv4, `::ffff:10.0.0.1` is no literal.
///
/// They are what addresses are compared by, so an index may keep exact addresses under them. The second value says how many of the digits
/// count: 8 or 32.
///
/// ```
/// let (digits, length) = event_pattern::address_digits("010.0.0.1").unwrap();
/// assert_eq!(&digits[..length], b"0A000001");
/// assert!(event_pattern::address_digits("console.amazonaws.com").is_none());
/// ```
#[must_use]
pub fn address_digits(text: &str) -> Option<([u8; 32], usize)> {
    let mut bytes = [0_u8; 16];
    let len = parse_v4(text)
        .map(|v4| {
            bytes[..4].copy_from_slice(&v4);
            4
        })
        .or_else(|| {
            let v6 = parse_v6(text)?;
            if v6[..10] == [0; 10] && v6[10..12] == [0xff, 0xff] {
                bytes[..4].copy_from_slice(&v6[12..]);
                return Some(4);
            }
            bytes = v6;
            Some(16)
        })?;
    let mut digits = [0_u8; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(&bytes[..len]) {
        pair.copy_from_slice(&hex_pair(*byte));
    }
    Some((digits, len * 2))
}

fn hex_pair(byte: u8) -> [u8; 2] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

/// Whether the text has the *shape* of an IP literal, which is what the service asks before it parses.
pub(crate) fn looks_like_address(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let v4 = parts.len() == 4
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let v6 = text.contains(':') && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    v4 || v6
}

fn parse_v4(text: &str) -> Option<[u8; 4]> {
    // Java refuses longer texts before it looks at them.
    if text.len() > 15 || !text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let mut bytes = [0; 4];
    let mut parts = text.split('.');
    for byte in &mut bytes {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        *byte = u8::try_from(part.parse::<u32>().ok()?).ok()?;
    }
    parts.next().is_none().then_some(bytes)
}

fn parse_v6(text: &str) -> Option<[u8; 16]> {
    if !text.contains(':') || !text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') {
        return None;
    }
    let (head, tail) = match text.split_once("::") {
        Some((head, tail)) => (head, Some(tail)),
        None => (text, None),
    };
    let groups = |part: &str| -> Option<Vec<u16>> {
        if part.is_empty() {
            return Some(Vec::new());
        }
        part.split(':').map(group).collect()
    };
    let head = groups(head)?;
    let mut all = [0_u16; 8];
    match tail {
        None if head.len() == 8 => all.copy_from_slice(&head),
        None => return None,
        Some(tail) => {
            let tail = groups(tail)?;
            // `::` stands for at least one group of zeros.
            if head.len() + tail.len() > 7 {
                return None;
            }
            all[..head.len()].copy_from_slice(&head);
            all[8 - tail.len()..].copy_from_slice(&tail);
        }
    }
    let mut bytes = [0; 16];
    for (pair, group) in bytes.chunks_exact_mut(2).zip(all) {
        pair.copy_from_slice(&group.to_be_bytes());
    }
    Some(bytes)
}

/// One group of an IPv6 literal. Java bounds its value, not its number of digits.
fn group(text: &str) -> Option<u16> {
    let digits = text.trim_start_matches('0');
    if text.is_empty() || digits.len() > 4 {
        return None;
    }
    if digits.is_empty() { Some(0) } else { u16::from_str_radix(digits, 16).ok() }
}

/// A block of addresses, or one address: `{"cidr": "10.0.0.0/8"}`, or the exact string `"10.0.0.1"`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AddressRange {
    low: Box<[u8]>,
    high: Box<[u8]>,
    text: Box<str>,
    /// Set if a term of the same list compares numbers: the service then looks at comparable numbers by value only.
    pub(crate) beside_numeric: bool,
}

impl fmt::Debug for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AddressRange({}: {}..={})",
            self.text,
            self.low().escape_ascii(),
            self.high().escape_ascii()
        )
    }
}

/// Why a CIDR block is refused. The texts are the service's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CidrError {
    #[error("Malformed CIDR, one '/' required")]
    Slash,
    #[error("Malformed CIDR, mask bits must be an integer")]
    MaskNotInteger,
    #[error("Malformed CIDR, mask bits must not be negative")]
    MaskNegative,
    #[error("IPv4 mask bits must be < 32")]
    MaskV4,
    #[error("IPv6 mask bits must be < 128")]
    MaskV6,
    #[error("Nonstandard IP address: {0}")]
    Nonstandard(String),
    #[error("Invalid IP address: {0}")]
    Invalid(String),
}

impl AddressRange {
    /// The range of one address, if the text is an IP literal.
    pub(crate) fn exact(text: &str) -> Option<AddressRange> {
        let (digits, len) = address_digits(text)?;
        Some(AddressRange {
            low: digits[..len].into(),
            high: digits[..len].into(),
            text: text.into(),
            beside_numeric: false,
        })
    }

    /// The range of a block written `address/bits`. Bits beyond the mask are ignored.
    pub(crate) fn block(text: &str) -> Result<AddressRange, CidrError> {
        // Java's `split` drops empty parts at the end: `10.0.0.0/8/` has two parts, `10.0.0.0/` one.
        let mut parts: Vec<&str> = text.split('/').collect();
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        let [address, mask] = parts[..] else { return Err(CidrError::Slash) };
        let mask: i32 = mask.parse().map_err(|_| CidrError::MaskNotInteger)?;
        let mask = usize::try_from(mask).map_err(|_| CidrError::MaskNegative)?;
        let Some((digits, len)) = address_digits(address) else {
            return Err(if looks_like_address(address) {
                CidrError::Invalid(address.to_owned())
            } else {
                CidrError::Nonstandard(address.to_owned())
            });
        };
        match len {
            8 if mask > 31 => return Err(CidrError::MaskV4),
            32 if mask > 127 => return Err(CidrError::MaskV6),
            _ => {}
        }
        let mut low = digits;
        let mut high = digits;
        for (index, (low, high)) in low.iter_mut().zip(&mut high).take(len).enumerate() {
            let fixed = mask.saturating_sub(index * 4).min(4);
            let value = hex_value(*low).unwrap_or(0);
            let free = 0x0f_u8 >> fixed;
            *low = hex_pair(value & !free)[1];
            *high = hex_pair(value | free)[1];
        }
        Ok(AddressRange {
            low: low[..len].into(),
            high: high[..len].into(),
            text: text.into(),
            beside_numeric: false,
        })
    }

    /// The lowest address as upper-case hex digits: 8 of them for IPv4, 32 for IPv6.
    #[must_use]
    pub fn low(&self) -> &[u8] {
        &self.low
    }

    /// The highest address as upper-case hex digits.
    #[must_use]
    pub fn high(&self) -> &[u8] {
        &self.high
    }

    /// The text in the pattern.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether this string is an IP literal inside the range.
    #[must_use]
    pub fn holds_literal(&self, text: &str) -> bool {
        // Literals contain a `:` or four digits groups; most strings in an event are neither and end here.
        let first = text.as_bytes().first();
        if !first.is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b':') {
            return false;
        }
        address_digits(text).is_some_and(|(digits, len)| self.holds_digits(&digits[..len]))
    }

    /// Whether a number falls into the range by its source text. See the module's text for why that can happen.
    #[must_use]
    pub fn holds_number(&self, text: &str) -> bool {
        if self.beside_numeric && crate::number::comparable(text).is_some() {
            return false;
        }
        self.holds_digits(text.as_bytes())
    }

    /// Reads digits from the left until both bounds are decided; digits beyond the bounds do not count.
    fn holds_digits(&self, digits: &[u8]) -> bool {
        let (mut on_low, mut on_high) = (true, true);
        for (index, (low, high)) in self.low.iter().zip(&self.high).enumerate() {
            let Some(digit) = digits.get(index).copied().filter(|digit| hex_value(*digit).is_some()) else {
                return false;
            };
            if (on_low && digit < *low) || (on_high && digit > *high) {
                return false;
            }
            on_low &= digit == *low;
            on_high &= digit == *high;
            if !on_low && !on_high {
                return true;
            }
        }
        true
    }
}

/// The value of an upper-case hex digit: the service's digit strings know no lower case.
fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressRange, address_digits};

    fn digits(text: &str) -> Option<String> {
        address_digits(text).map(|(digits, len)| digits[..len].escape_ascii().to_string())
    }

    #[test]
    fn literals() {
        let v4 = Some("0A000001".to_owned());
        for text in ["10.0.0.1", "010.0.0.1", "10.0.0.0001", "::ffff:a00:1", "0:0:0:0:0:FFFF:0a00:0001"] {
            assert_eq!(digits(text), v4, "{text}");
        }
        assert_eq!(digits("::1"), digits("0:0:0:0:0:0:0:1"));
        assert_eq!(digits("::1"), digits("0:0::0:00001"));
        for text in [
            "",
            "1",
            "10.0.0",
            "10.0.0.256",
            "10.0.0.1.2",
            "0000000010.0.0.1",
            ":",
            ":::",
            "1:",
            ":1",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8::",
            "12345::",
            "g::",
            "::ffff:10.0.0.1",
            "fe80::1%1",
            "10.0.0.1 ",
            "+1.2.3.4",
        ] {
            assert_eq!(digits(text), None, "{text}");
        }
    }

    #[test]
    fn blocks_hold_the_other_family_by_their_digits() {
        let block = |text: &str| AddressRange::block(text).expect("a block");
        assert!(block("10.0.0.0/8").holds_literal("a00::1"));
        assert!(block("::/0").holds_literal("10.0.0.1"));
        assert!(block("0.0.0.0/0").holds_literal("2001:db8::1"));
        assert!(block("10.0.0.1/0").holds_number("1"));
        assert!(block("2001:db8::/0").holds_number("1"));
        assert!(!block("010.0.0.0/8").holds_number("1"));
        assert!(block("10.0.0.77/31").holds_literal("10.0.0.76"));
        assert!(!block("10.0.0.77/31").holds_literal("10.0.0.78"));
    }
}
