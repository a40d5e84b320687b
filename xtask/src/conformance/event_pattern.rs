//! Recorded verdicts on event patterns, one JSON object per line:
//! `{name, pattern, event, expect, message?, source, evidence}`, where `pattern` and `event` are JSON texts and `expect` is `match`,
//! `nomatch` or `invalid`.
//!
//! A `message` is either the service's whole answer, the library's text with its position, or the bare reason; it is compared as far
//! as it goes. An empty one records an internal failure of the service: there the pattern only has to be refused.
//!
//! The few library verdicts that are contradicted on purpose stand in `divergences.jsonl` beside the crate's tests, with reasons. They count
//! neither as passed nor as failed, unless they are the service's own verdicts or no divergence at all: then they fail.

use std::io;
use std::path::Path;

use event_pattern::{Event, Pattern};
use serde::Deserialize;

use super::cases::{self, Divergences, Verdict};

const DIVERGENCES: &str = include_str!("../../../crates/event-pattern/tests/divergences.jsonl");

/// Runs the cases of a file, prints those that fail, and counts both kinds.
///
/// # Errors
///
/// If the file cannot be read or a line is no case.
pub(crate) fn run(path: &Path) -> io::Result<(usize, usize)> {
    let divergences = Divergences::of(DIVERGENCES)?;
    cases::run(path, |_, case: &Case| {
        let checked = case.check().map_err(|reason| {
            let event = case.event.as_deref().unwrap_or("none");
            format!("{reason}\n    pattern {}\n    event   {event}", case.pattern)
        });
        let verdict = match checked {
            // What the service itself said is not contradicted.
            Err(reason) if case.evidence.starts_with("aws-") => Verdict::Fails(reason),
            checked => divergences.judge(&case.name, checked),
        };
        (format!("{} ({})", case.name, case.evidence), verdict)
    })
}

#[derive(Deserialize)]
struct Case {
    name: String,
    pattern: String,
    event: Option<String>,
    expect: Expect,
    message: Option<String>,
    #[serde(default)]
    evidence: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Match,
    Nomatch,
    Invalid,
}

impl Case {
    fn check(&self) -> Result<(), String> {
        let pattern = match Pattern::parse(&self.pattern) {
            Ok(pattern) => pattern,
            Err(errors) if self.expect == Expect::Invalid => {
                return self.check_message(&errors.service_text(&self.pattern), &errors.first().message);
            }
            Err(errors) => {
                return Err(format!("expected {:?}, but the pattern is refused: {errors}", self.expect));
            }
        };
        let event = match Event::parse(self.event.as_deref().unwrap_or("{}")) {
            Ok(event) => event,
            Err(_) if self.expect == Expect::Invalid => return Ok(()),
            Err(error) => return Err(format!("expected {:?}, but {error}", self.expect)),
        };
        let verdict = if pattern.matches(&event) { Expect::Match } else { Expect::Nomatch };
        if verdict == self.expect {
            Ok(())
        } else {
            Err(format!("expected {:?}, found {verdict:?}", self.expect))
        }
    }

    fn check_message(&self, answer: &str, reason: &str) -> Result<(), String> {
        const PREFIX: &str = "Event pattern is not valid. Reason: ";
        let Some(wanted) = self.message.as_deref().filter(|message| !message.is_empty()) else {
            return Ok(());
        };
        let found = if wanted.starts_with(PREFIX) {
            answer
        } else if wanted.contains("\n at [Source: ") {
            answer.strip_prefix(PREFIX).unwrap_or(answer)
        } else {
            reason
        };
        // Some recordings have the region blotted out in the echo of the pattern.
        let blotted = wanted.contains("<region>") || wanted.contains("<partition>");
        if found == wanted || (blotted && without_echo(found) == without_echo(wanted)) {
            Ok(())
        } else {
            Err(format!("expected the message {wanted:?}, found {found:?}"))
        }
    }
}

/// A message without the text of the pattern in it.
fn without_echo(message: &str) -> String {
    message
        .split("(String)\"")
        .map(|part| part.rsplit_once("\"; line: ").map_or(part, |(_, rest)| rest))
        .collect::<Vec<_>>()
        .join("…")
}
