//! Exceptions that would take most findings of a rule away, for somebody to judge.
//!
//! Nothing is proposed that would hide a disaster: no exception from a critical finding and none for root. What a few principals or
//! addresses make is excepted for them alone; what everybody makes is no matter for an exception.

use std::io;

use cloudtrail::EventTime;
use rules::Severity;
use serde::Serialize;

use super::{Line, Maker};

/// Fewer findings than these of one rule in one account are no noise.
const FINDINGS_MIN: u64 = 3;

/// At most so many are excepted from one rule in one account.
const EXCEPTED_MAX: usize = 3;

/// For how long a proposal holds after the end of the history: then somebody should look again.
const HOLDS_DAYS: i64 = 90;

/// One rule's entry of `override:`.
#[derive(Serialize)]
pub(super) struct Proposal {
    id: String,
    except: Vec<Exception>,
}

#[derive(Serialize)]
struct Exception {
    reason: String,
    expires: String,
    pattern: serde_json::Value,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
}

/// What to except, by rule in the order of the lines.
pub(super) fn propose(lines: &[Line], end: Option<EventTime>) -> Vec<Proposal> {
    let Some(end) = end else { return Vec::new() };
    let until = EventTime::from_micros(end.as_micros().saturating_add(HOLDS_DAYS * 86_400 * 1_000_000));
    let expires = super::day(&until.to_string()).to_owned();
    let mut proposals: Vec<Proposal> = Vec::new();
    for line in
        lines.iter().filter(|line| line.findings >= FINDINGS_MIN && line.severity < Severity::Critical)
    {
        let except = exceptions(line, &expires);
        if except.is_empty() {
            continue;
        }
        match proposals.iter_mut().find(|proposal| proposal.id == line.rule) {
            Some(proposal) => proposal.except.extend(except),
            None => proposals.push(Proposal { id: line.rule.clone(), except }),
        }
    }
    proposals
}

/// The principals that make most of a line's findings; failing those, the addresses.
fn exceptions(line: &Line, expires: &str) -> Vec<Exception> {
    let named = line.principals.iter().filter(|maker| maker.kind != "root");
    let principals = most(named, line.findings);
    if !principals.is_empty() {
        return principals
            .into_iter()
            .map(|maker| Exception {
                reason: reason(maker, line),
                expires: expires.to_owned(),
                pattern: account(line),
                condition: Some(format!("principal.name == {}", quoted(&maker.name))),
            })
            .collect();
    }
    if line.principals.iter().any(|maker| maker.kind == "root") {
        return Vec::new();
    }
    most(line.addresses.iter(), line.findings)
        .into_iter()
        .map(|maker| {
            let mut pattern = account(line);
            if let Some(fields) = pattern.as_object_mut() {
                fields.insert("detail".to_owned(), serde_json::json!({ "sourceIPAddress": [maker.name] }));
            }
            Exception { reason: reason(maker, line), expires: expires.to_owned(), pattern, condition: None }
        })
        .collect()
}

/// The few who together make more than half; nobody if it takes many.
fn most<'m>(makers: impl Iterator<Item = &'m Maker>, findings: u64) -> Vec<&'m Maker> {
    let mut chosen = Vec::new();
    let mut covered = 0;
    for maker in makers.take(EXCEPTED_MAX) {
        chosen.push(maker);
        covered += maker.findings;
        if covered * 5 >= findings * 4 {
            break;
        }
    }
    if covered * 2 > findings { chosen } else { Vec::new() }
}

/// The account alone; anything if the events name none.
fn account(line: &Line) -> serde_json::Value {
    if line.account.is_empty() {
        return serde_json::json!({ "source": [{ "exists": true }] });
    }
    serde_json::json!({ "account": [line.account] })
}

fn reason(maker: &Maker, line: &Line) -> String {
    format!("{} made {} of {} findings in rehearsal", maker.name, maker.findings, line.findings)
}

/// A text as JSON has it, which YAML and CEL read alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Proposal {
    pub(super) fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "  - id: {}\n    except:", self.id)?;
        for exception in &self.except {
            writeln!(out, "      - reason: {}", quoted(&exception.reason))?;
            writeln!(out, "        expires: {}", exception.expires)?;
            writeln!(out, "        pattern: {}", exception.pattern)?;
            if let Some(condition) = &exception.condition {
                writeln!(out, "        where: {}", quoted(condition))?;
            }
        }
        Ok(())
    }
}
