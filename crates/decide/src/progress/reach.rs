//! Which lanes can carry a rule's events, as far as its patterns say.
//!
//! A pattern that names accounts or regions waits for no other lane. What else it names does not restrict lanes: which region
//! records a service's events is the service's to change, and any class of source may bring any event. A filter pattern is
//! not looked into.

use std::sync::Arc;

use event_pattern::{Field, Leaf};
use rules::{Rule, Selector};

use crate::progress::lane::Lane;

/// The lanes that can carry a rule's events: those that any of its alternatives accepts.
#[derive(Debug, Clone)]
pub(crate) struct Reach(Vec<Vec<(Role, Arc<Field>)>>);

/// What a path says of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Account,
    Region,
    Other,
}

impl Role {
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "account" | "account.id" | "detail.recipientAccountId" => Role::Account,
            "region" | "detail.awsRegion" => Role::Region,
            _ => Role::Other,
        }
    }
}

impl Reach {
    /// None where any lane may carry them.
    pub(crate) fn of(rule: &Rule) -> Option<Self> {
        let mut alternatives = Vec::new();
        for (_, selector) in rule.selectors() {
            let Selector::Pattern(pattern) = selector else { return None };
            for alternative in pattern.alternatives() {
                let fields = alternative.fields().iter().filter(|field| !field.allows_absence());
                let fields = fields.map(|field| (Role::of(field.path().as_str()), Arc::clone(field)));
                let fields: Vec<_> = fields.filter(|(role, _)| *role != Role::Other).collect();
                if fields.is_empty() {
                    return None;
                }
                alternatives.push(fields);
            }
        }
        (!alternatives.is_empty()).then_some(Reach(alternatives))
    }

    /// Whether events of the rule may come by a lane. One of which account or region is not known may carry anything.
    pub(crate) fn holds(&self, lane: &Lane) -> bool {
        let account = lane.account.map(|account| account.to_string());
        let region = lane.region.map(|region| region.as_str().to_owned());
        let accepts = |(role, field): &(Role, Arc<Field>)| {
            let value = match role {
                Role::Account => account.as_deref(),
                Role::Region => region.as_deref(),
                Role::Other => None,
            };
            value.is_none_or(|value| field.terms().iter().any(|term| term.accepts(Leaf::String(value))))
        };
        self.0.iter().any(|fields| fields.iter().all(accepts))
    }
}

#[cfg(test)]
mod tests {
    use context::Context;
    use rules::{MemoryFiles, RuleSet};

    use super::*;
    use crate::progress::SourceClass;

    fn reach(selector: &str) -> Option<Reach> {
        let mut files = MemoryFiles::default();
        let text = format!("id: a\ntitle: a\nseverity: low\n{selector}\n");
        files.insert("rule.yaml", text.as_str());
        let loaded = RuleSet::load(["rule.yaml"], &files, &Context::empty());
        assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
        Reach::of(loaded.rules.iter().next().unwrap())
    }

    fn lane(account: Option<&str>, region: Option<&str>) -> Lane {
        let (account, region) =
            (account.map(|id| id.parse().unwrap()), region.map(|name| name.parse().unwrap()));
        Lane { account, region, class: SourceClass::S3 }
    }

    #[test]
    fn accounts_and_regions_of_a_pattern_restrict_lanes() {
        let (one, two) = (Some("111122223333"), Some("444455556666"));
        let (here, there) = (Some("eu-central-1"), Some("us-east-1"));
        let by_account = "pattern: { account: ['111122223333'], source: [aws.iam] }";
        let not_there = "pattern: { detail: { awsRegion: [{ anything-but: [us-east-1] }] } }";
        let either = "pattern: { $or: [{ account: ['111122223333'] }, { region: [{ prefix: eu- }] }] }";
        let cases = [
            (by_account, one, here, true),
            (by_account, two, here, false),
            (by_account, None, here, true),
            (not_there, one, here, true),
            (not_there, one, there, false),
            (either, two, here, true),
            (either, one, there, true),
            (either, two, there, false),
        ];
        for (selector, account, region, wanted) in cases {
            let reach = reach(selector).unwrap();
            assert_eq!(reach.holds(&lane(account, region)), wanted, "{selector} {account:?} {region:?}");
        }
    }

    #[test]
    fn what_names_neither_waits_for_all() {
        for selector in [
            "pattern: { source: [aws.iam] }",
            "pattern: { $or: [{ account: ['111122223333'] }, { source: [aws.iam] }] }",
            "pattern: { account: ['111122223333', { exists: false }] }",
            "filter: '{ $.awsRegion = \"us-east-1\" }'",
        ] {
            assert!(reach(selector).is_none(), "{selector}");
        }
    }
}
