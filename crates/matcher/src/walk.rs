//! One walk over an object, along a trie of wanted paths.
//!
//! At each object only names the trie knows are stopped at; all other members are stepped over, whatever their size. Nothing ends early: a key may
//! come twice, and then both values count.

use event_pattern::Scope;
use json_scan::{Array, Digest, KnownName, Malformed, Object, Value};

use crate::leaves::{Leaves, Scalar};
use crate::trie::{NodeId, Trie};

/// Picks up the leaves at wanted paths.
pub(crate) struct Walk<'w, 'a, F> {
    pub(crate) trie: &'w Trie,
    /// Which nodes of the trie are wanted this time; if a node is, so are those above it.
    pub(crate) wanted: F,
    pub(crate) leaves: &'w mut Leaves<'a>,
}

impl<'a, F: Fn(NodeId) -> bool> Walk<'_, 'a, F> {
    /// Walks `object`, whose own path is that of `node`.
    pub(crate) fn object(
        &mut self,
        object: Object<'a>,
        node: NodeId,
        scope: Option<Scope>,
    ) -> Result<(), Malformed> {
        let number = self.leaves.begin_object();
        let mut names = object.names();
        while names.advance() {
            let digest = names.digest();
            let (child, is_dotted) = if digest.has_escape() | digest.has_dot() {
                match self.trie.descendant(node, names.name())? {
                    Some(found) => found,
                    None => continue,
                }
            } else {
                match self.trie.child(node, names.name(), digest) {
                    Some(child) => (child, false),
                    None => continue,
                }
            };
            if (self.wanted)(child) {
                self.leaves.enter(child, number, is_dotted);
                self.value(names.value()?, child, scope, false)?;
            }
        }
        names.check()
    }

    /// Walks `object` by the numbers of its names, of which `known` tells the nodes below that of the object.
    pub(crate) fn known_object(
        &mut self,
        object: Object<'a>,
        members: &[KnownName],
        known: &mut KnownNodes,
        node: NodeId,
    ) -> Result<(), Malformed> {
        let number = self.leaves.begin_object();
        for &member in members {
            let Some(child) = known.node(self.trie, node, object, member) else { continue };
            if (self.wanted)(child) {
                self.leaves.enter(child, number, false);
                self.value(object.value_of(member)?, child, None, false)?;
            }
        }
        Ok(())
    }

    fn value(
        &mut self,
        value: Value<'a>,
        node: NodeId,
        scope: Option<Scope>,
        in_array: bool,
    ) -> Result<(), Malformed> {
        let scalar = match value {
            Value::Object(object) => {
                return if self.trie.has_children(node) { self.object(object, node, scope) } else { Ok(()) };
            }
            Value::Array(array) => return self.array(array, node, scope),
            Value::String(text) => Scalar::String(text),
            Value::Number(text) => Scalar::Number(text),
            Value::True => Scalar::True,
            Value::False => Scalar::False,
            Value::Null => Scalar::Null,
        };
        if let Some(field) = self.trie.field(node) {
            self.leaves.push(field, scalar, scope, in_array || scope.is_some());
        }
        Ok(())
    }

    /// Arrays nest as deep as the scanner allows, whatever the trie says.
    fn array(&mut self, array: Array<'a>, node: NodeId, scope: Option<Scope>) -> Result<(), Malformed> {
        let mut number = None;
        for (index, value) in array.elements().enumerate() {
            let value = value?;
            let inner = if matches!(value, Value::Object(_) | Value::Array(_)) {
                let number = *number.get_or_insert_with(|| self.leaves.begin_array());
                Some(self.leaves.begin_element(number, index, scope))
            } else {
                scope
            };
            self.value(value, node, inner, true)?;
        }
        Ok(())
    }
}

/// The nodes below one node of a trie, by the numbers that a vocabulary gives names.
#[derive(Debug, Default)]
pub(crate) struct KnownNodes {
    /// Which matcher's trie and which vocabulary these are of.
    of: Option<(u64, u64)>,
    nodes: Vec<Known>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Known {
    #[default]
    NotAsked,
    Unwanted,
    Node(NodeId),
}

impl KnownNodes {
    /// Forgets everything, unless it is of this matcher and vocabulary.
    #[inline]
    pub(crate) fn turn_to(&mut self, matcher: u64, vocabulary: u64) {
        if self.of != Some((matcher, vocabulary)) {
            self.of = Some((matcher, vocabulary));
            self.nodes.clear();
        }
    }

    #[inline]
    fn node(&mut self, trie: &Trie, above: NodeId, object: Object<'_>, member: KnownName) -> Option<NodeId> {
        match self.nodes.get(member.word()) {
            Some(Known::Unwanted) => None,
            Some(Known::Node(node)) => Some(*node),
            Some(Known::NotAsked) | None => self.ask(trie, above, object, member),
        }
    }

    #[cold]
    fn ask(&mut self, trie: &Trie, above: NodeId, object: Object<'_>, member: KnownName) -> Option<NodeId> {
        let name = object.name_of(member)?;
        let node = trie.child(above, name, Digest::of(name.raw()));
        if self.nodes.len() <= member.word() {
            self.nodes.resize(member.word() + 1, Known::NotAsked);
        }
        if let Some(known) = self.nodes.get_mut(member.word()) {
            *known = node.map_or(Known::Unwanted, Known::Node);
        }
        node
    }
}
