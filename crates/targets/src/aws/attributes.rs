//! What stands beside a message in SNS and SQS: attributes to filter by, and what a FIFO topic or queue wants.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::Delivery;

/// What attributes may take of a message's size, in bytes.
pub(super) const ROOM: usize = 2 * 1024;
/// The longest deduplication id, in characters.
const DEDUPLICATION_ID_MAX: usize = 128;
/// The longest value, in bytes.
const VALUE_MAX: usize = 256;

/// Attributes with their values: what subscriptions filter by, and the idempotency key.
pub(super) fn of(delivery: &Delivery) -> impl Iterator<Item = (&'static str, String)> {
    let finding = delivery.finding();
    let all = [
        ("idempotency_key", delivery.key()),
        ("rule", delivery.message().rule.clone()),
        ("severity", finding.severity().name().to_owned()),
        ("state", finding.state().name().to_owned()),
        ("account", finding.account().to_owned()),
        ("drill", if finding.is_drill() { "true".to_owned() } else { String::new() }),
    ];
    // Services refuse empty values, and an attribute is no reason to refuse a message.
    all.into_iter().filter(|(_, value)| !value.is_empty() && value.len() <= VALUE_MAX)
}

/// The id by which a FIFO topic or queue tells that a message was there already.
pub(super) fn deduplication_id(delivery: &Delivery) -> String {
    let key = delivery.key();
    if key.len() <= DEDUPLICATION_ID_MAX { key } else { hashed(&key) }
}

/// An id for a text, for those who tell copies by ids.
pub(super) fn hashed(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A text without the characters that the services refuse: whoever writes one into a user agent would otherwise never be told of. JSON stays
/// the same JSON.
pub(super) fn permitted(text: &str) -> Cow<'_, str> {
    let is_refused = |c: char| matches!(c, '\u{fffe}' | '\u{ffff}' | '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}');
    if !text.contains(is_refused) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().fold(String::with_capacity(text.len() + 16), |mut escaped, c| {
        if is_refused(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
        escaped
    });
    Cow::Owned(escaped)
}

/// How many bytes a text takes in the characters that are permitted.
pub(super) fn permitted_size(text: &str) -> usize {
    permitted(text).len()
}

#[cfg(test)]
mod tests {
    use route::{FindingEvent, TargetName};

    use super::*;

    fn delivery(id: &str) -> Delivery {
        let json = format!(
            r#"{{"id": "{id}", "source": "trailhound", "detail-type": "Trailhound Finding", "detail": {{"rule": "r"}}}}"#
        );
        Delivery::new(TargetName::new("lake").unwrap(), FindingEvent::parse(&json).unwrap())
    }

    #[test]
    fn keys_that_are_too_long_are_hashed() {
        assert_eq!(deduplication_id(&delivery("a")), "a:0:lake");
        let long = deduplication_id(&delivery(&"a".repeat(128)));
        assert!(long.len() == 64 && long.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn what_is_not_known_is_no_attribute() {
        let attributes: Vec<_> = of(&delivery("a")).collect();
        let expected =
            [("idempotency_key", "a:0:lake"), ("rule", "r"), ("severity", "info"), ("state", "firing")];
        assert_eq!(attributes, expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn characters_that_are_refused_are_escaped() {
        assert_eq!(permitted("{\"a\":\"\u{ffff}é\u{fffe}\"}"), r#"{"a":"\uffffé\ufffe"}"#);
    }
}
