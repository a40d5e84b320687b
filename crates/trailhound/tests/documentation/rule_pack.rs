//! The page of the built-in rules, by subject, severity, tactic, control and service.

use std::collections::BTreeMap;
use std::fmt::Write;

use context::Context;
use rules::{BuiltIn, Rule, RuleSet, Severity};

use crate::is_up_to_date;

#[test]
fn the_page_of_built_in_rules_is_up_to_date() {
    is_up_to_date("docs/src/reference/rule-pack.md", &page());
}

fn page() -> String {
    let loaded = RuleSet::load(BuiltIn.rules(), &BuiltIn, &Context::empty());
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let mut rules: Vec<&Rule> = loaded.rules.iter().map(|rule| &**rule).collect();
    rules.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let mut page = format!(
        "<!-- Generated from rules/aws: TRAILHOUND_UPDATE_SCHEMA=1 cargo test -p trailhound --test documentation -->\n\
         # The built-in rules\n\n\
         {} rules are part of the program and used by `scan` unless `--rules` says otherwise. Severities are those before `escalate`. In titles, words in italics\n\
         are filled in from the event.\n\n\
         `trailhound rules show ID` prints a rule with its document, `trailhound rules list` all of them. [Exceptions, lists and severity](../guides/exceptions.md) says how\n\
         to fit them to your organization.\n",
        rules.len()
    );
    section(&mut page, "By subject", Layout::Full, &rules, |rule| vec![subject(rule)]);
    section(&mut page, "By severity", Layout::Titles, &rules, |rule| {
        let rank =
            Severity::ALL.iter().rev().position(|severity| *severity == rule.severity).unwrap_or_default();
        vec![(rank, rule.severity.to_string())]
    });
    section(&mut page, "By ATT&CK tactic", Layout::Titles, &rules, |rule| {
        tags(rule, "attack.")
            .filter(|tag| !is_technique(tag))
            .map(|tag| (0, capitalised(&tag.replace('-', " "))))
            .collect()
    });
    page.push_str("\n## By ATT&CK technique\n\nOn a [page of its own](attack-coverage.md), with what CloudTrail cannot show.\n");
    section(&mut page, "By CIS control", Layout::Titles, &rules, |rule| {
        tags(rule, "cis-aws-")
            .filter_map(|tag| {
                let (version, control) = tag.split_once('-')?;
                // A control has two or three numbers: 4.5, 2.2.1.
                let control_numbers = control.split('.').chain(["0"; 3]).take(3);
                let numbers = version.split('.').chain(control_numbers);
                let rank =
                    numbers.fold(0, |rank, part| rank * 1_000 + part.parse::<usize>().unwrap_or_default());
                Some((rank, format!("CIS AWS Foundations Benchmark {version}, {control}")))
            })
            .collect()
    });
    section(&mut page, "By AWS service", Layout::Ids, &rules, services);
    page
}

/// How much of a rule a section shows.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// A table with descriptions; rules are anchored here.
    Full,
    /// A line each, with its title.
    Titles,
    /// Ids in one line.
    Ids,
}

fn section(
    page: &mut String,
    title: &str,
    layout: Layout,
    rules: &[&Rule],
    keys: impl Fn(&Rule) -> Vec<(usize, String)>,
) {
    let mut groups: BTreeMap<(usize, String), Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        for key in keys(rule) {
            groups.entry(key).or_default().push(rule);
        }
    }
    write!(page, "\n## {title}\n").unwrap();
    if layout == Layout::Ids {
        page.push('\n');
    }
    for ((_, key), rules) in groups {
        match layout {
            Layout::Full => {
                write!(page, "\n### {key}\n\n| rule | severity | title | why |\n|---|---|---|---|\n")
                    .unwrap();
                for rule in rules {
                    let (id, severity) = (&rule.id, rule.severity);
                    let why = first_sentence(rule.description.as_deref().unwrap_or_default());
                    writeln!(
                        page,
                        "| <a id=\"{id}\"></a>`{id}` | {severity} | {} | {} |",
                        readable(rule.title.source()),
                        cell(&why)
                    )
                    .unwrap();
                }
            }
            Layout::Titles => {
                write!(page, "\n### {key}\n\n").unwrap();
                for rule in rules {
                    writeln!(page, "- {}, {}: {}", link(rule), rule.severity, readable(rule.title.source()))
                        .unwrap();
                }
            }
            Layout::Ids => {
                let links: Vec<String> = rules.into_iter().map(link).collect();
                writeln!(page, "- **{key}**: {}", links.join(", ")).unwrap();
            }
        }
    }
}

fn link(rule: &Rule) -> String {
    format!("[`{0}`](#{0})", rule.id)
}

/// The folder of the pack the rule is in.
fn subject(rule: &Rule) -> (usize, String) {
    (0, rule.source.file.split('/').nth(1).unwrap_or_default().to_owned())
}

fn tags<'r>(rule: &'r Rule, prefix: &'static str) -> impl Iterator<Item = &'r str> {
    rule.tags.iter().filter_map(move |tag| tag.strip_prefix(prefix))
}

fn is_technique(tag: &str) -> bool {
    tag.strip_prefix('t').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// The services whose events a rule asks for by name.
fn services(rule: &Rule) -> Vec<(usize, String)> {
    let services = rules::services(rule);
    if services.is_empty() {
        return vec![(1, "not bound to a service".to_owned())];
    }
    services.into_iter().map(|name| (0, name)).collect()
}

/// A title's template, with what is filled in set in italics.
fn readable(title: &str) -> String {
    let mut text = String::new();
    let mut rest = title;
    while let Some((before, after)) = rest.split_once("{{") {
        let (expression, behind) = after.split_once("}}").unwrap_or((after, ""));
        let name = expression.split('|').next().unwrap_or_default().trim();
        let name = name.trim_start_matches("detail.").trim_start_matches("requestParameters.");
        text.push_str(&format!("{before}*{name}*"));
        rest = behind;
    }
    cell(&(text + rest))
}

fn first_sentence(text: &str) -> String {
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    text.get(..end).unwrap_or(text).to_owned()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
