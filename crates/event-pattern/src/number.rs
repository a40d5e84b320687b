//! Which numbers can be compared.
//!
//! The service turns a number into a double and keeps it only if the double's shortest decimal form is the number that was
//! written. Such a number is *comparable*: `300`, `300.0` and `3.0e2` are one value. All others (`1e309`, a 20-digit
//! identifier, `0.1234567890123456789`) have no value to compare; an integer among them still equals its own text.
//!
//! Numbers of usual lengths are decided in integers, without a detour over text (`short`).
//!
//! Invariant: [`comparable`] never returns a NaN, an infinity or a negative zero, so `==` on two results is the service's equality.

mod short;

use short::Short;

/// The value a JSON number is compared by, or `None` if it is not exactly a double's shortest decimal form.
///
/// ```
/// use event_pattern::comparable;
/// assert_eq!(comparable("3.0e2"), Some(300.0));
/// assert_eq!(comparable("9007199254740993"), None); // a double would make it …992
/// assert_eq!(comparable("1e309"), None);
/// ```
#[must_use]
pub fn comparable(text: &str) -> Option<f64> {
    plain_number(text.as_bytes()).unwrap_or_else(|| comparable_in_full(text))
}

/// [`comparable`] of bytes that need not be a number: `None` unless they are one by JSON's grammar, and one that needs no closer look (all without an
/// exponent and of usual length).
///
/// ```
/// use event_pattern::plain_number;
/// assert_eq!(plain_number(b"-0.5"), Some(Some(-0.5)));
/// assert_eq!(plain_number(b"true"), None);
/// ```
#[must_use]
#[inline]
pub fn plain_number(text: &[u8]) -> Option<Option<f64>> {
    Short::read(text)?.comparable()
}

/// The same for any number, by writing the double down and comparing digits.
#[cold]
fn comparable_in_full(text: &str) -> Option<f64> {
    let written = Decimal::parse(text)?;
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    // Fifteen significant digits always survive the way through a double, as long as it neither underflows nor overflows.
    let short = written.digits_len() <= 15 && value.is_normal();
    if !short && Decimal::parse(&format!("{value:e}"))? != written {
        return None;
    }
    // -0, -0.0 and 0 are one value.
    Some(if written.is_zero() { 0.0 } else { value })
}

/// Whether the text is an integer in the JSON sense: no fraction, no exponent.
pub(crate) fn is_integer(text: &str) -> bool {
    !text.contains(['.', 'e', 'E'])
}

/// A decimal number without leading or trailing zeros: sign, digits (ASCII), and the power of ten of the last digit.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut exponent = i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent += 1;
        }
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits, exponent: 0 });
        }
        Some(Decimal { negative, digits, exponent })
    }

    fn digits_len(&self) -> usize {
        self.digits.len()
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{comparable, comparable_in_full};
    use proptest::prelude::*;

    #[test]
    fn numbers_with_and_without_a_value() {
        let cases: &[(&str, Option<f64>)] = &[
            ("0", Some(0.0)),
            ("-0", Some(0.0)),
            ("-0.0e7", Some(0.0)),
            ("300", Some(300.0)),
            ("300.0", Some(300.0)),
            ("3.0e2", Some(300.0)),
            ("3E+2", Some(300.0)),
            ("-3.018e2", Some(-301.8)),
            ("0.1", Some(0.1)),
            ("123456789012345", Some(123_456_789_012_345.0)),
            ("9007199254740992", Some(9_007_199_254_740_992.0)),
            ("9007199254740993", None),
            ("12345678901234567890", None),
            ("0.1234567890123456789", None),
            ("1.0000000000000001", None),
            ("1e308", Some(1e308)),
            ("1e309", None),
            ("1e-400", None),
            ("5e-324", Some(5e-324)),
            ("4.9e-324", None),
            ("1e-325", None),
            ("1e99999999999999999999", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(comparable(text), *wanted, "{text}");
        }
    }

    /// The shortest form of a double, without an exponent.
    fn plain(value: f64) -> String {
        format!("{value}")
    }

    proptest! {
        #[test]
        fn what_a_double_is_written_as_is_comparable(value in -1e6..1e6_f64) {
            prop_assert_eq!(comparable(&plain(value)), Some(value));
        }

        #[test]
        fn both_ways_agree_beside_a_double(value in -1e9..1e9_f64, places in 0_usize..20, change in -3_i64..=3) {
            let mut text = plain(value);
            // As many places as there are, or others; then the last digits a little off.
            if places % 2 == 0 {
                text = format!("{value:.places$}");
            }
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            if let Ok(number) = digits.parse::<i64>() {
                let changed = format!("{:0width$}", (number + change).max(0), width = digits.len());
                let point = text.trim_start_matches('-').find('.').unwrap_or(changed.len()).min(changed.len());
                let (whole, fraction) = changed.split_at(point);
                let sign = if value < 0.0 { "-" } else { "" };
                text = if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
            }
            prop_assert_eq!(comparable(&text), comparable_in_full(&text), "{}", text);
        }

        #[test]
        fn both_ways_agree_on_any_number(text in "-?(0|[1-9][0-9]{0,20})([.][0-9]{1,25})?([eE][+-]?[0-9]{1,3})?") {
            prop_assert_eq!(comparable(&text), comparable_in_full(&text), "{}", text);
        }

        #[test]
        fn both_ways_agree_at_powers_of_two(power in -20_i32..53, ulps in -2_i64..=2, places in 10_usize..18) {
            let value = f64::from_bits(2_f64.powi(power).to_bits().saturating_add_signed(ulps));
            for text in [plain(value), format!("{value:.places$}")] {
                prop_assert_eq!(comparable(&text), comparable_in_full(&text), "{}", text);
            }
        }
    }
}
