//! The tree of wanted paths that steers a walk.
//!
//! A path is object keys joined by dots, and arrays add nothing to it: `detail.resources.ARN`. Patterns cannot tell a key with a dot from
//! two keys (`{"a.b":1}` is `{"a":{"b":1}}`, recorded on the service), so the tree has one edge per dot-separated part, and a
//! member's name with dots in it takes several edges at once.
//!
//! Invariant: the node reached from the root by the parts of a path is the only one for that path, whatever way the event spells it.

use json_scan::{Digest, Malformed, NameTable, Text};
use rustc_hash::FxHashMap;

/// A wanted path, by number. Numbers are dense and the same in every trie of one matcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FieldId(pub(crate) u32);

impl FieldId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A node of a [`Trie`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeId(u32);

impl NodeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A tree of paths.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Box<[Node]>,
}

#[derive(Debug)]
struct Node {
    names: NameTable,
    parent: NodeId,
    field: Option<FieldId>,
    has_children: bool,
}

impl Trie {
    pub(crate) const ROOT: NodeId = NodeId(0);

    /// The tree of these paths.
    pub(crate) fn new<'p>(paths: impl IntoIterator<Item = (&'p str, FieldId)>) -> Self {
        struct Sketch<'p> {
            children: FxHashMap<&'p str, u32>,
            parent: u32,
            field: Option<FieldId>,
        }
        let sketch = |parent| Sketch { children: FxHashMap::default(), parent, field: None };
        let mut sketches = vec![sketch(0)];
        for (path, field) in paths {
            let mut at = 0_u32;
            for part in path.split('.') {
                let next = u32::try_from(sketches.len()).unwrap_or(u32::MAX);
                let Some(node) = sketches.get_mut(at as usize) else { break };
                let child = *node.children.entry(part).or_insert(next);
                if child == next {
                    sketches.push(sketch(at));
                }
                at = child;
            }
            if let Some(node) = sketches.get_mut(at as usize) {
                node.field = Some(field);
            }
        }
        let node = |sketch: Sketch<'p>| Node {
            has_children: !sketch.children.is_empty(),
            names: NameTable::new(sketch.children),
            parent: NodeId(sketch.parent),
            field: sketch.field,
        };
        Trie { nodes: sketches.into_iter().map(node).collect() }
    }

    /// The node below `node` of the member with this name, which has neither an escape nor a dot.
    #[inline]
    pub(crate) fn child(&self, node: NodeId, name: Text<'_>, digest: Digest) -> Option<NodeId> {
        self.nodes.get(node.index())?.names.get(name.raw(), digest).map(NodeId)
    }

    /// The same for any name; also says whether it is several parts of a path at once.
    ///
    /// # Errors
    ///
    /// For an escaped name that is no valid string: nobody knows which member it is.
    #[cold]
    pub(crate) fn descendant(
        &self,
        node: NodeId,
        name: Text<'_>,
    ) -> Result<Option<(NodeId, bool)>, Malformed> {
        let name = name.unescape()?;
        Ok(self.find(node, &name).map(|node| (node, name.contains('.'))))
    }

    /// The node of a path below `node`.
    pub(crate) fn find(&self, node: NodeId, path: &str) -> Option<NodeId> {
        path.split('.').try_fold(node, |at, part| {
            let part = part.as_bytes();
            // Parts have no dot, and a backslash in an unescaped name is a byte like any other.
            self.nodes.get(at.index())?.names.get(part, Digest::of(part)).map(NodeId)
        })
    }

    #[inline]
    pub(crate) fn field(&self, node: NodeId) -> Option<FieldId> {
        self.nodes.get(node.index())?.field
    }

    #[inline]
    pub(crate) fn has_children(&self, node: NodeId) -> bool {
        self.nodes.get(node.index()).is_some_and(|node| node.has_children)
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node above; the root is its own parent.
    pub(crate) fn parent(&self, node: NodeId) -> NodeId {
        self.nodes.get(node.index()).map_or(Trie::ROOT, |node| node.parent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_per_path_whatever_the_spelling() {
        let paths = ["a.b.c", "a.b", "a..", "", "a\\b"];
        let trie = Trie::new(paths.into_iter().zip((0..).map(FieldId)));
        let field = |event: &str| {
            let mut scanner = json_scan::Scanner::new(event.as_bytes()).unwrap();
            let mut object = scanner.object().unwrap();
            let mut node = Trie::ROOT;
            loop {
                let mut names = object.names();
                assert!(names.advance());
                (node, _) = trie.descendant(node, names.name()).unwrap()?;
                match names.value().unwrap() {
                    json_scan::Value::Object(inner) => object = inner,
                    _ => return trie.field(node).map(|field| paths[field.index()]),
                }
            }
        };
        for event in [r#"{"a":{"b":{"c":1}}}"#, r#"{"a.b":{"c":1}}"#, r#"{"a":{"b.c":1}}"#, r#"{"a.b.c":1}"#]
        {
            assert_eq!(field(event), Some("a.b.c"), "{event}");
        }
        assert_eq!(field(r#"{"\u0061":{"\u0062":1}}"#), Some("a.b"));
        assert_eq!(field(r#"{"a\u002eb":1}"#), Some("a.b"));
        assert_eq!(field(r#"{"a":{"":{"":1}}}"#), Some("a.."));
        assert_eq!(field(r#"{"a..":1}"#), Some("a.."));
        assert_eq!(field(r#"{"":1}"#), Some(""));
        assert_eq!(field(r#"{"a\\b":1}"#), Some("a\\b"));
        assert_eq!(field(r#"{"a":1}"#), None);
        assert_eq!(field(r#"{"a.b.c.d":1}"#), None);
    }
}
