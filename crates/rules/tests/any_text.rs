//! Whatever a rule file holds, loading it answers.

use context::Context;
use proptest::prelude::*;
use rules::{Colour, MemoryFiles, RuleSet};

fn load(text: String) {
    let mut files = MemoryFiles::default();
    files.insert("r.yaml", text);
    let loaded = RuleSet::load(["r.yaml"], &files, &Context::empty());
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.render(&files, Colour::Plain).is_empty());
    }
}

proptest! {
    #[test]
    fn text_that_looks_like_yaml(text in "[a-c:\\-\\[\\]{},'\"&*!|>%#\n\t é?~1.]{0,120}") {
        load(text);
    }

    #[test]
    fn text_that_looks_like_rules(lines in prop::collection::vec(prop::sample::select(vec![
        "id: a", "id: 1", "title: \"{{ detail.x }}\"", "title: '{{ x'", "severity: high", "severity: []", "escalate:",
        "  - when: \"detail.x == 'é'\"", "    severity: low", "pattern:", "  detail: { a: [b] }", "  detail:",
        "    $or: [{ a: [1] }, { b: [{ prefix: x }] }]", "    b: [{ wildcard: '*é*' }]", "pattern: '{\"a\": [\"é\"]'",
        "filter: '{ $.a = \"é\" '", "filter: >-", "  { $.a = 1 }", "where: |", "  detail.é", "except:", "  - reason: x",
        "    expires: 2027-01-31", "group: { by: [principal, \"detail['é']\"], for: 1h }", "tests:", "  - name: x",
        "    event: {}", "    fires: true", "    with: { detail.a: 1 }", "---", "&a x: *a", "\t", "'", "\"", "é: ü", "allow: [no-tests]",
        "threshold: { count: 2, within: 1m, by: [principal], distinct: é }", "first_seen: { of: [account] }",
        "absent: { for: 1h, per: [account, region], expect: [[a, é], b] }", "sequence: { within: 1h, steps: [{ filter: a }, { not: { filter: é } }] }",
        "alarm:", "  metric: { value: $.é, dimensions: { a: $.b } }", "  statistic: p99", "  period: 60", "  evaluation_periods: 1",
        "  threshold: 1", "  comparison_operator: LessThanThreshold", "kind: alarm", "kind: metric-filter", "kind: composite-alarm",
        "alarm_rule: ALARM(a) AND é", "alarm_rule: NOT ALARM(a)", "metrics: [{ id: e, expression: 'm1 / é' }]", "namespace: é",
        "metric_name: a", "statistic: Sum", "period: 60", "evaluation_periods: 1", "comparison_operator: '>'", "threshold: 1",
        "metric_transformations: [{ metric_name: a, metric_namespace: é, metric_value: $.x }]",
        "    steps:", "      - { at: +1h5m, event: é.json, repeat: x5 every 30s }", "      - { progress: { to: +é } }",
        "      - expect: [{ count: 3, key: { é: é } }, nothing]",
    ]), 0..24)) {
        load(lines.join("\n"));
    }

    #[test]
    fn any_text(text in ".{0,200}") {
        load(text);
    }
}
