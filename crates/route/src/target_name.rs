//! The name a configuration gives a target.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The name a configuration gives a target: letters, digits, `-`, `_` and `.`, beginning with a letter or a digit.
///
/// It is part of the idempotency key `id:revision:target`, which travels as a header: so it has no colon and no space.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetName(Arc<str>);

impl TargetName {
    /// The longest name, in bytes.
    pub const LENGTH_MAX: usize = 64;

    /// A name, if it is one.
    ///
    /// ```
    /// use route::TargetName;
    ///
    /// assert_eq!(TargetName::new("on-call.eu").unwrap().as_str(), "on-call.eu");
    /// assert!(TargetName::new("on call").is_none());
    /// ```
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let well_formed = text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.len() <= Self::LENGTH_MAX
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        well_formed.then(|| Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for TargetName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", &*self.0)
    }
}

impl Borrow<str> for TargetName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_name() {
        for (text, is_one) in [
            ("oncall", true),
            ("1st", true),
            ("Team_A.eu-west", true),
            ("", false),
            ("-x", false),
            ("a:b", false),
            ("a b", false),
            ("a\r\nHost: x", false),
            ("é", false),
        ] {
            assert_eq!(TargetName::new(text).is_some(), is_one, "{text:?}");
        }
        assert!(TargetName::new(&"a".repeat(64)).is_some());
        assert!(TargetName::new(&"a".repeat(65)).is_none());
    }
}
