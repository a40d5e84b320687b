//! Doubles as Java prints them, because the service's reason texts do: `100.0`, `1.0E7`, `0.0666851903306472`.

use std::fmt;

/// Shows a double as Java's `Double.toString` would (shortest digits that read back to the same value).
pub(crate) struct JavaDouble(pub(crate) f64);

impl fmt::Display for JavaDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        let magnitude = value.abs();
        if value.is_nan() {
            return f.write_str("NaN");
        }
        if magnitude.is_infinite() {
            return f.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
        }
        if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
            return write!(f, "{value:?}");
        }
        let text = format!("{value:E}");
        match text.split_once('E') {
            Some((mantissa, exponent)) if !mantissa.contains('.') => write!(f, "{mantissa}.0E{exponent}"),
            _ => f.write_str(&text),
        }
    }
}

/// Doubles in stored state: text where people may read it, bits elsewhere; both read back exactly, which JSON numbers
/// do not promise.
pub(crate) mod exact {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde's `with` asks for")]
    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            // The debug form turns to exponents where the plain one would print hundreds of zeros.
            serializer.collect_str(&format_args!("{value:?}"))
        } else {
            value.serialize(serializer)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            f64::deserialize(deserializer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::JavaDouble;

    #[test]
    fn prints_like_java() {
        let cases = [
            (100.0, "100.0"),
            (0.0, "0.0"),
            (-0.5, "-0.5"),
            (0.066_685_190_330_647_2, "0.0666851903306472"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (1e-5, "1.0E-5"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (12_345_678.0, "1.2345678E7"),
            (-1.5e300, "-1.5E300"),
            (f64::INFINITY, "Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(JavaDouble(value).to_string(), text);
        }
    }
}
