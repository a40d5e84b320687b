//! What is decided, and with which knowledge: rules, what is different about them, accounts, lists, hours.

use context::Context;
use jiff::civil::Date;
use route::{FindingEvent, Suppression};
use rules::{Check, Diagnostic, Organization, Override, RuleSet, Source};

/// The part of a configuration that a scan needs as well as the service.
#[derive(Debug)]
pub struct Analysis {
    /// What is known of the organization: accounts, lists, hours.
    pub organization: Organization,
    /// How AWS Organizations is asked for accounts, if it is.
    pub organizations: Option<crate::Organizations>,
    /// Databases of addresses.
    pub geoip: crate::GeoIp,
    /// Where rules come from, in order: at least one place.
    pub rules: Vec<RulesFrom>,
    /// What is different about rules that others wrote.
    pub overrides: Vec<Override>,
    /// What is known to be good, and where that is said.
    pub suppressions: Vec<(Suppression, Source)>,
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

    /// What is known to be good.
    pub fn suppressions(&self) -> impl Iterator<Item = &Suppression> {
        self.suppressions.iter().map(|(suppression, _)| suppression)
    }

    /// Suppressions that no longer hold on the day `today`, in UTC.
    #[must_use]
    pub fn expired_suppressions(&self, today: Date) -> Vec<Diagnostic> {
        let expired = self.suppressions.iter().filter(|(suppression, _)| suppression.expires < today);
        expired
            .map(|(suppression, source)| {
                let Suppression { id, expires, owner, .. } = suppression;
                let message =
                    format!("the suppression `{id}` expired on {expires} and no longer hides anything");
                Diagnostic::new(Check::ExpiredException, &source.file, source.span, message)
                    .help(format!("remove it, or renew it with {owner}"))
            })
            .collect()
    }

    /// Suppressions that would hide what a rule says of its own firing test: `findings` are those, with the rule's id and the test's name.
    #[must_use]
    pub fn hiding_tests(&self, findings: &[(Box<str>, Box<str>, FindingEvent)]) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for (suppression, source) in &self.suppressions {
            let hidden = findings.iter().find(|(_, _, finding)| suppression.pattern.matches(finding.event()));
            let Some((rule, test, _)) = hidden else { continue };
            let message = format!(
                "the suppression `{}` would hide the firing test `{test}` of the rule `{rule}`",
                suppression.id
            );
            let help = format!(
                "it hides the very thing the rule is there for: name the account or the principal that is meant, or disable `{rule}`"
            );
            diagnostics
                .push(Diagnostic::new(Check::SuppressedTest, &source.file, source.span, message).help(help));
        }
        diagnostics
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
