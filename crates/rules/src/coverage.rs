//! What rules cover: techniques of ATT&CK, controls of the CIS benchmark, AWS services.
//!
//! The techniques are those of the cloud matrix, platform `IaaS`, a list in the repository (`rules/attack-iaas.json`) that also says
//! which of them CloudTrail cannot show, and why. A rule covers a technique by its tag `attack.tNNNN[.NNN]`; one that covers a
//! sub-technique covers the technique above it, too.

use std::sync::LazyLock;

use event_pattern::{Alternative, Term};
use serde::Deserialize;

use crate::{Rule, Selector};

/// The techniques of one version of a matrix.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// Which matrix in which version, for people.
    #[serde(rename = "matrix")]
    pub name: String,
    /// What is to be said of whom the names are.
    pub notice: String,
    /// By number, a sub-technique after the technique it belongs to.
    pub techniques: Vec<Technique>,
}

/// A technique or sub-technique.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Technique {
    /// `T1562` or `T1562.008`.
    pub id: String,
    /// What ATT&CK calls it.
    pub name: String,
    /// The tactics it serves: `defense-evasion`.
    pub tactics: Vec<String>,
    /// Why CloudTrail cannot show it; `None` where it can.
    pub not_shown: Option<String>,
}

impl Matrix {
    /// The cloud matrix (IaaS) that the program knows.
    ///
    /// ```
    /// let matrix = rules::Matrix::cloud();
    /// let logs = matrix.techniques.iter().find(|technique| technique.id == "T1562.008").unwrap();
    /// assert_eq!(logs.name, "Disable or Modify Cloud Logs");
    /// assert!(logs.not_shown.is_none());
    /// ```
    pub fn cloud() -> &'static Matrix {
        static MATRIX: LazyLock<Matrix> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "compiled in, and read by a test")]
            serde_json::from_str(include_str!("../../../rules/attack-iaas.json"))
                .expect("the matrix is valid")
        });
        &MATRIX
    }
}

impl Technique {
    /// Whether `rule` says by a tag that it shows this technique, or a sub-technique of it.
    pub fn is_covered_by(&self, rule: &Rule) -> bool {
        techniques(rule).any(|tag| {
            let own = tag.get(..self.id.len()).filter(|own| own.eq_ignore_ascii_case(&self.id));
            own.is_some()
                && tag.get(self.id.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// The techniques a rule's tags name: `t1562.008`.
pub fn techniques(rule: &Rule) -> impl Iterator<Item = &str> {
    let numbered =
        |tag: &&str| tag.strip_prefix('t').is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
    rule.tags.iter().filter_map(|tag| tag.strip_prefix("attack.")).filter(numbered)
}

/// The tactics a rule's tags name: `defense-evasion`.
pub fn tactics(rule: &Rule) -> impl Iterator<Item = &str> {
    let numbered =
        |tag: &str| tag.strip_prefix('t').is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
    rule.tags.iter().filter_map(|tag| tag.strip_prefix("attack.")).filter(move |tag| !numbered(tag))
}

/// A control of the CIS AWS Foundations Benchmark. In order of version, then number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Control {
    rank: Vec<u32>,
    /// The benchmark's version: `1.4`.
    pub version: String,
    /// The control's number in it: `4.5`.
    pub number: String,
}

/// The controls a rule's tags name: `cis-aws-1.4-4.5`.
pub fn controls(rule: &Rule) -> impl Iterator<Item = Control> {
    rule.tags.iter().filter_map(|tag| {
        let (version, number) = tag.strip_prefix("cis-aws-")?.split_once('-')?;
        let parts = version.split('.').chain(number.split('.'));
        let rank = parts.map(|part| part.parse().unwrap_or_default()).collect();
        Some(Control { rank, version: version.to_owned(), number: number.to_owned() })
    })
}

/// The services whose events a rule asks for by name, without `.amazonaws.com`, in order; none if it is bound to no service.
pub fn services(rule: &Rule) -> Vec<String> {
    let mut services = Vec::new();
    for (_, selector) in rule.selectors() {
        match selector {
            Selector::Pattern(pattern) => {
                for field in pattern.alternatives().iter().flat_map(Alternative::fields) {
                    if field.path().as_str() == "detail.eventSource" {
                        services.extend(field.terms().iter().filter_map(|term| match term {
                            Term::Equals(name) => Some(name.to_string()),
                            _ => None,
                        }));
                    }
                }
            }
            Selector::Filter(filter) => {
                let named = filter.text().split("$.eventSource").skip(1);
                services.extend(named.filter_map(|rest| rest.trim_start().strip_prefix('=')).map(|rest| {
                    let value = rest.trim_start().trim_start_matches('"');
                    value
                        .chars()
                        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
                        .collect()
                }));
            }
        }
    }
    for service in &mut services {
        *service = service.trim_end_matches(".amazonaws.com").to_owned();
    }
    services.sort();
    services.dedup();
    services
}

#[cfg(test)]
mod tests {
    use context::Context;

    use super::*;
    use crate::{BuiltIn, RuleSet};

    #[test]
    fn the_matrix_is_in_order_and_says_why_not() {
        let matrix = Matrix::cloud();
        assert!(matrix.techniques.is_sorted_by(|a, b| a.id < b.id), "in order, none twice");
        for technique in &matrix.techniques {
            assert!(!technique.tactics.is_empty(), "{}", technique.id);
            assert!(technique.not_shown.as_ref().is_none_or(|why| why.len() > 20), "{}", technique.id);
            if let Some((above, _)) = technique.id.split_once('.') {
                // A technique may be of the platform by its sub-technique alone; then it is not in the matrix itself.
                let above = matrix.techniques.iter().find(|other| other.id == above);
                assert!(above.is_none_or(|above| above.name != technique.name), "{}", technique.id);
            }
        }
    }

    /// What the pack is for: whatever CloudTrail can show of the matrix has a rule.
    #[test]
    fn the_pack_covers_what_cloudtrail_can_show() {
        let rules = RuleSet::load(BuiltIn.rules(), &BuiltIn, &Context::empty()).rules;
        let uncovered: Vec<&str> = Matrix::cloud()
            .techniques
            .iter()
            .filter(|technique| technique.not_shown.is_none())
            .filter(|technique| !rules.iter().any(|rule| technique.is_covered_by(rule)))
            .map(|technique| &*technique.id)
            .collect();
        assert_eq!(uncovered, [""; 0]);
    }

    #[test]
    fn a_technique_is_covered_by_its_own_tag_and_by_those_below_it() {
        let rules = RuleSet::load(BuiltIn.rules(), &BuiltIn, &Context::empty()).rules;
        let rule = rules.get("cloudtrail-logging-stopped").unwrap();
        let covered: Vec<&str> =
            Matrix::cloud().techniques.iter().filter(|t| t.is_covered_by(rule)).map(|t| &*t.id).collect();
        assert_eq!(covered, ["T1562", "T1562.008"]);
        assert_eq!(services(rule), ["cloudtrail"]);
        assert_eq!(tactics(rule).collect::<Vec<_>>(), ["defense-evasion"]);
        let controls: Vec<String> = controls(rule).map(|c| format!("{} {}", c.version, c.number)).collect();
        assert_eq!(controls, ["1.2 3.5", "1.4 4.5"]);
    }
}
