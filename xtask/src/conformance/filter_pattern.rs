//! CloudWatch Logs filter patterns against recorded and documented verdicts of the service.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use filter_pattern::Filter;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    pattern: String,
    /// Absent where the pattern is refused.
    log_event: Option<String>,
    /// `match`, `nomatch` or `invalid`.
    expect: String,
    /// What the service extracted from a matching event.
    extracted: Option<BTreeMap<String, String>>,
    /// What the service answered to an invalid pattern. Its wording differs between operations, so another wording is
    /// mentioned and does not fail the case.
    error: Option<String>,
}

/// Runs every case of the file, prints each failure, and returns how many passed and failed.
pub(crate) fn run(path: &Path) -> io::Result<(usize, usize)> {
    let text = std::fs::read_to_string(path)?;
    let (mut passed, mut failed) = (0, 0);
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        match serde_json::from_str::<Case>(line)
            .map_err(|error| error.to_string())
            .and_then(|case| check(number, &case))
        {
            Ok(()) => passed += 1,
            Err(failure) => {
                failed += 1;
                println!("line {number}: {failure}");
            }
        }
    }
    Ok((passed, failed))
}

fn check(number: usize, case: &Case) -> Result<(), String> {
    let Case { pattern, expect, .. } = case;
    let filter = match (Filter::parse(pattern), expect.as_str()) {
        (Err(errors), "invalid") => {
            let said = errors.aws_message();
            if let Some(recorded) = case.error.as_ref().filter(|recorded| **recorded != said) {
                println!("line {number}: note: {pattern}: recorded message {recorded:?}, ours {said:?}");
            }
            return Ok(());
        }
        (Err(errors), _) => return Err(format!("{pattern}: expected {expect}, refused: {errors}")),
        (Ok(_), "invalid") => return Err(format!("{pattern}: expected a refusal, parsed")),
        (Ok(filter), _) => filter,
    };
    let Some(message) = &case.log_event else { return Err(format!("{pattern}: the case has no log event")) };
    let verdict = if filter.matches(message) { "match" } else { "nomatch" };
    if verdict != expect {
        return Err(format!(
            "{pattern} on {message:?}: expected {expect}, decided {verdict}\n{}",
            filter.explain(message)
        ));
    }
    let found: BTreeMap<String, String> = filter.extract(message).unwrap_or_default().into_iter().collect();
    match &case.extracted {
        Some(expected) if found != *expected => {
            Err(format!("{pattern} on {message:?}: expected {expected:?}, extracted {found:?}"))
        }
        _ => Ok(()),
    }
}
