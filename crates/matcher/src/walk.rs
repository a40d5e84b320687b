//! One walk over an object, along a trie of wanted paths.
//!
//! At each object only names the trie knows are stopped at; all other members are stepped over, whatever their size. Nothing ends early: a key may
//! come twice, and then both values count.

use event_pattern::Scope;
use json_scan::{Array, Malformed, Names, Object, Place, Step, Successors, Value};

use crate::leaves::{Leaves, Scalar};
use crate::plan::Plans;
use crate::trie::{NodeId, Trie};

/// Picks up the leaves at wanted paths.
pub(crate) struct Walk<'w, 'a, F> {
    pub(crate) trie: &'w Trie,
    /// Which nodes of the trie are wanted this time; if a node is, so are those above it.
    pub(crate) wanted: F,
    /// Which nodes are left out inside elements of arrays, of which there may be thousands.
    pub(crate) beside: &'w [bool],
    pub(crate) learned: &'w mut LearnedNames,
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
        let mut last = Place::BEGINNING;
        while let Some((child, is_dotted)) = self.learned.advance(self.trie, node, &mut last, &mut names)? {
            if let Some(child) = child
                && (self.wanted)(child)
            {
                if scope.is_some() && self.beside.get(child.index()) == Some(&true) {
                    self.leaves.leave_out();
                    continue;
                }
                self.leaves.enter(child, number, is_dotted);
                match names.string() {
                    Some(text) => self.scalar(Scalar::String(text), child, scope, false),
                    None => match names.scalar().and_then(Scalar::plain_number) {
                        Some(number) => self.scalar(number, child, scope, false),
                        None => self.value(names.value()?, child, scope, false)?,
                    },
                }
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
            Value::Number(text) => Scalar::number(text),
            Value::True => Scalar::True,
            Value::False => Scalar::False,
            Value::Null => Scalar::Null,
        };
        self.scalar(scalar, node, scope, in_array);
        Ok(())
    }

    #[inline]
    fn scalar(&mut self, scalar: Scalar<'a>, node: NodeId, scope: Option<Scope>, in_array: bool) {
        if let Some(field) = self.trie.field(node) {
            self.leaves.push(field, scalar, scope, in_array || scope.is_some());
        }
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

/// What is known of records from those that were walked along the same trie.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub(crate) names: LearnedNames,
    /// By their shapes.
    pub(crate) plans: Plans,
}

impl Learned {
    /// Forgets everything, unless it is of this matcher.
    #[inline]
    pub(crate) fn turn_to(&mut self, matcher: u64) {
        if self.names.of != Some(matcher) {
            self.plans.clear();
        }
        self.names.turn_to(matcher);
    }
}

/// How many names are remembered of the objects at one node.
const NAMES_MAX: usize = 64;

/// Names of objects at the nodes of a trie, with the node each leads to: the same few come again and again.
#[derive(Debug, Default)]
pub(crate) struct LearnedNames {
    /// Which matcher's trie this is of.
    of: Option<u64>,
    /// By node.
    names: Vec<Option<Successors<Option<NodeId>>>>,
}

impl LearnedNames {
    /// Forgets everything, unless it is of this matcher.
    #[inline]
    pub(crate) fn turn_to(&mut self, matcher: u64) {
        if self.of != Some(matcher) {
            self.of = Some(matcher);
            self.names.clear();
        }
    }

    /// Steps to the next member of an object at `node`, behind the one at `last`: the node below of that name, if there is one, and whether the
    /// name is several parts of a path at once. None behind the last member. Members that lead nowhere are passed where they are expected.
    ///
    /// # Errors
    ///
    /// Where the object is malformed, and for an escaped name that is no valid string.
    #[inline(always)]
    pub(crate) fn advance(
        &mut self,
        trie: &Trie,
        node: NodeId,
        last: &mut Place,
        names: &mut Names<'_>,
    ) -> Result<Option<(Option<NodeId>, bool)>, Malformed> {
        let step = match self.names.get(node.index()) {
            Some(Some(known)) => known.advance(last, names, Option::is_some),
            _ if names.advance() => Step::Other,
            _ => Step::End,
        };
        match step {
            Step::Expected(child) => Ok(Some((child, false))),
            Step::Other => self.look_up(trie, node, last, names).map(Some),
            Step::End => names.check().map(|()| None),
        }
    }

    #[cold]
    fn look_up(
        &mut self,
        trie: &Trie,
        node: NodeId,
        last: &mut Place,
        names: &Names<'_>,
    ) -> Result<(Option<NodeId>, bool), Malformed> {
        let digest = names.digest();
        if digest.has_escape() | digest.has_dot() {
            let found = trie.descendant(node, names.name())?;
            return Ok((found.map(|(child, _)| child), found.is_some_and(|(_, is_dotted)| is_dotted)));
        }
        let child = trie.child(node, names.name(), digest);
        if let Some(place) = self.learn(node, *last, names.raw(), child) {
            *last = place;
        }
        Ok((child, false))
    }

    fn learn(&mut self, node: NodeId, last: Place, name: &[u8], child: Option<NodeId>) -> Option<Place> {
        if self.names.len() <= node.index() {
            self.names.resize(node.index() + 1, None);
        }
        let names = self.names.get_mut(node.index())?.get_or_insert_with(|| Successors::new(NAMES_MAX));
        names.learn(last, name, |_| child).map(|(place, _)| place)
    }
}
