//! Documents of rules over time, alarms and metrics: what is read of good ones, and what is told of bad ones.

use alarm::Metric;
use cloudtrail::Decoder;
use context::Context;
use rules::{
    Action, Colour, Course, Decision, EventView, Expect, Loaded, MemoryFiles, RuleSet, Selection, Selector,
};

fn load(text: &str) -> (Loaded, MemoryFiles) {
    let mut files = MemoryFiles::default();
    files.insert("r.yaml", text);
    let loaded = RuleSet::load(["r.yaml"], &files, &Context::empty());
    (loaded, files)
}

fn good(text: &str) -> RuleSet {
    let (loaded, files) = load(text);
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    assert!(errors.is_empty(), "{}", errors[0].render(&files, Colour::Plain));
    loaded.rules
}

/// All that is told of a document; of errors only, if there are any.
fn told(text: &str) -> String {
    let (loaded, files) = load(text);
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    let shown = if errors.is_empty() { loaded.diagnostics.iter().collect() } else { errors };
    assert!(!shown.is_empty(), "nothing is told of {text}");
    shown.iter().map(|diagnostic| diagnostic.render(&files, Colour::Plain)).collect::<Vec<_>>().join("\n\n")
}

const HEAD: &str = "id: many\ntitle: Many\nseverity: high\n";
const PATTERN: &str = "pattern: { source: [aws.s3], detail: { eventName: [GetObject] } }\n";
const ALARM: &str = "kind: alarm\nid: a\ntitle: A\nseverity: low\nnamespace: CIS\nmetric_name: Root\n";
const EVALUATED: &str = "statistic: Sum\nperiod: 300\nevaluation_periods: 1\nthreshold: 1\ncomparison_operator: GreaterThanThreshold\n";
const FILTER: &str = "---\nkind: metric-filter\nid: f\ndescription: x\nfilter_pattern: '{ $.userIdentity.type = \"Root\" }'\nmetric_transformations: [{ metric_name: Root, metric_namespace: CIS, metric_value: 1 }]\n";

fn rule(decision: &str) -> String {
    format!("{HEAD}{PATTERN}{decision}\n")
}

fn alarm(more: &str) -> String {
    format!("{ALARM}{more}{FILTER}")
}

fn quiet(text: &str) -> String {
    text.replace("severity: low\n", "severity: low\nallow: [no-tests, no-description, no-first-checks]\n")
        .replace("severity: high\n", "severity: high\nallow: [no-tests, no-description, no-first-checks]\n")
}

#[test]
fn decisions_that_are_wrong() {
    let step = "{ pattern: { source: [aws.iam] }, by: [principal] }";
    for (name, text) in [
        ("two_decisions", rule("threshold: { count: 5, within: 10m }\nfirst_seen: { of: [] }")),
        (
            "group_beside_threshold",
            rule("threshold: { count: 5, within: 10m }\ngroup: { by: [principal], for: 1h }"),
        ),
        (
            "threshold_values",
            rule(
                "threshold: { count: 0, within: 10 minutes, by: principal, distinct: $.sourceIPAddress, keys_max: \"5\", windw: 1 }",
            ),
        ),
        ("threshold_missing", rule("threshold: { by: [principle] }")),
        ("threshold_long", rule("threshold: { count: 5, within: 90d }")),
        ("threshold_no_mapping", rule("threshold: 5")),
        ("first_seen_values", rule("first_seen: { of: [detail.x], learn: 2y, forget: 1000d }")),
        (
            "absent_values",
            rule("absent: { for: 24h, per: [account, detail.eventSource], expect: organization }"),
        ),
        (
            "absent_list",
            rule(
                "absent: { for: 24h, per: [account, region], expect: [111122223333, [\"111122223333\"], [\"111122223333\", us-east-1]] }",
            ),
        ),
        ("absent_list_without_per", rule("absent: { for: 24h, expect: [a], accept_assumed: sometimes }")),
        ("absent_word", rule("absent: { for: 24h, per: [account], expect: organisation }")),
        ("sequence_beside_selector", rule(&format!("sequence: {{ within: 1h, steps: [{step}, {step}] }}"))),
        ("sequence_short", format!("{HEAD}sequence: {{ within: 1h, steps: [{step}] }}\n")),
        (
            "sequence_arity",
            format!(
                "{HEAD}sequence:\n  within: 1h\n  steps:\n    - {step}\n    - {{ filter: ERROR, by: [principal, region] }}\n    - {{ not: {{ filter: ERROR }} }}\n"
            ),
        ),
        (
            "sequence_not_in_the_middle",
            format!("{HEAD}sequence: {{ within: 1h, steps: [{step}, {{ not: {step} }}, {step}] }}\n"),
        ),
        (
            "sequence_steps",
            format!(
                "{HEAD}sequence: {{ within: 1h, strict: 1, steps: [{{ by: [principal] }}, {{ pattern: {{ a: b }}, filter: '%[', were: x }}, 7] }}\n"
            ),
        ),
        (
            "inline_alarm",
            rule(
                "alarm:\n  metric: { value: '$.a[*]', dimensions: { user: principal, bucket: detail.requestParameters.bucketName, x: '' } }\n  metric_name: x\n  dimensions: { a: b }\n  period: 300\n  evaluation_periods: 1\n  comparison_operator: '>='\n  threshold: 1",
            ),
        ),
        (
            "inline_alarm_default",
            rule(
                "alarm: { metric: { dimensions: { user: $.userIdentity.arn }, default_value: 0 }, statistic: Sum, period: 60, evaluation_periods: 1, threshold: 1, comparison_operator: GreaterThanThreshold }",
            ),
        ),
    ] {
        insta::assert_snapshot!(name, told(&text));
    }
}

#[test]
fn alarms_that_are_wrong() {
    let composite = |rule: &str| {
        format!(
            "kind: composite-alarm\nid: c\ntitle: C\nseverity: low\nalarm_rule: {rule}\n---\n{}",
            alarm(EVALUATED)
        )
    };
    for (name, text) in [
        ("alarm_missing", "kind: alarm\nid: a\n".to_owned()),
        ("alarm_names_of_the_api", alarm("Statistic: Sum\nPeriod: 300\nEvaluationPeriods: 1\nThreshold: 1\nComparisonOperator: GreaterThanThreshold\n")),
        ("alarm_period", alarm(&EVALUATED.replace("300", "45"))),
        ("alarm_period_as_text", alarm(&EVALUATED.replace("300", "5m"))),
        ("alarm_values", alarm("statistic: sum\nperiod: x\nevaluation_periods: 0\nthreshold: \"5\"\ncomparison_operator: \">\"\ntreat_missing_data: notbreaching\nevaluate_low_sample_count_percentile: no\n")),
        ("alarm_datapoints", alarm(&format!("{EVALUATED}datapoints_to_alarm: 2\n"))),
        ("alarm_too_long", alarm(&EVALUATED.replace("evaluation_periods: 1\n", "evaluation_periods: 300\n"))),
        ("alarm_no_statistic", alarm(&EVALUATED.replace("statistic: Sum\n", ""))),
        ("alarm_anomaly_operator", alarm(&EVALUATED.replace("GreaterThanThreshold", "GreaterThanUpperThreshold"))),
        ("alarm_anomaly_band", alarm(&format!("{EVALUATED}threshold_metric_id: ad1\n"))),
        ("alarm_beside_metrics", alarm(&format!("{EVALUATED}metrics: [{{ id: m1, metric_stat: {{ metric: {{ namespace: CIS, metric_name: Root }}, period: 300, stat: Sum }} }}]\n"))),
        ("alarm_expression", "kind: alarm\nid: a\ntitle: A\nseverity: low\nevaluation_periods: 1\nthreshold: 1\ncomparison_operator: GreaterThanThreshold\nmetrics:\n  - { id: m1, metric_stat: { metric: { namespace: CIS, metric_name: Root }, period: 300, stat: Sum }, return_data: false }\n  - { id: e1, expression: \"m1 + * 2\" }\n".to_owned()),
        ("alarm_expression_unknown_id", "kind: alarm\nid: a\ntitle: A\nseverity: low\nevaluation_periods: 1\nthreshold: 1\ncomparison_operator: GreaterThanThreshold\nmetrics:\n  - { id: m1, metric_stat: { metric: { namespace: CIS, metric_name: Root }, period: 300, stat: Sum }, return_data: false }\n  - { id: e1, expression: \"m1 / m2\" }\n".to_owned()),
        ("alarm_search", "kind: alarm\nid: a\ntitle: A\nseverity: low\nevaluation_periods: 1\nthreshold: 1\ncomparison_operator: GreaterThanThreshold\nmetrics:\n  - { id: m1, metric_stat: { metric: { namespace: CIS, metric_name: Root }, period: 300, stat: Sum }, return_data: false }\n  - { id: e1, expression: \"SEARCH('x', 'Sum', 300)\" }\n".to_owned()),
        ("filter_missing", "kind: metric-filter\nid: f\ntitle: x\n".to_owned()),
        ("filter_transformations", "kind: metric-filter\nid: f\nfilter_pattern: ERROR\npattern: { source: [aws.s3] }\nmetric_transformations:\n  - { metric_name: 'a:b', metric_namespace: n, metric_value: 1 }\n  - { metricName: m, metric_namespace: n, metric_value: [1] }\n".to_owned()),
        ("filter_two_transformations", "kind: metric-filter\nid: f\nfilter_pattern: ERROR\nmetric_transformations:\n  - { metric_name: a, metric_namespace: n, metric_value: 1 }\n  - { metric_name: b, metric_namespace: n, metric_value: 1 }\n".to_owned()),
        ("composite_syntax", composite("ALARM(a) and OK(a)")),
        ("composite_syntax_quoted", composite("\"ALARM(a) AND AT_LEAST(3, ALARM, (a, a))\"")),
        ("composite_unknown", composite("ALARM(aa) OR ALARM(\"arn:aws:cloudwatch:us-east-1:111122223333:alarm:disk\")")),
        ("composite_itself", composite("NOT ALARM(c)")),
        ("composite_circle", format!("{}---\nkind: composite-alarm\nid: d\ntitle: D\nseverity: low\nalarm_rule: ALARM(e)\n---\nkind: composite-alarm\nid: e\ntitle: E\nseverity: low\nalarm_rule: ALARM(d) OR ALARM(a)\n", composite("ALARM(d)"))),
        ("composite_of_each_value", format!("{}alarm: {{ metric: {{ dimensions: {{ user: $.userIdentity.arn }} }}, statistic: Sum, period: 60, evaluation_periods: 1, threshold: 1, comparison_operator: GreaterThanThreshold }}\n---\nkind: composite-alarm\nid: c\ntitle: C\nseverity: low\nalarm_rule: ALARM(many)\n", rule(""))),
        ("composite_suppressor", composite("ALARM(a)\nactions_suppressor: a")),
        ("alarms_of_one_name", format!("{}---\n{}alarm_name: a\n", alarm(EVALUATED), ALARM.replace("id: a", "id: b") + EVALUATED)),
    ] {
        insta::assert_snapshot!(name, told(&text));
    }
}

#[test]
fn alarms_that_are_right_but_probably_not_meant() {
    let many = vec!["(TRUE)"; 251].join(" OR ");
    let composite = format!("kind: composite-alarm\nid: c\ntitle: C\nseverity: low\nalarm_rule: {many}\n");
    for (name, text) in [
        ("lint_unknown_metric", alarm(EVALUATED).replace("metric_name: Root\n", "metric_name: Rot\n")),
        ("lint_unknown_namespace", alarm(EVALUATED).replace("namespace: CIS\n", "namespace: cis\n")),
        (
            "lint_unknown_dimensions",
            alarm(&format!("{EVALUATED}dimensions: [{{ name: account, value: x }}]\n")),
        ),
        ("lint_never_that_unit", alarm(&format!("{EVALUATED}unit: Count\n"))),
        (
            "lint_inline_unit",
            rule(
                "alarm: { unit: Count, statistic: Sum, period: 60, evaluation_periods: 1, threshold: 1, comparison_operator: GreaterThanThreshold }",
            ),
        ),
        (
            "lint_actions",
            alarm(&format!(
                "{EVALUATED}actions_enabled: true\nok_actions: []\nalarm_actions: [\"arn:aws:sns:us-east-1:111122223333:x\"]\nalarm_description: {}\n",
                "x".repeat(1025)
            )),
        ),
        (
            "lint_quotas",
            alarm(EVALUATED).replace(
                "metric_value: 1",
                "metric_value: 1, dimensions: { a: $.a, b: $.b, c: $.c, d: $.d }",
            ),
        ),
        ("lint_composite_quota", composite),
    ] {
        insta::assert_snapshot!(name, told(&quiet(&text)));
    }
}

#[test]
fn patterns_that_look_in_the_wrong_place() {
    for (name, text) in [
        ("lint_record_field", "pattern: { eventName: [StopLogging], eventsource: [x], source: [aws.s3] }"),
        (
            "lint_field_case",
            "pattern: { source: [aws.s3], Region: [x], detail_type: [x], detail: { eventname: [StopLogging], userIdentity: { Type: [Root] }, $or: [{ ErrorCode: [x] }, { readonly: [true] }] } }",
        ),
        (
            "lint_field_case_as_text",
            "pattern: '{\"source\": [\"aws.s3\"], \"detail\": {\"EventName\": [\"StopLogging\"]}}'",
        ),
    ] {
        insta::assert_snapshot!(name, told(&quiet(&format!("{HEAD}{text}\n"))));
    }
    // Other services have other details, and fields in requestParameters are their own.
    for fine in [
        "pattern: { detail-type: [GuardDuty Finding], detail: { ResourceS: [x] } }",
        "pattern: { source: [aws.s3], resources: [x], detail: { requestParameters: { EventName: [x] } } }",
    ] {
        let (loaded, _) = load(&quiet(&format!("{HEAD}{fine}\n")));
        assert_eq!(loaded.diagnostics, [], "{fine}");
    }
}

#[test]
fn tests_that_are_wrong() {
    let tests = |tests: &str| rule(&format!("threshold: {{ count: 5, within: 10m }}\ntests:\n{tests}"));
    for (name, text) in [
        (
            "test_fires",
            tests(
                "  - { name: a, event: e.json, fires: true }\n  - { name: b, event: e.json, counts: false, start: x, lateness: 5m }",
            ),
        ),
        ("test_counts", rule("tests: [{ name: a, event: e.json, counts: true }]")),
        (
            "test_of_sequence",
            format!(
                "{HEAD}sequence: {{ within: 1h, steps: [{{ filter: a }}, {{ filter: b }}] }}\ntests: [{{ name: a, event: {{}}, fires: true }}]\n"
            ),
        ),
        ("test_mixed", tests("  - { name: a, event: e.json, counts: true, steps: [{ expect: nothing }] }")),
        ("test_expects_nothing", tests("  - { name: a, steps: [{ at: +0s, event: e.json }] }")),
        (
            "test_steps",
            tests(
                "  - name: a\n    start: 2026-13-01\n    lateness: soon\n    steps:\n      - { at: 5m, event: e.json, repeat: 5 times }\n      - { at: 5 minutes, event: e.json, expect: nothing }\n      - {}\n      - { progress: 20m, with: {} }\n      - { at: +1m, expect: fires }\n      - { progress: { to: +5m, by: hearsay, lane: x } }\n      - { expect: [] }\n      - { expect: { state: alarm, severity: hi, settled: yes, key: { principle: a }, events: 3 } }",
            ),
        ),
    ] {
        insta::assert_snapshot!(name, told(&text));
    }
}

#[test]
fn event_files_that_are_not_there() {
    let (loaded, mut files) = load(&rule(
        "threshold: { count: 5, within: 10m }\ntests:\n  - { name: a, event: events/a.json, counts: true }\n  - { name: b, steps: [{ at: +0s, event: events/b.json }, { event: events/c.json }, { expect: nothing }] }",
    ));
    files.insert("events/c.json", "{}");
    let missing = rules::missing_events(&loaded.rules, &files);
    let messages: Vec<_> = missing.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn selections_number_all_selectors() {
    let rules = good(
        "id: one\ntitle: One\nseverity: low\nfilter: one\n---\n\
         id: two\ntitle: Two\nseverity: low\ndelivery: aws-enabled\nsequence: { within: 1h, by: [principal], steps: [{ filter: a }, { filter: b, delivery: all, by: [account] }, { not: { filter: c } }] }\n---\n\
         kind: composite-alarm\nid: c\ntitle: C\nseverity: low\nalarm_rule: 'TRUE'\n---\n\
         id: three\ntitle: Three\nseverity: low\nfilter: three\nthreshold: { count: 2, within: 1m }\n",
    );
    let of = |rule, step| Selection { rule, step };
    assert_eq!(rules.selections(), [of(0, 0), of(1, 0), of(1, 1), of(1, 2), of(3, 0)]);
    let texts: Vec<_> = rules
        .selections()
        .iter()
        .map(|&selection| match rules.selector(selection) {
            Some(Selector::Filter(filter)) => filter.text().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["one", "a", "b", "c", "three"]);
    let two = rules.get("two").unwrap();
    let keys: Vec<_> = (0..3).map(|step| two.key_paths(step)[0].to_string()).collect();
    assert_eq!(keys, ["principal", "account", "principal"]);
    assert_eq!(two.delivery_of(0), cloudtrail::Delivery::AwsEnabled);
    assert_eq!(two.delivery_of(1), cloudtrail::Delivery::All);
    let kinds: Vec<_> = rules.iter().map(|rule| rule.decision.kind().as_str()).collect();
    assert_eq!(kinds, ["each", "sequence", "composite-alarm", "threshold"]);
    assert_eq!(rules.filtered(|rule| rule.id.as_str() != "one").selections().first(), Some(&of(0, 0)));
}

#[test]
fn what_may_be_left_out() {
    let seconds = |duration: std::time::Duration| duration.as_secs();
    let decision = |text: &str| good(&rule(text)).at(0).unwrap().decision.clone();
    let Decision::FirstSeen(first_seen) = decision("first_seen: { of: [principal] }") else { panic!() };
    assert_eq!((seconds(first_seen.learn), seconds(first_seen.forget)), (14 * 86_400, 90 * 86_400));
    let Decision::Absent(absent) = decision("absent: { for: 24h }") else { panic!() };
    assert_eq!((absent.expect, absent.accept_assumed, absent.per.len()), (Expect::Seen, false, 0));
    let expect = "absent: { for: 1h, per: [account, region], accept_assumed: true, expect: [[\"111122223333\", us-east-1]] }";
    let Decision::Absent(absent) = decision(expect) else { panic!() };
    assert_eq!(absent.expect, Expect::List(vec![["111122223333".into(), "us-east-1".into()].into()]));
    let Decision::Threshold(threshold) =
        decision("threshold: { count: 5, within: 10m, distinct: detail.sourceIPAddress, keys_max: 9 }")
    else {
        panic!()
    };
    assert_eq!((threshold.count, threshold.by.len(), threshold.keys_max), (5, 0, Some(9)));
    assert_eq!(threshold.distinct.unwrap().to_string(), "detail.sourceIPAddress");
}

#[test]
fn an_inline_alarm_is_a_metric_filter_and_an_alarm() {
    let rules = good(&rule(
        "alarm: { metric: { value: $.bytes, unit: Bytes, dimensions: { user: $.userIdentity.arn, key: '$.list[1]' } }, unit: Bytes, extended_statistic: p99, period: 60, evaluation_periods: 3, datapoints_to_alarm: 2, threshold: 30.5, comparison_operator: GreaterThanOrEqualToThreshold, treat_missing_data: notBreaching }",
    ));
    let rule = rules.at(0).unwrap();
    let Decision::Alarm(alarm) = &rule.decision else { panic!() };
    assert!(alarm.is_for_each_value());
    assert_eq!((&*alarm.name, rule.alarm_name()), ("many", Some("many")));
    assert_eq!(alarm.alarm.datapoints_to_alarm(), 2);
    assert_eq!(alarm.alarm.inputs()[0].metric, Some(Metric::new("Trailhound", "many")));

    let publish = |record: &str| {
        let mut published = None;
        let _ = Decoder::default().decode(record.as_bytes(), None, |item| {
            let cloudtrail::Item::Event(event) = item else { panic!() };
            let apart = EventView::of(&event).unwrap();
            let in_place = rules::EventInPlace::new(&event);
            let transformation = rule.publishes().unwrap();
            published = transformation.publish(&apart);
            assert_eq!(transformation.publish(&in_place), published);
        });
        published.map(|published| (published.metric, published.value, published.unit))
    };
    let record = |bytes: &str, list: &str| {
        format!(
            "{{\"eventVersion\":\"1.0\",\"eventTime\":\"2026-01-01T00:00:00Z\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\",\"awsRegion\":\"us-east-1\",\"eventID\":\"e\",\"userIdentity\":{{\"arn\":\"me\"}},\"bytes\":{bytes},\"list\":{list}}}"
        )
    };
    let metric = Metric::new("Trailhound", "many").with("user", "me").with("key", "2");
    assert_eq!(publish(&record("19.5", "[1,2]")), Some((metric.clone(), 19.5, Some("Bytes"))));
    assert_eq!(publish(&record("\"19\"", "[1,\"2\"]")), Some((metric, 19.0, Some("Bytes"))));
    for nothing in
        [record("null", "[1,2]"), record("19", "[1]"), record("19", "[1,[2]]"), record("\"many\"", "[1,2]")]
    {
        assert_eq!(publish(&nothing), None, "{nothing}");
    }
}

#[test]
fn alarm_documents_are_read() {
    let text = "kind: alarm\nid: ratio\ntitle: Ratio\nseverity: low\nalarm_name: Ratio of denials\nevaluation_periods: 1\nthreshold: 0.5\ncomparison_operator: GreaterThanThreshold\nmetrics:\n  - { id: m1, metric_stat: { metric: { namespace: CIS, metric_name: Root }, period: 300, stat: Sum }, return_data: false }\n  - { id: e1, expression: \"m1 / 2\", label: half }\n---\nkind: composite-alarm\nid: both\ntitle: Both\nseverity: high\nalarm_rule: ALARM(\"Ratio of denials\") AND NOT ALARM(quiet)\nactions_suppressor: arn:aws:cloudwatch:us-east-1:111122223333:alarm:quiet\nactions_suppressor_wait_period: 0\nactions_suppressor_extension_period: 60\n---\n";
    let text = format!("{text}{}", alarm(EVALUATED).replace("id: a\n", "id: a\nalarm_name: quiet\n"));
    let rules = good(&text);
    let both = rules.get("both").unwrap();
    assert_eq!(both.alarm_references().collect::<Vec<_>>(), ["Ratio of denials", "quiet", "quiet"]);
    let Decision::Alarm(alarm) = &rules.get("ratio").unwrap().decision else { panic!() };
    assert_eq!((alarm.alarm.inputs().len(), alarm.alarm.period().as_secs()), (1, 300));
    let filter = rules.get("f").unwrap();
    assert!(!filter.decision.makes_findings() && filter.publishes().is_some() && filter.selector.is_some());
    assert_eq!(rules.selections().len(), 1);
}

#[test]
fn steps_of_a_test_are_read() {
    let rules = good(&rule(
        "threshold: { count: 5, within: 10m, by: [principal] }\ntests:\n  - name: a\n    start: 2026-03-01T09:00:00Z\n    lateness: 20m\n    steps:\n      - { at: +1h30m, event: { a: b }, repeat: x33 every 5s, with: { detail.sourceIPAddress: \"192.0.2.{n}\" } }\n      - { event: { a: b } }\n      - { progress: { to: +20m, by: assumed, account: \"111122223333\" } }\n      - { expect: nothing }\n      - { expect: resolved }\n      - { expect: [{ state: firing, count: 33, key: { 'detail[\"userAgent\"]': x } }, { settled: true }] }",
    ));
    let Course::Steps(timeline) = &rules.at(0).unwrap().tests[0].course else { panic!() };
    assert_eq!(
        (timeline.start.to_string(), timeline.lateness.as_secs()),
        ("2026-03-01T09:00:00Z".to_owned(), 1200)
    );
    let shown: Vec<_> = timeline
        .steps
        .iter()
        .map(|step| match &step.action {
            Action::Event { at, times, every, .. } => format!("event {at:?} {times} {every:?}"),
            Action::Progress(progress) => format!("{progress:?}"),
            Action::Expect(expected) => {
                format!("[{}]", expected.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}
