//! Many events in few calls, where a service takes several at once and says of each what became of it.
//!
//! Some services refuse a whole call for one event that they do not like, and do not say which. Such a call is halved, and each half is offered again, until
//! what is refused stands alone: so one event keeps no others from arriving.
//!
//! What a service had no room for at that moment is offered again a moment later, by itself: so one throttled record does not bring five hundred
//! again. What it refuses for good, or would for its size, is named when everything else has arrived, and all of them go to the dead letters, where
//! a person can look.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use crate::events::counted;
use crate::{DeliveryError, Events, Receipt};

/// What one call takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// At most so many events.
    pub(super) events: usize,
    /// At most so many bytes of them.
    pub(super) bytes: usize,
    /// At most so many bytes of one.
    pub(super) each: usize,
    /// How many bytes an event takes, as the service counts.
    pub(super) size: fn(&str) -> usize,
}

/// What was not taken of one call: its place in the call, and why.
pub(super) type NotTaken = Vec<(usize, DeliveryError)>;

/// How often what was not taken is offered again within an attempt, and after how long.
const AGAIN: u32 = 3;
const PAUSE: Duration = Duration::from_millis(250);

/// How many refused calls are halved within an attempt: enough to find some twenty events among a thousand. Where more is refused it is hardly for the
/// events, and nobody should be asked two thousand times.
const HALVED_MAX: usize = 200;

/// Sends events in calls of at most so many.
pub(super) async fn in_batches<'e, F, C>(
    events: &'e Events,
    limits: Limits,
    call: F,
) -> Result<Receipt, DeliveryError>
where
    F: Fn(Vec<&'e str>) -> C,
    C: Future<Output = Result<NotTaken, DeliveryError>>,
{
    let texts = events.texts().iter().map(|text| &**text);
    let (mut left, too_large): (Vec<&str>, Vec<&str>) =
        texts.partition(|text| (limits.size)(text) <= limits.each);
    let mut refused: Vec<String> = Vec::new();
    refused.extend(too_large.into_iter().map(|text| {
        format!("an event of {} bytes is larger than the service takes, {}", (limits.size)(text), limits.each)
    }));
    let (mut calls, mut halved) = (0_usize, 0_usize);
    for round in 0..=AGAIN {
        let mut again = Vec::new();
        let mut reason = None;
        let mut next: VecDeque<&[&str]> = batches(&left, limits).collect();
        while let Some(batch) = next.pop_front() {
            calls += 1;
            let not_taken = match call(batch.to_vec()).await {
                Ok(not_taken) => not_taken,
                Err(DeliveryError::Permanent { .. }) if batch.len() > 1 && halved < HALVED_MAX => {
                    halved += 1;
                    let (first, second) = batch.split_at(batch.len() / 2);
                    next.push_front(second);
                    next.push_front(first);
                    continue;
                }
                Err(DeliveryError::Permanent { reason }) => {
                    refused.extend(batch.iter().map(|_| reason.clone()));
                    continue;
                }
                Err(error) => return Err(error),
            };
            for (place, error) in not_taken {
                match error {
                    DeliveryError::Permanent { reason } => refused.push(reason),
                    error @ DeliveryError::Retryable { .. } => {
                        again.extend(batch.get(place));
                        reason = Some(error);
                    }
                }
            }
        }
        let Some(reason) = reason else { break };
        if round == AGAIN {
            return Err(reason);
        }
        left = again;
        tokio::time::sleep(PAUSE * (round + 1)).await;
    }
    match refused.first() {
        None => {
            let calls = if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") };
            Ok(Receipt::of(format!("{} in {calls}", events.taken())))
        }
        Some(first) => {
            let (refused, all) = (counted(refused.len()), events.texts().len());
            Err(DeliveryError::Permanent { reason: format!("{refused} of {all} refused: {first}") })
        }
    }
}

/// As many events for each call as it takes, and at least one.
fn batches<'b, 'e>(events: &'b [&'e str], limits: Limits) -> impl Iterator<Item = &'b [&'e str]> {
    let mut rest = events;
    std::iter::from_fn(move || {
        let mut bytes = 0_usize;
        let fits = rest.iter().take(limits.events).take_while(|event| {
            bytes = bytes.saturating_add((limits.size)(event));
            bytes <= limits.bytes
        });
        let (batch, after) = rest.split_at_checked(fits.count().max(1))?;
        rest = after;
        Some(batch)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use route::TargetName;

    use super::*;

    fn limits(events: usize, bytes: usize) -> Limits {
        Limits { events, bytes, each: bytes, size: str::len }
    }

    fn events(texts: &[&str]) -> Events {
        let texts = texts.iter().map(|text| (*text).into()).collect();
        Events::new(TargetName::new("lake").unwrap(), "k".to_owned(), texts)
    }

    #[test]
    fn calls_are_as_large_as_they_may_be() {
        for (texts, wanted) in [
            (&["aa", "bb", "cc"][..], &[2, 1][..]),
            (&["aaaa", "bb", "cc"], &[1, 2]),
            (&["aaaaaaaaaa", "b"], &[1, 1]),
            (&["a", "b", "c", "d"], &[3, 1]),
            (&[], &[]),
        ] {
            let sizes: Vec<usize> = batches(texts, limits(3, 5)).map(<[&str]>::len).collect();
            assert_eq!(sizes, wanted, "{texts:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_too_large_keeps_no_other_from_its_way() {
        let sent = Mutex::new(String::new());
        let all = events(&["a", "\u{1}\u{1}", "c"]);
        let call = |batch: Vec<&str>| {
            sent.lock().unwrap().push_str(&batch.join(""));
            async { Ok(Vec::new()) }
        };
        // As JSON it takes six bytes for each of the two.
        let size = |text: &str| text.len() * if text.contains('\u{1}') { 6 } else { 1 };
        let error =
            in_batches(&all, Limits { events: 9, bytes: 10, each: 10, size }, call).await.unwrap_err();
        let reason = "1 event of 3 refused: an event of 12 bytes is larger than the service takes, 10";
        assert_eq!(error, DeliveryError::Permanent { reason: reason.to_owned() });
        assert_eq!(*sent.lock().unwrap(), "ac");
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_was_not_taken_is_offered_again() {
        let calls = Mutex::new(Vec::new());
        let all = events(&["a", "b", "c"]);
        let call = |batch: Vec<&str>| {
            let first = calls.lock().unwrap().is_empty();
            calls.lock().unwrap().push(batch.join(""));
            let throttled = DeliveryError::retryable("slow down");
            async move { Ok(if first { vec![(1, throttled)] } else { Vec::new() }) }
        };
        let receipt = in_batches(&all, limits(10, 100), call).await.unwrap();
        assert_eq!(receipt.text, "3 events in 2 calls");
        assert_eq!(*calls.lock().unwrap(), ["abc", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_told_once_the_rest_has_arrived() {
        let all = events(&["a", "b"]);
        let calls = Mutex::new(0);
        let call = |batch: Vec<&str>| {
            *calls.lock().unwrap() += 1;
            let refused = (batch.first() == Some(&"a"))
                .then(|| (0, DeliveryError::Permanent { reason: "malformed".to_owned() }));
            async move { Ok(refused.into_iter().collect()) }
        };
        let error = in_batches(&all, limits(1, 100), call).await.unwrap_err();
        assert_eq!(error.to_string(), "1 event of 2 refused: malformed");
        assert_eq!(*calls.lock().unwrap(), 2);
        let never = |_: Vec<&str>| async { Ok(vec![(0, DeliveryError::retryable("slow down"))]) };
        let error = in_batches(&all, limits(9, 100), never).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Retryable { .. }), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_refused_for_one_event_is_halved_until_that_one_stands_alone() {
        for (texts, calls_wanted, wanted) in [
            (
                &["a", "b", "c", "X", "e"][..],
                &["abcXe", "ab", "cXe", "c", "Xe", "X", "e"][..],
                "1 event of 5",
            ),
            (&["a", "X", "X", "d"], &["aXXd", "aX", "a", "X", "Xd", "X", "d"], "2 events of 4"),
            (&["X"], &["X"], "1 event of 1"),
        ] {
            let calls = Mutex::new(Vec::new());
            let call = |batch: Vec<&str>| {
                calls.lock().unwrap().push(batch.join(""));
                let refused = batch.contains(&"X");
                async move {
                    let error = DeliveryError::Permanent { reason: "malformed".to_owned() };
                    if refused { Err(error) } else { Ok(Vec::new()) }
                }
            };
            let error = in_batches(&events(texts), limits(9, 100), call).await.unwrap_err();
            assert_eq!(error.to_string(), format!("{wanted} refused: malformed"));
            assert_eq!(*calls.lock().unwrap(), calls_wanted);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_refuses_everything_is_not_asked_without_end() {
        let calls = Mutex::new(0);
        let texts = ["a"; 1_000];
        let call = |_: Vec<&str>| {
            *calls.lock().unwrap() += 1;
            async { Err(DeliveryError::Permanent { reason: "no such parameter".to_owned() }) }
        };
        let error = in_batches(&events(&texts), limits(1_000, 10_000), call).await.unwrap_err();
        assert_eq!(error.to_string(), "1000 events of 1000 refused: no such parameter");
        assert_eq!(*calls.lock().unwrap(), 2 * HALVED_MAX + 1);
    }
}
