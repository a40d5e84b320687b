//! A rule over events, from its document to verdict, severity, title, group and explanation.

use cloudtrail::{Decoder, Item};
use context::Context;
use rules::{Evaluation, EventView, MemoryFiles, Rule, RuleSet, Verdict};
use std::sync::Arc;

const RULE: &str = r#"
id: group-opened
title: "{{ principal.name }} opened {{ detail.requestParameters.groupId }} in {{ account }}"
severity: high
escalate:
  - { when: "glob_any(detail.requestParameters.groupId, lists.dev_security_groups)", severity: low }
  - { when: "detail.requestParameters.ports == 22", severity: critical }
description: An open group lets anybody in.
first_checks: [Which ports?]
pattern:
  detail-type: [AWS API Call via CloudTrail]
  detail:
    eventName: [AuthorizeSecurityGroupIngress]
    errorCode: [{ exists: false }]
where: cidr_size(detail.requestParameters.cidr) > 65536
except:
  - reason: migration
    owner: platform
    expires: 2026-07-06
    pattern: { account: ["111122223333"] }
  - { reason: load balancers, where: "detail.requestParameters.groupId == 'sg-lb'" }
group: { by: [account, principal, detail.requestParameters.groupId, detail.requestParameters.ports, detail.gone], for: 1h }
tests:
  - name: opened to the world
    event: { eventName: AuthorizeSecurityGroupIngress, eventSource: ec2.amazonaws.com, eventVersion: "1.11",
             eventTime: "2026-08-01T10:00:00Z", awsRegion: us-east-1, recipientAccountId: "444455556666", eventID: a,
             requestParameters: { groupId: sg-1, cidr: 0.0.0.0/0 } }
    fires: true
    severity: high
  - name: in a file
    event: events/open.json
    with: { detail.requestParameters.groupId: sg-dev-1, region: eu-west-1 }
    lists: { dev_security_groups: [sg-dev-*] }
    fires: true
    severity: low
  - name: denied
    event: events/open.json
    with: { detail.errorCode: AccessDenied }
    fires: false
    because: detail.errorCode
  - name: to a few
    event: events/open.json
    with: { detail.requestParameters.cidr: 10.0.0.0/24 }
    fires: false
    because: where
  - name: by the load balancer
    event: events/open.json
    with: { detail.requestParameters.groupId: sg-lb }
    fires: false
    because: except
"#;

const EVENT: &str = r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::444455556666:user/dana",
    "accountId":"444455556666","userName":"dana"},"eventTime":"2026-08-01T10:00:00Z","eventSource":"ec2.amazonaws.com",
    "eventName":"AuthorizeSecurityGroupIngress","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.9",
    "requestParameters":{"groupId":"sg-1","cidr":"0.0.0.0/0","ports":22},"responseElements":null,
    "eventID":"11111111-2222-3333-4444-555555555555","eventType":"AwsApiCall","recipientAccountId":"444455556666"}"#;

#[expect(clippy::expect_used, reason = "a test fails by panicking")]
fn load(text: &str) -> (Arc<Rule>, MemoryFiles) {
    let mut files = MemoryFiles::default();
    files.insert("rules/r.yaml", text);
    files.insert("rules/events/open.json", EVENT);
    let loaded = RuleSet::load(["rules/r.yaml"], &files, &Context::empty());
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    (Arc::clone(loaded.rules.at(0).expect("a rule")), files)
}

#[expect(clippy::expect_used, reason = "a test fails by panicking")]
fn view(text: &str) -> EventView {
    let mut views = Vec::new();
    let decoded = Decoder::default().decode(text.as_bytes(), None, |item| {
        if let Item::Event(event) = item {
            views.push(EventView::of(&event).expect("readable"));
        }
    });
    assert!(decoded.trouble.is_none());
    views.pop().expect("one event")
}

#[test]
fn a_rule_says_what_becomes_of_an_event() {
    let (rule, _) = load(RULE);
    let context = Context::empty();
    let verdict = |event: &str| Evaluation::new(&rule, &view(event), &context).verdict();
    assert_eq!(verdict(EVENT), Verdict::Fires);
    assert_eq!(verdict(&EVENT.replace("0.0.0.0/0", "10.0.0.0/24")), Verdict::WhereFalse);
    assert!(matches!(verdict(&EVENT.replace("\"cidr\"", "\"other\"")), Verdict::WhereMissing(_)));
    assert!(matches!(verdict(&EVENT.replace("0.0.0.0/0", "anywhere")), Verdict::WhereError(_)));
    assert_eq!(verdict(&EVENT.replace("sg-1", "sg-lb")), Verdict::Excepted(1));
    // An exception holds through its last day, by the event's time.
    let in_migration = EVENT.replace("444455556666", "111122223333");
    assert_eq!(
        verdict(&in_migration.replace("2026-08-01T10:00:00Z", "2026-07-06T23:59:59Z")),
        Verdict::Excepted(0)
    );
    assert_eq!(
        verdict(&in_migration.replace("2026-08-01T10:00:00Z", "2026-07-07T00:00:00Z")),
        Verdict::Fires
    );
}

#[test]
fn a_rule_says_what_a_finding_is() {
    let (rule, _) = load(RULE);
    let (context, view) = (Context::empty(), view(EVENT));
    let evaluation = Evaluation::new(&rule, &view, &context);
    assert_eq!(evaluation.severity().as_str(), "critical");
    assert_eq!(evaluation.title(), "dana opened sg-1 in 444455556666");
    let key: Vec<_> = evaluation.group_key().iter().map(|(path, value)| format!("{path}={value}")).collect();
    assert_eq!(
        key,
        [
            "account=444455556666",
            "principal=arn:aws:iam::444455556666:user/dana",
            "detail.requestParameters.groupId=sg-1",
            "detail.requestParameters.ports=22",
            "detail.gone=",
        ]
    );
}

#[test]
fn tests_in_documents_pass_or_say_why_not() {
    let (rule, files) = load(RULE);
    let failed: Vec<_> =
        rule.run_tests(&Context::empty(), &files).into_iter().filter(|outcome| !outcome.passed()).collect();
    assert_eq!(failed, []);

    let wrong = RULE
        .replace("because: detail.errorCode", "because: where")
        .replace("cidr: 10.0.0.0/24 }", "cidr: 10.0.0.0/4 }")
        .replace("severity: low\n  - name: denied", "severity: critical\n  - name: denied")
        .replace("event: { eventName: Auth", "event: { Name: Auth")
        .replace(
            "event: events/open.json\n    with: { detail.requestParameters.groupId: sg-lb",
            "event: events/gone.json\n    with: { detail.x: 1",
        );
    let (rule, files) = load(&wrong);
    let said: Vec<_> = rule
        .run_tests(&Context::empty(), &files)
        .iter()
        .map(|outcome| {
            let explained = outcome.explanation.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{}: {}\n{explained}", outcome.name, outcome.failures.join("; "))
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn an_explanation_is_printed_and_serialized() {
    let (rule, _) = load(RULE);
    let context = Context::empty();
    let events = [
        EVENT.to_owned(),
        EVENT.replace("AuthorizeSecurityGroupIngress", "DescribeSecurityGroups"),
        EVENT.replace("0.0.0.0/0", "anywhere").replace("sg-1", "sg-lb"),
    ];
    let printed: Vec<_> =
        events.iter().map(|event| rule.explain(&view(event), &context).to_string()).collect();
    insta::assert_snapshot!(printed.join("\n"));
    let explained = rule.explain(&view(&events[1]), &context);
    let serialized = serde_json::to_value(&explained).expect("serializable");
    assert_eq!(serialized["stopped_by"], serde_json::json!(["detail.eventName"]));
    assert_eq!(serialized["selector"]["selector"], "pattern");
}

#[test]
fn filters_see_the_record_alone_and_say_paths_from_the_root() {
    let text = "id: f\ntitle: F\nseverity: low\nfilter: '{ $.eventName = StopLogging && $.detail.eventName NOT EXISTS }'\n";
    let (rule, _) = load(text);
    let context = Context::empty();
    let explained = rule.explain(&view(EVENT), &context);
    assert_eq!(explained.stopped_by, ["detail.eventName"]);
    let stopped = EVENT.replace("AuthorizeSecurityGroupIngress", "StopLogging");
    assert!(rule.explain(&view(&stopped), &context).fires);
    let other = r#"{"version":"0","id":"x","detail-type":"GuardDuty Finding","source":"aws.guardduty","account":"444455556666",
        "time":"2026-08-01T10:00:00Z","region":"us-east-1","resources":[],"detail":{"eventName":"StopLogging"}}"#;
    assert!(!rule.explain(&view(other), &context).fires, "an event without a record matches no filter");
}

#[test]
fn delivery_is_a_gate() {
    let read = EVENT.replace("AuthorizeSecurityGroupIngress", "DescribeTrails").replace(
        "\"eventType\"",
        "\"readOnly\":true,\"managementEvent\":true,\"eventCategory\":\"Management\",\"eventType\"",
    );
    for (delivery, fires) in [("all", true), ("aws-enabled", false), ("aws-all-management", true)] {
        let text = format!(
            "id: d\ntitle: D\nseverity: low\ndelivery: {delivery}\npattern: {{ detail: {{ eventName: [DescribeTrails] }} }}\n"
        );
        let (rule, _) = load(&text);
        let explained = rule.explain(&view(&read), &Context::empty());
        assert_eq!(explained.fires, fires, "{delivery}");
        assert_eq!(explained.stopped_by.contains(&"delivery".to_owned()), !fires);
    }
}

#[test]
fn rule_sets_are_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<RuleSet>();
    shared::<EventView>();
}
