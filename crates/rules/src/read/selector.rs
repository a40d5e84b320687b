//! The selector: exactly one of `pattern` and `filter`.

use super::{Fields, Reader};
use crate::catalogue::Check;
use crate::rule::Selector;
use crate::yaml::Node;
use filter_pattern::Filter;
use std::sync::Arc;

impl Reader<'_, '_> {
    /// `what` has the selector: a rule, a step, a metric filter, which may also write it as in AWS.
    pub(super) fn selector(&mut self, node: &Node, fields: &Fields<'_>, what: &str) -> Option<Selector> {
        let keys = ["pattern", "filter", "filter_pattern"];
        let mut given = keys.iter().filter_map(|key| Some((*key, fields.get(key)?)));
        let Some((key, selector)) = given.next() else {
            if !keys.iter().any(|key| fields.was_meant(key)) {
                let range = node.range.start..node.range.start;
                let message = format!(
                    "{what} needs a selector that says which events it is about: `pattern` or `filter`"
                );
                self.complaints.add(Check::MissingKey, range, message);
            }
            return None;
        };
        let read = self.one_selector(key, selector);
        let Some((other_key, other)) = given.next() else { return read };
        // Both are read, so that what is wrong inside them is told too.
        let _ = self.one_selector(other_key, other);
        let message = format!("{what} has one selector: either `{key}` or `{other_key}`");
        self.complaints.add(Check::InvalidValue, other.range.clone(), message);
        None
    }

    fn one_selector(&mut self, key: &str, node: &Node) -> Option<Selector> {
        if key == "pattern" {
            self.pattern(node).map(Selector::Pattern)
        } else {
            self.filter(node).map(Selector::Filter)
        }
    }

    fn filter(&mut self, node: &Node) -> Option<Arc<Filter>> {
        let Some(text) = node.as_text() else {
            let help = "put the whole filter in quotes, or after `filter: >-` on lines of its own";
            let message = format!("a filter is text, not {}", node.kind());
            let diagnostic = self.complaints.diagnostic(Check::WrongType, node.range.clone(), message);
            self.complaints.push(diagnostic.help(help));
            return None;
        };
        match Filter::parse(text) {
            Ok(filter) => {
                for lint in filter.lints() {
                    let range = self.part(node, lint.span.offset..lint.span.offset + lint.span.length);
                    let diagnostic = self.complaints.diagnostic(Check::FilterLint, range, lint.message);
                    self.complaints.push(diagnostic.help(lint.hint));
                }
                Some(Arc::new(filter))
            }
            Err(errors) => {
                for error in &errors {
                    let range = self.part(node, error.span.offset..error.span.offset + error.span.length);
                    let diagnostic =
                        self.complaints.diagnostic(Check::InvalidFilter, range, error.detail.clone());
                    self.complaints.push(diagnostic.maybe_help(error.hint.clone()));
                }
                None
            }
        }
    }
}
