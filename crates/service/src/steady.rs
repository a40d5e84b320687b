//! A clock that never goes back: for measuring off when something is due.
//!
//! A delivery that is due in a minute must not wait an hour because the machine's clock was set back by one. Where the clock jumps
//! back, this one goes on from where it was, at the same pace.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use targets::Clock;

/// The clock, without its jumps back.
pub(crate) fn steady(clock: Clock) -> Clock {
    let state = Mutex::new((Timestamp::MIN, SignedDuration::ZERO));
    Arc::new(move || {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, ahead) = *state;
        let now = clock();
        let told = now.saturating_add(ahead).unwrap_or(last).max(last);
        *state = (told, told.duration_since(now));
        told
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_goes_on_from_where_it_was() {
        let wall = Arc::new(Mutex::new(0_i64));
        let read = Arc::clone(&wall);
        let clock = steady(Arc::new(move || Timestamp::from_second(*read.lock().unwrap()).unwrap()));
        for (wall_seconds, told) in
            [(1_000, 1_000), (1_010, 1_010), (10, 1_010), (15, 1_015), (2_000, 3_000), (2_001, 3_001)]
        {
            *wall.lock().unwrap() = wall_seconds;
            assert_eq!(clock().as_second(), told, "at {wall_seconds}");
        }
    }
}
