//! The built-in pack: the rules of `rules/aws` and the events of their tests, compiled into the program.

use crate::files::Files;
use std::sync::Arc;

mod table {
    include!(concat!(env!("OUT_DIR"), "/pack.rs"));
}

/// The built-in pack's files. Their paths begin with `builtin/`.
///
/// ```
/// use context::Context;
/// use rules::{BuiltIn, RuleSet};
/// let loaded = RuleSet::load(BuiltIn.rules(), &BuiltIn, &Context::empty());
/// assert!(!loaded.rules.is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct BuiltIn;

impl BuiltIn {
    /// The paths of all files: rules and events.
    pub fn paths(self) -> impl Iterator<Item = &'static str> {
        table::FILES.iter().map(|(path, _)| *path)
    }

    /// The paths of the rule files, [`BuiltIn::baseline`] among them.
    pub fn rules(self) -> impl Iterator<Item = &'static str> {
        self.paths().filter(|path| path.ends_with(".yaml"))
    }

    /// The paths of the rule files whose rules look at a large part of all events to know what is usual. They cost a scan most of
    /// its speed and speak much before they know, so they run where somebody asks for them.
    pub fn baseline(self) -> impl Iterator<Item = &'static str> {
        self.rules().filter(|path| path.contains("/baseline/"))
    }
}

impl Files for BuiltIn {
    fn text(&self, path: &str) -> Option<Arc<str>> {
        let index = table::FILES.binary_search_by_key(&path, |(path, _)| path).ok()?;
        table::FILES.get(index).map(|(_, text)| Arc::from(*text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_by_its_path() {
        for path in BuiltIn.paths() {
            assert!(BuiltIn.text(path).is_some(), "{path}");
        }
        assert!(BuiltIn.text("builtin/nowhere.yaml").is_none());
    }
}
