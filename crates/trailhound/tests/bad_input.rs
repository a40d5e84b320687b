//! Whatever is fed to it: what can be read is read, what cannot be is named, and the exit code says so.
#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::process::Stdio;

use kit::{folder, gzip, log_file, run, run_with_input, stop_logging, trailhound};

const FIRST: &str = "00000000-0000-4000-8000-000000000001";
const SECOND: &str = "00000000-0000-4000-8000-000000000002";

fn two_records() -> Vec<u8> {
    log_file(&[stop_logging(FIRST, "2026-11-03T02:15:00Z"), stop_logging(SECOND, "2026-11-03T04:15:00Z")])
}

/// Scans one file in a folder and gives what was seen with the ids of the events that findings name.
fn scan(name: &str, content: &[u8]) -> (kit::Seen, Vec<String>) {
    let folder = folder(&[(name, content)]);
    let seen = run(folder.path(), &["scan", "--rules", "builtin", "--format", "ndjson", name]);
    let rule = "cloudtrail-logging-stopped";
    let findings = seen.findings();
    let ours = findings.iter().filter(|finding| finding["detail"]["rule"] == rule);
    let ids = ours.flat_map(|finding| finding["detail"]["event_ids"].as_array().unwrap().clone());
    let ids = ids.map(|id| id.as_str().unwrap().to_owned()).collect();
    (seen, ids)
}

#[test]
fn a_truncated_gzip_counts_up_to_the_break() {
    // The second half does not compress, so the first record is whole before the break.
    let noise: String =
        (0..40_000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let second = stop_logging(SECOND, "2026-11-03T04:15:00Z").replace("aws-cli/2.17.0", &noise);
    let whole = gzip(&log_file(&[stop_logging(FIRST, "2026-11-03T02:15:00Z"), second]));
    let (seen, ids) = scan("cut.json.gz", &whole[..whole.len() / 2]);
    assert_eq!((seen.code, ids), (4, vec![FIRST.to_owned()]), "{}", seen.stderr);
    assert!(seen.stderr.contains("cut.json.gz: the gzip data breaks off after"), "{}", seen.stderr);
}

#[test]
fn a_file_named_gz_that_is_plain_json_is_read() {
    let (seen, ids) = scan("plain.json.gz", &two_records());
    assert_eq!((seen.code, ids.len()), (0, 2), "{}", seen.stderr);
}

#[test]
fn a_file_that_is_no_log_at_all_is_told_by_its_first_bytes() {
    let (seen, _) = scan("image.json.gz", b"\x89PNG\r\n\x1a\n0000");
    assert_eq!(seen.code, 4);
    assert!(seen.stderr.contains("not a CloudTrail log file"), "{}", seen.stderr);
}

#[test]
fn an_empty_file_is_no_error() {
    let (seen, ids) = scan("empty.json", b"");
    assert_eq!((seen.code, ids.len()), (0, 0), "{}", seen.stderr);
}

#[test]
fn a_large_event_is_an_event() {
    let large = stop_logging(FIRST, "2026-11-03T02:15:00Z").replace("aws-cli/2.17.0", &"x".repeat(300 << 10));
    let (seen, ids) = scan("large.json", &log_file(&[large]));
    assert_eq!((seen.code, ids.len()), (0, 1), "{}", seen.stderr);
}

#[test]
fn a_record_that_is_not_utf8_is_rejected_alone_and_named() {
    let mut text = two_records();
    let at = text.windows(7).position(|bytes| bytes == b"mallory").unwrap();
    text[at] = 0xff;
    let folder = folder(&[("bad.json", &text)]);
    let seen = run(folder.path(), &["scan", "bad.json", "--format", "ndjson", "--stats", "stats.json"]);
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(
        seen.stderr.contains("1 record could not be used; the first is in bad.json at byte 12"),
        "{}",
        seen.stderr
    );
    assert!(seen.stderr.contains("UTF-8"), "{}", seen.stderr);
    let stats = std::fs::read_to_string(folder.path().join("stats.json")).unwrap();
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["rejected"][0]["offset"], 12);
    assert_eq!(stats["outcomes"]["rejected"], 1);
    assert_eq!(stats["outcomes"]["matched"], 1);
}

#[test]
fn deep_nesting_is_rejected_and_the_rest_counts() {
    let deep = stop_logging(FIRST, "2026-11-03T02:15:00Z")
        .replace("{\"name\":\"audit\"}", &format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)));
    let (seen, ids) = scan("deep.json", &log_file(&[deep, stop_logging(SECOND, "2026-11-03T04:15:00Z")]));
    assert_eq!((seen.code, ids), (0, vec![SECOND.to_owned()]), "{}", seen.stderr);
    assert!(seen.stderr.contains("nested deeper than"), "{}", seen.stderr);
}

#[test]
fn elements_that_are_no_records_are_rejected_one_by_one() {
    let good = stop_logging(FIRST, "2026-11-03T02:15:00Z");
    let text = format!("{{\"Records\":[42,{good},\"text\",{{\"a\":1}}]}}");
    let (seen, ids) = scan("odd.json", text.as_bytes());
    assert_eq!((seen.code, ids.len()), (0, 1), "{}", seen.stderr);
    assert!(seen.stderr.contains("3 records could not be used"), "{}", seen.stderr);
}

#[test]
fn missing_files_are_named_and_the_others_are_read() {
    let folder = folder(&[("good.json", &two_records())]);
    let seen = run(folder.path(), &["scan", "good.json", "nowhere", "--format", "ndjson"]);
    assert_eq!(seen.code, 4);
    assert!(seen.stderr.contains("nowhere: no such file or folder"), "{}", seen.stderr);
    assert!(!seen.findings().is_empty());
}

/// A folder that cannot be read even by root: a link that points at itself.
#[cfg(unix)]
#[test]
fn unreadable_folders_are_named_and_the_others_are_read() {
    let folder = folder(&[("logs/good.json", &two_records())]);
    std::os::unix::fs::symlink("loop", folder.path().join("logs/loop")).unwrap();
    let seen = run(folder.path(), &["scan", "logs", "--format", "ndjson"]);
    assert_eq!(seen.code, 4, "{}", seen.stderr);
    assert!(seen.stderr.contains("loop"), "{}", seen.stderr);
    assert!(!seen.findings().is_empty());
}

#[test]
fn a_closed_pipe_is_fine() {
    let records: Vec<String> = (0..3_000)
        .map(|n| stop_logging(&format!("00000000-0000-4000-8000-{n:012}"), "2026-11-03T02:15:00Z"))
        .collect();
    let folder = folder(&[
        ("many.json", &log_file(&records)),
        ("rule.yaml", b"id: every\ntitle: t\nseverity: low\npattern: { source: [aws.cloudtrail] }\n"),
    ]);
    let mut command = trailhound(folder.path());
    command.args(["scan", "many.json", "--rules", "rule.yaml", "--format", "ndjson"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("panicked") && !stderr.contains("error"), "{stderr}");
}

/// Whoever can place such a value in a call must not hide the call from the rules.
#[test]
fn numbers_and_nesting_that_other_parsers_refuse_hide_nothing() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(900), "}".repeat(900));
    for odd in ["1e999999", "-1e999999", &deep, &deep.replace(r#"{"a":"#, "[").replace('}', "]")] {
        let call = stop_logging(FIRST, "2026-11-03T02:15:00Z").replace(r#"{"name":"audit"}"#, odd);
        let folder = folder(&[("log.json", &log_file(&[call]))]);
        for format in ["table", "ndjson", "json", "csv"] {
            let seen = run(folder.path(), &["scan", "log.json", "--format", format]);
            assert_eq!(seen.code, 0, "{}", seen.stderr);
            assert!(seen.stdout.contains("cloudtrail-logging-stopped"), "{odd:.20}: {}", seen.stderr);
        }
        let seen = run(folder.path(), &["scan", "log.json", "--format", "ndjson"]);
        let finding = &seen.findings()[0]["detail"];
        assert_eq!(finding["records"].as_array().map(Vec::len), Some(1), "{odd:.20}");
        let arguments = ["explain", "cloudtrail-logging-stopped", "log.json", "--event-id", FIRST];
        let seen = run(folder.path(), &arguments);
        assert_eq!(seen.code, 0, "{}", seen.stderr);
    }
}

/// Matching steps over values that no rule asks for, so what is wrong with them shows only when a rule wants the event.
#[test]
fn a_matched_record_that_cannot_be_taken_apart_is_rejected_by_name() {
    let (first, second) =
        (stop_logging(FIRST, "2026-11-03T02:15:00Z"), stop_logging(SECOND, "2026-11-03T04:15:00Z"));
    for bad in ["\"a\u{0}b\"", "{\"a\":nul}", "{\"a\":\"\\x\"}", "{\"a\":[1,]}"] {
        let broken = first.replace(r#"{"name":"audit"}"#, bad);
        let folder = folder(&[("log.json", &log_file(&[broken, second.clone()]))]);
        let seen = run(folder.path(), &["scan", "log.json", "--stats", "stats.json", "--format", "ndjson"]);
        let stats = std::fs::read(folder.path().join("stats.json")).unwrap();
        let stats: serde_json::Value = serde_json::from_slice(&stats).unwrap();
        assert_eq!((&stats["outcomes"]["rejected"], &stats["outcomes"]["matched"]), (&1.into(), &1.into()));
        assert_eq!(stats["signals"]["error"], 0, "no rule is to blame");
        assert_eq!(stats["rejected"][0]["offset"], 12);
        let named = stats["rejected"][0]["error"].as_str().unwrap();
        assert!(named.starts_with("a value in it cannot be read"), "{named}");
        assert!(seen.stderr.contains("log.json at byte 12"), "{}", seen.stderr);
        assert!(seen.findings().iter().all(|finding| finding["detail"]["event_ids"][0] == SECOND));

        let arguments = ["explain", "cloudtrail-logging-stopped", "log.json", "--event-id", FIRST];
        let seen = run(folder.path(), &arguments);
        assert_eq!(seen.code, 4);
        assert!(seen.stderr.contains("log.json, byte 12: the event is no readable JSON"), "{}", seen.stderr);
    }
}

#[test]
fn whoever_reads_the_first_lines_only_gets_the_counts_and_the_exit_code_of_all() {
    let records: Vec<String> = (0..3_000)
        .map(|n| stop_logging(&format!("00000000-0000-4000-8000-{n:012}"), "2026-11-03T02:15:00Z"))
        .collect();
    let folder = folder(&[("many.json", &log_file(&records))]);
    let mut command = trailhound(folder.path());
    command.args([
        "scan",
        "many.json",
        "--stats",
        "stats.json",
        "--fail-on",
        "critical",
        "--format",
        "ndjson",
    ]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let stats = std::fs::read(folder.path().join("stats.json")).unwrap();
    let stats: serde_json::Value = serde_json::from_slice(&stats).unwrap();
    assert_eq!(stats["findings"]["cloudtrail-logging-stopped"], 3_000);
}

#[test]
fn a_place_that_cannot_be_written_to_is_told_before_the_work() {
    let folder = folder(&[("log.json", &two_records())]);
    for option in ["--stats", "--ids"] {
        let seen = run(folder.path(), &["scan", "log.json", option, "nowhere/x"]);
        assert_eq!((seen.code, seen.stdout.as_str()), (3, ""), "{}", seen.stderr);
        assert_eq!(seen.stderr.lines().count(), 1, "{}", seen.stderr);
    }
}

#[test]
fn a_rule_file_that_is_not_text_is_not_called_missing() {
    let folder = folder(&[("rule.yaml", b"id: a\nowner: \xff\n")]);
    let seen = run(folder.path(), &["check", "rule.yaml"]);
    assert_eq!(seen.code, 2);
    assert!(seen.stderr.contains("rule.yaml is not UTF-8 text"), "{}", seen.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_test_event_is_never_a_device() {
    let rule = "id: a\ntitle: t\nseverity: low\npattern: { source: [aws.iam] }\ntests:\n  - { name: n, event: /dev/zero, fires: true }\n";
    let folder = folder(&[("rule.yaml", rule.as_bytes())]);
    let seen = run(folder.path(), &["test", "rule.yaml"]);
    assert_eq!(seen.code, 1);
    assert!(seen.stdout.contains("there is no event file `/dev/zero`"), "{}", seen.stdout);
}

#[cfg(unix)]
#[test]
fn names_of_files_cannot_act_on_the_terminal() {
    let folder = folder(&[("logs/\u{1b}]0;mine\u{7}.json", b"garbage")]);
    let seen = run(folder.path(), &["scan", "logs", "--color", "always"]);
    assert!(seen.stderr.contains("logs/␛]0;mine␇.json: not a CloudTrail log file"), "{}", seen.stderr);
    let seen = run(folder.path(), &["scan", "no\u{1b}]0;mine\u{7}", "--color", "always"]);
    assert!(seen.stderr.contains("no␛]0;mine␇: no such file"), "{}", seen.stderr);
}

#[test]
fn wrong_arguments_are_usage() {
    let folder = folder(&[]);
    for arguments in [
        &["scan"][..],
        &["scan", "--severity", "urgent", "x"],
        &["scan", "--from", "yesterday", "x"],
        &["scan", "--from", "2026-11-04", "--to", "2026-11-03", "x"],
        &["scan", "x", "--rules", "nowhere.yaml"],
        &["scan", "x", "--list", "automation_roles"],
        &["scna"],
    ] {
        let seen = run(folder.path(), arguments);
        assert_eq!(seen.code, 3, "{arguments:?}: {}", seen.stderr);
        assert!(!seen.stderr.is_empty() && seen.stdout.is_empty());
    }
}

#[test]
fn faulty_rules_end_it_before_anything_is_read() {
    for (rule, says) in [
        ("id: a\ntitle: t\nseverity: high\npatern: { source: [aws.iam] }\n", "pattern"),
        ("id: a\ntitle: t\nseverity: high\npattern: { source: aws.iam }\n", "must be an object or an array"),
        ("id: a\ntitle: t\nseverity: high\nfilter: '{ $.a == 1 }'\n", "="),
        ("id: a\ntitle: t\nseverity: high\npattern: { source: [aws.iam] }\nwhere: detial.a == 1\n", "detail"),
        (
            "id: a\ntitle: t\nseverity: high\npattern: { source: [aws.iam] }\nthreshold: { count: 5 }\n",
            "needs `within`",
        ),
    ] {
        let folder = folder(&[("rule.yaml", rule.as_bytes()), ("good.json", &two_records())]);
        let seen = run(folder.path(), &["scan", "good.json", "--rules", "rule.yaml"]);
        assert_eq!(seen.code, 2, "{rule}\n{}", seen.stderr);
        assert!(seen.stderr.contains(says), "{rule}\n{}", seen.stderr);
        assert!(seen.stderr.contains("rule.yaml:"), "{}", seen.stderr);
        assert!(seen.stdout.is_empty());
    }
}

#[test]
fn standard_input_is_an_input() {
    let folder = folder(&[]);
    for input in
        [two_records(), gzip(&two_records()), stop_logging(FIRST, "2026-11-03T02:15:00Z").into_bytes()]
    {
        let seen = run_with_input(folder.path(), &["scan", "-", "--format", "ndjson"], &input);
        assert_eq!(seen.code, 0, "{}", seen.stderr);
        assert!(
            seen.findings().iter().any(|finding| finding["detail"]["rule"] == "cloudtrail-logging-stopped")
        );
    }
}
