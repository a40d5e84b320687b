//! The first question to a record: does any of its values lead anywhere from the root of the index?
//!
//! It is asked of every record and mostly answered "no", so it is asked of values where they stand, without picking up leaves: nothing is
//! remembered but the answer, and the first value that leads somewhere ends it. Then the record is walked properly.

use std::sync::Arc;

use json_scan::{Array, KnownName, Malformed, Object, Place, Text, Value};

use crate::leaves::{Leaves, Scalar};
use crate::trie::{FieldId, NodeId, Trie};
use crate::values::Values;
use crate::view::{Collection, View};
use crate::walk::{Known, KnownNodes, LearnedNames};

/// The fields of the index's root, with what is asked of each.
#[derive(Debug)]
pub(crate) struct Probe {
    fields: Collection,
    /// By node of the fields' trie.
    values: Box<[Option<Arc<Values>>]>,
    /// Whether there are entries at the root itself, which any record has to be held against.
    is_open: bool,
}

impl Probe {
    /// Asks the values of these fields. `is_open` if the answer always is yes.
    pub(crate) fn new(fields: &[(&str, FieldId)], values: &[(FieldId, Arc<Values>)], is_open: bool) -> Self {
        let fields = Collection::new(fields);
        let mut by_node: Vec<Option<Arc<Values>>> = Vec::new();
        for (field, values) in values {
            let Some(node) = fields.node(*field) else { continue };
            if by_node.len() <= node.index() {
                by_node.resize(node.index() + 1, None);
            }
            if let Some(slot) = by_node.get_mut(node.index()) {
                *slot = Some(Arc::clone(values));
            }
        }
        Probe { fields, values: by_node.into(), is_open }
    }

    /// Whether a value of the event leads somewhere. `matcher` is whose probe this is; `leaves` are empty, and may not be afterwards.
    ///
    /// # Errors
    ///
    /// If something that is looked at before the answer is known is malformed.
    pub(crate) fn leads_on<'a>(
        &self,
        view: &View<'_, 'a>,
        matcher: u64,
        known: &mut Known,
        leaves: &mut Leaves<'a>,
    ) -> Result<bool, Malformed> {
        if self.is_open {
            return Ok(true);
        }
        self.fields.derive(view, |_| true, leaves);
        for leaf in leaves.all() {
            let Some(node) = self.fields.node(leaf.field) else { continue };
            let text = leaves.text(leaf.value)?;
            if self.leads(node, leaf.value, text.as_deref().map(str::as_bytes)) {
                return Ok(true);
            }
        }
        let Some(start) = self.fields.start(view) else { return Ok(false) };
        let Known { top, below } = known;
        below.turn_to(matcher);
        let mut asking = Asking { probe: self, trie: self.fields.trie(), learned: below };
        match view.names() {
            Some(names) => {
                top.turn_to(matcher, names.vocabulary());
                asking.known_object(view.json(), names.members(), top, start)
            }
            None => asking.object(view.json(), start),
        }
    }

    #[inline]
    fn leads(&self, node: NodeId, value: Scalar<'_>, plain: Option<&[u8]>) -> bool {
        let Some(Some(values)) = self.values.get(node.index()) else { return false };
        let mut leads = false;
        values.find(value, plain, &mut |_| leads = true);
        leads
    }
}

/// A walk that ends as soon as the answer is known.
struct Asking<'p> {
    probe: &'p Probe,
    trie: &'p Trie,
    learned: &'p mut LearnedNames,
}

impl Asking<'_> {
    fn known_object(
        &mut self,
        object: Object<'_>,
        members: &[KnownName],
        known: &mut KnownNodes,
        node: NodeId,
    ) -> Result<bool, Malformed> {
        for &member in members {
            let Some(child) = known.node(self.trie, node, object, member) else { continue };
            let leads = match object.string_of(member) {
                Some(text) => self.text(text, child)?,
                None => self.value(object.value_of(member)?, child)?,
            };
            if leads {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn object(&mut self, object: Object<'_>, node: NodeId) -> Result<bool, Malformed> {
        let mut names = object.names();
        let mut last = Place::BEGINNING;
        while let Some((child, _)) = self.learned.advance(self.trie, node, &mut last, &mut names)? {
            let Some(child) = child else { continue };
            let leads = match names.string() {
                Some(text) => self.text(text, child)?,
                None => self.value(names.value()?, child)?,
            };
            if leads {
                return Ok(true);
            }
        }
        names.check()?;
        Ok(false)
    }

    fn value(&mut self, value: Value<'_>, node: NodeId) -> Result<bool, Malformed> {
        let scalar = match value {
            Value::Object(object) if self.trie.has_children(node) => return self.object(object, node),
            Value::Object(_) => return Ok(false),
            Value::Array(array) => return self.array(array, node),
            Value::String(text) => return self.text(text, node),
            Value::Number(text) => Scalar::number(text),
            Value::True => Scalar::True,
            Value::False => Scalar::False,
            Value::Null => Scalar::Null,
        };
        Ok(self.probe.leads(node, scalar, None))
    }

    /// Arrays nest as deep as the scanner allows.
    fn array(&mut self, array: Array<'_>, node: NodeId) -> Result<bool, Malformed> {
        for element in array.elements() {
            if self.value(element?, node)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline]
    fn text(&self, text: Text<'_>, node: NodeId) -> Result<bool, Malformed> {
        let value = Scalar::String(text);
        if !matches!(self.probe.values.get(node.index()), Some(Some(_))) {
            return Ok(false);
        }
        if !text.is_escaped() {
            return Ok(self.probe.leads(node, value, Some(text.raw())));
        }
        Ok(self.probe.leads(node, value, Some(text.unescape()?.as_bytes())))
    }
}
