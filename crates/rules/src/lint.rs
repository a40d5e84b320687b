//! What a rule says and its author probably did not mean, beyond what its languages' own lints find.

use crate::catalogue::Check;
use crate::diagnostic::{Diagnostic, Span};
use crate::files::Files;
use crate::read::{Complaints, id_range};
use crate::rule::{Rule, Selector};
use crate::set::RuleSet;
use crate::yaml::Node;
use context::Lists;
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Fields of which one says which service's events a pattern is about.
const NAMES_A_SERVICE: [&str; 4] = ["detail-type", "source", "detail.eventSource", "detail.eventName"];

/// Lints of one rule.
pub(crate) fn rule(complaints: &mut Complaints<'_>, rule: &Rule, document: &Node) {
    let at = id_range(document).unwrap_or_else(|| document.range.clone());
    let id = &rule.id;
    let (makes_findings, is_each) = (rule.decision.makes_findings(), rule.decision.is_each());
    let mut warn = |check: Check, message: String, help: &str| {
        let diagnostic = complaints.diagnostic(check, at.clone(), message);
        complaints.push(diagnostic.help(help));
    };
    if rule.description.as_deref().is_none_or(str::is_empty) {
        warn(
            Check::NoDescription,
            format!("`{id}` does not say why anybody should care"),
            "add a `description`",
        );
    }
    if rule.first_checks.is_empty() && makes_findings {
        let help = "add `first_checks`, two or three questions";
        warn(Check::NoFirstChecks, format!("`{id}` does not say what to look at first"), help);
    }
    if !makes_findings {
        // What alarms make of its samples is tested with them.
    } else if rule.tests.is_empty() {
        let help = "add one event that fires and one that does not";
        warn(Check::NoTests, format!("`{id}` has no tests"), help);
    } else if !rule.tests.iter().any(|test| test.shows(is_each).0) {
        let help = if is_each {
            "add a test with `fires: true`"
        } else {
            "add a test in `steps` that comes to `expect: firing`"
        };
        warn(Check::NoFiringTest, format!("no test shows `{id}` firing"), help);
    } else if !rule.tests.iter().any(|test| test.shows(is_each).1) {
        let help = if is_each {
            "add a test with `fires: false`, and the field that stops it as `because`"
        } else {
            "add a test in `steps` that comes to `expect: nothing`, or one with `counts: false`"
        };
        warn(Check::NoSilentTest, format!("no test shows `{id}` staying silent"), help);
    }
    let names_a_service = |selector: &Selector| match selector {
        Selector::Pattern(pattern) => pattern.alternatives().iter().all(|alternative| {
            alternative.fields().iter().any(|field| NAMES_A_SERVICE.contains(&field.path().as_str()))
        }),
        Selector::Filter(_) => true,
    };
    if !rule.selectors().all(|(_, selector)| names_a_service(selector)) {
        let help = "add `detail-type: [AWS API Call via CloudTrail]`, or the `source` that is meant";
        let message = format!("`{id}` names neither a detail-type nor a service");
        warn(Check::NoDetailType, message, help);
    }
    for exception in &rule.except {
        if exception.expires.is_none() {
            let range = exception.source.span.range();
            let diagnostic =
                complaints.diagnostic(Check::ExceptionWithoutExpiry, range, "this exception never expires");
            complaints.push(diagnostic.help("add `expires`, a day on which somebody looks again"));
        }
    }
}

/// Lints that compare the rules of a set.
pub(crate) fn rule_set(rules: &RuleSet) -> Vec<Diagnostic> {
    let mut by_title: FxHashMap<&str, &Rule> = FxHashMap::default();
    let mut diagnostics = Vec::new();
    for rule in rules.iter() {
        if !rule.decision.makes_findings() {
            continue;
        }
        if rule.allow.contains(&Check::DuplicateTitle) {
            continue;
        }
        match by_title.get(rule.title.source()) {
            None => {
                by_title.insert(rule.title.source(), rule);
            }
            Some(first) => {
                let message = format!("`{}` has the title of `{}`", rule.id, first.id);
                diagnostics.push(
                    Diagnostic::new(Check::DuplicateTitle, &rule.source.file, rule.source.span, message)
                        .help("say in the title what differs"),
                );
            }
        }
    }
    diagnostics
}

/// Exceptions that no longer apply on the day `today`, in UTC. Apart from loading, because rules know no clock.
#[must_use]
pub fn expired_exceptions(rules: &RuleSet, today: Date) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for rule in rules.iter() {
        for exception in &rule.except {
            if let Some(expires) = exception.expires.filter(|expires| *expires < today) {
                let source = &exception.source;
                let message =
                    format!("this exception of `{}` expired on {expires} and no longer applies", rule.id);
                let owner =
                    exception.owner.as_deref().map_or(String::new(), |owner| format!(" with {owner}"));
                diagnostics.push(
                    Diagnostic::new(Check::ExpiredException, &source.file, source.span, message)
                        .help(format!("remove it, or renew it{owner}")),
                );
            }
        }
    }
    diagnostics
}

/// Events of tests that are not there. Apart from loading, because only whoever runs tests needs the events.
#[must_use]
pub fn missing_events(rules: &RuleSet, files: &dyn Files) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for rule in rules.iter().filter(|rule| !rule.allow.contains(&Check::EventNotFound)) {
        for test in &rule.tests {
            for (path, source) in test.event_files() {
                if files.text(path).is_none() {
                    let message = format!("there is no event file `{path}`");
                    diagnostics.push(
                        Diagnostic::new(Check::EventNotFound, &source.file, source.span, message)
                            .help("events are named relative to the rule's own file"),
                    );
                }
            }
        }
    }
    diagnostics
}

/// Lists that are defined and that no rule uses. Lists of the built-in pack are expected to be there and left out.
/// `file` and `span` say where a list is defined.
#[must_use]
pub fn unused_lists(
    rules: &RuleSet,
    lists: &Lists,
    mut defined_at: impl FnMut(&str) -> Option<(Arc<str>, Span)>,
) -> Vec<Diagnostic> {
    let used: BTreeSet<&str> = rules.iter().flat_map(|rule| rule.lists()).collect();
    let idle = lists.names().filter(|name| !used.contains(name));
    let idle = idle.filter(|name| !context::PACK_LISTS.iter().any(|list| list.name == *name));
    idle.filter_map(|name| {
        let (file, span) = defined_at(name)?;
        let message = format!("no rule uses the list `{name}`");
        let diagnostic = Diagnostic::new(Check::UnusedList, &file, span, message);
        Some(match crate::nearest::nearest(name, used.iter().copied()) {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
            None => diagnostic.help("remove it"),
        })
    })
    .collect()
}

impl Rule {
    /// The names of the lists its conditions use, repeated as often as they are used.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        let steps = (0..).map_while(|step| self.step(step));
        let conditions = self.condition.iter().chain(steps.filter_map(|step| step.condition.as_ref()));
        let conditions = conditions.chain(self.escalate.iter().map(|escalation| &escalation.when));
        let conditions =
            conditions.chain(self.except.iter().filter_map(|exception| exception.condition.as_ref()));
        conditions.flat_map(crate::condition::Condition::lists)
    }
}
