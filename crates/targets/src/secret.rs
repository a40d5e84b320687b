//! Secrets that cannot be shown by accident.

use std::fmt;

/// What stands for a secret wherever one would show.
const HIDDEN: &str = "[secret]";

/// A secret: an address with a token in it, a key, a password.
///
/// It has no `Display` and no `Serialize`, and its `Debug` shows nothing of it, not even its length:
///
/// ```
/// let secret = targets::Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "[secret]");
/// ```
///
/// ```compile_fail
/// println!("{}", targets::Secret::new("hunter2"));
/// ```
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Secret(text.into())
    }

    /// The text: only for sending it where it belongs, or for comparing it with what somebody sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HIDDEN)
    }
}

/// Takes secrets out of texts that others wrote: a receiver may answer with what it was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redaction(Vec<Secret>);

impl Redaction {
    /// Shorter ones are no secrets, and would riddle every text.
    const LENGTH_MIN: usize = 4;

    /// Longest first, since one may contain another.
    pub(crate) fn of(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut secrets: Vec<Secret> =
            secrets.into_iter().filter(|secret| secret.0.len() >= Self::LENGTH_MIN).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.0.len()));
        Redaction(secrets)
    }

    pub(crate) fn apply(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(&*secret.0, HIDDEN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_repeat_is_taken_out() {
        let redaction = Redaction::of(["T0/B0/xyz", "https://hooks.example/T0/B0/xyz", "a"].map(Secret::new));
        let text = "no such hook https://hooks.example/T0/B0/xyz (T0/B0/xyz), a";
        assert_eq!(redaction.apply(text), "no such hook [secret] ([secret]), a");
        assert_eq!(format!("{redaction:?}"), "Redaction([[secret], [secret]])");
    }
}
