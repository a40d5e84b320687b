//! Items by their place, for millions of them: a list that never moves what is in it.
//!
//! A `Vec` that grows asks for another stretch of memory and copies, and the system fills each stretch with zeros first: for a million
//! items that costs more than all that is done with them. Here room is added by blocks, and only the first, which is all that most rules
//! need, grows as a `Vec` does.

/// How many items a block holds, as a power of two.
const BLOCK_BITS: u32 = 10;
const BLOCK: usize = 1 << BLOCK_BITS;

#[derive(Debug, Clone)]
pub(crate) struct Slots<T> {
    /// All but the last are full.
    blocks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Slots { blocks: Vec::new(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        self.blocks.get((place >> BLOCK_BITS) as usize)?.get(place as usize % BLOCK)
    }

    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.blocks.get_mut((place >> BLOCK_BITS) as usize)?.get_mut(place as usize % BLOCK)
    }

    /// Puts an item behind the last, and says where that is; none when there are as many as places.
    pub(crate) fn push(&mut self, item: T) -> Option<u32> {
        let place = u32::try_from(self.len).ok()?;
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(item),
            last => {
                let mut block = Vec::with_capacity(if last.is_none() { 4 } else { BLOCK });
                block.push(item);
                self.blocks.push(block);
            }
        }
        self.len += 1;
        Some(place)
    }

    /// All of them with their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(self.blocks.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list() {
        let mut slots = Slots::new();
        for n in 0..5_000_u32 {
            assert_eq!(slots.push(n), Some(n));
        }
        assert_eq!((slots.len(), slots.get(5_000)), (5_000, None));
        assert!(slots.iter().all(|(place, item)| place == *item && slots.get(place) == Some(item)));
        if let Some(item) = slots.get_mut(4_321) {
            *item = 0;
        }
        assert_eq!(slots.get(4_321), Some(&0));
        assert_eq!(slots.iter().count(), 5_000);
    }
}
