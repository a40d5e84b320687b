//! Where leaves stand among an event's arrays.
//!
//! Two values can satisfy a pattern together only if they are in the same element of every array that holds both. What counts is the
//! array *instance*: `[[…], […]]` has three. A scalar that is itself an element has no place in its array, so `{"b": ["0", "1"]}` never
//! restricts anything.
//!
//! Picture: places form a forest. Each [`Scope`] is one element of one array, below the element that array stands in.

use crate::term::Leaf;

/// One element, an object or array, of one array of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(u32);

/// All elements of all arrays that hold objects or arrays.
#[derive(Debug, Clone, Default)]
pub struct Arrays {
    scopes: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    parent: Option<Scope>,
    array: u32,
    element: u32,
}

/// A leaf and its innermost place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldRef<'a> {
    /// The value.
    pub leaf: Leaf<'a>,
    /// The innermost array element, an object or array, that holds it.
    pub scope: Option<Scope>,
}

impl Arrays {
    /// An event without arrays.
    #[must_use]
    pub fn new() -> Arrays {
        Arrays::default()
    }

    /// Adds the element at index `element` of the array numbered `array`, which stands inside `parent`. An array must have a number of its
    /// own within the event; which one does not matter.
    pub fn add(&mut self, parent: Option<Scope>, array: u32, element: u32) -> Scope {
        let scope = Scope(u32::try_from(self.scopes.len()).unwrap_or(u32::MAX));
        self.scopes.push(Entry { parent, array, element });
        scope
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.scopes.clear();
    }

    /// The (array, element) pairs around a place, the outermost first.
    #[must_use]
    pub fn chain(&self, scope: Option<Scope>) -> Vec<(u32, u32)> {
        let mut chain = Vec::new();
        let mut next = scope;
        while let Some(entry) = next.and_then(|scope| self.entry(scope)) {
            chain.push((entry.array, entry.element));
            next = entry.parent;
        }
        chain.reverse();
        chain
    }

    /// The place around a place, and which element of which array it is.
    pub(crate) fn parent(&self, scope: Scope) -> Option<(Option<Scope>, u32, u32)> {
        self.entry(scope).map(|entry| (entry.parent, entry.array, entry.element))
    }

    fn entry(&self, scope: Scope) -> Option<Entry> {
        self.scopes.get(usize::try_from(scope.0).ok()?).copied()
    }
}
