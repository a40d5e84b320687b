//! The marks a search has found and nobody has used up.
//!
//! Their number is not known before they are written, and they are written eight at a time whether there are eight or not: what a block has
//! follows no pattern a processor could guess, so doing too much is quicker than deciding how much to do. The buffers therefore are
//! longer than what they hold.

use crate::block::BLOCK;

/// Marks by their offsets in the text, and which of them are brackets.
#[derive(Debug, Default)]
pub(crate) struct Found {
    offsets: Vec<u32>,
    marks: usize,
    /// Places in `offsets`.
    brackets: Vec<u32>,
    brackets_len: usize,
    /// Where blocks begin that have brackets inside strings.
    hidden: Vec<u32>,
}

/// How many slots are written at a time.
const STEP: usize = 8;

/// The same for brackets, which are fewer.
const BRACKETS_STEP: usize = 2;

impl Found {
    /// Offsets of the marks, in order.
    #[inline]
    pub(crate) fn offsets(&self) -> &[u32] {
        self.offsets.get(..self.marks).unwrap_or_default()
    }

    /// Places among the marks of those that are brackets.
    #[inline]
    pub(crate) fn brackets(&self) -> &[u32] {
        self.brackets.get(..self.brackets_len).unwrap_or_default()
    }

    /// Whether a bracket inside a string may stand between these offsets.
    pub(crate) fn hides(&self, from: usize, to: usize) -> bool {
        let block = |&base: &u32| (base as usize) < to && base as usize + BLOCK > from;
        !self.hidden.is_empty() && self.hidden.iter().any(block)
    }

    /// Notes that the block at `base` has brackets inside strings.
    #[cold]
    pub(crate) fn push_hidden(&mut self, base: u32) {
        self.hidden.push(base);
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.hidden.clear();
        self.marks = 0;
        self.brackets_len = 0;
    }

    /// Throws away the first `marks` marks, of which `brackets` are brackets.
    pub(crate) fn discard(&mut self, marks: usize, brackets: usize) {
        let (marks, brackets) = (marks.min(self.marks), brackets.min(self.brackets_len));
        // Where no mark is left, all that was searched is used up but for a string that may still be open: nothing is known to be behind it.
        let kept = self.offsets().get(marks).copied().unwrap_or(u32::MAX);
        self.hidden.retain(|base| *base as usize + BLOCK > kept as usize);
        self.offsets.copy_within(marks..self.marks, 0);
        self.marks -= marks;
        self.brackets.copy_within(brackets..self.brackets_len, 0);
        self.brackets_len -= brackets;
        let moved = u32::try_from(marks).unwrap_or(u32::MAX);
        for place in self.brackets.iter_mut().take(self.brackets_len) {
            *place = place.saturating_sub(moved);
        }
    }

    /// Makes room for as many marks as `blocks` blocks could have.
    pub(crate) fn reserve(&mut self, blocks: usize) {
        let most = blocks.saturating_add(1).saturating_mul(BLOCK);
        if self.offsets.len() < self.marks.saturating_add(most) {
            self.offsets.resize(self.marks.saturating_add(most), 0);
        }
        if self.brackets.len() < self.brackets_len.saturating_add(most) {
            self.brackets.resize(self.brackets_len.saturating_add(most), 0);
        }
    }

    /// Appends the marks of a block at `base`, of which `brackets` are brackets. Room was [made](Found::reserve).
    #[inline(always)]
    pub(crate) fn push(&mut self, base: u32, marks: u64, brackets: u64) {
        self.push_with(marks, brackets, |room: &mut [[u32; STEP]], count| {
            let (mut bits, mut written) = (marks, 0);
            for step in room {
                for slot in step {
                    *slot = base.wrapping_add(bits.trailing_zeros());
                    bits &= bits.wrapping_sub(1);
                }
                written += STEP;
                if written >= count {
                    break;
                }
            }
        });
    }

    /// The same where `write` knows how to write down that many offsets, some at a time.
    #[inline(always)]
    pub(crate) fn push_with<const AT_A_TIME: usize>(
        &mut self,
        marks: u64,
        brackets: u64,
        write: impl FnOnce(&mut [[u32; AT_A_TIME]], usize),
    ) {
        let count = marks.count_ones() as usize;
        let room = self.offsets.get_mut(self.marks..).unwrap_or_default();
        write(room.as_chunks_mut::<AT_A_TIME>().0, count);
        if brackets != 0 {
            self.push_brackets(marks, brackets);
        }
        self.marks += count;
    }

    #[inline(always)]
    fn push_brackets(&mut self, marks: u64, brackets: u64) {
        let first = u32::try_from(self.marks).unwrap_or(u32::MAX);
        let count = brackets.count_ones() as usize;
        let room = self.brackets.get_mut(self.brackets_len..).unwrap_or_default();
        let (steps, _) = room.as_chunks_mut::<BRACKETS_STEP>();
        let (mut bits, mut written) = (brackets, 0);
        for step in steps {
            for slot in step {
                // How many marks stand before it.
                *slot =
                    first.wrapping_add((marks & (bits & bits.wrapping_neg()).wrapping_sub(1)).count_ones());
                bits &= bits.wrapping_sub(1);
            }
            written += BRACKETS_STEP;
            if written >= count {
                break;
            }
        }
        self.brackets_len += count;
    }
}
