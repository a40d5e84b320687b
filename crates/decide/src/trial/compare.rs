//! What a rule said, beside what its test expected.

use std::collections::BTreeMap;
use std::fmt;

use rules::{ExpectedFinding, ExpectedState, Severity};

use crate::finding::{Finding, State};

/// A finding in one revision, as far as a test can ask about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    pub(super) id: String,
    state: State,
    severity: Severity,
    title: String,
    reason: String,
    count: u64,
    settled: bool,
    revision: u32,
    key: BTreeMap<String, String>,
}

impl Said {
    pub(super) fn of(finding: Finding) -> Self {
        let Finding { id, detail, .. } = finding;
        Said {
            id,
            state: detail.state,
            severity: detail.severity,
            title: detail.title,
            reason: detail.reason,
            count: detail.count,
            settled: detail.settled,
            revision: detail.revision,
            key: detail.key,
        }
    }

    /// In what it differs from what was expected.
    fn differences(&self, expected: &ExpectedFinding) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |name: &str, wanted: Option<String>, is: String, holds: bool| {
            if let Some(wanted) = wanted.filter(|_| !holds) {
                differences.push(format!("{name} {wanted} and is {is}"));
            }
        };
        let state = expected.state.map(state_of);
        compare(
            "state should be",
            state.map(|state| word(state).to_owned()),
            word(self.state).to_owned(),
            state.is_none_or(|state| state == self.state),
        );
        compare(
            "severity should be",
            expected.severity.map(|severity| severity.to_string()),
            self.severity.to_string(),
            expected.severity.is_none_or(|severity| severity == self.severity),
        );
        let contains =
            |text: &str, part: &Option<Box<str>>| part.as_ref().is_none_or(|part| text.contains(&**part));
        let quoted = |text: &Option<Box<str>>| text.as_ref().map(|text| format!("{text:?}"));
        let reason = self.reason.as_str();
        compare(
            "title should contain",
            quoted(&expected.title),
            format!("{:?}", self.title),
            contains(&self.title, &expected.title),
        );
        compare(
            "reason should contain",
            quoted(&expected.reason),
            format!("{reason:?}"),
            contains(reason, &expected.reason),
        );
        compare(
            "count should be",
            expected.count.map(|count| count.to_string()),
            self.count.to_string(),
            expected.count.is_none_or(|count| count == self.count),
        );
        compare(
            "settled should be",
            expected.settled.map(|settled| settled.to_string()),
            self.settled.to_string(),
            expected.settled.is_none_or(|settled| settled == self.settled),
        );
        compare(
            "revision should be",
            expected.revision.map(|revision| revision.to_string()),
            self.revision.to_string(),
            expected.revision.is_none_or(|revision| revision == self.revision),
        );
        for (path, value) in &expected.key {
            let is = self.key.get(&**path).map(String::as_str);
            let shown = is.map_or_else(|| "no part of the key".to_owned(), |value| format!("{value:?}"));
            compare(&format!("{path} should be"), Some(format!("{value:?}")), shown, is == Some(&**value));
        }
        differences
    }
}

/// What is wrong with what was said.
pub(super) fn failures(expected: &[ExpectedFinding], said: &[Said]) -> Vec<String> {
    let mut left: Vec<&Said> = said.iter().collect();
    let mut missing: Vec<&ExpectedFinding> = Vec::new();
    for one in expected {
        match left.iter().position(|said| said.differences(one).is_empty()) {
            Some(found) => {
                left.remove(found);
            }
            None => missing.push(one),
        }
    }
    match (&missing[..], &left[..]) {
        // One finding of each: what differs says most.
        ([expected], [said]) => {
            vec![said.differences(expected).join("; ")]
        }
        (missing, left) => {
            let nothing = if left.is_empty() { ", and nothing was said" } else { "" };
            let missed = missing.iter().map(|expected| match left {
                [] => format!("expected {expected}{nothing}"),
                _ => format!("expected {expected}, which nothing said is"),
            });
            let surplus = left.iter().map(|said| format!("not expected: {said}"));
            missed.chain(surplus).collect()
        }
    }
}

fn state_of(expected: ExpectedState) -> State {
    match expected {
        ExpectedState::Firing => State::Firing,
        ExpectedState::Resolved => State::Resolved,
        ExpectedState::Unknown => State::Unknown,
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Firing => "firing",
        State::Resolved => "resolved",
        State::Unknown => "unknown",
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settled = if self.settled { "settled" } else { "not settled" };
        write!(
            f,
            "{} {} {:?}, count {}, {settled}",
            word(self.state),
            self.severity,
            self.title,
            self.count
        )?;
        if self.revision > 0 {
            write!(f, ", revision {}", self.revision)?;
        }
        for (path, value) in &self.key {
            write!(f, ", {path} {value:?}")?;
        }
        write!(f, ": {}", self.reason)
    }
}
