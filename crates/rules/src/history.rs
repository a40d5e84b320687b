//! What changed in the built-in rules: the pack's version, and the changes of a rule.
//!
//! Both are read out of `rules/aws/CHANGELOG.md`, which people read: a heading `## VERSION` for each version, the newest first, and
//! below it items that name rules in backticks, or `all rules`.

use crate::BuiltIn;

const CHANGES: &str = include_str!("../../../rules/aws/CHANGELOG.md");

/// A change of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The pack's version that has it.
    pub version: &'static str,
    /// What changed, in one line.
    pub text: String,
}

impl BuiltIn {
    /// The version of the built-in rules: the day of their newest change.
    ///
    /// ```
    /// assert!(rules::BuiltIn.version().starts_with("20"));
    /// ```
    pub fn version(self) -> &'static str {
        CHANGES.lines().find_map(|line| line.strip_prefix("## ")).unwrap_or_default()
    }

    /// What changed about a built-in rule, the newest first.
    pub fn changes(self, rule: &str) -> Vec<Change> {
        let named = format!("`{rule}`");
        items()
            .filter(|change| change.text.contains(&named) || change.text.starts_with("All rules"))
            .collect()
    }
}

/// The items of all versions, lines joined.
fn items() -> impl Iterator<Item = Change> {
    CHANGES.split("\n## ").skip(1).flat_map(|section| {
        let (version, body) = section.split_once('\n').unwrap_or((section, ""));
        body.split("\n- ").skip(1).map(move |item| {
            let item = item.split("\n\n").next().unwrap_or(item);
            Change { version, text: item.split_whitespace().collect::<Vec<_>>().join(" ") }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_days_the_newest_first() {
        let versions: Vec<&str> = CHANGES.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert!(versions.is_sorted_by(|newer, older| newer > older), "{versions:?}");
        assert!(versions.iter().all(|version| version.len() == "2026-11-21".len()), "{versions:?}");
        assert_eq!(BuiltIn.version(), versions[0]);
    }

    #[test]
    fn a_rule_has_the_changes_that_name_it() {
        let changes = BuiltIn.changes("network-surveyed");
        assert!(changes.iter().any(|change| change.text.contains("New")), "{changes:?}");
        let everything = BuiltIn.changes("no-such-rule");
        assert!(everything.iter().all(|change| change.text.starts_with("All rules")), "{everything:?}");
    }
}
