//! The whole path in one process: what comes in is acknowledged once it is durable, what is found arrives, what fails is told.

#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kit::{Wanted, counter, counters, feed, get, record, record_at, until};
use service::control::{Request, Response, ask};
use service::{State, unbalanced};
use sources::SourceError;
use store::{DeliveryState, Reader};
use targets::DeliveryError;

#[test]
fn a_finding_arrives_and_everything_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    let service = wanted.start();
    let verdict = hand.lines(&[
        record("1", "StopLogging"),
        record("2", "StartLogging"),
        record("1", "StopLogging"),
        "{\"oops\":".to_owned(),
    ]);
    assert!(verdict.blocking_recv().unwrap().is_committed());
    until("it arrived", || wanted.target.keys.lock().unwrap().len() == 1);
    let key = wanted.target.keys.lock().unwrap()[0].clone();
    assert!(key.ends_with(":0:recorder"), "{key}");
    assert!(service.health().told().0, "{:?}", service.health().told());
    until("the receipt is noted", || {
        let mut reader = Reader::open(folder.path()).unwrap();
        let status = reader.snapshot().unwrap().status().unwrap();
        (status.deliveries.created, status.deliveries.delivered) == (1, 1)
    });

    let counted = |name: &str| counter(folder.path(), &format!("records/eventbridge/{name}"));
    assert_eq!(
        ["received", "matched", "unmatched", "duplicate", "rejected"].map(counted),
        [4, 1, 1, 1, 1],
        "{:?}",
        counters(folder.path())
    );
    assert_eq!(unbalanced(&counters(folder.path())), Vec::<String>::new());

    let operations = service.operations().unwrap();
    assert_eq!(get(operations, "/healthz"), (200, "alive\n".to_owned()));
    let (status, text) = get(operations, "/readyz");
    assert_eq!((status, text.as_str()), (200, "ready\nstore: healthy\nsource feed: healthy\n"));
    let (_, metrics) = get(operations, "/metrics");
    for line in [
        "trailhound_records_total{class=\"eventbridge\",outcome=\"matched\"} 1",
        "trailhound_records_received_total{class=\"eventbridge\"} 4",
        "trailhound_findings_total{outcome=\"sent\"} 1",
        "trailhound_deliveries{state=\"delivered\"} 1",
        "trailhound_rule_findings_total{rule=\"logging-stopped\"} 1",
        "trailhound_unaccounted 0",
        "trailhound_delivered_after_event_seconds_bucket{class=\"eventbridge\",le=\"120\"} 1",
        "trailhound_delivered_after_receipt_seconds_count{class=\"eventbridge\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    service.handle().stop();
    service.wait().unwrap();
}

#[test]
fn a_second_process_finds_nothing_new_in_what_was_decided() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for run in 0..2 {
        let (source, hand) = feed("feed");
        let wanted = Wanted::new(folder.path(), vec![Arc::clone(&source) as _]);
        let service = wanted.start();
        let verdict = hand.lines_up_to(&[record("1", "StopLogging")], &format!("position {run}"));
        assert!(verdict.blocking_recv().unwrap().is_committed());
        until("it is settled", || {
            let mut reader = Reader::open(folder.path()).unwrap();
            reader.snapshot().unwrap().status().unwrap().deliveries.delivered == 1
        });
        service.handle().stop();
        service.wait().unwrap();
        all.extend(wanted.target.keys.lock().unwrap().clone());
        let given = source.given.lock().unwrap().clone();
        let before = (run == 1).then(|| ("all".to_owned(), b"position 0".to_vec()));
        assert_eq!(given, [before.into_iter().collect::<Vec<_>>()], "it goes on from its checkpoint");
    }
    assert_eq!(all.len(), 1, "the same event again is no news: {all:?}");
}

#[test]
fn a_failing_source_is_run_again_and_shows_why() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    source
        .errors
        .lock()
        .unwrap()
        .push(SourceError::failed("the queue does not answer", "look at the network"));
    let wanted = Wanted::new(folder.path(), vec![Arc::clone(&source) as _]);
    let service = wanted.start();
    until("it shows why", || {
        let sources = service.health().sources();
        matches!(&sources["feed"], State::Unhealthy { reason, .. } if reason == "the queue does not answer")
    });
    assert!(!service.health().told().0, "not ready");
    assert!(hand.lines(&[record("1", "StopLogging")]).blocking_recv().unwrap().is_committed());
    until("it is ready", || service.health().told().0);
    service.handle().stop();
    service.wait().unwrap();
}

#[test]
fn a_refusal_is_tried_again_and_a_dead_letter_retried_by_another_command() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    *wanted.target.answers.lock().unwrap() = vec![
        DeliveryError::Permanent { reason: "400 no such channel".to_owned() },
        DeliveryError::Retryable { reason: "503".to_owned(), retry_after: None },
    ];
    let service = wanted.start();
    assert!(hand.lines(&[record("1", "StopLogging")]).blocking_recv().unwrap().is_committed());
    let dead = || {
        Reader::open(folder.path())
            .unwrap()
            .snapshot()
            .unwrap()
            .deliveries(DeliveryState::Dead, 0, 10)
            .unwrap()
    };
    until("it is dead", || dead().len() == 1);
    assert_eq!((dead()[0].attempts, dead()[0].error.as_deref()), (2, Some("400 no such channel")));

    let keys = vec![dead()[0].key.to_string()];
    let request = Request::Retry { actor: "test".to_owned(), keys, target: None };
    assert_eq!(ask(folder.path(), &request).unwrap(), Some(Response::Retried { count: 1 }));
    until("it arrived", || wanted.target.keys.lock().unwrap().len() == 3);
    let keys = wanted.target.keys.lock().unwrap().clone();
    assert!(keys.iter().all(|key| *key == keys[0]), "always the same key: {keys:?}");
    let answer = ask(folder.path(), &Request::Health).unwrap();
    assert!(matches!(answer, Some(Response::Health { ready: true, .. })), "{answer:?}");
    service.handle().stop();
    service.wait().unwrap();
    assert_eq!(ask(folder.path(), &Request::Health).unwrap(), None, "nobody is there any more");
}

#[test]
fn it_ends_within_ten_seconds_though_a_target_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let mut wanted = Wanted::new(folder.path(), vec![source]);
    wanted.target.hangs = true;
    let service = wanted.start();
    assert!(hand.lines(&[record("1", "StopLogging")]).blocking_recv().unwrap().is_committed());
    until("it is being delivered", || !wanted.target.keys.lock().unwrap().is_empty());
    let begun = Instant::now();
    service.handle().stop();
    service.wait().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    let mut reader = Reader::open(folder.path()).unwrap();
    let status = reader.snapshot().unwrap().status().unwrap();
    assert_eq!((status.deliveries.pending, status.deliveries.sending), (1, 0), "it is owed still");
}

#[test]
fn a_reload_is_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let sources: Vec<Arc<dyn sources::Source>> = vec![source];
    let wanted = Wanted::new(folder.path(), sources.clone());
    let rules = Arc::new(std::sync::Mutex::new(wanted.rules.clone()));
    let (read, target) = (Arc::clone(&rules), wanted.target.clone());
    let service = wanted.start_with(Arc::new(move || kit::plan(&read.lock().unwrap(), &target, &sources)));
    let found = |line: &str| hand.lines(&[line.to_owned()]).blocking_recv().unwrap().is_committed();
    let reload = |told: fn(&State) -> bool| {
        service.handle().reload();
        until("it is told", || {
            service.health().told().1.iter().any(|(part, state)| part == "reload" && told(state))
        });
    };

    *rules.lock().unwrap() = "id: broken".to_owned();
    reload(|state| matches!(state, State::Unhealthy { .. }));
    assert!(service.health().told().0, "the old rules go on");
    assert!(found(&record("1", "StopLogging")));
    assert_eq!(counter(folder.path(), "rules/logging-stopped"), 1);

    *rules.lock().unwrap() =
        kit::STOPPED.replace("StopLogging", "StartLogging").replace("logging-stopped", "logging-started");
    reload(|state| *state == State::Healthy);
    assert!(found(&record("2", "StopLogging")) && found(&record("3", "StartLogging")));
    assert_eq!(counter(folder.path(), "rules/logging-stopped"), 1);
    assert_eq!(counter(folder.path(), "rules/logging-started"), 1);
    service.handle().stop();
    service.wait().unwrap();
}

#[test]
fn a_full_store_holds_input_back_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let mut wanted = Wanted::new(folder.path(), vec![source]);
    wanted.store.size_max_bytes = Some(600_000);
    wanted.target.hangs = true;
    let service = wanted.start();
    let mut verdicts = Vec::new();
    let mut sent = 0;
    until("the store is full", || {
        let lines: Vec<String> = (0..20).map(|n| record(&format!("{sent}-{n}"), "StopLogging")).collect();
        sent += 1;
        verdicts.extend(hand.try_lines(&lines));
        matches!(service.health().told().1.first(), Some((_, State::Unhealthy { .. })))
    });
    assert!(!service.health().told().0);
    let created = counter(folder.path(), "findings/received");
    service.handle().stop();
    service.wait().unwrap();
    // What the source never took gets no verdict.
    drop(wanted);
    let committed = verdicts
        .into_iter()
        .filter_map(|verdict| verdict.blocking_recv().ok())
        .filter(sources::Verdict::is_committed);
    assert_eq!(committed.count() as u64 * 20, created, "what was not kept was not acknowledged");
    assert_eq!(unbalanced(&counters(folder.path())), Vec::<String>::new());
}

/// Findings as they are told, the oldest revision first.
fn told(state: &std::path::Path) -> Vec<serde_json::Value> {
    let filter = store::FindingFilter { replaced: true, ..store::FindingFilter::default() };
    let mut reader = Reader::open(state).unwrap();
    let page = reader.snapshot().unwrap().findings(&filter, None, 100).unwrap();
    let mut told: Vec<serde_json::Value> =
        page.findings.iter().map(|finding| serde_json::from_slice(&finding.body).unwrap()).collect();
    told.sort_by_key(|finding| finding["detail"]["revision"].as_u64());
    told
}

#[test]
fn what_a_rule_remembers_outlives_the_process_and_a_reload_that_leaves_its_meaning() {
    const FAILED: &str = "
id: many-stops
title: stopped again and again
severity: medium
pattern: { detail: { eventName: [StopLogging] } }
threshold: { count: 3, within: 10m, by: [account] }
";
    let folder = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let (source, hand) = feed("feed");
        let mut wanted = Wanted::new(folder.path(), vec![source]);
        // What a rule is called and how grave it is does not change what it has seen.
        wanted.rules = FAILED.replace("again and again", ["", "again", "again and again"][run]);
        let service = wanted.start();
        let event = record_at(&format!("e{run}"), "StopLogging", &format!("2026-11-03T02:39:0{run}Z"));
        assert!(hand.lines(&[event]).blocking_recv().unwrap().is_committed());
        service.handle().stop();
        service.wait().unwrap();
        assert_eq!(told(folder.path()).len(), usize::from(run == 2), "after run {run}");
    }
    let found = &told(folder.path())[0]["detail"];
    assert_eq!((found["count"].as_u64(), found["event_ids"].as_array().unwrap().len()), (Some(3), 3));
    assert_eq!(found["records"].as_array().unwrap().len(), 3, "records of earlier processes too: {found}");
    assert_eq!(found["records"][0]["eventID"], "e0");
}

#[test]
fn a_group_is_told_at_once_and_again_when_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let mut wanted = Wanted::new(folder.path(), vec![source]);
    wanted.rules = format!("{}group: {{ by: [account], for: 1m }}\n", kit::STOPPED);
    let service = wanted.start();
    let push = |lines: &[String]| assert!(hand.lines(lines).blocking_recv().unwrap().is_committed());
    push(&[record_at("1", "StopLogging", "2026-11-03T02:30:00Z")]);
    push(&[
        record_at("2", "StopLogging", "2026-11-03T02:30:30Z"),
        record_at("1", "StopLogging", "2026-11-03T02:30:00Z"),
    ]);
    // Ten minutes on, nothing of that minute is still to come.
    push(&[record_at("3", "DescribeTrails", "2026-11-03T02:40:00Z")]);
    until("both revisions are there", || told(folder.path()).len() == 2);
    let revisions = told(folder.path());
    assert_eq!(revisions[0]["id"], revisions[1]["id"]);
    let of = |n: usize| (revisions[n]["detail"]["settled"].clone(), revisions[n]["detail"]["count"].clone());
    assert_eq!((of(0), of(1)), ((false.into(), 1.into()), (true.into(), 2.into())));
    assert_eq!(counter(folder.path(), "signals/duplicate"), 1);
    until("both arrived", || wanted.target.keys.lock().unwrap().len() == 2);
    let keys = wanted.target.keys.lock().unwrap().clone();
    assert!(keys[0].ends_with(":0:recorder") && keys[1].ends_with(":1:recorder"), "in order: {keys:?}");
    service.handle().stop();
    service.wait().unwrap();
    assert_eq!(unbalanced(&counters(folder.path())), Vec::<String>::new());
}

#[test]
fn a_button_in_slack_does_what_a_command_would() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    let service = wanted.start();
    let address = service.operations().unwrap();
    assert!(hand.lines(&[record("1", "StopLogging")]).blocking_recv().unwrap().is_committed());
    until("it arrived", || wanted.target.keys.lock().unwrap().len() == 1);
    let key = wanted.target.keys.lock().unwrap()[0].clone();
    let finding = key.split(':').next().unwrap();

    let press = |action: &str, finding: &str| {
        let payload = format!(
            r#"{{"type":"block_actions","user":{{"id":"U0123","username":"alice"}},"actions":[{{"block_id":"trailhound","action_id":"{action}","value":"{finding}"}}]}}"#
        );
        let escape = |byte: u8| {
            if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        };
        format!("payload={}", payload.bytes().map(escape).collect::<String>())
    };
    let now = kit::clock()().as_second();
    let send = |body: &str, secret: &str, sent: i64| {
        let secret = targets::Secret::new(secret);
        let signature = targets::slack_interaction::sign(&secret, sent, body.as_bytes());
        let headers = [("x-slack-request-timestamp", sent.to_string()), ("x-slack-signature", signature)];
        kit::post(address, "/slack/actions", &headers, body)
    };
    let body = press("trailhound_silence", finding);
    assert_eq!(kit::post(address, "/slack/actions", &[], &body), 401);
    assert_eq!(send(&body, "another secret", now), 401, "forged");
    assert_eq!(send(&body, kit::SLACK_SECRET, now - 301), 401, "overheard and repeated");
    assert_eq!(send("payload=%7B%7D", kit::SLACK_SECRET, now), 200, "Slack's, and nothing to do");
    assert_eq!(send(&press("trailhound_silence", "unknown"), kit::SLACK_SECRET, now), 200);
    let silences = || {
        let mut reader = Reader::open(folder.path()).unwrap();
        let snapshot = reader.snapshot().unwrap();
        ::service::kept(&snapshot).unwrap().silences.len()
    };
    assert_eq!(silences(), 0, "nobody was believed");
    assert_eq!(send(&body, kit::SLACK_SECRET, now), 200);
    until("it is silenced", || silences() == 1);
    service.handle().stop();
    service.wait().unwrap();
}
