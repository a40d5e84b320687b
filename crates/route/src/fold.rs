//! What makes many findings one conversation.

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::{FindingEvent, TargetName};

/// How findings fold into conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// What findings of one conversation have in common.
    pub by: Vec<FoldBy>,
    /// Updates of a conversation come at most as often as this, unless it becomes graver or ends.
    pub every: Duration,
    /// A conversation is closed when nothing came for so long.
    pub quiet: Duration,
    /// The targets that are told of conversations: people. All others are told of every finding, and every revision of it.
    pub targets: BTreeSet<TargetName>,
    /// The most conversations that are remembered, each of at most about 20 KB. For one more, that which was quiet for longest is given up:
    /// closed ones first, then those that were told, at last those that are held.
    pub conversations_max: usize,
}

/// What findings of one conversation have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FoldBy {
    /// The rule.
    Rule,
    /// The account.
    Account,
    /// The region.
    Region,
    /// The identity.
    Principal,
    /// The values the rule itself groups or counts by; of a rule that does not, the identity.
    Group,
}

impl FoldBy {
    /// All of them.
    pub const ALL: [FoldBy; 5] =
        [FoldBy::Rule, FoldBy::Account, FoldBy::Region, FoldBy::Principal, FoldBy::Group];

    /// The name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FoldBy::Rule => "rule",
            FoldBy::Account => "account",
            FoldBy::Region => "region",
            FoldBy::Principal => "principal",
            FoldBy::Group => "group",
        }
    }
}

impl Fold {
    /// How many conversations are remembered unless somebody wants another number.
    pub const CONVERSATIONS_MAX: usize = 20_000;
}

impl Default for Fold {
    /// By rule, account and group, an update every five minutes, closed after a quiet hour; no target folds.
    fn default() -> Self {
        Fold {
            by: vec![FoldBy::Rule, FoldBy::Account, FoldBy::Group],
            every: Duration::from_secs(5 * 60),
            quiet: Duration::from_secs(3600),
            targets: BTreeSet::new(),
            conversations_max: Self::CONVERSATIONS_MAX,
        }
    }
}

impl Fold {
    /// How long a target is left alone after it was told something of a conversation: not at all, if it does not fold.
    pub(crate) fn pace(&self, target: &str) -> Duration {
        if self.targets.contains(target) { self.every } else { Duration::ZERO }
    }

    /// What findings of one conversation share, as a short text: equal for two findings if and only if they fold, but for a chance that is none.
    #[must_use]
    pub fn thread(&self, finding: &FindingEvent) -> String {
        let mut hasher = Sha256::new();
        let mut add = |text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        for by in &self.by {
            add(by.name());
            match by {
                FoldBy::Rule => add(finding.rule()),
                FoldBy::Account => add(&finding.told().account),
                FoldBy::Region => add(&finding.told().region),
                FoldBy::Principal => add(identity(finding)),
                FoldBy::Group => match finding.told().detail.key.as_ref().filter(|key| !key.is_empty()) {
                    Some(key) => key.iter().for_each(|(path, value)| {
                        add(path);
                        add(value);
                    }),
                    None => add(identity(finding)),
                },
            }
        }
        hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn identity(finding: &FindingEvent) -> &str {
    let principal = finding.told().detail.principal.as_ref();
    principal.and_then(|principal| principal.arn.as_deref().or(principal.name.as_deref())).unwrap_or_default()
}
