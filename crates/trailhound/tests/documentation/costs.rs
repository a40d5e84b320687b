//! The page of what the built-in rules cost, from the table that `tests/noise.rs` holds to the logs.

use std::fmt::Write;

use rules::{BuiltIn, Cost, RuleSet, Severity};
use serde_json::Value;

use crate::is_up_to_date;

#[test]
fn the_page_of_costs_is_up_to_date() {
    is_up_to_date("docs/src/reference/rule-costs.md", &page());
}

fn page() -> String {
    let loaded = RuleSet::load(BuiltIn.rules(), &BuiltIn, &context::Context::empty());
    let sets = Cost::all();
    let mut page = String::from(
        "<!-- Generated from rules/costs.json: TRAILHOUND_UPDATE_SCHEMA=1 cargo test -p trailhound --test documentation -->\n\
         # What the built-in rules cost\n\n\
         How many findings they make on logs of real accounts, with empty lists and no exceptions: the first day of somebody who changes nothing. These are few logs of few \
         accounts, some of them attacked; [rehearse](../guides/rehearse.md) over yours before you switch rules on or off. `trailhound rules show ID` has the numbers of one \
         rule.\n\n| set | events | findings above low | low | info | what it is |\n|---|---|---|---|---|---|\n",
    );
    for set in sets {
        let of = |wanted: &[Severity]| -> u64 {
            set.findings.values().flatten().filter(|(one, _)| wanted.contains(one)).map(|(_, n)| n).sum()
        };
        let above = of(&[Severity::Medium, Severity::High, Severity::Critical]);
        let (low, info) = (of(&[Severity::Low]), of(&[Severity::Info]));
        writeln!(page, "| {} | {} | {above} | {low} | {info} | {} |", set.set, set.events, set.about)
            .unwrap();
    }
    let loud = |rule: &rules::Rule| sets.iter().map(|set| set.of(rule.id.as_str())).sum::<u64>();
    let mut rules: Vec<_> = loaded.rules.iter().filter(|rule| loud(rule) > 0).collect();
    rules.sort_by(|a, b| loud(b).cmp(&loud(a)).then_with(|| a.id.cmp(&b.id)));
    write!(
        page,
        "\n## By rule\n\nThe other {} of {} rules make none in any set.\n\n| rule | all |",
        loaded.rules.len() - rules.len(),
        loaded.rules.len()
    )
    .unwrap();
    for set in sets {
        write!(page, " {} |", set.set).unwrap();
    }
    write!(page, "\n|---|---|{}\n", "---|".repeat(sets.len())).unwrap();
    for rule in rules {
        write!(page, "| [`{0}`](rule-pack.md#{0}) | {1} |", rule.id, loud(rule)).unwrap();
        for set in sets {
            let by = set.findings.get(rule.id.as_str());
            let by: Vec<String> = by
                .iter()
                .flat_map(|by| by.iter().rev())
                .map(|(severity, n)| format!("{n} {severity}"))
                .collect();
            write!(page, " {} |", by.join(", ")).unwrap();
        }
        page.push('\n');
    }
    page.push_str(
        "\n## What was above low, and whether rightly\n\nEach was looked at, one by one.\n\n| set | rule | severity | findings | judgement |\n|---|---|---|---|---|\n",
    );
    let judged: Vec<Value> = serde_json::from_str(include_str!("../noise/judged.json")).unwrap();
    for one in judged {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let (rule, findings) = (text("rule"), &one["findings"]);
        writeln!(
            page,
            "| {} | [`{rule}`](rule-pack.md#{rule}) | {} | {findings} | {} |",
            text("set"),
            text("severity"),
            text("judgement")
        )
        .unwrap();
    }
    page
}
