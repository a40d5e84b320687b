//! Route reads findings by their JSON alone; here what `decide` writes is held to what route reads, field by field.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use decide::{AccountDetail, DETAIL_TYPE, Detail, Finding, PrincipalDetail, SOURCE, SourceDetail, Window};
use route::{FindingEvent, Message, Severity, State};
use serde_json::value::to_raw_value;

fn finding(severity: rules::Severity, state: decide::State) -> Finding {
    let text = str::to_owned;
    let record = serde_json::json!({
        "userIdentity": { "arn": "arn:aws:iam::111122223333:user/alice" },
        "eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "userAgent": "console",
        "requestParameters": { "name": "main" }, "managementEvent": true,
    });
    Finding {
        version: "0",
        id: text("3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f"),
        source: SOURCE,
        detail_type: DETAIL_TYPE,
        account: text("111122223333"),
        region: text("eu-central-1"),
        time: text("2026-11-03T02:41:09Z"),
        resources: vec![],
        detail: Detail {
            rule: text("the-rule"),
            title: text("The title"),
            description: Some(text("The description.")),
            severity,
            state,
            revision: 7,
            settled: true,
            fingerprint: text("f00d"),
            reason: text("the reason"),
            account: AccountDetail {
                name: Some(text("payments")),
                ou: Some(text("Prod")),
                tags: BTreeMap::new(),
                owner: Some(text("team-payments")),
            },
            principal: PrincipalDetail {
                kind: text("user"),
                name: Some(text("alice")),
                arn: Some(text("arn:aws:iam::111122223333:user/alice")),
                session: Some(text("the-session")),
                human: Some(text("Alice")),
            },
            source_ip: Some(text("203.0.113.7")),
            source: Some(SourceDetail {
                country: Some(text("DE")),
                city: Some(text("Berlin")),
                asn: Some(64_500),
                org: Some(text("Example")),
            }),
            context: None,
            drill: false,
            conversation: None,
            key: BTreeMap::from([(text("account"), text("111122223333"))]),
            window: Window { from: text("2026-11-03T02:41:09Z"), to: text("2026-11-03T03:41:09Z") },
            count: 3,
            first_time: text("2026-11-03T02:41:09Z"),
            last_time: text("2026-11-03T02:59:59Z"),
            event_ids: vec![text("5c8e7a52-1b1f-4b7e-9a60-0a4f1d3e2b11")],
            records: vec![to_raw_value(&record).unwrap()],
            over_time: false,
            alarm: None,
            first_checks: vec![text("The check?")],
            tags: vec![text("the-tag")],
            owner: Some(text("the-owner")),
        },
    }
}

#[test]
fn whatever_decide_writes_is_read() {
    for (theirs, ours) in rules::Severity::ALL.into_iter().zip(Severity::ALL) {
        for (their_state, our_state) in [
            (decide::State::Firing, State::Firing),
            (decide::State::Resolved, State::Resolved),
            (decide::State::Unknown, State::Unknown),
        ] {
            let json = serde_json::to_string(&finding(theirs, their_state)).unwrap();
            let read = FindingEvent::parse(&json).unwrap();
            assert_eq!((read.severity(), read.state(), read.revision()), (ours, our_state, 7));
        }
    }
    let json = serde_json::to_string(&finding(rules::Severity::High, decide::State::Firing)).unwrap();
    insta::assert_snapshot!(Message::of(&FindingEvent::parse(&json).unwrap()));
}
