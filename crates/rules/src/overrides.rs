//! What a configuration changes in rules that others wrote.
//!
//! A pack stays as it was delivered, so that it can be replaced by a newer one, and what an organization sees otherwise stands in one
//! place: another severity, an exception of its own, a rule it does without. What a rule *means* (its selector, its conditions, its
//! window) is not changed by this: whoever wants that writes a rule.

use crate::catalogue::Check;
use crate::diagnostic::Diagnostic;
use crate::read::{self, Complaints};
use crate::rule::{Escalation, Exception, Rule, RuleId, Severity, Source};
use crate::set::RuleSet;
use crate::yaml::Node;
use context::Context;
use std::sync::Arc;

/// What is different about one rule.
#[derive(Clone, Debug)]
pub struct Override {
    /// Which rule.
    pub id: RuleId,
    /// Whether the organization does without it.
    pub disabled: bool,
    /// Another severity. The rule's escalations still apply, unless they are replaced too.
    pub severity: Option<Severity>,
    /// Other escalations; an empty list takes away those there are.
    pub escalate: Option<Vec<Escalation>>,
    /// Exceptions in addition to the rule's own.
    pub except: Vec<Exception>,
    /// Who answers for it here.
    pub owner: Option<Box<str>>,
    /// Labels in addition to the rule's own.
    pub tags: Vec<Box<str>>,
    /// Where its `id` stands.
    pub source: Source,
}

impl Override {
    /// Reads the value of `override`: a list of mappings, each with the `id` of a rule. Names of lists and hours are checked against
    /// `context`. `None` if anything is wrong; the complaints say what.
    pub fn read(complaints: &mut Complaints<'_>, context: &Context, node: &Node) -> Option<Vec<Self>> {
        read::overrides(complaints, context, node)
    }

    fn apply(&self, rule: &mut Rule) {
        rule.severity = self.severity.unwrap_or(rule.severity);
        if let Some(escalate) = &self.escalate {
            rule.escalate.clone_from(escalate);
        }
        rule.except.extend(self.except.iter().cloned());
        if let Some(owner) = &self.owner {
            rule.owner = Some(owner.clone());
        }
        for tag in &self.tags {
            if !rule.tags.contains(tag) {
                rule.tags.push(tag.clone());
            }
        }
    }
}

impl RuleSet {
    /// The rules with what is overridden, numbered anew, and a complaint about each override of a rule that is not there.
    ///
    /// ```
    /// use context::Context;
    /// use rules::{Complaints, MemoryFiles, Override, RuleSet, Severity, yaml};
    ///
    /// let mut files = MemoryFiles::default();
    /// files.insert("root.yaml", r#"
    /// id: root-use
    /// title: Root used
    /// severity: high
    /// pattern: { detail: { userIdentity: { type: [Root] } } }
    /// "#);
    /// let rules = RuleSet::load(["root.yaml"], &files, &Context::empty()).rules;
    ///
    /// let text = "[{ id: root-use, severity: medium }, { id: root-uses, disabled: true }]";
    /// let read = yaml::parse(&"t.yaml".into(), text);
    /// let mut complaints = Complaints::new("t.yaml".into(), text, read.diagnostics);
    /// let overrides = Override::read(&mut complaints, &Context::empty(), &read.documents[0]).unwrap();
    /// let (rules, diagnostics) = rules.overridden(&overrides);
    /// assert_eq!(rules.get("root-use").unwrap().severity, Severity::Medium);
    /// assert_eq!(diagnostics[0].to_string(), "t.yaml:1:44: error[unknown-rule]: there is no rule `root-uses`");
    /// ```
    #[must_use]
    pub fn overridden(&self, overrides: &[Override]) -> (Self, Vec<Diagnostic>) {
        let unknown = overrides.iter().filter(|one| self.get(one.id.as_str()).is_none());
        let diagnostics =
            unknown.map(|one| self.no_such_rule(Check::UnknownRule, one.id.as_str(), &one.source)).collect();
        let disabled = |rule: &Rule| overrides.iter().any(|one| one.disabled && one.id == rule.id);
        let mut rules = Self::default();
        for rule in self.iter().filter(|rule| !disabled(rule)) {
            let of_rule: Vec<&Override> = overrides.iter().filter(|one| one.id == rule.id).collect();
            let mut rule = Arc::clone(rule);
            for one in of_rule {
                one.apply(Arc::make_mut(&mut rule));
            }
            rules.push(rule);
        }
        (rules, diagnostics)
    }

    /// Says that somebody named a rule that is not in the set.
    #[must_use]
    pub fn no_such_rule(&self, check: Check, id: &str, named_at: &Source) -> Diagnostic {
        let message = format!("there is no rule `{}`", read::shown(id));
        let diagnostic = Diagnostic::new(check, &named_at.file, named_at.span, message);
        match self.nearest(id) {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).replace_with(meant.as_str()),
            None => diagnostic.help("`trailhound rules list` lists those of the built-in pack"),
        }
    }
}
