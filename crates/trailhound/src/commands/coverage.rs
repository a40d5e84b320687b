//! `trailhound rules coverage`: which techniques, controls and services the rules in use are about, and which they are not.

use std::collections::BTreeMap;
use std::io;

use rules::{Matrix, Rule};
use serde::Serialize;

use crate::arguments::{CoverageBy, RuleChoice, TextOrJson};
use crate::exit_code::{Exit, Outcome};
use crate::loading::{self, Knowledge};
use crate::output::{Styles, print};
use crate::talk::Talk;

/// One technique, control or service.
#[derive(Serialize)]
struct Row<'r> {
    /// The tactic, the benchmark's version; nothing for services.
    #[serde(skip_serializing_if = "str::is_empty")]
    under: String,
    id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'r str,
    /// Why CloudTrail cannot show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_shown: Option<&'r str>,
    rules: Vec<&'r str>,
}

pub(crate) fn run(by: CoverageBy, choice: &RuleChoice, format: TextOrJson, talk: Talk) -> Outcome {
    let knowledge = Knowledge::of(&choice.known, talk)?;
    let (rules, _) = loading::rule_set(&choice.rules, &knowledge, talk)?;
    let mut rules: Vec<&Rule> = rules.iter().map(|rule| &**rule).collect();
    rules.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let rows = match by {
        CoverageBy::Technique => by_technique(&rules),
        CoverageBy::Control => by_control(&rules),
        CoverageBy::Service => by_service(&rules),
    };
    print(talk, |out| match format {
        TextOrJson::Text => text(out, &rows),
        TextOrJson::Json => rows.iter().try_for_each(|row| {
            serde_json::to_writer(&mut *out, row)?;
            writeln!(out)
        }),
    })?;
    if by == CoverageBy::Technique {
        talk.note(sentence(&rules));
    }
    Ok(Exit::Fine)
}

/// A row for each tactic a technique serves.
fn by_technique<'r>(rules: &[&'r Rule]) -> Vec<Row<'r>> {
    let mut rows = Vec::new();
    for technique in &Matrix::cloud().techniques {
        let covering: Vec<&str> =
            rules.iter().filter(|rule| technique.is_covered_by(rule)).map(|rule| rule.id.as_str()).collect();
        rows.extend(technique.tactics.iter().map(|tactic| Row {
            under: tactic.clone(),
            id: technique.id.clone(),
            name: &technique.name,
            not_shown: technique.not_shown.as_deref(),
            rules: covering.clone(),
        }));
    }
    rows.sort_by(|a, b| (&a.under, &a.id).cmp(&(&b.under, &b.id)));
    rows
}

fn by_control<'r>(rules: &[&'r Rule]) -> Vec<Row<'r>> {
    let mut controls: BTreeMap<rules::Control, Vec<&str>> = BTreeMap::new();
    for rule in rules {
        for control in rules::controls(rule) {
            controls.entry(control).or_default().push(rule.id.as_str());
        }
    }
    let row = |(control, rules): (rules::Control, _)| Row {
        under: format!("CIS AWS Foundations Benchmark {}", control.version),
        id: control.number,
        name: "",
        not_shown: None,
        rules,
    };
    controls.into_iter().map(row).collect()
}

fn by_service<'r>(rules: &[&'r Rule]) -> Vec<Row<'r>> {
    let mut services: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for rule in rules {
        for service in rules::services(rule) {
            services.entry(service).or_default().push(rule.id.as_str());
        }
    }
    let row = |(id, rules)| Row { under: String::new(), id, name: "", not_shown: None, rules };
    services.into_iter().map(row).collect()
}

fn text(out: &mut dyn io::Write, rows: &[Row<'_>]) -> io::Result<()> {
    let (bold, faint, doubtful) = (Styles::BOLD, Styles::FAINT, Styles::doubtful());
    let widest = rows.iter().map(|row| row.id.len()).max().unwrap_or_default();
    let mut under = "";
    for row in rows {
        if row.under != under {
            let gap = if under.is_empty() { "" } else { "\n" };
            writeln!(out, "{gap}{bold}{}{bold:#}", row.under)?;
            under = &row.under;
        }
        write!(out, "{:<widest$}  ", row.id)?;
        if !row.name.is_empty() {
            write!(out, "{}: ", row.name)?;
        }
        match (row.not_shown, &row.rules[..]) {
            (Some(why), []) => writeln!(out, "{faint}not in CloudTrail, {why}{faint:#}")?,
            (_, []) => writeln!(out, "{doubtful}no rule{doubtful:#}")?,
            (_, rules) => writeln!(out, "{faint}{}{faint:#}", rules.join(" "))?,
        }
    }
    Ok(())
}

fn sentence(rules: &[&Rule]) -> String {
    let matrix = Matrix::cloud();
    let (shown, hidden): (Vec<_>, Vec<_>) = matrix.techniques.iter().partition(|one| one.not_shown.is_none());
    let covered = shown.iter().filter(|one| rules.iter().any(|rule| one.is_covered_by(rule))).count();
    format!(
        "{covered} of the {} techniques that CloudTrail can show have a rule; {} more it cannot show ({})",
        shown.len(),
        hidden.len(),
        matrix.name
    )
}
