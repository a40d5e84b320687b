//! A clock that jumps, in the process and over a restart: what is due is sent, what is silent settles, nothing is lost.

#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use kit::{Wanted, counters, feed, record_at, until};
use service::unbalanced;
use store::Reader;
use targets::{Clock, DeliveryError, RetryAfter};

/// A clock that shows what the test says, beside the seconds that pass.
fn clock() -> (Arc<AtomicI64>, Clock) {
    let ahead = Arc::new(AtomicI64::new(0));
    let (shown, real) = (Arc::clone(&ahead), kit::clock());
    let clock: Clock = Arc::new(move || {
        let ahead = jiff::SignedDuration::from_secs(shown.load(Ordering::SeqCst));
        Timestamp::checked_add(real(), ahead).unwrap()
    });
    (ahead, clock)
}

const HOUR: i64 = 3_600;

#[test]
fn retries_are_not_put_off_by_a_clock_that_is_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let (ahead, clock) = clock();
    let busy = || DeliveryError::Retryable {
        reason: "503".to_owned(),
        retry_after: Some(RetryAfter::In(Duration::from_secs(2))),
    };
    for run in 0..2 {
        let (source, hand) = feed("feed");
        let wanted = Wanted::new(folder.path(), vec![source]);
        wanted.target.answers.lock().unwrap().extend([busy(), busy()]);
        let service = wanted.start_at(&clock);
        // The first run fails twice: before and after a jump back in the process; the second begins with one.
        assert!(
            hand.lines(&[record_at(&format!("{run}"), "StopLogging", "2026-11-02T02:40:00Z")])
                .blocking_recv()
                .unwrap()
                .is_committed()
        );
        until("it was tried", || !wanted.target.keys.lock().unwrap().is_empty());
        ahead.fetch_sub(HOUR, Ordering::SeqCst);
        if run == 0 {
            until("it was tried again", || wanted.target.keys.lock().unwrap().len() >= 2);
            ahead.fetch_sub(HOUR, Ordering::SeqCst);
        } else {
            until("all are settled", || {
                let status = Reader::open(folder.path()).unwrap().snapshot().unwrap().status().unwrap();
                status.deliveries.delivered == 2
            });
        }
        service.handle().stop();
        service.wait().unwrap();
    }
    assert_eq!(unbalanced(&counters(folder.path())), Vec::<String>::new());
}

#[test]
fn a_jump_of_the_clock_neither_loses_events_nor_takes_them_for_the_future() {
    let folder = tempfile::tempdir().unwrap();
    let (ahead, clock) = clock();
    let (source, hand) = feed("feed");
    let mut wanted = Wanted::new(folder.path(), vec![source]);
    wanted.rules = format!("{}group: {{ by: [account], for: 1m }}\n", kit::STOPPED);
    let service = wanted.start_at(&clock);
    let push = |id: &str, time: &str| {
        let verdict = hand.lines(&[record_at(id, "StopLogging", time)]).blocking_recv().unwrap();
        assert!(verdict.is_committed());
    };
    let count = |name: &str| kit::counter(folder.path(), name);
    push("1", "2026-11-03T02:40:00Z");
    ahead.fetch_sub(10 * HOUR, Ordering::SeqCst);
    push("2", "2026-11-03T02:40:30Z");
    assert_eq!(
        count("records/eventbridge/skipped/future"),
        0,
        "it was in time before the clock was set back"
    );
    // Set right again, and then far ahead: nothing comes any more, and what is open settles.
    ahead.store(0, Ordering::SeqCst);
    push("3", "2026-11-03T02:40:31Z");
    push("4", "2099-01-01T00:00:00Z");
    assert_eq!(count("records/eventbridge/skipped/future"), 1);
    ahead.store(2 * HOUR, Ordering::SeqCst);
    until("the group is settled", || count("findings/received") == 2);
    service.handle().stop();
    service.wait().unwrap();
    let mut reader = Reader::open(folder.path()).unwrap();
    let found =
        reader.snapshot().unwrap().findings(&store::FindingFilter::default(), None, 10).unwrap().findings;
    let detail: serde_json::Value = serde_json::from_slice(&found[0].body).unwrap();
    assert_eq!(
        (detail["detail"]["settled"].as_bool(), detail["detail"]["count"].as_u64()),
        (Some(true), Some(3))
    );
    assert_eq!(unbalanced(&counters(folder.path())), Vec::<String>::new());
}
