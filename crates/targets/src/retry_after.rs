//! `Retry-After`: when a target wants to be asked again.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// When a target wants to be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// So long after its answer.
    In(Duration),
    /// At a time of its clock.
    At(Timestamp),
}

impl RetryAfter {
    /// Reads the header: seconds, or a date. Anything else is no wish.
    ///
    /// ```
    /// use std::time::Duration;
    /// use targets::RetryAfter;
    ///
    /// assert_eq!(RetryAfter::parse("30"), Some(RetryAfter::In(Duration::from_secs(30))));
    /// let date = RetryAfter::parse("Tue, 03 Nov 2026 02:41:09 GMT");
    /// assert_eq!(date, Some(RetryAfter::At("2026-11-03T02:41:09Z".parse()?)));
    /// assert_eq!(RetryAfter::parse("soon"), None);
    /// # Ok::<(), jiff::Error>(())
    /// ```
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let text = header.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More than 64 bits of seconds is as good as for ever.
            return Some(RetryAfter::In(Duration::from_secs(text.parse().unwrap_or(u64::MAX))));
        }
        DateTimeParser::new().parse_timestamp(text).ok().map(RetryAfter::At)
    }

    /// How long to wait from `now`; nothing if the time is past.
    #[must_use]
    pub fn wait(self, now: Timestamp) -> Duration {
        match self {
            RetryAfter::In(wait) => wait,
            RetryAfter::At(time) => Duration::try_from(time.duration_since(now)).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings() {
        let now: Timestamp = "2026-11-03T02:41:09Z".parse().unwrap();
        for (header, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Tue, 03 Nov 2026 02:42:09 GMT", Some(60)),
            ("Tue, 03 Nov 2026 02:40:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let wait = RetryAfter::parse(header).map(|wish| wish.wait(now).as_secs());
            assert_eq!(wait, seconds, "{header:?}");
        }
    }
}
