//! What a scan shows, and that it depends on nothing but the logs and the rules.
mod kit;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use kit::{folder, log_file, root, run, shared_data, stop_logging, trailhound};
use serde_json::Value;

/// The last line says how long it took, which no test looks at.
fn without_seconds(stderr: &str) -> String {
    let cut = |line: &str| line.rsplit_once(" in ").map_or(line, |(before, _)| before).to_owned();
    stderr.lines().map(cut).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_incident_as_a_table() {
    let seen = run(root(), &["scan", "examples/incident", "--format", "table"]);
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    insta::assert_snapshot!("incident_table", seen.stdout);
    insta::assert_snapshot!("incident_closing_line", without_seconds(&seen.stderr));
}

#[test]
fn one_finding_as_ndjson() {
    let folder = folder(&[("log.json", &log_file(&[stop_logging("e-1", "2026-11-03T02:15:00Z")]))]);
    let accounts = folder.path().join("accounts.yaml");
    fs::write(
        &accounts,
        "\"111122223333\": { name: payments-prod, ou: Workloads/Prod, tags: { env: prod } }\n",
    )
    .unwrap();
    let seen = run(folder.path(), &["scan", "log.json", "--severity", "high", "--accounts", "accounts.yaml"]);
    let [finding] = &seen.findings()[..] else { panic!("{seen}") };
    insta::assert_snapshot!("one_finding", serde_json::to_string_pretty(finding).unwrap());
}

#[test]
fn one_finding_as_json_and_csv() {
    let folder = folder(&[("log.json", &log_file(&[stop_logging("e-1", "2026-11-03T02:15:00Z")]))]);
    let json = run(folder.path(), &["scan", "log.json", "--severity", "high", "--format", "json"]);
    let array: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(array.as_array().unwrap().len(), 1);
    let csv = run(folder.path(), &["scan", "log.json", "--severity", "high", "--format", "csv"]);
    insta::assert_snapshot!("one_finding_csv", csv.stdout);
    let nothing = folder.path().join("nothing.json");
    fs::write(&nothing, "{\"Records\":[]}").unwrap();
    assert_eq!(run(folder.path(), &["scan", "nothing.json", "--format", "json"]).stdout, "[]\n");
}

#[test]
fn every_finding_fits_the_published_schema() {
    let schema: Value = serde_json::from_str(&run(root(), &["schema", "finding"]).stdout).unwrap();
    let published = fs::read_to_string(root().join("docs/schema/finding.schema.json")).unwrap_or_default();
    if std::env::var_os("TRAILHOUND_UPDATE_SCHEMA").is_some() {
        let text = run(root(), &["schema", "finding"]).stdout;
        fs::write(root().join("docs/schema/finding.schema.json"), text).unwrap();
    } else {
        let published: Value = serde_json::from_str(&published).unwrap_or_default();
        assert_eq!(
            published, schema,
            "set TRAILHOUND_UPDATE_SCHEMA=1 and run this test to publish the schema again"
        );
    }
    let findings = run(root(), &["scan", "examples/incident", "--format", "ndjson"]).findings();
    assert!(findings.len() > 20);
    let required = |schema: &Value| -> Vec<String> {
        schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    for finding in findings {
        for name in required(&schema) {
            assert!(!finding[&name].is_null(), "{name}");
        }
        let detail = &schema["$defs"]["Detail"];
        let known = detail["properties"].as_object().unwrap();
        let own = finding["detail"].as_object().unwrap();
        for name in required(detail) {
            assert!(own.contains_key(&name), "detail.{name}");
        }
        assert!(own.keys().all(|name| known.contains_key(name)));
    }
}

#[test]
fn a_finding_is_an_event_that_patterns_match() {
    let folder = folder(&[("log.json", &log_file(&[stop_logging("e-1", "2026-11-03T02:15:00Z")]))]);
    let seen = run(folder.path(), &["scan", "log.json", "--severity", "high"]);
    fs::write(folder.path().join("finding.ndjson"), &seen.stdout).unwrap();
    let pattern = r#"{"source":["trailhound"],"detail":{"severity":["critical"],"records":{"requestParameters":{"name":["audit"]}}}}"#;
    let matched = run(folder.path(), &["match", pattern, "finding.ndjson"]);
    assert_eq!((matched.code, matched.stdout.as_str()), (0, "1 of 1 matched\n"), "{}", matched.stderr);
}

#[test]
fn copies_of_an_event_count_once_wherever_they_are() {
    let records = [stop_logging("e-1", "2026-11-03T02:15:00Z"), stop_logging("e-2", "2026-11-03T05:15:00Z")];
    let folder = folder(&[
        ("a.json", &log_file(&records)),
        ("b/copy.ndjson", records.join("\n").as_bytes()),
        ("c.json", &log_file(&[records[0].clone(), records[0].clone()])),
    ]);
    let seen = run(folder.path(), &["scan", ".", "--stats", "stats.out", "--severity", "high"]);
    let stopped =
        seen.findings().into_iter().filter(|one| one["detail"]["rule"] == "cloudtrail-logging-stopped");
    assert_eq!(stopped.count(), 2, "{seen}");
    let stats: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("stats.out")).unwrap()).unwrap();
    assert_eq!((&stats["files"], &stats["records"]), (&3.into(), &6.into()));
    assert_eq!((&stats["outcomes"]["matched"], &stats["outcomes"]["duplicate"]), (&2.into(), &4.into()));
}

#[test]
fn time_spans_and_severities_limit_what_is_seen() {
    let times =
        ["2026-11-02T23:59:59Z", "2026-11-03T00:00:00Z", "2026-11-03T12:00:00Z", "2026-11-04T00:00:00Z"];
    let records: Vec<String> =
        times.iter().enumerate().map(|(n, time)| stop_logging(&format!("e-{n}"), time)).collect();
    let folder = folder(&[("log.json", &log_file(&records))]);
    let span = ["scan", "log.json", "--from", "2026-11-03", "--to", "2026-11-04", "--severity", "high"];
    let seen = run(folder.path(), &[&span[..], &["--stats", "stats.out"]].concat());
    let findings = seen.findings();
    let stopped = findings.iter().filter(|one| one["detail"]["rule"] == "cloudtrail-logging-stopped");
    let times: Vec<_> = stopped.map(|finding| finding["time"].as_str().unwrap().to_owned()).collect();
    assert_eq!(times, ["2026-11-03T00:00:00Z", "2026-11-03T12:00:00Z"]);
    let stats: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("stats.out")).unwrap()).unwrap();
    assert_eq!(stats["outcomes"]["skipped"], 2);
    for (least, code) in [("critical", 1), ("low", 1)] {
        assert_eq!(run(folder.path(), &["scan", "log.json", "-q", "--fail-on", least]).code, code, "{least}");
    }
    let quiet = run(folder.path(), &["scan", "log.json", "-q", "--from", "2027-01-01", "--fail-on", "info"]);
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (0, "", ""));
}

#[test]
fn all_event_ids_go_to_a_file_of_their_own() {
    let rule = "id: every\ntitle: t\nseverity: low\ndescription: d\nfirst_checks: [c]\n\
                pattern: { source: [aws.cloudtrail] }\ngroup: { by: [account], for: 1d }\n";
    let records: Vec<String> =
        (0..1_500).map(|n| stop_logging(&format!("e-{n:04}"), "2026-11-03T02:15:00Z")).collect();
    let folder = folder(&[("log.json", &log_file(&records)), ("rule.yaml", rule.as_bytes())]);
    let seen = run(folder.path(), &["scan", "log.json", "--rules", "rule.yaml", "--ids", "ids.ndjson"]);
    let [finding] = &seen.findings()[..] else { panic!("{seen}") };
    let detail = &finding["detail"];
    assert_eq!((&detail["count"], detail["event_ids"].as_array().unwrap().len()), (&1_500.into(), 1_000));
    let ids = fs::read_to_string(folder.path().join("ids.ndjson")).unwrap();
    let ids: Vec<Value> = ids.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ids.len(), 1_500);
    assert!(ids.iter().all(|id| id["finding"] == finding["id"]));
}

#[test]
fn lists_and_exceptions_keep_what_is_known_quiet() {
    let rule = "id: stopped\ntitle: t\nseverity: high\ndescription: d\nfirst_checks: [c]\n\
                pattern: { detail: { eventName: [StopLogging] } }\n\
                where: \"!glob_any(principal.name, lists.automation_roles)\"\n\
                except:\n  - reason: rebuilt every week\n    owner: platform\n    expires: 2026-12-31\n    pattern: { account: [\"444455556666\"] }\n";
    let other = stop_logging("e-2", "2026-11-03T02:15:00Z").replace("111122223333", "444455556666");
    let folder = folder(&[
        ("log.json", &log_file(&[stop_logging("e-1", "2026-11-03T02:15:00Z"), other])),
        ("rule.yaml", rule.as_bytes()),
    ]);
    let scan = |more: &[&str]| {
        let seen = run(
            folder.path(),
            &[&["scan", "log.json", "--rules", "rule.yaml", "--stats", "s"], more].concat(),
        );
        let stats: Value =
            serde_json::from_str(&fs::read_to_string(folder.path().join("s")).unwrap()).unwrap();
        (seen.findings().len(), stats["signals"].clone())
    };
    let (findings, signals) = scan(&[]);
    assert_eq!((findings, &signals["excepted"], &signals["fired"]), (1, &1.into(), &1.into()));
    let (findings, signals) = scan(&["--list", "automation_roles=mal*,terraform"]);
    assert_eq!((findings, &signals["where-false"]), (0, &2.into()));
}

/// Counts, times and fingerprints of the real logs, and the same bytes with any number of threads.
#[test]
fn real_logs_are_read_whole_and_told_the_same_by_any_number_of_threads() {
    let Some(corpus) = shared_data("corpus_real") else { return };
    let folder = folder(&[]);
    let scan = |threads: &str| {
        let stats = format!("stats-{threads}");
        let mut command = trailhound(folder.path());
        command.arg("scan").arg(&corpus).args([
            "--format",
            "ndjson",
            "--threads",
            threads,
            "--stats",
            &stats,
        ]);
        let seen = kit::see(&mut command);
        assert_eq!(seen.code, 0, "{}", seen.stderr);
        let stats: Value =
            serde_json::from_str(&fs::read_to_string(folder.path().join(stats)).unwrap()).unwrap();
        (seen.stdout, stats)
    };
    let (first, stats) = scan("1");
    let outcomes = &stats["outcomes"];
    assert_eq!((&stats["files"], &stats["records"]), (&2_400.into(), &21_550.into()));
    assert_eq!(
        (&outcomes["rejected"], &outcomes["duplicate"], &outcomes["skipped"]),
        (&0.into(), &4_087.into(), &0.into())
    );
    let sum: u64 = outcomes.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sum, 21_550);
    for threads in ["2", "5"] {
        let (again, stats_again) = scan(threads);
        assert!(first == again, "{threads} threads print other bytes");
        assert_eq!(stats["findings"], stats_again["findings"]);
    }
}

/// Each CIS filter of the pack finds as many events as a count that shares no line with Trailhound.
#[test]
fn cis_filters_count_what_an_independent_count_gives() {
    let Some(corpus) = shared_data("corpus_real") else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/independent/cis_counts.py");
    let output = Command::new("python3").arg(script).arg(&corpus).output().expect("python3 is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let independent: BTreeMap<String, u64> = serde_json::from_slice(&output.stdout).unwrap();

    let mut command = trailhound(root());
    command.arg("scan").arg(&corpus).args(["--rules", "rules/aws/cis", "--format", "ndjson"]);
    let seen = kit::see(&mut command);
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    let mut counted: BTreeMap<String, u64> = independent.keys().map(|rule| (rule.clone(), 0)).collect();
    for finding in seen.findings() {
        let detail = &finding["detail"];
        *counted.get_mut(detail["rule"].as_str().unwrap()).expect("the script knows every CIS rule") +=
            detail["count"].as_u64().unwrap();
    }
    assert_eq!(counted, independent);
    assert!(independent.values().filter(|count| **count > 0).count() >= 8, "the logs exercise the filters");

    let listed = run(root(), &["rules", "list", "--rules", "rules/aws/cis", "--format", "json", "-q"]);
    let listed: Vec<String> =
        listed.findings().iter().map(|rule| rule["id"].as_str().unwrap().to_owned()).collect();
    assert!(listed.iter().all(|rule| independent.contains_key(rule)), "{listed:?}");
    assert_eq!(listed.len(), independent.len());
}

/// A day on which nobody but AWS's own services did anything is a quiet day.
#[test]
fn services_alone_raise_nothing_above_low() {
    let Some(corpus) = shared_data("corpus_real/sans504") else { return };
    let day = ["--from", "2021-07-31", "--to", "2021-08-01"];
    let mut command = trailhound(root());
    command.arg("scan").arg(&corpus).args(day).args(["--format", "ndjson", "--severity", "medium"]);
    let seen = kit::see(&mut command);
    assert_eq!((seen.code, seen.stdout.as_str()), (0, ""), "{}", seen.stderr);
    assert!(seen.stderr.contains("matched"), "{}", seen.stderr);
}
