//! What a rehearsal counts, and that its proposals can be pasted.
mod kit;

use std::fs;

use kit::{folder, log_file, root, run, shared_data};
use serde_json::Value;

fn denied(number: usize, user: &str, hour: usize) -> String {
    let day = 3 + number / 20;
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/{user}","userName":"{user}"}},"eventTime":"2026-11-{day:02}T{hour:02}:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListAllMyBuckets","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","errorCode":"AccessDenied","eventID":"e-{number}","readOnly":true,"eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#
    )
}

#[test]
fn what_one_user_makes_is_counted_by_day_and_proposed_as_an_exception() {
    let mut records: Vec<String> = (0..40).map(|n| denied(n, "o'scanner", n % 20)).collect();
    records.push(denied(41, "dana", 2));
    let folder = folder(&[("log.json", &log_file(&records))]);
    let seen = run(folder.path(), &["rehearse", "log.json", "--format", "json"]);
    let report: Value = serde_json::from_str(&seen.stdout).unwrap();
    let line = report["rules"].as_array().unwrap().iter().find(|line| line["rule"] == "denied-call").unwrap();
    let findings = line["findings"].as_u64().unwrap();
    assert!(findings > 10, "{line}");
    assert_eq!(line["account"], "111122223333");
    assert_eq!(line["principals"][0]["name"], "o'scanner");
    assert!(line["days"].as_object().unwrap().len() >= 2, "{line}");

    let table = run(folder.path(), &["rehearse", "log.json"]).stdout;
    assert!(table.contains("denied-call") && table.contains("override:"), "{table}");

    // Pasted, it takes away what it says.
    let proposals = run(folder.path(), &["rehearse", "log.json", "--format", "yaml"]).stdout;
    fs::write(folder.path().join("trailhound.yaml"), format!("rules: [builtin]\n{proposals}")).unwrap();
    let again = run(folder.path(), &["rehearse", "log.json", "-c", "trailhound.yaml", "--format", "json"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let report: Value = serde_json::from_str(&again.stdout).unwrap();
    let left = report["rules"].as_array().unwrap().iter().find(|line| line["rule"] == "denied-call").unwrap();
    assert_eq!(left["principals"][0]["name"], "dana", "{left}");
}

#[test]
fn nothing_is_proposed_for_root_and_for_what_is_critical() {
    let seen = run(root(), &["rehearse", "examples/incident", "--format", "json"]);
    let report: Value = serde_json::from_str(&seen.stdout).unwrap();
    let critical: Vec<&str> = report["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["severity"] == "critical")
        .map(|line| line["rule"].as_str().unwrap())
        .collect();
    assert!(!critical.is_empty(), "the incident has something critical");
    for proposal in report["override"].as_array().unwrap() {
        assert!(!critical.contains(&proposal["id"].as_str().unwrap()), "{proposal}");
    }
    let Some(corpus) = shared_data("corpus_real") else { return };
    let seen = run(root(), &["rehearse", corpus.join("sans504").to_str().unwrap(), "--format", "yaml"]);
    assert!(!seen.stdout.contains("\"root\""), "{}", seen.stdout);
}

#[test]
fn an_empty_history_has_nothing_to_propose() {
    let folder = folder(&[("log.json", &log_file(&[]))]);
    assert_eq!(run(folder.path(), &["rehearse", "log.json", "--format", "yaml"]).stdout, "override: []\n");
}
