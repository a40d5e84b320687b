//! The values a walk has picked up, by field, with the array elements they stand in.
//!
//! ```text
//! {"a":[{"b":"1"},{"b":"2","c":["3","4"]}]}      wanted: a.b, a.c
//!
//! leaves     a.b "1" in element 0      a.c "3" in element 1 ─┐ one chain per field,
//!            a.b "2" in element 1      a.c "4" in element 1 ─┘ in the order of the text
//! arrays     0: array 0, index 0       1: array 0, index 1
//! ```
//!
//! Only elements that are objects or arrays are recorded: a scalar directly in an array does not bind its index (`{"c":["3","4"]}`
//! has two values that may be chosen freely). Chains are found through a stamp per field, so that forgetting a record's leaves costs nothing.

use std::borrow::Cow;

use event_pattern::{Arrays, Scope, comparable, plain_number};
use json_scan::{Malformed, Text};

use crate::stamps::Stamps;
use crate::trie::{FieldId, NodeId};

/// The leaves of one record.
#[derive(Debug, Default)]
pub(crate) struct Leaves<'a> {
    list: Vec<Leaf<'a>>,
    arrays: Arrays,
    arrays_len: u32,
    /// First and last leaf of each field that has any.
    chains: Stamps<(u32, u32)>,
    objects_len: u32,
    /// By node of the trie: the object in which it was entered last.
    entered: Stamps<u32>,
    /// Whether anybody will ask for that.
    is_tracked: bool,
    /// Whether a wanted name came twice in one object, or was several parts of a path at once.
    is_irregular: bool,
    /// Whether something wanted was left out because it stands in an element of an array.
    is_partial: bool,
    /// Text of leaves that do not stand in the record as they are.
    derived: String,
}

/// A value at a wanted path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf<'a> {
    pub(crate) field: FieldId,
    pub(crate) value: Scalar<'a>,
    /// The innermost element it stands in.
    pub(crate) scope: Option<Scope>,
    /// Whether an array stands anywhere on the way to it.
    pub(crate) in_array: bool,
    next: Option<u32>,
}

/// A leaf's value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scalar<'a> {
    String(Text<'a>),
    /// A string that was derived from the record: a range of the leaves' own buffer.
    Derived {
        from: usize,
        to: usize,
    },
    Number(Numeral<'a>),
    True,
    False,
    Null,
}

/// A number: many rules may ask for its value, and it is worked out once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numeral<'a> {
    pub(crate) text: &'a [u8],
    /// What patterns compare it by, if they can.
    pub(crate) comparable: Option<f64>,
}

impl<'a> Scalar<'a> {
    pub(crate) fn number(text: &'a str) -> Self {
        Scalar::Number(Numeral { text: text.as_bytes(), comparable: comparable(text) })
    }

    /// A number of the usual kind; `None` for everything else, and for what is no JSON at all.
    #[inline]
    pub(crate) fn plain_number(text: &'a [u8]) -> Option<Self> {
        plain_number(text).map(|comparable| Scalar::Number(Numeral { text, comparable }))
    }
}

impl<'a> Numeral<'a> {
    /// The number as it is written.
    pub(crate) fn text(self) -> &'a str {
        std::str::from_utf8(self.text).unwrap_or_default()
    }
}

impl<'a> Leaves<'a> {
    /// Leaves of another record in the memory of these.
    pub(crate) fn recycle<'b>(mut self) -> Leaves<'b> {
        self.clear();
        Leaves {
            // Nothing is left to convert; collecting in place keeps the buffer.
            list: self.list.into_iter().map_while(|_| None).collect(),
            arrays: self.arrays,
            arrays_len: 0,
            chains: self.chains,
            objects_len: 0,
            entered: self.entered,
            is_tracked: self.is_tracked,
            is_irregular: false,
            is_partial: false,
            derived: self.derived,
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.arrays.clear();
        self.arrays_len = 0;
        self.chains.clear();
        self.objects_len = 0;
        self.entered.clear();
        self.is_irregular = false;
        self.is_partial = false;
        self.derived.clear();
    }

    pub(crate) fn push(&mut self, field: FieldId, value: Scalar<'a>, scope: Option<Scope>, in_array: bool) {
        let Ok(place) = u32::try_from(self.list.len()) else { return };
        match self.chains.get(field.index()) {
            Some((first, last)) => {
                if let Some(last) = self.list.get_mut(last as usize) {
                    last.next = Some(place);
                }
                self.chains.set(field.index(), (first, place));
            }
            None => self.chains.set(field.index(), (place, place)),
        }
        self.list.push(Leaf { field, value, scope, in_array, next: None });
    }

    /// Adds a string that is not in the record.
    pub(crate) fn push_derived(&mut self, field: FieldId, text: &str) {
        self.push_written(field, |derived| {
            derived.push_str(text);
            true
        });
    }

    /// Adds what `write` appends, if it says that there is something.
    pub(crate) fn push_written(&mut self, field: FieldId, write: impl FnOnce(&mut String) -> bool) {
        let from = self.derived.len();
        if write(&mut self.derived) {
            self.push(field, Scalar::Derived { from, to: self.derived.len() }, None, false);
        }
    }

    /// Whether to note what is [entered](Leaves::enter), which only filters ask.
    pub(crate) fn track(&mut self, is_tracked: bool) {
        self.is_tracked = is_tracked;
    }

    /// A number for an object whose members are about to be looked at.
    pub(crate) fn begin_object(&mut self) -> u32 {
        self.objects_len += 1;
        self.objects_len - 1
    }

    /// The same for all objects and arrays of a record whose numbers are known already; it has none yet.
    pub(crate) fn begin_all(&mut self, objects: u32, arrays: u32) {
        (self.objects_len, self.arrays_len) = (objects, arrays);
    }

    /// Notes that the member of an object is looked at, whose node is `child`.
    #[inline]
    pub(crate) fn enter(&mut self, child: NodeId, object: u32, is_dotted: bool) {
        if !self.is_tracked {
            return;
        }
        let at = child.index();
        self.is_irregular |= is_dotted | (self.entered.get(at) == Some(object));
        self.entered.set(at, object);
    }

    /// Notes that a member of an element of an array is not looked at.
    pub(crate) fn leave_out(&mut self) {
        self.is_partial = true;
    }

    /// Whether any was [left out](Leaves::leave_out).
    pub(crate) fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Whether every wanted path is spelled as a plain tree would have it: no name twice in an object, no name with a dot.
    pub(crate) fn is_regular(&self) -> bool {
        !self.is_irregular
    }

    /// Whether there is a value, of whatever kind, at this node of the trie that was walked.
    pub(crate) fn is_entered(&self, node: NodeId) -> bool {
        self.entered.get(node.index()).is_some()
    }

    /// A number for an array whose elements are about to be entered.
    pub(crate) fn begin_array(&mut self) -> u32 {
        self.arrays_len += 1;
        self.arrays_len - 1
    }

    /// Enters an element, an object or array, of the array numbered `array`.
    pub(crate) fn begin_element(&mut self, array: u32, index: usize, parent: Option<Scope>) -> Scope {
        // An index is smaller than the text is long, and that fits.
        self.arrays.add(parent, array, u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Whether no leaf stands in an element of an array that is an object or array itself.
    pub(crate) fn is_flat(&self) -> bool {
        self.arrays_len == 0
    }

    pub(crate) fn arrays(&self) -> &Arrays {
        &self.arrays
    }

    /// All leaves, in the order they were found.
    pub(crate) fn all(&self) -> &[Leaf<'a>] {
        &self.list
    }

    /// The leaves of one field, in the order they were found.
    #[inline]
    pub(crate) fn of(&self, field: FieldId) -> Chain<'_, 'a> {
        Chain { list: &self.list, next: self.chains.get(field.index()).map(|(first, _)| first) }
    }

    /// The bytes of a string leaf that needs no unescaping; `None` for everything else.
    #[inline]
    pub(crate) fn plain_bytes(&self, value: Scalar<'a>) -> Option<&[u8]> {
        match value {
            Scalar::String(text) if !text.is_escaped() => Some(text.raw()),
            Scalar::Derived { from, to } => self.derived.as_bytes().get(from..to),
            _ => None,
        }
    }

    /// A string leaf's text; `None` if it is no string.
    pub(crate) fn text(&self, value: Scalar<'a>) -> Result<Option<Cow<'_, str>>, Malformed> {
        Ok(match value {
            Scalar::String(text) => Some(text.unescape()?),
            Scalar::Derived { from, to } => self.derived.get(from..to).map(Cow::Borrowed),
            _ => None,
        })
    }
}

/// Walks the leaves of one field.
#[derive(Debug, Clone)]
pub(crate) struct Chain<'l, 'a> {
    list: &'l [Leaf<'a>],
    next: Option<u32>,
}

impl<'a> Iterator for Chain<'_, 'a> {
    type Item = Leaf<'a>;

    #[inline]
    fn next(&mut self) -> Option<Leaf<'a>> {
        let leaf = *self.list.get(self.next? as usize)?;
        self.next = leaf.next;
        Some(leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_keep_the_order_and_forget_at_once() {
        let mut leaves = Leaves::default();
        leaves.push(FieldId(7), Scalar::number("1"), None, false);
        leaves.push(FieldId(2), Scalar::True, None, false);
        leaves.push(FieldId(7), Scalar::number("2"), None, false);
        let numbers = |leaves: &Leaves<'_>, field| -> Vec<String> {
            leaves
                .of(FieldId(field))
                .map(|leaf| match leaf.value {
                    Scalar::Number(number) => number.text().to_owned(),
                    other => format!("{other:?}"),
                })
                .collect()
        };
        assert_eq!(numbers(&leaves, 7), ["1", "2"]);
        assert_eq!(numbers(&leaves, 2), ["True"]);
        leaves.clear();
        assert!(numbers(&leaves, 7).is_empty());
    }

    #[test]
    fn recycling_keeps_the_memory() {
        let text = "1".to_owned();
        let mut leaves = Leaves::default();
        for _ in 0..100 {
            leaves.push(FieldId(0), Scalar::number(&text), None, false);
        }
        let (capacity, place) = (leaves.list.capacity(), leaves.list.as_ptr() as usize);
        let recycled: Leaves<'static> = leaves.recycle();
        assert!(recycled.all().is_empty());
        assert_eq!((recycled.list.capacity(), recycled.list.as_ptr() as usize), (capacity, place));
    }
}
