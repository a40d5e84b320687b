//! The only place where the program reads a clock. Everything else is handed the time.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The wall clock, for lint that depends on the date.
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// How long something took.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
