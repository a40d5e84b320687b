//! What is decided live is what a scan decides: the real logs as they would be delivered, late, out of order and twice. And what happens on a
//! bad day: to the state folder, to the bucket and to the queue.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests")]

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "aws")]
mod bad_day;
#[path = "../kit/mod.rs"]
mod kit;
#[cfg(feature = "aws")]
mod queue;
mod replay;
mod site;
mod state;
#[cfg(feature = "aws")]
mod storm;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// Rules of every kind over what is frequent in the logs, beside those of the pack.
const RULES: &str = r#"
id: live-denied-hour
title: "{{ principal.name }} is denied"
severity: low
pattern: { detail: { errorCode: [{ wildcard: "*Denied*" }] } }
group: { by: [account, principal], for: 1h }
---
id: live-denied-often
title: "{{ principal.name }} is denied often"
severity: medium
pattern: { detail: { errorCode: [{ wildcard: "*Denied*" }] } }
threshold: { count: 3, within: 10m, by: [principal] }
---
id: live-many-calls
title: "{{ principal.name }} looks around"
severity: low
pattern: { detail: { eventName: [{ prefix: List }, { prefix: Describe }, { prefix: Get }] } }
threshold: { count: 5, within: 30m, by: [account, principal], distinct: detail.eventName }
---
id: live-role-then-read
title: "{{ principal.name }} took a role and read"
severity: low
sequence:
  within: 30m
  by: [account, detail.sourceIPAddress]
  steps:
    - pattern: { detail: { eventName: [{ prefix: List }] } }
    - pattern: { detail: { eventName: [{ prefix: Get }] } }
---
id: live-listed-and-left
title: "{{ detail.sourceIPAddress }} listed and described nothing"
severity: info
sequence:
  within: 20m
  by: [account, detail.sourceIPAddress]
  steps:
    - pattern: { detail: { eventName: [{ prefix: List }] } }
    - pattern: { detail: { eventName: [{ prefix: Get }] } }
    - not: { pattern: { detail: { eventName: [{ prefix: Describe }] } } }
---
id: live-denied-alarm
title: many calls are denied
severity: medium
pattern: { detail: { errorCode: [{ wildcard: "*Denied*" }] } }
alarm:
  metric: { value: 1, dimensions: { account: $.recipientAccountId } }
  statistic: Sum
  period: 300
  evaluation_periods: 1
  datapoints_to_alarm: 1
  comparison_operator: GreaterThanOrEqualToThreshold
  threshold: 2
  treat_missing_data: notBreaching
---
kind: metric-filter
id: live-reads
filter_pattern: '{ $.readOnly IS TRUE }'
metric_transformations: [{ metric_name: Reads, metric_namespace: Live, metric_value: 1, default_value: 0 }]
---
kind: alarm
id: live-mostly-reads
alarm_name: mostly-reads
title: nearly all calls read
severity: info
namespace: Live
metric_name: Reads
statistic: Average
period: 60
evaluation_periods: 3
datapoints_to_alarm: 2
comparison_operator: GreaterThanThreshold
threshold: 0.9
treat_missing_data: notBreaching
---
kind: composite-alarm
id: live-reads-alone
title: nearly all calls read
severity: info
alarm_rule: ALARM(mostly-reads)
---
kind: metric-filter
id: live-denied
filter_pattern: '{ $.errorCode = "*Denied*" }'
metric_transformations: [{ metric_name: Denied, metric_namespace: Live, metric_value: 1 }]
---
kind: alarm
id: live-denied-share
alarm_name: denied-share
title: of what does not only read much is denied
severity: info
metrics:
  - { id: denied, return_data: false, metric_stat: { metric: { namespace: Live, metric_name: Denied }, period: 300, stat: Sum } }
  - { id: reads, return_data: false, metric_stat: { metric: { namespace: Live, metric_name: Reads }, period: 300, stat: SampleCount } }
  - { id: share, expression: "IF(FILL(denied, 0) > 1, 100 * denied / reads, 0)" }
evaluation_periods: 2
datapoints_to_alarm: 1
comparison_operator: GreaterThanThreshold
threshold: 10
treat_missing_data: notBreaching
---
kind: composite-alarm
id: live-denied-unannounced
title: much is denied, and it is not only reading
severity: info
alarm_rule: ALARM(denied-share) OR NOT OK(denied-share)
actions_suppressor: mostly-reads
actions_suppressor_wait_period: 90
actions_suppressor_extension_period: 240
---
kind: composite-alarm
id: live-nothing-denied
title: nothing much is denied
severity: info
alarm_rule: NOT ALARM(denied-share)
"#;

/// A rule that learns from the first start on: what it says of logs that are older than that, only a service says that began with them, in an order
/// that is within the lateness.
const RULES_FROM_THE_START: &str = r#"
id: live-new-caller
title: "{{ principal.name }} was never seen"
severity: low
pattern: { detail: { eventName: [{ prefix: List }, { prefix: Get }] } }
first_seen: { of: [account, principal], learn: 1h, forget: 30d }
"#;

/// What a scan says of the same files.
fn scanned(folder: &Path, rules: &[&str], logs: &[&str]) -> Said {
    let rules = rules.iter().flat_map(|rules| ["--rules", rules]);
    let arguments: Vec<&str> =
        ["scan"].into_iter().chain(logs.iter().copied()).chain(rules).chain(["--format", "ndjson"]).collect();
    let seen = kit::run(folder, &arguments);
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    let mut said = Said::default();
    seen.findings().iter().for_each(|finding| said.add(finding));
    said
}

/// Settled findings: what each rule said in which state under which fingerprint.
///
/// How often is left out: two events that arrive in the wrong order may both have been told at once as the first of their group, and then
/// both are settled as what they turned out to be. With the window or time of each, for whoever looks into a difference.
#[derive(Debug, Default)]
struct Said(BTreeMap<(String, String, String), String>);

impl Said {
    fn add(&mut self, finding: &Value) {
        let detail = &finding["detail"];
        let of = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
        // What a scan says of values it meets in a cold start, a service keeps to itself: it learns.
        if of("reason").contains("cold start") {
            return;
        }
        // Whether an absence cannot be decided depends on how long one waits, and a scan ends with its last event.
        if detail["settled"] == true && of("state") != "unknown" {
            let about = format!("{} {} {}", finding["time"], detail["window"], detail["key"]);
            self.0.insert((of("rule"), of("state"), of("fingerprint")), about);
        }
    }

    fn rules(&self) -> BTreeMap<&str, u32> {
        let mut rules = BTreeMap::new();
        for (rule, ..) in self.0.keys() {
            *rules.entry(rule.as_str()).or_default() += 1;
        }
        rules
    }

    /// What is on one side only.
    fn difference(&self, other: &Said) -> Vec<String> {
        let lines = |sign: char, one: &Said, other: &Said| -> Vec<String> {
            let missing = one.0.iter().filter(|(key, _)| !other.0.contains_key(*key));
            missing.map(|((rule, state, _), about)| format!("{sign} {rule} {state} {about}")).collect()
        };
        [lines('-', self, other), lines('+', other, self)].concat()
    }
}

/// All findings in a store, every revision.
fn stored(state: &Path) -> Said {
    let mut said = Said::default();
    let filter = store::FindingFilter { replaced: true, ..store::FindingFilter::default() };
    let mut reader = store::Reader::open(state).unwrap();
    let snapshot = reader.snapshot().unwrap();
    let mut after = None;
    loop {
        let page = snapshot.findings(&filter, after, 1_000).unwrap();
        page.findings.iter().for_each(|found| said.add(&serde_json::from_slice(&found.body).unwrap()));
        after = page.next;
        if after.is_none() {
            return said;
        }
    }
}

fn counter(state: &Path, wanted: &str) -> u64 {
    let mut reader = store::Reader::open(state).unwrap();
    let counters = reader.snapshot().unwrap().counters().unwrap();
    counters.into_iter().find(|(name, _)| name == wanted).map_or(0, |(_, value)| value)
}
