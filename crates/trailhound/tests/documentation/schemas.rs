//! The published schemas and the catalogue of checks are the program's, and the pages about them leave nothing out.

use std::collections::BTreeSet;
use std::fmt::Write;

use rules::{Check, Level};
use serde_json::Value;

use crate::book::Page;
use crate::{is_up_to_date, trailhound};

#[test]
fn the_published_schema_of_findings_is_up_to_date() {
    is_up_to_date("docs/schema/finding.schema.json", &trailhound(&["schema", "finding"]));
}

#[test]
fn the_catalogue_of_checks_is_up_to_date() {
    let mut page = "<!-- Generated from the catalogue in crates/rules: TRAILHOUND_UPDATE_SCHEMA=1 cargo test -p trailhound --test documentation -->\n\
        # Checks of rules and configuration\n\n\
        What `trailhound check` looks for, beside the lints of [event patterns](event-patterns.md#lints). `scan`, `test` and `explain` refuse documents with\n\
        errors. A warning is mended, or admitted by its id in the document's [`allow`](rules.md#allow); `check --strict` fails on those that are left.\n"
        .to_owned();
    for (level, title) in [(Level::Error, "Errors"), (Level::Warning, "Warnings")] {
        write!(page, "\n## {title}\n\n| id | means | mend |\n|---|---|---|\n").unwrap();
        for entry in Check::ALL.iter().map(|check| check.entry()).filter(|entry| entry.level == level) {
            writeln!(page, "| `{}` | {} | {} |", entry.id, cell(entry.meaning), cell(entry.mend)).unwrap();
        }
    }
    is_up_to_date("docs/src/reference/checks.md", &page);
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The names of all properties of a schema, at any depth.
fn properties(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            for (word, member) in members {
                if let ("properties", Value::Object(properties)) = (word.as_str(), member) {
                    names.extend(properties.keys().cloned());
                    properties.values().for_each(|schema| self::properties(schema, names));
                } else {
                    properties(member, names);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, names)),
        _ => {}
    }
}

#[test]
fn the_pages_name_every_key_of_the_schemas() {
    let of_rules = ["rules", "rules-over-time", "alarms", "rule-tests"];
    let pages_of =
        [("rule", &of_rules[..]), ("configuration", &["configuration"]), ("finding", &["findings"])];
    for (kind, pages) in pages_of {
        let schema = serde_json::from_str(&trailhound(&["schema", kind])).unwrap();
        let mut names = BTreeSet::new();
        properties(&schema, &mut names);
        assert!(names.len() > 15, "{kind}: {names:?}");
        let read = |page: &&str| Page::read(&format!("docs/src/reference/{page}.md")).text;
        let page: String = pages.iter().map(read).collect();
        let named = |name: &str| page.contains(&format!("`{name}`")) || page.contains(&format!(".{name}`"));
        let missing: Vec<_> = names.iter().filter(|name| !named(name)).collect();
        assert!(missing.is_empty(), "{pages:?} do not mention {missing:?}");
    }
}
