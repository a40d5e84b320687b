//! CloudWatch Logs filter patterns against recorded and documented verdicts of the service.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use filter_pattern::Filter;
use serde::Deserialize;

use super::cases;

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

/// Runs the cases of a file, prints those that fail, and counts both kinds.
///
/// # Errors
///
/// If the file cannot be read or a line is no case.
pub(crate) fn run(path: &Path) -> io::Result<(usize, usize)> {
    cases::run(path, |number, case: &Case| (format!("line {number}"), check(number, case).into()))
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
