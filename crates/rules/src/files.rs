//! The files a rule set is read from, as texts handed in.
//!
//! This crate opens nothing. Whoever calls it hands in something that answers for a path: a map, the files compiled
//! into the program, or a reader of the disk that lives where I/O may live. Paths use `/` and stand relative to
//! whatever the caller likes; a rule names its events relative to its own file.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that answers with the text of a file.
pub trait Files {
    /// The file's text, or `None` where there is none. Asking twice gives the same answer.
    fn text(&self, path: &str) -> Option<Arc<str>>;
}

/// Files in memory.
///
/// ```
/// use rules::{Files, MemoryFiles};
/// let mut files = MemoryFiles::default();
/// files.insert("rules/a.yaml", "id: a");
/// assert_eq!(files.text("rules/a.yaml").as_deref(), Some("id: a"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    by_path: BTreeMap<Box<str>, Arc<str>>,
}

impl MemoryFiles {
    /// Adds a file; an earlier one at that path is replaced.
    pub fn insert(&mut self, path: impl Into<Box<str>>, text: impl Into<Arc<str>>) {
        self.by_path.insert(path.into(), text.into());
    }

    /// All paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.by_path.keys().map(|path| &**path)
    }
}

impl Files for MemoryFiles {
    fn text(&self, path: &str) -> Option<Arc<str>> {
        self.by_path.get(path).cloned()
    }
}

/// The path of `relative` as written in the file at `base`: `.` and `..` are resolved by name.
///
/// ```
/// assert_eq!(rules::resolve("/etc/trailhound/trailhound.yaml", "./rules"), "/etc/trailhound/rules");
/// assert_eq!(rules::resolve("rules/a.yaml", "../events/x.json"), "events/x.json");
/// ```
#[must_use]
pub fn resolve(base: &str, relative: &str) -> String {
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let rooted = relative.starts_with('/') || (relative.is_empty() && base.starts_with('/'));
    let absolute = rooted || folder.starts_with('/') || (base.starts_with('/') && folder.is_empty());
    let mut parts: Vec<&str> = Vec::new();
    let folder_parts = folder.split('/').filter(|_| !rooted);
    for part in folder_parts.chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            // Above an absolute root there is nothing.
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    if absolute { format!("/{path}") } else { path }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn events_are_named_relative_to_the_rule() {
        for (base, relative, expected) in [
            ("rules/aws/a.yaml", "events/x.json", "rules/aws/events/x.json"),
            ("a.yaml", "events/x.json", "events/x.json"),
            ("/etc/rules/a.yaml", "./x.json", "/etc/rules/x.json"),
            ("/a.yaml", "x.json", "/x.json"),
            ("rules/a.yaml", "../events/x.json", "events/x.json"),
            ("a.yaml", "../x.json", "../x.json"),
            ("/a.yaml", "../x.json", "/x.json"),
            ("../r/a.yaml", "../x.json", "../x.json"),
            ("rules/a.yaml", "/abs/x.json", "/abs/x.json"),
        ] {
            assert_eq!(resolve(base, relative), expected, "{relative} in {base}");
        }
    }
}
