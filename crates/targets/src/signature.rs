//! The signature of webhooks, by which a receiver knows that a finding is from here and of now.
//!
//! | header | value |
//! |---|---|
//! | `Trailhound-Timestamp` | when it was sent, in seconds since 1970 |
//! | `Trailhound-Signature` | `v1=` and the HMAC-SHA256 of `timestamp.body` in hexadecimal digits; one for each key, separated by commas |
//! | `Idempotency-Key` | `id:revision:target`, the same at every attempt |
//!
//! A receiver computes the same over the bytes of the body as they came, compares in constant time, refuses what is more than
//! five minutes off, and takes a key it has seen for done. With two keys set, receivers can change from one to the other.
//!
//! In Python:
//!
//! ```python
//! import hashlib, hmac, time
//!
//! def verify(key: bytes, headers, body: bytes) -> bool:
//!     timestamp = headers["Trailhound-Timestamp"]
//!     if abs(time.time() - int(timestamp)) > 300:
//!         return False
//!     expected = "v1=" + hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
//!     return any(hmac.compare_digest(expected, given) for given in headers["Trailhound-Signature"].split(","))
//! ```
//!
//! In Rust:
//!
//! ```
//! use targets::signature::{Refusal, sign, verify};
//! use targets::Secret;
//!
//! let key = Secret::new("a key of at least 16 bytes");
//! let signature = sign(&[key.clone()], 1_793_673_669, b"{}");
//! assert_eq!(verify(&key, "1793673669", &signature, b"{}", 1_793_673_700), Ok(()));
//! assert_eq!(verify(&key, "1793673669", &signature, b"{ }", 1_793_673_700), Err(Refusal::Forged));
//! assert_eq!(verify(&key, "1793673669", &signature, b"{}", 1_793_674_000), Err(Refusal::Stale));
//! ```

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Secret;

/// The header with the time.
pub const TIMESTAMP_HEADER: &str = "trailhound-timestamp";
/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "trailhound-signature";
/// The header with the idempotency key.
pub const IDEMPOTENCY_HEADER: &str = "idempotency-key";
/// The shortest signing key, in bytes.
pub const KEY_LENGTH_MIN: usize = 16;
/// How far a receiver's clock may be off, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is too old, or from the future; it may be a repetition of what somebody overheard.
    #[error("the timestamp is missing or more than five minutes off")]
    Stale,
    /// No signature is the key's.
    #[error("the signature does not match")]
    Forged,
}

/// The value of the signature header for a body sent at `timestamp`, in seconds since 1970.
#[must_use]
pub fn sign(keys: &[Secret], timestamp: i64, body: &[u8]) -> String {
    let signed = keys.iter().map(|key| format!("v1={}", digest(key, &timestamp.to_string(), body)));
    signed.collect::<Vec<_>>().join(",")
}

/// Checks the two headers as a receiver does at `now`, in seconds since 1970.
///
/// # Errors
///
/// If the time is off or no signature matches.
pub fn verify(key: &Secret, timestamp: &str, signature: &str, body: &[u8], now: i64) -> Result<(), Refusal> {
    let sent: i64 = timestamp.parse().map_err(|_| Refusal::Stale)?;
    if sent.abs_diff(now) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(Refusal::Stale);
    }
    let given = signature.split(',').filter_map(|part| from_hex(part.trim().strip_prefix("v1=")?));
    let mut mac = mac(key);
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    // Comparing in constant time is the library's.
    if given.into_iter().any(|digest| mac.clone().verify_slice(&digest).is_ok()) {
        Ok(())
    } else {
        Err(Refusal::Forged)
    }
}

fn digest(key: &Secret, timestamp: &str, body: &[u8]) -> String {
    let mut mac = mac(key);
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &Secret) -> Hmac<Sha256> {
    Hmac::new_from_slice(key.expose().as_bytes()).expect("any length is a key")
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_algorithm_is_the_published_one() {
        // Computed with Python's hmac, as in the documentation above.
        let key = Secret::new("0123456789abcdef");
        let signature = sign(&[key], 1_700_000_000, b"{\"a\":1}");
        assert_eq!(signature, "v1=9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23");
    }

    #[test]
    fn either_key_of_two_verifies() {
        let (old, new) = (Secret::new("the old key 0123456"), Secret::new("the new key 0123456"));
        let signature = sign(&[old.clone(), new.clone()], 100, b"x");
        assert_eq!(verify(&old, "100", &signature, b"x", 100), Ok(()));
        assert_eq!(verify(&new, "100", &signature, b"x", 400), Ok(()));
        assert_eq!(verify(&new, "100", &signature, b"x", 401), Err(Refusal::Stale));
        assert_eq!(verify(&new, "101", &signature, b"x", 100), Err(Refusal::Forged));
        let other = Secret::new("another key 0123456");
        for broken in ["", "v1=", "v1=0", "v2=00", "v1=zz", &sign(&[other], 100, b"x")] {
            assert_eq!(verify(&new, "100", broken, b"x", 100), Err(Refusal::Forged), "{broken}");
        }
        assert_eq!(verify(&new, "", &signature, b"x", 100), Err(Refusal::Stale));
    }
}
