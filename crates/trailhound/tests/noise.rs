//! How loud the built-in rules are on real logs: the table `rules/costs.json`, and a judgement of all that is above low.
//!
//! `TRAILHOUND_UPDATE_SCHEMA=1` rewrites the table; look at the difference before you commit it. Judgements are people's: what is new
//! above low is either an attack, or a fault of the rule.
#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::collections::BTreeMap;
use std::fs;

use kit::{root, run, shared_data};
use rules::{Cost, Severity};
use serde::Deserialize;

/// Name, folder, first day, day after the last, what it is.
const SETS: [(&str, &str, &str, &str, &str); 7] = [
    (
        "sans504 29 July",
        "sans504",
        "2021-07-28",
        "2021-07-30",
        "a new account of a course, set up by its root user",
    ),
    (
        "sans504 30 July",
        "sans504",
        "2021-07-30",
        "2021-07-31",
        "the attack: a bucket is copied out with a leaked key",
    ),
    ("sans504 31 July", "sans504", "2021-07-31", "2021-08-01", "the same account at rest: services only"),
    ("boogy", "boogy", "2024-01-01", "2025-01-01", "five minutes of a busy production account with EKS"),
    ("grycap", "grycap", "2017-01-01", "2018-01-01", "an account of a research group, used in the console"),
    ("trailscraper", "trailscraper", "2017-01-01", "2018-01-01", "two events"),
    (
        "otrf",
        "otrf",
        "2020-01-01",
        "2021-01-01",
        "a lab: a machine's credentials are stolen and a bucket is read",
    ),
];

/// A judgement of findings above low.
#[derive(Debug, Deserialize)]
struct Judged {
    set: String,
    rule: String,
    severity: Severity,
    findings: u64,
    judgement: String,
}

fn count() -> Option<Vec<Cost>> {
    let corpus = shared_data("corpus_real")?;
    let sets = SETS.map(|(set, folder, from, to, about)| {
        let path = corpus.join(folder);
        let stats = tempfile::NamedTempFile::new().unwrap();
        let arguments = [
            "scan",
            path.to_str().unwrap(),
            "--rules",
            "builtin",
            "--rules",
            "builtin-baseline",
            "--format",
            "ndjson",
            "--from",
            from,
        ];
        let more = ["--to", to, "--stats", stats.path().to_str().unwrap()];
        let seen = run(root(), &[&arguments[..], &more].concat());
        assert_eq!(seen.code, 0, "{set}: {}", seen.stderr);
        let mut findings: BTreeMap<String, BTreeMap<Severity, u64>> = BTreeMap::new();
        for finding in seen.findings() {
            if finding["detail"]["state"] == "firing" {
                let severity = serde_json::from_value(finding["detail"]["severity"].clone()).unwrap();
                let rule = finding["detail"]["rule"].as_str().unwrap().to_owned();
                *findings.entry(rule).or_default().entry(severity).or_default() += 1;
            }
        }
        let stats: serde_json::Value =
            serde_json::from_reader(fs::File::open(stats.path()).unwrap()).unwrap();
        let outcomes = ["matched", "unmatched"].map(|one| stats["outcomes"][one].as_u64().unwrap());
        Cost { set: set.to_owned(), about: about.to_owned(), events: outcomes.iter().sum(), findings }
    });
    Some(sets.to_vec())
}

#[test]
fn the_table_of_costs_is_what_a_scan_finds_and_all_above_low_is_judged() {
    let Some(counted) = count() else { return };
    if std::env::var_os("TRAILHOUND_UPDATE_SCHEMA").is_some() {
        let text = serde_json::to_string_pretty(&counted).unwrap() + "\n";
        fs::write(root().join("rules/costs.json"), text).unwrap();
    } else {
        assert_eq!(counted, Cost::all(), "set TRAILHOUND_UPDATE_SCHEMA=1 to rewrite rules/costs.json");
    }

    let judged: Vec<Judged> = serde_json::from_str(include_str!("noise/judged.json")).unwrap();
    let written: BTreeMap<(String, String, Severity), u64> =
        judged.iter().map(|one| ((one.set.clone(), one.rule.clone(), one.severity), one.findings)).collect();
    let mut found = BTreeMap::new();
    for set in &counted {
        for (rule, by) in &set.findings {
            for (severity, findings) in by.range(Severity::Medium..) {
                found.insert((set.set.clone(), rule.clone(), *severity), *findings);
            }
        }
    }
    assert_eq!(found, written, "each finding above low is judged in tests/noise/judged.json");
    assert!(judged.iter().all(|one| one.judgement.len() > 20), "a judgement says why");
    assert!(!found.keys().any(|(set, ..)| set == "sans504 31 July"), "nothing happened on that day");
    for attacked in ["sans504 30 July", "otrf"] {
        assert!(found.keys().any(|(set, ..)| set == attacked), "{attacked} has an attack");
    }
}
