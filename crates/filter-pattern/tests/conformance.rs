//! The recorded and documented verdicts of AWS, and filters found in the wild, where the data folder is there. Every
//! case must hold: this crate deliberately differs from none of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use filter_pattern::Filter;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    pattern: String,
    log_event: Option<String>,
    expect: String,
    extracted: Option<BTreeMap<String, String>>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct MetricFilter {
    pattern: String,
}

/// The text of a shared data file. Where it is absent the test passes, says so, and fails only if the data is required.
fn data(file: &str) -> Option<String> {
    let folder = std::env::var_os("TRAILHOUND_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = folder.join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            let required = std::env::var("TRAILHOUND_REQUIRE_DATA").is_ok_and(|value| value == "1");
            assert!(!required, "{}: {error}", path.display());
            println!("left out: {file} is not there");
            None
        }
    }
}

fn lines<T: for<'de> Deserialize<'de>>(text: &str) -> Vec<T> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn decides_as_recorded_and_documented() {
    let Some(text) = data("conformance/filter-pattern.jsonl") else { return };
    let cases: Vec<Case> = lines(&text);
    assert!(!cases.is_empty());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            decide(case).err().map(|why| format!("{} on {:?}: {why}", case.pattern, case.log_event))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn decide(case: &Case) -> Result<(), String> {
    let filter = match (Filter::parse(&case.pattern), case.expect.as_str()) {
        (Err(errors), "invalid") => {
            let said = errors.aws_message();
            return match &case.error {
                Some(recorded) if *recorded != said => Err(format!("said {said:?}, recorded {recorded:?}")),
                _ => Ok(()),
            };
        }
        (Err(errors), expected) => return Err(format!("expected {expected}, refused: {errors}")),
        (Ok(_), "invalid") => return Err("expected a refusal, parsed".to_owned()),
        (Ok(filter), _) => filter,
    };
    let message = case.log_event.as_deref().ok_or("the case has no log event")?;
    let extracted = filter.extract(message);
    let verdict = if filter.matches(message) { "match" } else { "nomatch" };
    if verdict != case.expect || extracted.is_some() != (verdict == "match") {
        return Err(format!("expected {}, decided {verdict}", case.expect));
    }
    match (&case.extracted, extracted) {
        (Some(expected), Some(found)) if found.iter().cloned().collect::<BTreeMap<_, _>>() != *expected => {
            Err(format!("extracted {found:?}, recorded {expected:?}"))
        }
        _ => Ok(()),
    }
}

#[test]
fn parses_the_filters_found_in_the_wild() {
    let Some(text) = data("metric_filters.json") else { return };
    let filters: Vec<MetricFilter> = serde_json::from_str(&text).unwrap();
    let refused: Vec<String> = filters
        .iter()
        .filter_map(|found| {
            Filter::parse(&found.pattern).err().map(|errors| format!("{}\n  {errors}", found.pattern))
        })
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(!filters.is_empty());
}
