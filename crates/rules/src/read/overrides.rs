//! Pieces of rule documents that stand elsewhere: overrides of rules, and patterns.

use super::{Complaints, Fields, Reader};
use crate::catalogue::Check;
use crate::overrides::Override;
use crate::rule::RuleId;
use crate::yaml::{Node, Value};
use context::Context;
use event_pattern::Pattern;
use std::sync::Arc;

pub(crate) const OVERRIDE_KEYS: [&str; 8] =
    ["id", "reason", "disabled", "severity", "escalate", "except", "owner", "tags"];

/// Reads an event pattern, as a rule's `pattern` is read: a mapping, or a text that holds JSON. `None` if anything is wrong with it;
/// the complaints say what.
pub fn pattern(complaints: &mut Complaints<'_>, node: &Node) -> Option<Arc<Pattern>> {
    let context = Context::empty();
    Reader { complaints, context: &context }.pattern(node)
}

/// See [`Override::read`].
pub(crate) fn overrides(
    complaints: &mut Complaints<'_>,
    context: &Context,
    node: &Node,
) -> Option<Vec<Override>> {
    let errors_before = complaints.errors();
    let mut reader = Reader { complaints, context };
    let overrides = reader.each(Some(node), Reader::an_override)?;
    for (index, one) in overrides.iter().enumerate() {
        if overrides.iter().take(index).any(|earlier| earlier.id == one.id) {
            let message = format!("`{}` is overridden twice", one.id);
            let diagnostic =
                reader.complaints.diagnostic(Check::DuplicateKey, one.source.span.range(), message);
            reader.complaints.push(diagnostic.help("write one entry with all that is different"));
        }
        for exception in one.except.iter().filter(|exception| exception.expires.is_none()) {
            let range = exception.source.span.range();
            let message = "this exception never expires";
            let diagnostic = reader.complaints.diagnostic(Check::ExceptionWithoutExpiry, range, message);
            reader.complaints.push(diagnostic.help("add `expires`, a day on which somebody looks again"));
        }
    }
    (complaints.errors() == errors_before).then_some(overrides)
}

impl Reader<'_, '_> {
    fn an_override(&mut self, node: &Node) -> Option<Override> {
        let fields = Fields::read(self.complaints, node, "an override", &OVERRIDE_KEYS, &[])?;
        let id = fields
            .required(self.complaints, "id")
            .and_then(|node| Some((self.rule_named(node)?, self.source(node.range.clone()))));
        let reason = fields.text(self.complaints, "reason");
        let disabled = fields.get("disabled").map_or(Some(false), |node| self.truth(node, "disabled"));
        let severity = fields.get("severity").map(|node| self.severity(node));
        let escalate = fields.get("escalate").map(|node| self.each(Some(node), Self::escalation));
        let except = self.each(fields.get("except"), Self::exception);
        let owner = fields.text(self.complaints, "owner");
        let tags = self.each(fields.get("tags"), Self::text);
        let changes = OVERRIDE_KEYS.iter().filter(|key| !matches!(**key, "id" | "reason"));
        let changes: Vec<&str> = changes.copied().collect();
        if !changes.iter().any(|key| fields.get(key).is_some() || fields.was_meant(key)) {
            let message = "this override changes nothing";
            let diagnostic = self.complaints.diagnostic(Check::MissingKey, node.range.clone(), message);
            self.complaints.push(diagnostic.help(format!("give at least one of {}", changes.join(", "))));
        }
        let (id, source) = id?;
        reason?;
        Some(Override {
            id,
            disabled: disabled?,
            severity: match severity {
                Some(severity) => Some(severity?),
                None => None,
            },
            escalate: match escalate {
                Some(escalate) => Some(escalate?),
                None => None,
            },
            except: except?,
            owner: owner?,
            tags: tags?,
            source,
        })
    }

    /// The id of a rule that is written elsewhere. Whether there is one is known when the rules are.
    fn rule_named(&mut self, node: &Node) -> Option<RuleId> {
        let text = self.scalar_text(node, "`id`")?;
        let id = RuleId::new(text);
        if id.is_none() {
            let message = format!("`{}` is not the id of a rule", super::shown(text));
            let help = "an id is made of lower-case letters, digits and hyphens, as in `root-use`";
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
            self.complaints.push(diagnostic.help(help));
        }
        id
    }

    fn truth(&mut self, node: &Node, key: &str) -> Option<bool> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        self.wrong_type(node, &format!("`{key}` is true or false"));
        None
    }
}
