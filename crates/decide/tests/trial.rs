//! Tests in steps of every kind of rule: those that hold, and what is said of those that do not.

use context::Context;
use rules::{Colour, MemoryFiles, RuleSet, TestOutcome};

const CALL: &str = r#"{
  "eventVersion": "1.11", "eventTime": "2020-01-01T00:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
  "awsRegion": "eu-central-1", "sourceIPAddress": "192.0.2.1", "recipientAccountId": "111122223333", "eventType": "AwsApiCall",
  "eventID": "00000000-0000-4000-8000-000000000001", "readOnly": true, "managementEvent": true,
  "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "userName": "alice", "accountId": "111122223333" }
}"#;

fn run(text: &str) -> Vec<TestOutcome> {
    let mut files = MemoryFiles::default();
    files.insert("r.yaml", text);
    files.insert("call.json", CALL);
    let context = Context::empty();
    let loaded = RuleSet::load(["r.yaml"], &files, &context);
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    assert!(errors.is_empty(), "{}", errors[0].render(&files, Colour::Plain));
    loaded
        .rules
        .iter()
        .flat_map(|rule| rule.tests.iter().map(move |test| (rule, test)))
        .map(|(rule, test)| decide::run_test(&loaded.rules, rule, test, &context, &files))
        .collect()
}

/// All tests of a document hold, and there are as many as said.
fn holds(count: usize, text: &str) {
    let outcomes = run(text);
    for outcome in &outcomes {
        assert!(
            outcome.passed(),
            "{}:\n{}\nsaid:\n{}",
            outcome.name,
            outcome.failures.join("\n"),
            outcome.said.join("\n")
        );
    }
    assert_eq!(outcomes.len(), count);
}

const RULE: &str = "id: calls\ntitle: \"Calls of {{ principal.name }}\"\nseverity: medium\n";
const PATTERN: &str = "pattern: { source: [aws.s3] }\n";

#[test]
fn a_threshold() {
    holds(
        4,
        &format!(
            "{RULE}{PATTERN}escalate: [{{ when: \"detail.errorCode == 'AccessDenied'\", severity: high }}]
threshold: {{ count: 5, within: 10m, by: [principal], distinct: detail.sourceIPAddress }}
tests:
  - name: five addresses are said at once and settled when their span is over
    steps:
      - {{ at: +0s, event: call.json, repeat: x5 every 30s, with: {{ detail.sourceIPAddress: \"192.0.2.{{n}}\" }} }}
      - {{ expect: {{ state: firing, severity: medium, title: Calls of alice, settled: false, revision: 0, count: 5, reason: 5 different values of detail.sourceIPAddress, key: {{ principal: \"arn:aws:iam::111122223333:user/alice\" }} }} }}
      - {{ at: +3m, event: call.json, with: {{ detail.errorCode: AccessDenied }} }}
      - {{ expect: nothing }}
      - {{ progress: +10m }}
      - {{ expect: {{ settled: true, revision: 1, count: 6, severity: high }} }}
      - {{ progress: +2d }}
      - {{ expect: nothing }}
  - name: one address is no threshold
    steps:
      - {{ at: +0s, event: call.json, repeat: x33 every 5s }}
      - {{ progress: +1h }}
      - {{ expect: nothing }}
  - name: nor are five in eleven minutes
    steps:
      - {{ at: +0s, event: call.json, repeat: x5 every 2m45s, with: {{ detail.sourceIPAddress: \"192.0.2.{{n}}\" }} }}
      - {{ progress: +1h }}
      - {{ expect: nothing }}
  - {{ name: calls of others do not count, event: call.json, with: {{ detail.eventSource: ec2.amazonaws.com }}, counts: false, because: source }}
"
        ),
    );
}

#[test]
fn copies_and_late_events() {
    holds(
        2,
        &format!(
            "{RULE}{PATTERN}threshold: {{ count: 3, within: 10m }}
tests:
  - name: a copy counts once
    steps:
      - {{ at: +0s, event: call.json, repeat: x5 every 0s, with: {{ detail.eventID: 00000000-0000-4000-8000-000000000007 }} }}
      - {{ expect: nothing }}
  - name: what is late by less than the lateness is in time
    lateness: 20m
    steps:
      - {{ at: +0s, event: call.json }}
      - {{ at: +25m, event: call.json }}
      - {{ at: +5m, event: call.json, repeat: x2 every 1m }}
      - {{ expect: {{ state: firing, settled: false, count: 3 }} }}
      - {{ progress: +30m }}
      - {{ expect: {{ settled: true, count: 3 }} }}
"
        ),
    );
}

#[test]
fn a_sequence() {
    holds(
        3,
        &format!(
            "{RULE}sequence:
  within: 1h
  by: [principal]
  steps:
    - {{ pattern: {{ source: [aws.iam], detail: {{ eventName: [CreateUser] }} }} }}
    - {{ pattern: {{ source: [aws.iam], detail: {{ eventName: [CreateAccessKey] }} }}, where: detail.errorCode != 'x' || !has(detail.errorCode) }}
    - {{ not: {{ pattern: {{ source: [aws.iam], detail: {{ eventName: [DeleteUser] }} }} }} }}
tests:
  - name: a user with a key that stays
    steps:
      - {{ at: +0s, event: call.json, with: {{ detail.eventSource: iam.amazonaws.com, detail.eventName: CreateUser }} }}
      - {{ at: +10m, event: call.json, with: {{ detail.eventSource: iam.amazonaws.com, detail.eventName: CreateAccessKey }} }}
      - {{ expect: nothing }}
      - {{ progress: +1h }}
      - {{ expect: {{ state: firing, settled: true, count: 2 }} }}
  - name: and one that is taken back
    steps:
      - {{ at: +0s, event: call.json, with: {{ detail.eventSource: iam.amazonaws.com, detail.eventName: CreateUser }} }}
      - {{ at: +10m, event: call.json, with: {{ detail.eventSource: iam.amazonaws.com, detail.eventName: CreateAccessKey }} }}
      - {{ at: +20m, event: call.json, with: {{ detail.eventSource: iam.amazonaws.com, detail.eventName: DeleteUser }} }}
      - {{ progress: +2h }}
      - {{ expect: nothing }}
  - name: a step of another user is another sequence
    steps:
      - {{ at: +0s, event: call.json, with: {{ detail.eventSource: iam.amazonaws.com, detail.eventName: CreateUser }} }}
      - {{ at: +10m, event: call.json, with: {{ detail.eventSource: iam.amazonaws.com, detail.eventName: CreateAccessKey, detail.userIdentity.arn: \"arn:aws:iam::111122223333:user/bob\" }} }}
      - {{ progress: +2h }}
      - {{ expect: nothing }}
"
        ),
    );
}

#[test]
fn first_seen() {
    holds(
        1,
        &format!(
            "{RULE}{PATTERN}first_seen: {{ of: [principal, region], learn: 14d, forget: 90d }}
tests:
  - name: a new region after two weeks
    steps:
      - {{ at: +1d, event: call.json, repeat: x20 every 1d }}
      - {{ progress: +21d }}
      - {{ expect: nothing }}
      - {{ at: +21d, event: call.json, with: {{ detail.awsRegion: us-east-1 }} }}
      - {{ expect: {{ state: firing, settled: false, key: {{ region: us-east-1 }} }} }}
      - {{ at: +22d, event: call.json, with: {{ detail.awsRegion: us-east-1 }} }}
      - {{ progress: +22d1s }}
      - {{ expect: {{ settled: true }} }}
"
        ),
    );
}

#[test]
fn an_absence_has_three_answers() {
    holds(
        2,
        &format!(
            "{RULE}{PATTERN}absent: {{ for: 24h, per: [account, region], expect: [[\"111122223333\", eu-central-1]] }}
tests:
  - name: proof, and the end of it
    steps:
      - {{ at: +1h, event: call.json }}
      - {{ progress: +24h }}
      - {{ expect: nothing }}
      - {{ progress: {{ to: +25h, by: digest }} }}
      - {{ expect: {{ state: firing, key: {{ account: \"111122223333\" }} }} }}
      - {{ at: +30h, event: call.json }}
      - {{ expect: resolved }}
  - name: silence is no proof
    steps:
      - {{ at: +1h, event: call.json }}
      - {{ progress: {{ to: +26h, by: assumed }} }}
      - {{ expect: unknown }}
"
        ),
    );
}

const ALARM: &str = "alarm:
  metric: { dimensions: { user: $.userIdentity.arn } }
  statistic: Sum
  period: 60
  evaluation_periods: 1
  threshold: 3
  comparison_operator: GreaterThanOrEqualToThreshold
  treat_missing_data: notBreaching
";

#[test]
fn an_inline_alarm() {
    holds(
        1,
        &format!(
            "{RULE}{PATTERN}{ALARM}tests:
  - name: three calls in a minute, then none
    steps:
      - {{ at: +5s, event: call.json, repeat: x3 every 10s }}
      - {{ expect: {{ state: firing, settled: false }} }}
      - {{ progress: +2m }}
      - {{ expect: {{ state: firing, settled: true, reason: was greater than or equal to the threshold (3.0), key: {{ user: \"arn:aws:iam::111122223333:user/alice\" }} }} }}
      - {{ progress: +20m }}
      - {{ expect: resolved }}
"
        ),
    );
}

#[test]
fn a_metric_of_when_the_log_got_its_events() {
    // Three calls in three minutes come together, seven minutes later, with a fourth.
    let tests = |expected: &str| {
        format!(
            "tests:
  - name: late together
    lateness: 20m
    steps:
      - {{ at: +10m10s, event: call.json }}
      - {{ at: +1m, event: call.json, repeat: x3 every 1m }}
      - {{ progress: +32m }}
      - {{ expect: {expected} }}
"
        )
    };
    let when_it_happened = format!("{RULE}{PATTERN}{ALARM}{}", tests("nothing"));
    holds(1, &when_it_happened);
    let settled = "{ state: firing, settled: true, count: 4, reason: '[4.0 (' }";
    let ingestion = ALARM.replace("metric: { ", "metric: { time: ingestion, ");
    assert_ne!(ingestion, ALARM);
    holds(1, &format!("{RULE}{PATTERN}{ingestion}{}", tests(settled)));
}

#[test]
fn an_alarm_of_documents_and_a_composite_over_it() {
    holds(
        2,
        "kind: metric-filter
id: calls
filter_pattern: '{ $.eventSource = \"s3.amazonaws.com\" }'
metric_transformations: [{ metric_name: Calls, metric_namespace: Own, metric_value: 1 }]
---
kind: alarm
id: many-calls
title: Many calls
severity: low
namespace: Own
metric_name: Calls
statistic: Sum
period: 60
evaluation_periods: 1
threshold: 3
comparison_operator: GreaterThanOrEqualToThreshold
treat_missing_data: notBreaching
tests:
  - name: three calls
    steps:
      - { at: +5s, event: call.json, repeat: x3 every 10s }
      - { progress: +2m }
      - { expect: { state: firing, settled: true, severity: low, title: Many calls } }
---
kind: composite-alarm
id: calls-of-any-kind
title: Something calls
severity: high
alarm_rule: ALARM(many-calls) OR ALARM(other)
tests:
  - name: one of its children
    steps:
      - { at: +5s, event: call.json, repeat: x3 every 10s }
      - { progress: +3m }
      - { expect: { state: firing, severity: high, reason: transitioned to ALARM } }
---
kind: alarm
id: other
title: Others
severity: low
namespace: Own
metric_name: Calls
statistic: Sum
period: 60
evaluation_periods: 1
threshold: 1000
comparison_operator: GreaterThanThreshold
",
    );
}

#[test]
fn a_group() {
    holds(
        1,
        &format!(
            "{RULE}{PATTERN}group: {{ by: [principal], for: 1h }}
tests:
  - name: one finding with a count
    steps:
      - {{ at: +0s, event: call.json, repeat: x10 every 1m }}
      - {{ progress: +1h }}
      - {{ expect: {{ count: 10, settled: true }} }}
"
        ),
    );
}

#[test]
fn what_is_said_of_tests_that_do_not_hold() {
    let outcomes = run(&format!(
        "{RULE}{PATTERN}threshold: {{ count: 3, within: 10m, by: [principal] }}
tests:
  - name: everything is different
    steps:
      - {{ at: +0s, event: call.json, repeat: x3 every 30s }}
      - {{ expect: {{ state: resolved, severity: high, title: Bob, reason: because, count: 4, settled: true, revision: 2, key: {{ principal: x, region: y }} }} }}
  - name: nothing was said
    steps:
      - {{ at: +0s, event: call.json }}
      - {{ expect: [{{ count: 3 }}, firing] }}
  - name: something was said
    steps:
      - {{ at: +0s, event: call.json, repeat: x3 every 30s }}
      - {{ expect: nothing }}
  - name: something was said at the end
    steps:
      - {{ expect: nothing }}
      - {{ at: +1h5m, event: call.json, repeat: x3 every 30s }}
  - name: two of which one is meant
    steps:
      - {{ at: +0s, event: call.json, repeat: x3 every 30s }}
      - {{ at: +2m, event: call.json, repeat: x3 every 30s, with: {{ detail.userIdentity.arn: bob }} }}
      - {{ expect: {{ key: {{ principal: bob }} }} }}
  - name: no such file
    steps:
      - {{ at: +0s, event: nowhere.json }}
      - {{ expect: nothing }}
  - name: no such lane
    steps:
      - {{ progress: {{ to: +1m, account: payments }} }}
      - {{ expect: nothing }}
"
    ));
    let shown: Vec<String> = outcomes
        .iter()
        .map(|outcome| {
            format!(
                "{}\n  {}\n  said: {}",
                outcome.name,
                outcome.failures.join("\n  "),
                outcome.said.join("\n        ")
            )
        })
        .collect();
    assert!(outcomes.iter().all(|outcome| !outcome.passed()));
    insta::assert_snapshot!(shown.join("\n\n"));
}

/// A composite alarm, the alarm it listens to, and who publishes.
const ALARMS: &str = r#"
kind: composite-alarm
id: both
title: both
severity: low
alarm_rule: ALARM(calls) AND NOT ALARM("many calls")
---
kind: metric-filter
id: calls-counted
filter_pattern: '{ $.eventName = * }'
metric_transformations: [{ metric_name: Calls, metric_namespace: N, metric_value: 1 }]
---
kind: alarm
id: calls
alarm_name: calls
title: calls
severity: low
namespace: N
metric_name: Calls
statistic: Sum
period: 10
evaluation_periods: 2
datapoints_to_alarm: 1
comparison_operator: GreaterThanOrEqualToThreshold
threshold: 1
---
kind: alarm
id: many-calls
alarm_name: many calls
title: many calls
severity: low
namespace: N
metric_name: Calls
statistic: Sum
period: 10
evaluation_periods: 1
comparison_operator: GreaterThanOrEqualToThreshold
threshold: 2
"#;

#[test]
fn how_far_a_rule_is() {
    let explain = |text: &str, calls: &[(u32, &str)]| {
        let mut files = MemoryFiles::default();
        files.insert("r.yaml", text);
        let context = Context::empty();
        let loaded = RuleSet::load(["r.yaml"], &files, &context);
        let events: Vec<rules::EventView> = calls
            .iter()
            .map(|(second, name)| {
                let mut record: serde_json::Value = serde_json::from_str(CALL).unwrap();
                record["eventTime"] = format!("2026-01-01T00:00:{second:02}Z").into();
                record["eventName"] = (*name).into();
                record["eventID"] = format!("e{second}").into();
                let (mut view, text) = (None, record.to_string());
                let _ = cloudtrail::Decoder::default().decode(text.as_bytes(), None, |item| {
                    if let cloudtrail::Item::Event(event) = item {
                        view = Some(rules::EventView::of(&event).unwrap());
                    }
                });
                view.unwrap()
            })
            .collect();
        let rule = loaded.rules.at(0).unwrap();
        let over_time = decide::explain_over_time(&loaded.rules, rule, &events, &context);
        format!(
            "{}{}",
            rule.explain(events.last().unwrap(), &context),
            over_time.unwrap_or_else(|| "-".to_owned())
        )
    };
    let sequence = format!(
        "{RULE}sequence: {{ within: 1h, by: [principal], steps: [{{ filter: '{{ $.eventName = A }}' }}, {{ filter: '{{ $.eventName = B }}', where: detail.readOnly }}] }}\n"
    );
    let threshold = format!("{RULE}{PATTERN}threshold: {{ count: 3, within: 10m, by: [principal] }}\n");
    let shown = [
        explain(&threshold, &[(1, "A"), (2, "B")]),
        explain(&threshold, &[(1, "A"), (2, "B"), (3, "C")]),
        explain(&threshold.replace("aws.s3", "aws.ec2"), &[(1, "A")]),
        explain(&format!("{RULE}{PATTERN}first_seen: {{ of: [principal] }}\n"), &[(1, "A")]),
        explain(&format!("{RULE}{PATTERN}absent: {{ for: 1h, per: [principal] }}\n"), &[(1, "A")]),
        explain(&format!("{RULE}{PATTERN}{ALARM}"), &[(1, "A"), (2, "B")]),
        explain(&format!("{RULE}{PATTERN}"), &[(1, "A")]),
    ];
    insta::assert_snapshot!(shown.join("\n\n"));

    // What is left of an explanation when the event itself was explained.
    let how_far = |text: &str, calls: &[(u32, &str)]| {
        let said = explain(text, calls);
        let lines =
            said.lines().skip_while(|line| !line.starts_with("of ") && !line.contains(": it looks at no"));
        format!("{calls:?}\n{}", lines.collect::<Vec<_>>().join("\n"))
    };
    let soon = threshold.replace("count: 3, within: 10m", "count: 2, within: 10s");
    let distinct = threshold.replace("by: [principal]", "by: [principal], distinct: detail.eventName");
    let not = sequence.replace(
        "{ filter: '{ $.eventName = B }', where: detail.readOnly }",
        "{ not: { filter: '{ $.eventName = B }' } }",
    );
    let learnt = format!("{RULE}{PATTERN}first_seen: {{ of: [principal], learn: 5s, forget: 30d }}\n");
    let shown = [
        how_far(&soon, &[(1, "A"), (2, "B"), (12, "C")]),
        how_far(&distinct, &[(1, "A"), (2, "B"), (3, "B")]),
        how_far(&sequence, &[(1, "A"), (2, "A")]),
        how_far(&sequence, &[(1, "B")]),
        how_far(&sequence, &[(1, "A"), (2, "B")]),
        how_far(&not, &[(1, "A")]),
        how_far(&not, &[(1, "A"), (2, "B")]),
        how_far(&learnt, &[(1, "A"), (20, "B")]),
        how_far(ALARMS, &[(1, "A"), (20, "B")]),
        how_far(ALARMS, &[(1, "A"), (20, "B"), (30, "C")]),
    ];
    insta::assert_snapshot!("how_far_rules_over_time_are", shown.join("\n\n"));

    let said = explain(&sequence, &[(1, "A")]);
    assert!(said.starts_with("calls (sequence) counts this event as step 1, medium\n"), "{said}");
    let said = explain(&sequence, &[(1, "A"), (2, "B")]);
    assert!(said.starts_with("calls (sequence) counts this event as step 2, medium\n"), "{said}");
    assert!(said.contains("where detail.readOnly: true") && said.contains("\nit fired, from"), "{said}");
    let said = explain(&sequence, &[(1, "A"), (2, "C")]);
    assert!(said.starts_with("calls (sequence) does not count this event as step 1: stopped by"), "{said}");
}
