//! The page of ATT&CK: each technique of the cloud matrix by tactic, with its rules or why there can be none.

use std::collections::BTreeMap;
use std::fmt::Write;

use context::Context;
use rules::{BuiltIn, Matrix, Rule, RuleSet, Technique};

use crate::is_up_to_date;

#[test]
fn the_page_of_coverage_is_up_to_date() {
    is_up_to_date("docs/src/reference/attack-coverage.md", &page());
}

fn page() -> String {
    let loaded = RuleSet::load(BuiltIn.rules(), &BuiltIn, &Context::empty());
    let mut rules: Vec<&Rule> = loaded.rules.iter().map(|rule| &**rule).collect();
    rules.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let matrix = Matrix::cloud();
    let shown = matrix.techniques.iter().filter(|one| one.not_shown.is_none());
    let covered = shown.clone().filter(|one| rules.iter().any(|rule| one.is_covered_by(rule))).count();
    let mut page = format!(
        "<!-- Generated from rules/attack-iaas.json and rules/aws: TRAILHOUND_UPDATE_SCHEMA=1 cargo test -p trailhound --test documentation -->\n\
         # ATT&CK coverage\n\n\
         {}: {} techniques and sub-techniques. CloudTrail can show {} of them, and {covered} of those have a built-in rule. A technique has a rule if the rule names it \
         or one of its sub-techniques; that says what the rules are about, and not that no attack passes by them.\n\n\
         `trailhound rules coverage` prints this for the rules you use, `--by control` and `--by service` the same by control of the CIS AWS Foundations Benchmark and by \
         AWS service. For the built-in rules those are on [their page](rule-pack.md#by-cis-control).\n\n{}\n",
        matrix.name,
        matrix.techniques.len(),
        shown.count(),
        matrix.notice
    );
    let mut tactics: BTreeMap<&str, Vec<&Technique>> = BTreeMap::new();
    for technique in &matrix.techniques {
        for tactic in &technique.tactics {
            tactics.entry(tactic).or_default().push(technique);
        }
    }
    for (tactic, techniques) in tactics {
        let name = tactic.replace('-', " ");
        let (first, rest) = name.split_at(1);
        write!(page, "\n## {}{rest}\n\n| technique | rules |\n|---|---|\n", first.to_uppercase()).unwrap();
        for technique in techniques {
            let address = technique.id.replace('.', "/");
            let links: Vec<String> = rules
                .iter()
                .filter(|rule| technique.is_covered_by(rule))
                .map(|rule| format!("[`{0}`](rule-pack.md#{0})", rule.id))
                .collect();
            let rules = match &technique.not_shown {
                Some(why) if links.is_empty() => format!("not in CloudTrail: {why}"),
                _ => links.join(", "),
            };
            writeln!(
                page,
                "| [{}](https://attack.mitre.org/techniques/{address}/) {} | {rules} |",
                technique.id, technique.name
            )
            .unwrap();
        }
    }
    page
}
