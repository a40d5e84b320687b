//! Numbers of up to nineteen digits, decided in integers.
//!
//! A number `d / 10^k` with a double `m / 2^s` nearest to it: both are multiples of `1 / (2^s * 10^k)`, so how far they are apart is the
//! difference `d * 2^s - m * 10^k`, which fits into 128 bits for all numbers that anybody writes. In that unit, neighbouring decimals of as many
//! places are `2^s` apart and neighbouring doubles `10^k`. So
//!
//! * `m` is the nearest double if the difference is less than half of `10^k`;
//! * `d` is the nearest decimal of its length if the difference is less than half of `2^s`;
//! * there is no shorter one if both multiples of ten around `d` are further than half of `10^k` from the double.
//!
//! The last two together are what makes a decimal a double's shortest. Where one of the halves is met exactly, or a double is a power of two, whose
//! neighbours are not equally far, this file does not know; so does it not with exponents and with numbers longer than these.

/// A JSON number without an exponent: digits, and how many of them stand behind the point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    is_negative: bool,
    digits: u64,
    places: usize,
}

/// The most places: a power of ten beyond is no double.
const PLACES_MAX: usize = 22;

/// Any number up to this one is a double.
const EXACT_MAX: u64 = 1 << 53;

const POWERS: [u128; PLACES_MAX + 1] = {
    let mut powers = [1; PLACES_MAX + 1];
    let mut at = 1;
    while at <= PLACES_MAX {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

const DOUBLES: [f64; PLACES_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

impl Short {
    /// Reads a number as JSON has it; `None` if it has an exponent or more than nineteen digits.
    #[inline]
    pub(super) fn read(text: &[u8]) -> Option<Short> {
        let (is_negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        if matches!(rest, [b'0', b'0'..=b'9', ..] | [b'.', ..]) {
            return None;
        }
        // Nineteen digits fit into the integer.
        if rest.len() > 20 {
            return None;
        }
        let (whole, mut rest) = digits_of(0, rest);
        let (mut digits, mut places) = (whole, 0);
        if let [b'.', fraction @ ..] = rest {
            let behind;
            (digits, behind) = digits_of(whole, fraction);
            places = fraction.len() - behind.len();
            rest = behind;
        } else if text.len() > 19 {
            return None;
        }
        let is_read = rest.is_empty() && text.last().is_some_and(u8::is_ascii_digit);
        is_read.then_some(Short { is_negative, digits, places })
    }

    /// What [`comparable`](super::comparable) says; `None` where that cannot be said here.
    #[inline]
    pub(super) fn comparable(self) -> Option<Option<f64>> {
        let Short { is_negative, mut digits, mut places } = self;
        while places > 0 && digits.is_multiple_of(10) {
            digits /= 10;
            places -= 1;
        }
        if digits == 0 {
            return Some(Some(0.0));
        }
        let signed = |value: f64| if is_negative { -value } else { value };
        // Fifteen digits survive the way through a double, and a quotient of two doubles is the one nearest to it.
        if digits < 1_000_000_000_000_000 {
            #[expect(clippy::cast_precision_loss, reason = "fifteen digits fit")]
            let value = digits as f64 / DOUBLES.get(places)?;
            return Some(Some(signed(value)));
        }
        let value = nearest(digits, places)?;
        Some(value.map(signed))
    }
}

/// The double whose shortest decimal form is `digits / 10^places`, a number of more than fifteen digits whose last is not zero; `None` inside if
/// there is none.
fn nearest(digits: u64, places: usize) -> Option<Option<f64>> {
    if places == 0 {
        return None;
    }
    let ten = i128::try_from(*POWERS.get(places)?).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "mended below")]
    let close = digits as f64 / DOUBLES.get(places)?;
    let bits = close.to_bits();
    // `close` is mantissa / 2^shift.
    let shift = 1_075_u64.checked_sub(bits >> 52).filter(|shift| (1..=70).contains(shift))?;
    let mut mantissa = i128::from((bits & (EXACT_MAX / 2 - 1)) | (EXACT_MAX / 2));
    let two = 1_i128 << shift;
    // Both products are about the same, and the second one is 2^53 * 2^73 at most.
    let mut apart = (i128::from(digits) << shift) - mantissa * ten;
    let half = ten / 2;
    while apart > half {
        mantissa += 1;
        apart -= ten;
    }
    while apart < -half {
        mantissa -= 1;
        apart += ten;
    }
    let is_inside = i128::from(EXACT_MAX / 2) < mantissa && mantissa < i128::from(EXACT_MAX);
    if !is_inside || apart.abs() == half || apart.abs() * 2 == two {
        return None;
    }
    let last = i128::from(digits % 10);
    let (below, above) = (apart - (last << shift), apart + ((10 - last) << shift));
    if below.abs() == half || above.abs() == half {
        return None;
    }
    let is_shortest = apart.abs() * 2 < two && below.abs() > half && above.abs() > half;
    let fraction = u64::try_from(mantissa).ok()? & (EXACT_MAX / 2 - 1);
    Some(is_shortest.then(|| f64::from_bits((bits & !(EXACT_MAX / 2 - 1)) | fraction)))
}

/// Appends the digits at the front of `text` to `number`, and returns what follows them. At most twenty bytes of text, of which one is no digit or
/// the number does not matter.
#[inline]
fn digits_of(mut number: u64, whole: &[u8]) -> (u64, &[u8]) {
    let mut text = whole;
    while let Some((eight, rest)) = text.split_first_chunk::<8>()
        && let Some(read) = eight_digits(u64::from_le_bytes(*eight))
    {
        number = number.wrapping_mul(100_000_000).wrapping_add(read);
        text = rest;
    }
    // What is left of a long number is the end of its last eight bytes, of which the others are taken for zeros.
    if let (Some(last), Some(scale), false) =
        (whole.last_chunk::<8>(), SCALES.get(text.len()), text.is_empty())
        && text.len() < whole.len()
    {
        let others = u64::MAX >> (8 * text.len());
        let last = (u64::from_le_bytes(*last) & !others) | (ZEROS & others);
        if let Some(read) = eight_digits(last) {
            return (number.wrapping_mul(*scale).wrapping_add(read), &[]);
        }
    }
    while let [digit @ b'0'..=b'9', rest @ ..] = text {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        text = rest;
    }
    (number, text)
}

const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);

/// What so many further digits multiply a number by.
const SCALES: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// Eight digits at once, the first one in the lowest byte: neighbours are joined to pairs, those to fours, and those to the number.
#[inline]
fn eight_digits(text: u64) -> Option<u64> {
    const SIXES: u64 = u64::from_le_bytes([6; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0xf0; 8]);
    // `0` to `9` have a three in their upper half, and still do with six added to them.
    if text & HIGHS != ZEROS || text.wrapping_add(SIXES) & HIGHS != ZEROS {
        return None;
    }
    let digits = text - ZEROS;
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_are_read_at_once_and_nothing_else_is() {
        for number in [0, 1, 9, 10, 12_345_678, 99_999_999, 80_808_080] {
            let text = format!("{number:08}");
            let bytes: [u8; 8] = text.as_bytes().try_into().unwrap();
            assert_eq!(eight_digits(u64::from_le_bytes(bytes)), Some(number));
        }
        for text in [
            b"1234567.",
            b"-1234567",
            b"1234e567",
            b"12345:78",
            b"12/45678",
            b"1234567\xb0",
            b"\0\0\0\0\0\0\0\0",
        ] {
            assert_eq!(eight_digits(u64::from_le_bytes(*text)), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_short_number_is_not_read() {
        for text in [
            "",
            "-",
            "1.",
            "-.",
            "1e5",
            "12345678901234567890",
            "0.12345678901234567890",
            "1.2.3",
            "1x",
            "01",
            "-00.5",
            ".5",
        ] {
            assert!(Short::read(text.as_bytes()).is_none(), "{text}");
        }
        let read = Short::read(b"-122.42916360922355").unwrap();
        assert_eq!((read.is_negative, read.digits, read.places), (true, 12_242_916_360_922_355, 14));
    }
}
