//! What follows from an attempt: delivered, again at a time, or dead.
//!
//! The delay doubles with each attempt up to a cap, and half of it is spread by chance: so many deliveries that failed together do not come
//! back together. A target's `Retry-After` is honoured up to a cap of its own. When the attempts are used up, or the next one
//! would come when the delivery is too old to be of use, it is dead, and people decide.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{DeliveryError, Receipt};

/// How often, how long and at what distance a target is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The most attempts; at least one is always made.
    pub attempts_max: u32,
    /// How long after it was enqueued a delivery may still be tried.
    pub age_max: Duration,
    /// The delay after the first attempt.
    pub delay_base: Duration,
    /// The longest delay.
    pub delay_max: Duration,
    /// The longest `Retry-After` that is honoured; a longer one counts as this.
    pub retry_after_max: Duration,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
}

/// Which attempt it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// When the delivery was first enqueued.
    pub first_enqueued: Timestamp,
    /// When the attempt ended.
    pub now: Timestamp,
}

/// What follows from an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it arrived.
    Delivered(Receipt),
    /// Another attempt.
    RetryAt {
        /// Not before.
        at: Timestamp,
        /// Why this one failed.
        reason: String,
    },
    /// No further attempt: it belongs on the list of dead letters.
    Dead {
        /// Why.
        reason: String,
    },
}

impl Default for Policy {
    /// For a day, and every 7 to 15 minutes once a target stays silent.
    fn default() -> Self {
        Policy {
            attempts_max: 200,
            age_max: Duration::from_secs(24 * 3600),
            delay_base: Duration::from_secs(2),
            delay_max: Duration::from_secs(15 * 60),
            retry_after_max: Duration::from_secs(3600),
            attempt_timeout: Duration::from_secs(30),
        }
    }
}

impl Policy {
    /// What follows from an attempt with this outcome. `jitter` is from 0 up to 1.
    ///
    /// ```
    /// use targets::{Attempt, DeliveryError, Next, Policy};
    ///
    /// let enqueued = "2026-11-03T02:00:00Z".parse()?;
    /// let attempt = Attempt { number: 3, first_enqueued: enqueued, now: "2026-11-03T02:00:10Z".parse()? };
    /// let failed = DeliveryError::Retryable { reason: "503 Service Unavailable".to_owned(), retry_after: None };
    /// // The third delay is up to 2 · 2 · 2 seconds, of which half is left to chance.
    /// let next = Policy::default().next(attempt, Err(failed), 0.5);
    /// assert_eq!(next, Next::RetryAt { at: "2026-11-03T02:00:16Z".parse()?, reason: "503 Service Unavailable".to_owned() });
    /// # Ok::<(), jiff::Error>(())
    /// ```
    #[must_use]
    pub fn next(&self, attempt: Attempt, outcome: Result<Receipt, DeliveryError>, jitter: f64) -> Next {
        let (reason, retry_after) = match outcome {
            Ok(receipt) => return Next::Delivered(receipt),
            Err(DeliveryError::Permanent { reason }) => return Next::Dead { reason },
            Err(DeliveryError::Retryable { reason, retry_after }) => (reason, retry_after),
        };
        if attempt.number >= self.attempts_max {
            return Next::Dead { reason: format!("{reason} (attempt {}, the last)", attempt.number) };
        }
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        let wished = retry_after.map(|wish| wish.wait(attempt.now).min(self.retry_after_max));
        let delay = self.delay(attempt.number, jitter);
        // A wish is spread too, since everybody was told the same time.
        let wished =
            wished.map_or(Duration::ZERO, |wish| wish.saturating_add(self.delay_base.mul_f64(jitter)));
        let wait = delay.max(wished);
        let last = saturating_add(attempt.first_enqueued, self.age_max);
        let at = saturating_add(attempt.now, wait);
        if at > last {
            return Next::Dead {
                reason: format!("{reason} (attempt {}, and too old for another)", attempt.number),
            };
        }
        Next::RetryAt { at, reason }
    }

    /// The delay after an attempt.
    fn delay(&self, number: u32, jitter: f64) -> Duration {
        let doublings = number.saturating_sub(1).min(31);
        let ceiling = self.delay_base.saturating_mul(1 << doublings).min(self.delay_max);
        ceiling / 2 + (ceiling / 2).mul_f64(jitter)
    }
}

fn saturating_add(time: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    time.saturating_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::RetryAfter;

    fn failed(retry_after: Option<RetryAfter>) -> Result<Receipt, DeliveryError> {
        Err(DeliveryError::Retryable { reason: "no".to_owned(), retry_after })
    }

    #[test]
    fn a_refusal_for_good_is_dead_at_once() {
        let now = Timestamp::UNIX_EPOCH;
        let attempt = Attempt { number: 1, first_enqueued: now, now };
        let refused = Err(DeliveryError::Permanent { reason: "400".to_owned() });
        assert_eq!(Policy::default().next(attempt, refused, 0.0), Next::Dead { reason: "400".to_owned() });
        let receipt = Receipt::of("202");
        let late = Attempt { number: 9_999, ..attempt };
        assert_eq!(Policy::default().next(late, Ok(receipt.clone()), 0.0), Next::Delivered(receipt));
    }

    /// A whole life under a policy: the delays between attempts.
    fn life(policy: &Policy, jitter: f64, retry_after: Option<RetryAfter>) -> (Vec<Duration>, String) {
        let first_enqueued: Timestamp = "2026-11-03T02:00:00Z".parse().unwrap();
        let mut now = first_enqueued;
        let mut delays = Vec::new();
        for number in 1.. {
            match policy.next(Attempt { number, first_enqueued, now }, failed(retry_after), jitter) {
                Next::RetryAt { at, .. } => {
                    delays.push(Duration::try_from(at.duration_since(now)).unwrap());
                    now = at;
                }
                Next::Dead { reason } => return (delays, reason),
                Next::Delivered(_) => unreachable!("it never succeeds"),
            }
        }
        unreachable!("it ends")
    }

    #[test]
    fn the_default_policy_tries_for_a_day() {
        let (delays, reason) = life(&Policy::default(), 1.0, None);
        let seconds: Vec<u64> = delays.iter().take(11).map(Duration::as_secs).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert!(delays.iter().sum::<Duration>() > Duration::from_secs(23 * 3600));
        assert_eq!(reason, "no (attempt 104, and too old for another)");
    }

    proptest! {
        #[test]
        fn delays_are_bounded_and_lives_end(
            attempts_max in 0_u32..300,
            age in 0_u64..1_000_000,
            base in 0_u64..10_000,
            cap in 0_u64..100_000,
            wish_max in 0_u64..100_000,
            wish in prop::option::of(any::<u64>()),
            jitter in prop_oneof![0.0..1.0_f64, Just(f64::NAN), Just(-3.0), Just(7.0)],
        ) {
            let policy = Policy {
                attempts_max,
                age_max: Duration::from_secs(age),
                delay_base: Duration::from_secs(base),
                delay_max: Duration::from_secs(cap),
                retry_after_max: Duration::from_secs(wish_max),
                ..Policy::default()
            };
            let (delays, reason) = life(&policy, jitter, wish.map(Duration::from_secs).map(RetryAfter::In));
            prop_assert!(delays.len() < usize::try_from(attempts_max.max(1)).unwrap());
            prop_assert!(delays.iter().sum::<Duration>() <= policy.age_max, "tried when too old");
            let honoured = wish.map_or(Duration::ZERO, |wish| Duration::from_secs(wish.min(wish_max)));
            for (before, after) in delays.iter().zip(delays.iter().skip(1)) {
                prop_assert!(before <= after, "with the same jitter a delay never shrinks");
            }
            for (index, delay) in delays.iter().enumerate() {
                prop_assert!(*delay >= honoured, "earlier than the target wished");
                prop_assert!(*delay <= policy.delay_max.max(honoured + policy.delay_base));
                if wish.is_none() {
                    let doublings = u32::try_from(index).unwrap().min(31);
                    let ceiling = policy.delay_base.saturating_mul(1 << doublings).min(policy.delay_max);
                    prop_assert!(ceiling / 2 <= *delay && *delay <= ceiling);
                }
            }
            prop_assert!(reason.starts_with("no (attempt "));
        }
    }
}
