//! What is decided, and with which knowledge: rules, what is different about them, accounts, lists, hours.

use context::Context;
use rules::{Check, Diagnostic, Organization, Override, RuleSet, Source};

/// The part of a configuration that a scan needs as well as the service.
#[derive(Debug)]
pub struct Analysis {
    /// What is known of the organization: accounts, lists, hours.
    pub organization: Organization,
    /// Where rules come from, in order: at least one place.
    pub rules: Vec<RulesFrom>,
    /// What is different about rules that others wrote.
    pub overrides: Vec<Override>,
    /// Ids of rules that routes name, and where they do.
    pub(crate) routed: Vec<(Box<str>, Source)>,
}

/// Where rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesFrom {
    /// The pack in the program.
    BuiltIn,
    /// The part of the built-in pack that looks at most events: `builtin-baseline`.
    BuiltInBaseline,
    /// A file, or a folder of files.
    Path(String),
}

impl Analysis {
    /// A snapshot of what rules may ask about the organization.
    #[must_use]
    pub fn context(&self, version: u64) -> Context {
        self.organization.context(version)
    }

    /// The rules with what is overridden, and what is wrong with what the configuration says of them: overrides of rules that are not
    /// there are errors, routes that name such a rule are warned of.
    #[must_use]
    pub fn apply(&self, rules: &RuleSet) -> (RuleSet, Vec<Diagnostic>) {
        let (overridden, mut diagnostics) = rules.overridden(&self.overrides);
        let unknown = self.routed.iter().filter(|(id, _)| rules.get(id).is_none());
        diagnostics.extend(unknown.map(|(id, at)| rules.no_such_rule(Check::RouteWithoutRule, id, at)));
        (overridden, diagnostics)
    }
}
