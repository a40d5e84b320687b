//! Keys that let a request in.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

use crate::SourceError;

/// A key, of which only the hash is kept: it cannot be shown, and comparing takes as long whatever is presented.
#[derive(Clone)]
pub struct ApiKey([u8; 32]);

/// The shortest key, in bytes. Shorter ones can be guessed.
pub(crate) const KEY_LENGTH_MIN: usize = 16;

/// What a request presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presented {
    Nothing,
    Wrong,
    Right,
}

impl ApiKey {
    /// A key.
    ///
    /// # Errors
    ///
    /// If it is shorter than 16 bytes.
    pub fn new(key: &str) -> Result<Self, SourceError> {
        if key.len() < KEY_LENGTH_MIN {
            return Err(SourceError::misconfigured(
                format!("a key of the HTTP source has fewer than {KEY_LENGTH_MIN} characters"),
                "make one with `openssl rand -hex 32`",
            ));
        }
        Ok(ApiKey(Sha256::digest(key).into()))
    }
}

/// Looks for a key in `X-Api-Key` and in `Authorization: Bearer`. With no key set, everybody has the right one.
pub(super) fn presented(headers: &HeaderMap, keys: &[ApiKey]) -> Presented {
    if keys.is_empty() {
        return Presented::Right;
    }
    let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
    });
    let own = headers.get_all("x-api-key").iter().map(axum::http::HeaderValue::as_bytes);
    let mut presented = Presented::Nothing;
    for key in own.chain(bearer) {
        if is_one_of(key, keys) {
            return Presented::Right;
        }
        presented = Presented::Wrong;
    }
    presented
}

/// Compares hashes, all of them to their ends: the time taken tells nothing of a key but its length.
fn is_one_of(key: &[u8], keys: &[ApiKey]) -> bool {
    let presented: [u8; 32] = Sha256::digest(key).into();
    let equal = |known: &ApiKey| {
        let difference = known.0.iter().zip(presented).fold(0, |difference, (a, b)| difference | (a ^ b));
        u8::from(std::hint::black_box(difference) == 0)
    };
    keys.iter().map(equal).fold(0, |any, equal| any | equal) == 1
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    #[test]
    fn either_header_and_any_of_the_keys() {
        let keys = ["first-key-of-two-0", "second-key-of-two"].map(|key| ApiKey::new(key).unwrap());
        let cases: [(&[(&str, &str)], Presented); 9] = [
            (&[], Presented::Nothing),
            (&[("x-api-key", "first-key-of-two-0")], Presented::Right),
            (&[("x-api-key", "second-key-of-two")], Presented::Right),
            (&[("authorization", "Bearer second-key-of-two")], Presented::Right),
            (&[("authorization", "bearer second-key-of-two")], Presented::Right),
            (&[("authorization", "Basic second-key-of-two")], Presented::Nothing),
            (&[("x-api-key", "second-key-of-tw")], Presented::Wrong),
            (&[("x-api-key", "")], Presented::Wrong),
            (&[("x-api-key", "wrong"), ("authorization", "Bearer first-key-of-two-0")], Presented::Right),
        ];
        for (headers, wanted) in cases {
            let headers: HeaderMap = headers
                .iter()
                .map(|(name, value)| {
                    (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
                })
                .collect();
            assert_eq!(presented(&headers, &keys), wanted, "{headers:?}");
            assert_eq!(presented(&headers, &[]), Presented::Right);
        }
    }

    #[test]
    fn keys_are_long_and_not_shown() {
        assert!(ApiKey::new("short").is_err());
        assert_eq!(format!("{:?}", ApiKey::new("0123456789abcdef")), "Ok([secret])");
    }
}
