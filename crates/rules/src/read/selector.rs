//! The selector: exactly one of `pattern` and `filter`.

use super::{Fields, Reader};
use crate::catalogue::Check;
use crate::rule::Selector;
use crate::yaml::Node;
use filter_pattern::Filter;
use std::sync::Arc;

impl Reader<'_, '_> {
    pub(super) fn selector(&mut self, document: &Node, fields: &Fields<'_>) -> Option<Selector> {
        match (fields.get("pattern"), fields.get("filter")) {
            (Some(pattern), None) => self.pattern(pattern).map(Selector::Pattern),
            (None, Some(filter)) => self.filter(filter).map(Selector::Filter),
            (Some(pattern), Some(filter)) => {
                // Both are read, so that what is wrong inside them is told too.
                let _ = (self.pattern(pattern), self.filter(filter));
                let message = "a rule has one selector: either `pattern` or `filter`";
                self.complaints.add(Check::InvalidValue, filter.range.clone(), message);
                None
            }
            (None, None) if fields.was_meant("pattern") || fields.was_meant("filter") => None,
            (None, None) => {
                let range = document.range.start..document.range.start;
                let message =
                    "a rule needs a selector that says which events it is about: `pattern` or `filter`";
                self.complaints.add(Check::MissingKey, range, message);
                None
            }
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
