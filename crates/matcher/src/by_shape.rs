//! Something that is kept for each shape of records.

use json_scan::ShapeId;

/// Values by the number of a shape. Whose numbers those are is kept with them: a decoder that forgets its shapes counts anew.
#[derive(Debug)]
pub(crate) struct ByShape<T> {
    of: Option<u64>,
    values: Vec<Option<T>>,
}

impl<T> Default for ByShape<T> {
    fn default() -> Self {
        ByShape { of: None, values: Vec::new() }
    }
}

impl<T> ByShape<T> {
    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
    }

    /// What is kept for this shape.
    #[inline]
    pub(crate) fn get(&self, shape: ShapeId) -> Option<&T> {
        if self.of != Some(shape.shapes()) {
            return None;
        }
        self.values.get(shape.number())?.as_ref()
    }

    /// Forgets what belongs to other numbers than this shape's. Whether there was a change of numbers.
    pub(crate) fn turn_to(&mut self, shape: ShapeId) -> bool {
        let is_other = self.of != Some(shape.shapes());
        if is_other {
            self.of = Some(shape.shapes());
            self.values.clear();
        }
        is_other
    }

    /// Keeps something for this shape, and forgets what belongs to other numbers.
    pub(crate) fn keep(&mut self, shape: ShapeId, value: T) {
        self.turn_to(shape);
        if self.values.len() <= shape.number() {
            self.values.resize_with(shape.number() + 1, || None);
        }
        if let Some(place) = self.values.get_mut(shape.number()) {
            *place = Some(value);
        }
    }
}
