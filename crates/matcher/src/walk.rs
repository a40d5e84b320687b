//! One walk over an object, along a trie of wanted paths.
//!
//! At each object only names the trie knows are stopped at; all other members are stepped over, whatever their size. Nothing ends early: a key may
//! come twice, and then both values count.

use event_pattern::Scope;
use json_scan::{Array, Malformed, Object, Value};

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
