//! Rules over time through the binary: what a person sees of alarms, thresholds, sequences, first sightings and absences.

#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

const RULES: &str = r#"
id: denied-often
title: "{{ detail.sourceIPAddress }} is denied often"
severity: high
pattern: { detail: { errorCode: [AccessDenied] } }
alarm:
  metric: { value: 1, dimensions: { address: $.sourceIPAddress } }
  statistic: Sum
  period: 300
  evaluation_periods: 1
  datapoints_to_alarm: 1
  comparison_operator: GreaterThanOrEqualToThreshold
  threshold: 30
  treat_missing_data: notBreaching
---
id: many-denied
title: "{{ principal.name }} is denied"
severity: medium
pattern: { detail: { errorCode: [AccessDenied] } }
threshold: { count: 20, within: 10m, by: [principal] }
---
id: user-with-rights
title: "{{ detail.requestParameters.userName }} was made and got rights"
severity: critical
sequence:
  within: 1h
  steps:
    - { pattern: { detail: { eventName: [CreateUser] } }, by: [detail.requestParameters.userName] }
    - { pattern: { detail: { eventName: [AttachUserPolicy] } }, by: [detail.requestParameters.userName] }
---
id: new-address
title: "{{ principal.name }} from {{ detail.sourceIPAddress }}"
severity: low
pattern: { detail: { eventName: [ListUsers] } }
first_seen: { of: [principal, detail.sourceIPAddress], learn: 1d, forget: 90d }
---
id: quiet
title: "nothing from {{ account.id }}"
severity: medium
pattern: { detail: { eventName: [ListUsers] } }
absent: { for: 24h, per: [account, region], expect: seen }
"#;

fn record(n: u32, time: &str, name: &str, more: &Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.08",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ci", "accountId": "111122223333", "userName": "ci" },
        "eventTime": time,
        "eventSource": "iam.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "eventID": format!("00000000-0000-4000-8000-{n:012}"),
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "readOnly": false,
        "managementEvent": true,
        "eventCategory": "Management"
    });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    record
}

/// Thirty-three refused calls in five minutes, and a user who is made and given rights ten minutes later.
fn history() -> Vec<Value> {
    let mut records = Vec::new();
    for n in 0..33 {
        let time = format!("2026-11-03T12:{:02}:{:02}Z", n * 9 / 60, n * 9 % 60);
        records.push(record(n, &time, "ListUsers", &json!({ "errorCode": "AccessDenied" })));
    }
    let user = json!({ "requestParameters": { "userName": "backdoor" } });
    records.push(record(100, "2026-11-03T12:10:00Z", "CreateUser", &user));
    records.push(record(101, "2026-11-03T12:11:00Z", "AttachUserPolicy", &user));
    records
}

fn folder(records: &[Value]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yaml"), RULES).unwrap();
    fs::create_dir(folder.path().join("logs")).unwrap();
    // In files that are not in the order of time.
    for (n, part) in records.chunks(7).rev().enumerate() {
        let text = json!({ "Records": part }).to_string();
        fs::write(folder.path().join("logs").join(format!("{n}.json")), text).unwrap();
    }
    folder
}

fn lines(findings: &[Value]) -> String {
    let mut lines = String::new();
    for finding in findings {
        let detail = &finding["detail"];
        let (rule, state, count) = (&detail["rule"], &detail["state"], &detail["count"]);
        writeln!(lines, "{} {rule} {state} {count} {}", finding["time"], detail["settled"]).unwrap();
    }
    lines.replace('"', "")
}

#[test]
fn a_history_is_decided_over_time() {
    let folder = folder(&history());
    let seen = kit::run(folder.path(), &["scan", "logs", "--rules", "rules.yaml", "--format", "ndjson"]);
    let findings = seen.findings();
    let told = lines(&findings);
    assert!(
        told.starts_with(
            "2026-11-03T12:00:00Z many-denied firing 33 true\n\
         2026-11-03T12:00:00Z new-address firing 1 true\n\
         2026-11-03T12:05:10Z denied-often firing 33 true\n\
         2026-11-03T12:06:10Z denied-often resolved 33 true\n\
         2026-11-03T12:10:00Z user-with-rights firing 2 true\n"
        ),
        "{told}"
    );
    let alarm = findings.iter().find(|one| one["detail"]["rule"] == "denied-often").unwrap();
    let reason = alarm["detail"]["reason"].as_str().unwrap();
    assert!(
        reason.contains(
            "1 out of the last 1 datapoints [33.0 (03/11/26 12:00:00)] was greater than or equal to"
        ),
        "{reason}"
    );
    assert_eq!(alarm["detail"]["alarm"]["NewStateValue"], "ALARM");
    assert_eq!(alarm["detail"]["alarm"]["StateChangeEvent"]["detail-type"], "CloudWatch Alarm State Change");
    assert_eq!(alarm["detail"]["key"]["address"], "203.0.113.7");
    assert_eq!(alarm["detail"]["records"].as_array().unwrap().len(), 3);
    // The last word on the alarm is that it is OK.
    let last = findings.iter().rfind(|one| one["detail"]["rule"] == "denied-often").unwrap();
    assert_eq!(last["detail"]["state"], "resolved");
}

#[test]
fn any_number_of_threads_prints_the_same() {
    let folder = folder(&history());
    let scan = |threads| {
        let arguments = ["scan", "logs", "--rules", "rules.yaml", "--format", "ndjson", "--threads", threads];
        kit::run(folder.path(), &arguments).stdout
    };
    assert_eq!(scan("1"), scan("4"));
}

#[test]
fn the_table_shows_why_and_how_it_went_on() {
    let folder = folder(&history());
    let seen = kit::run(folder.path(), &["scan", "logs", "--rules", "rules.yaml", "--format", "table"]);
    assert!(seen.stdout.contains("203.0.113.7: ALARM 2026-11-03 12:05:10 UTC → OK 12:06:10"), "{seen}");
    assert!(seen.stdout.contains("CreateUser, then AttachUserPolicy within 1h"), "{seen}");
}

#[test]
fn silence_is_unknown_until_digests_vouch_for_it() {
    let mut records = history();
    // Another account goes on for two days.
    let other = json!({ "recipientAccountId": "444455556666", "awsRegion": "eu-central-1" });
    records.push(record(200, "2026-11-05T12:00:00Z", "GetUser", &other));
    let folder = folder(&records);
    let states = || {
        let arguments = ["scan", "logs", "--rules", "rules.yaml", "--format", "ndjson"];
        let findings = kit::run(folder.path(), &arguments).findings();
        let quiet = findings.iter().filter(|one| one["detail"]["rule"] == "quiet");
        quiet.map(|one| one["detail"]["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states(), ["unknown"], "its own logs end with its last event");
    let digest = json!({
        "awsAccountId": "111122223333",
        "digestStartTime": "2026-11-05T11:00:00Z",
        "digestEndTime": "2026-11-05T12:00:00Z",
        "digestS3Bucket": "trail",
        "digestS3Object": "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/05/\
            111122223333_CloudTrail-Digest_us-east-1_trail_us-east-1_20261105T120000Z.json.gz",
        "digestPublicKeyFingerprint": "00",
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": null,
        "oldestEventTime": null,
        "logFiles": []
    });
    fs::write(folder.path().join("logs/digest.json"), digest.to_string()).unwrap();
    assert_eq!(states(), ["firing"]);
}

#[test]
fn events_without_the_fields_of_a_key_are_counted_and_told() {
    let mut records = history();
    records.push(record(300, "2026-11-03T12:20:00Z", "CreateUser", &json!({})));
    let folder = folder(&records);
    let arguments = ["scan", "logs", "--rules", "rules.yaml", "--format", "ndjson", "--stats", "stats.json"];
    let seen = kit::run(folder.path(), &arguments);
    assert!(seen.stderr.contains("user-with-rights: 1 event without a field"), "{seen}");
    let stats: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("stats.json")).unwrap()).unwrap();
    assert_eq!(stats["signals"]["field-missing"], 1);
}

/// CloudWatch Logs knows a record by when the log got it: here ten minutes after most of the calls, in the minute of the file's name.
#[test]
fn samples_may_count_when_the_log_got_them() {
    let folder = tempfile::tempdir().unwrap();
    let alarm = RULES.split("---").next().unwrap();
    let rules = alarm.replace("value: 1,", "value: 1, time: ingestion,");
    assert_ne!(rules, alarm);
    fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    fs::create_dir(folder.path().join("logs")).unwrap();
    let records = history();
    // Some in each of two files, and one call in both: the first file that has it says when it was logged.
    for (minute, part) in [("1210", &records[..20]), ("1215", &records[19..33])] {
        let name = format!("111122223333_CloudTrail_us-east-1_20261103T{minute}Z_AAAAAAAAAAAAAAAA.json");
        fs::write(folder.path().join("logs").join(name), json!({ "Records": part }).to_string()).unwrap();
    }
    let seen = kit::run(folder.path(), &["scan", "logs", "--rules", "rules.yaml", "--format", "ndjson"]);
    assert!(seen.findings().is_empty(), "twenty and thirteen, never thirty: {seen}");

    let rules = fs::read_to_string(folder.path().join("rules.yaml")).unwrap();
    fs::write(folder.path().join("rules.yaml"), rules.replace("threshold: 30", "threshold: 13")).unwrap();
    let seen = kit::run(folder.path(), &["scan", "logs", "--rules", "rules.yaml", "--format", "ndjson"]);
    let findings = seen.findings();
    let reasons: Vec<_> = findings.iter().filter_map(|one| one["detail"]["reason"].as_str()).collect();
    // The five minutes that end with the one in which they were logged.
    assert!(reasons[0].contains("[20.0 (03/11/26 12:06:00)]"), "{reasons:?}");
    assert!(reasons.iter().all(|reason| !reason.contains("33.0 (")), "{reasons:?}");
}
