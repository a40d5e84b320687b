//! What the built-in rules cost: how many findings each makes on real logs.
//!
//! The numbers are counted by a test that scans these logs, and stand in `rules/costs.json`. They are few logs of few organizations:
//! enough to tell a quiet rule from a loud one, no promise about yours. `trailhound rehearse` counts yours.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::Severity;

/// A set of real logs, and what the built-in rules find in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The set's name.
    pub set: String,
    /// What is known of it.
    pub about: String,
    /// How many events it has.
    pub events: u64,
    /// By rule and severity, how many findings.
    pub findings: BTreeMap<String, BTreeMap<Severity, u64>>,
}

impl Cost {
    /// All sets that were counted.
    ///
    /// ```
    /// let quiet = rules::Cost::all().iter().all(|set| set.of("cloudtrail-logging-stopped") == 0);
    /// assert!(quiet);
    /// ```
    pub fn all() -> &'static [Cost] {
        static ALL: LazyLock<Vec<Cost>> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "compiled in, and read by a test")]
            serde_json::from_str(include_str!("../../../rules/costs.json")).expect("the costs are valid")
        });
        &ALL
    }

    /// How many findings a rule makes in this set.
    pub fn of(&self, rule: &str) -> u64 {
        self.findings.get(rule).map(|by| by.values().sum()).unwrap_or_default()
    }
}
