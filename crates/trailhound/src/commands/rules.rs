//! `trailhound rules`: what rules there are, and what one of them is for.

use std::collections::BTreeSet;
use std::io;

use globset::Glob;
use rules::{BuiltIn, Cost, Files, Rule, Severity};
use unicode_width::UnicodeWidthStr;

use super::explain::unknown_rule;
use crate::arguments::{RuleChoice, TextOrJson};
use crate::exit_code::{Exit, Failure, Outcome};
use crate::loading::{self, Knowledge};
use crate::output::{Styles, filled, line_width, print};
use crate::talk::Talk;

pub(crate) fn list(
    choice: &RuleChoice,
    tag: Option<&str>,
    severity: Option<Severity>,
    format: TextOrJson,
    talk: Talk,
) -> Outcome {
    let knowledge = Knowledge::of(&choice.known, talk)?;
    let (rules, _) = loading::rule_set(&choice.rules, &knowledge, talk)?;
    let tag = tag
        .map(|tag| Glob::new(tag).map(|glob| glob.compile_matcher()))
        .transpose()
        .map_err(|error| Failure::usage(format!("--tag: {error}")))?;
    let wanted = |rule: &&Rule| {
        severity.is_none_or(|least| rule.severity >= least)
            && tag.as_ref().is_none_or(|tag| rule.tags.iter().any(|own| tag.is_match(&**own)))
    };
    let mut listed: Vec<&Rule> = rules.iter().map(|rule| &**rule).filter(wanted).collect();
    listed.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let widest = listed.iter().map(|rule| rule.id.as_str().width()).max().unwrap_or_default();
    print(talk, |out| {
        for rule in &listed {
            match format {
                TextOrJson::Text => line(out, rule, widest)?,
                TextOrJson::Json => {
                    serde_json::to_writer(&mut *out, &Summary::of(rule))?;
                    writeln!(out)?;
                }
            }
        }
        Ok(())
    })?;
    talk.note(format_args!(
        "{} of {} rules; the built-in ones are of {}",
        listed.len(),
        rules.len(),
        BuiltIn.version()
    ));
    Ok(Exit::Fine)
}

fn line(out: &mut dyn io::Write, rule: &Rule, widest: usize) -> io::Result<()> {
    let (severity, faint) = (Styles::severity(rule.severity), Styles::FAINT);
    let tags: Vec<&str> = rule.tags.iter().map(|tag| &**tag).collect();
    writeln!(
        out,
        "{severity}{:<8}{severity:#}  {:<widest$}  {faint}{}{faint:#}",
        rule.severity,
        rule.id.as_str(),
        tags.join(" ")
    )
}

/// One rule as data.
#[derive(serde::Serialize)]
struct Summary<'r> {
    id: &'r str,
    severity: Severity,
    title: &'r str,
    description: Option<&'r str>,
    tags: &'r [Box<str>],
    first_checks: &'r [Box<str>],
    owner: Option<&'r str>,
    file: &'r str,
    line: usize,
}

impl<'r> Summary<'r> {
    fn of(rule: &'r Rule) -> Self {
        Summary {
            id: rule.id.as_str(),
            severity: rule.severity,
            title: rule.title.source(),
            description: rule.description.as_deref(),
            tags: &rule.tags,
            first_checks: &rule.first_checks,
            owner: rule.owner.as_deref(),
            file: &rule.source.file,
            line: rule.source.span.line,
        }
    }
}

pub(crate) fn show(id: &str, choice: &RuleChoice, talk: Talk) -> Outcome {
    let knowledge = Knowledge::of(&choice.known, talk)?;
    let (rules, files) = loading::rule_set(&choice.rules, &knowledge, talk)?;
    let rule = rules.get(id).ok_or_else(|| unknown_rule(&rules, id))?;
    let text = files.text(&rule.source.file).unwrap_or_default();
    let document = text.get(rule.source.span.range()).unwrap_or(&text);
    print(talk, |out| {
        let (severity, bold, faint) = (Styles::severity(rule.severity), Styles::BOLD, Styles::FAINT);
        writeln!(out, "{severity}{}{severity:#}  {bold}{id}{bold:#}", rule.severity)?;
        writeln!(out, "{faint}{}:{}{faint:#}", rule.source.file, rule.source.span.line)?;
        if let Some(text) = &rule.description {
            writeln!(out, "\n{}", filled(text, line_width()))?;
        }
        if rule.source.file.starts_with("builtin/") {
            costs(out, rule)?;
        }
        tuning(out, document)?;
        if !rule.first_checks.is_empty() {
            writeln!(out, "\nCheck first")?;
            for check in &rule.first_checks {
                writeln!(out, "  · {check}")?;
            }
        }
        if rule.source.file.starts_with("builtin/") {
            changes(out, rule)?;
        }
        writeln!(out, "\n{faint}---{faint:#}\n{}", document.trim_end())
    })?;
    Ok(Exit::Fine)
}

/// How loud a built-in rule is on the logs it was counted on.
fn costs(out: &mut dyn io::Write, rule: &Rule) -> io::Result<()> {
    let events: u64 = Cost::all().iter().map(|set| set.events).sum();
    let findings: u64 = Cost::all().iter().map(|set| set.of(rule.id.as_str())).sum();
    writeln!(
        out,
        "\nWhat it costs\n  {findings} findings in {events} events of {} sets of real logs; `trailhound rehearse` counts yours",
        Cost::all().len()
    )?;
    for set in Cost::all() {
        let Some(by) = set.findings.get(rule.id.as_str()) else { continue };
        let by: Vec<String> =
            by.iter().rev().map(|(severity, findings)| format!("{findings} {severity}")).collect();
        writeln!(out, "  · {}: {}", set.set, by.join(", "))?;
    }
    Ok(())
}

/// What makes a rule quieter: the lists it asks, and else exceptions.
fn tuning(out: &mut dyn io::Write, document: &str) -> io::Result<()> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = |rest: &str| rest.split(|c| !is_name(c)).next().unwrap_or_default().to_owned();
    let lists: BTreeSet<String> = document.split("lists.").skip(1).map(named).collect();
    writeln!(out, "\nToo loud?")?;
    for list in &lists {
        writeln!(out, "  · the list `{list}` changes what it says")?;
    }
    writeln!(out, "  · except principals or addresses under `override`; `trailhound rehearse` proposes which")
}

/// What changed about a built-in rule.
fn changes(out: &mut dyn io::Write, rule: &Rule) -> io::Result<()> {
    writeln!(out, "\nChanges")?;
    for change in BuiltIn.changes(rule.id.as_str()) {
        writeln!(out, "{}", filled(&format!("{}: {}", change.version, change.text), line_width()))?;
    }
    Ok(())
}
