//! `trailhound route test`: where a finding would go at a time, and why.

use std::path::Path;

use jiff::Timestamp;
use route::{FindingEvent, Leg};
use serde_json::json;

use super::explain::unknown_rule;
use crate::arguments::{RouteTest, TextOrJson};
use crate::clock;
use crate::exit_code::{Exit, Failure, Outcome};
use crate::loading::{self, Knowledge, RuleFiles};
use crate::output::{Styles, plain, print};
use crate::talk::Talk;

pub(crate) fn test(arguments: &RouteTest, talk: Talk) -> Outcome {
    let known =
        crate::arguments::Known { config: Some(arguments.config.clone()), accounts: None, lists: Vec::new() };
    let knowledge = Knowledge::of(&known, talk)?;
    let policy = policy(&arguments.config)?;
    let at = arguments.at.and_then(|at| Timestamp::from_microsecond(at.as_micros()).ok());
    let now = at.unwrap_or_else(clock::now);
    let findings = findings(&arguments.finding, &knowledge, talk)?;
    print(talk, |out| {
        for finding in &findings {
            let hidden = policy.suppressions.iter().find(|one| one.hides(finding));
            let explanation = policy.routes.explain(finding, now);
            if arguments.format == TextOrJson::Json {
                let leg = |(leg, opens): (&Leg, &Option<Timestamp>)| {
                    json!({
                        "target": leg.target.as_str(),
                        "held_for": leg.held.as_ref().map(|held| &*held.hours),
                        "until": opens.map(|opens| opens.to_string()),
                        "folds": policy.fold.targets.contains(&leg.target),
                    })
                };
                let legs = explanation.routing.legs.iter().zip(&explanation.opens).map(leg);
                let line = json!({
                    "finding": finding.id(), "rule": finding.rule(), "at": now.to_string(),
                    "suppressed_by": hidden.map(|one| &*one.id),
                    "to": if hidden.is_some() { Vec::new() } else { legs.collect::<Vec<_>>() },
                    "dropped": explanation.routing.dropped, "thread": policy.fold.thread(finding),
                    "why": explanation.to_string().lines().collect::<Vec<_>>(),
                });
                writeln!(out, "{line}")?;
                continue;
            }
            let bold = Styles::BOLD;
            writeln!(out, "{bold}{} {}{bold:#} at {now:.0}", plain(finding.rule()), plain(finding.id()))?;
            if let Some(one) = hidden {
                writeln!(
                    out,
                    "  told to nobody: the suppression `{}` hides it until {} ({}: {}); without it:",
                    one.id,
                    one.expires,
                    plain(&one.owner),
                    plain(&one.reason)
                )?;
            }
            for line in explanation.to_string().lines() {
                writeln!(out, "  {}", plain(line))?;
            }
            let folds: Vec<&str> = explanation
                .routing
                .targets()
                .filter(|target| policy.fold.targets.contains(*target))
                .map(route::TargetName::as_str)
                .collect();
            if !folds.is_empty() {
                let by: Vec<&str> = policy.fold.by.iter().map(|by| by.name()).collect();
                writeln!(out, "  folded with others of the same {} at {}", by.join(", "), folds.join(", "))?;
            }
        }
        Ok(())
    })?;
    Ok(Exit::Fine)
}

fn policy(config: &Path) -> Result<route::Policy, Failure> {
    let files = RuleFiles::default();
    let name = files.named(config, "the configuration")?;
    let read = configuration::read_policy(&name, &files);
    let wrong = || {
        Failure::usage(format!("{name} is not a whole configuration of a service"))
            .hint(format!("mend it, then `trailhound check -c {name}`"))
    };
    read.value.ok_or_else(wrong)
}

/// The findings of a file, or what a rule says of its own firing tests.
fn findings(named: &str, knowledge: &Knowledge, talk: Talk) -> Result<Vec<FindingEvent>, Failure> {
    let path = Path::new(named);
    if path.is_file() {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::input(format!("{named} cannot be read: {error}")))?;
        let not = |error: &dyn std::fmt::Display| Failure::usage(format!("{named} is no finding: {error}"));
        let values = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
        let mut findings = Vec::new();
        for value in values {
            let value = value.map_err(|error| not(&error))?;
            findings.push(FindingEvent::parse(&value.to_string()).map_err(|error| not(&error))?);
        }
        if findings.is_empty() {
            return Err(not(&"it is empty"));
        }
        return Ok(findings);
    }
    let (rules, files) = loading::rules_as_written(&[], knowledge, talk)?;
    let rule = rules.get(named).ok_or_else(|| unknown_rule(&rules, named))?;
    for test in &rule.tests {
        let said = decide::test_findings(&rules, rule, test, &knowledge.context, &files);
        let json = said.iter().filter_map(|finding| serde_json::to_string(finding).ok());
        let events: Vec<FindingEvent> = json.filter_map(|json| FindingEvent::parse(&json).ok()).collect();
        if !events.is_empty() {
            return Ok(events);
        }
    }
    Err(Failure::usage(format!("no test of the rule `{named}` makes a finding"))
        .hint("name a file with a finding instead"))
}
