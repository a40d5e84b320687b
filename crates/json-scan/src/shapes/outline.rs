//! What a walk finds: which shape an object has, and where its values stand.

use std::sync::Mutex;

use super::ShapeId;
use super::trie::Found;
use crate::malformed::Malformed;
use crate::scanner::Spare;
use crate::structure::{Held, Known, place};
use crate::text::Text;
use crate::view::{Object, Value};

/// More values than objects of a learned shape have.
pub(super) const SLOTS: usize = 256;

/// Where a value stands: a string between its quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    from: u32,
    to: u32,
}

/// Where the values of the object stand that was walked last.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slots([Place; SLOTS]);

impl Default for Slots {
    fn default() -> Self {
        Slots([Place::default(); SLOTS])
    }
}

impl Slots {
    #[inline(always)]
    pub(super) fn put(&mut self, number: usize, from: usize, to: usize) {
        self.0[number % SLOTS] = Place { from: place(from), to: place(to) };
    }
}

/// The number of a value among all strings, numbers, `true` and `false` of an object, in the order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u16);

/// A well-formed object of a known shape.
#[derive(Debug, Clone, Copy)]
pub struct Outline<'a> {
    bytes: &'a [u8],
    from: u32,
    shape: ShapeId,
    slots: &'a [Place],
    is_plain: bool,
    known: Known,
}

impl<'a> Outline<'a> {
    /// Of the object from `from` on that was found in `bytes`.
    #[inline]
    pub(super) fn new(
        bytes: &'a [u8],
        from: usize,
        (shape, known): (ShapeId, Known),
        slots: &'a Slots,
        found: Found,
    ) -> Self {
        Outline {
            bytes: bytes.get(..found.end).unwrap_or_default(),
            from: place(from),
            shape,
            slots: slots.0.get(..found.slots).unwrap_or_default(),
            is_plain: found.is_plain,
            known,
        }
    }

    /// Whether all strings stand for themselves: none has an escape, or a byte beyond ASCII.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Which shape it has.
    #[inline]
    pub fn shape(&self) -> ShapeId {
        self.shape
    }

    /// The object's text, from bracket to bracket.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes.get(self.from as usize..).unwrap_or_default()
    }

    /// The bytes of a value: of a string those between its quotes, escapes and all. Empty if there is no such slot.
    #[inline]
    pub fn raw(&self, slot: Slot) -> &'a [u8] {
        let place = self.slots.get(usize::from(slot.0)).copied().unwrap_or_default();
        self.bytes.get(place.from as usize..place.to as usize).unwrap_or_default()
    }

    /// A value that is known to be a string.
    #[inline]
    pub fn text(&self, slot: Slot) -> Text<'a> {
        let place = self.slots.get(usize::from(slot.0)).copied().unwrap_or_default();
        Text::new(
            place.from as usize,
            self.bytes.get(place.from as usize..place.to as usize).unwrap_or_default(),
        )
    }

    /// What stands from a value on, up to the end of the object, and how long the value is.
    #[inline]
    pub fn from(&self, slot: Slot) -> (&'a [u8], usize) {
        let place = self.slots.get(usize::from(slot.0)).copied().unwrap_or_default();
        let rest = self.bytes.get(place.from as usize..).unwrap_or_default();
        (rest, place.to.saturating_sub(place.from) as usize)
    }

    /// The object, to be looked into.
    #[inline]
    pub fn unread(&self, room: &'a Room) -> Unread<'a> {
        Unread(Held::unmarked(self.bytes, self.from as usize, self.known, &room.0))
    }
}

/// Where objects are read that have not been, one after the other.
#[derive(Debug, Default)]
pub struct Room(Mutex<Spare>);

/// An object that is known to be well formed, and is read only if somebody asks for more than its outline.
#[derive(Debug)]
pub struct Unread<'a>(Held<'a>);

impl Unread<'_> {
    /// The whole object.
    #[inline]
    pub fn object(&self) -> Object<'_> {
        Object::new(&self.0, 0)
    }

    /// An object within it.
    #[inline]
    pub fn within(&self, at: Extent) -> Object<'_> {
        Object::new(&self.0, at.brackets)
    }

    /// Makes room for the next. Dropping it does no harm either, but buffers are then made anew.
    #[inline]
    pub fn leave(self) {
        self.0.leave_room();
    }
}

/// How much there is: of values that have a [`Slot`], and of containers. What stands in front of a value says which it is.
///
/// ```
/// use json_scan::{Extent, Scanner, Shapes};
///
/// let text = br#"{"a":{"b":["x",1],"c":null},"d":true}"#;
/// let mut scanner = Scanner::new(text)?;
/// let object = scanner.object()?;
/// let mut shapes = Shapes::default();
/// shapes.learn(object);
/// let outline = shapes.walk(text, 0).expect("this very shape");
/// let mut before = Extent::IN_OBJECT;
/// for member in object.members() {
///     let member = member?;
///     if member.key.is("d") {
///         assert_eq!(outline.raw(before.slot()), b"true");
///     }
///     before = before.and(Extent::of(member.value)?);
/// }
/// # Ok::<(), json_scan::Malformed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    values: u16,
    brackets: u32,
}

impl Extent {
    /// What stands in front of the first member of the outermost object, or within any container in front of its first value: the container itself.
    pub const IN_OBJECT: Extent = Extent { values: 0, brackets: 1 };

    /// The extent of a value with everything in it.
    ///
    /// # Errors
    ///
    /// If something in it is malformed.
    pub fn of(value: Value<'_>) -> Result<Extent, Malformed> {
        match value {
            Value::Object(object) => object
                .members()
                .try_fold(Extent::IN_OBJECT, |so_far, member| Ok(so_far.and(Extent::of(member?.value)?))),
            Value::Array(array) => array
                .elements()
                .try_fold(Extent::IN_OBJECT, |so_far, element| Ok(so_far.and(Extent::of(element?)?))),
            Value::String(_) | Value::Number(_) | Value::True | Value::False => {
                Ok(Extent { values: 1, brackets: 0 })
            }
            Value::Null => Ok(Extent::default()),
        }
    }

    /// Both, one behind the other.
    #[must_use]
    pub fn and(self, other: Extent) -> Extent {
        Extent {
            values: self.values.saturating_add(other.values),
            brackets: self.brackets.saturating_add(other.brackets),
        }
    }

    /// The slot of a value that has this much in front of it.
    #[must_use]
    pub fn slot(self) -> Slot {
        Slot(self.values)
    }
}
