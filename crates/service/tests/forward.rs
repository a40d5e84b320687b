//! Events that go on as they are: in lanes of their own, at least once whatever happens, bounded, and counted to the last.

#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event_pattern::Pattern;
use kit::{Wanted, counter, feed, get, record, until};
use route::TargetName;
use service::{FORWARD_LANE, ForwardLane, ForwardPattern, Forwards, Plan};
use sources::Verdict;
use targets::{Delivering, Delivery, DeliveryError, Events, Lane, Policy, Receipt, Target};

/// A lake: remembers ids of events, answers first as it is told.
#[derive(Default)]
struct Lake {
    ids: Mutex<Vec<String>>,
    answers: Mutex<Vec<DeliveryError>>,
    /// Whether it takes nothing for now.
    closed: AtomicBool,
}

impl Target for Lake {
    fn deliver<'a>(&'a self, _: &'a Delivery) -> Delivering<'a> {
        Box::pin(async { panic!("it is fed with events") })
    }

    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(async move {
            if self.closed.load(Ordering::Relaxed) {
                return Err(later("closed"));
            }
            if let Some(error) = self.answers.lock().unwrap().pop() {
                return Err(error);
            }
            for text in events.texts() {
                let event: serde_json::Value = serde_json::from_str(text).unwrap();
                assert_eq!(event["detail-type"], "AWS API Call via CloudTrail");
                self.ids.lock().unwrap().push(event["detail"]["eventID"].as_str().unwrap().to_owned());
            }
            Ok(Receipt::of("taken"))
        })
    }
}

fn later(reason: &str) -> DeliveryError {
    DeliveryError::Retryable { reason: reason.to_owned(), retry_after: None }
}

fn plan(wanted: &Wanted, lake: &Arc<Lake>, event_max: usize) -> Plan {
    let mut plan = wanted.plan();
    let name = TargetName::new(&format!("{FORWARD_LANE}lake")).unwrap();
    let pattern = Arc::new(Pattern::parse(r#"{"source": ["aws.cloudtrail"]}"#).unwrap());
    let lane = ForwardLane { name: name.clone(), event_max, waits: true };
    plan.program = plan
        .program
        .with_forwards(Forwards::new(vec![ForwardPattern { pattern, lanes: vec![0] }], vec![lane]));
    let (before, lake) = (plan.lanes, Arc::clone(lake));
    plan.lanes = Arc::new(move |list| {
        let policy = Policy { delay_base: Duration::from_millis(20), ..Policy::default() };
        let mut all = before(list);
        all.push((name.clone(), Lane { target: lake.clone(), policy, queue_max: 64 }));
        all
    });
    plan
}

fn adds_up(state: &Path) {
    let mut reader = store::Reader::open(state).unwrap();
    let status = reader.snapshot().unwrap().status().unwrap();
    assert!(status.deliveries.balanced(), "{status:?}");
    assert_eq!((status.deliveries.pending, status.deliveries.sending), (0, 0));
}

#[test]
fn every_event_arrives_and_nothing_of_it_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    let lake = Arc::new(Lake::default());
    lake.answers.lock().unwrap().extend([later("not now"), later("not yet")]);
    let service = wanted.start_plan(plan(&wanted, &lake, 100_000));
    let mut all = BTreeSet::new();
    for batch in 0..20 {
        let ids: Vec<String> = (0..50).map(|number| format!("e-{batch}-{number}")).collect();
        // One in ten is told of, too: what goes on and what is found do not know each other.
        let lines: Vec<String> = ids
            .iter()
            .zip(0..)
            .map(|(id, number)| record(id, if number % 10 == 0 { "StopLogging" } else { "GetTrailStatus" }))
            .collect();
        assert_eq!(hand.lines(&lines).blocking_recv(), Ok(Verdict::Committed));
        all.extend(ids);
    }
    // A copy of what came a moment ago does not go on again.
    assert_eq!(hand.lines(&[record("e-0-0", "StopLogging")]).blocking_recv(), Ok(Verdict::Committed));
    until("all events arrived", || lake.ids.lock().unwrap().len() >= all.len());
    let arrived: Vec<String> = lake.ids.lock().unwrap().clone();
    assert_eq!(arrived.len(), all.len());
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), all);
    until("findings arrived", || wanted.target.keys.lock().unwrap().len() >= 100);
    until("receipts are noted", || counter(folder.path(), "forward/lake/delivered") == 1_000);
    assert_eq!(counter(folder.path(), "forward/lake/queued"), 1_000);
    let metrics = get(service.operations().unwrap(), "/metrics").1;
    assert!(
        metrics.contains(r#"trailhound_forwarded_events_total{target="lake",outcome="delivered"} 1000"#),
        "{metrics}"
    );
    assert!(metrics.contains("trailhound_unaccounted 0"), "{metrics}");
    service.handle().stop();
    service.wait().unwrap();
    adds_up(folder.path());
    let mut reader = store::Reader::open(folder.path()).unwrap();
    let delivered = reader.snapshot().unwrap().deliveries(store::DeliveryState::Delivered, 0, 1_000).unwrap();
    assert!(delivered.iter().all(|entry| entry.key.target() == "recorder"), "batches that arrived are gone");
}

#[test]
fn what_is_refused_or_too_large_is_counted_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    let lake = Arc::new(Lake::default());
    lake.answers.lock().unwrap().push(DeliveryError::Permanent { reason: "malformed".to_owned() });
    let service = wanted.start_plan(plan(&wanted, &lake, 1_500));
    assert_eq!(hand.lines(&[record("e-1", "GetTrailStatus")]).blocking_recv(), Ok(Verdict::Committed));
    until("it is a dead letter", || counter(folder.path(), "forward/lake/given-up") == 1);
    let large = record("e-2", "GetTrailStatus").replace("audit", &"x".repeat(1_500));
    let lines = [large, record("e-3", "GetTrailStatus")];
    assert_eq!(hand.lines(&lines).blocking_recv(), Ok(Verdict::Committed));
    until("the small one arrived", || counter(folder.path(), "forward/lake/delivered") == 1);
    assert_eq!(*lake.ids.lock().unwrap(), ["e-3"]);
    assert_eq!(counter(folder.path(), "forward/lake/too-large"), 1);
    let retried = service::control::ask(
        folder.path(),
        &service::control::Request::Retry {
            actor: "alice".to_owned(),
            keys: Vec::new(),
            target: Some("forward.lake".to_owned()),
        },
    );
    assert_eq!(retried.unwrap(), Some(service::control::Response::Retried { count: 1 }));
    until("a person sent it again", || lake.ids.lock().unwrap().contains(&"e-1".to_owned()));
    service.handle().stop();
    service.wait().unwrap();
    adds_up(folder.path());
}

#[test]
fn what_waits_survives_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    let silent = Arc::new(Lake::default());
    silent.answers.lock().unwrap().extend(vec![later("not now"); 1_000]);
    let service = wanted.start_plan(plan(&wanted, &silent, 100_000));
    assert_eq!(hand.lines(&[record("e-1", "GetTrailStatus")]).blocking_recv(), Ok(Verdict::Committed));
    service.handle().stop();
    service.wait().unwrap();
    assert!(silent.ids.lock().unwrap().is_empty());

    let (source, _hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    let lake = Arc::new(Lake::default());
    let service = wanted.start_plan(plan(&wanted, &lake, 100_000));
    until("it arrived after all", || *lake.ids.lock().unwrap() == ["e-1"]);
    service.handle().stop();
    service.wait().unwrap();
}

#[test]
fn sources_wait_while_a_target_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    // As many batches as may wait are there already.
    let now_ms = kit::clock()().as_millisecond();
    let store = store::Store::open(folder.path(), &wanted.store).unwrap();
    let mut batch = store::Batch::new(now_ms);
    for number in 0..service::BACKLOG_MAX {
        let key =
            store::DeliveryKey::new(format!("events-{number}"), 0, format!("{FORWARD_LANE}lake")).unwrap();
        let event = format!(
            r#"{{"detail-type":"AWS API Call via CloudTrail","detail":{{"eventID":"old-{number}"}}}}"#
        );
        batch.deliver(key, format!(r#"{{"events":[{event}]}}"#).into_bytes(), now_ms);
    }
    store.commit(batch).unwrap();
    drop(store);

    let lake = Arc::new(Lake::default());
    lake.closed.store(true, Ordering::Relaxed);
    let service = wanted.start_plan(plan(&wanted, &lake, 100_000));
    let mut verdict = hand.lines(&[record("e-1", "StopLogging")]);
    let is_told = || service.health().told().1.iter().any(|(part, _)| part == "forward");
    until("it is told that sources wait", is_told);
    assert!(!service.health().told().0, "nobody is ready who takes nothing");
    assert!(verdict.try_recv().is_err(), "its source keeps what is not taken");
    lake.closed.store(false, Ordering::Relaxed);
    assert_eq!(verdict.blocking_recv(), Ok(Verdict::Committed));
    until("it is said that it goes on", || !is_told());
    until("the finding arrived", || !wanted.target.keys.lock().unwrap().is_empty());
    service.handle().stop();
    service.wait().unwrap();
}
