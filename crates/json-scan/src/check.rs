//! Whether a text is JSON through and through.
//!
//! Looking inside a container checks what is looked at. Whoever is going to hand the text on has to know that all of it is
//! JSON, and this says so in one pass over the marks: what may stand between two neighbouring marks follows from their bytes and
//! from whether an object or an array is open.

use crate::malformed::{Malformed, Reason};
use crate::text::Text;
use crate::view::{Marks, scalar};

/// What stands around a comma.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Object,
    Array,
}

/// Checks the container that `marks` are.
pub(crate) fn check(marks: &Marks<'_>) -> Result<(), Malformed> {
    let whole = marks.whole();
    if let Err(error) = simdutf8::compat::from_utf8(whole) {
        return Err(Malformed::at(marks.offset(0) + error.valid_up_to(), Reason::NotUtf8));
    }
    let mut open: Vec<Open> = Vec::with_capacity(16);
    for mark in 0..marks.last() {
        let (byte, next) = (marks.byte(mark), marks.byte(mark + 1));
        match byte {
            b'{' => open.push(Open::Object),
            b'[' => open.push(Open::Array),
            b'}' | b']' => {
                open.pop();
            }
            _ => {}
        }
        let (at, text) = marks.between(mark);
        let around = open.last().copied();
        // Of brackets it is known that they pair up, so a closing one closes what is open.
        let closes = matches!(next, b'}' | b']');
        let expected = match (byte, around) {
            (b'}' | b']', _) => Expected::nothing(next == b',' || closes),
            (b'{', _) if next == b'}' && text.is_empty() => Expected::nothing(true),
            (b'[', _) if next == b']' && text.is_empty() => Expected::nothing(true),
            (b'{', _) | (b',', Some(Open::Object)) => {
                Expected { name: true, ..Expected::nothing(next == b':') }
            }
            (b':', Some(Open::Object)) | (b'[', _) | (b',', Some(Open::Array)) => match next {
                b'{' | b'[' => Expected::nothing(true),
                _ => Expected { value: true, ..Expected::nothing(next == b',' || closes) },
            },
            _ => Expected::nothing(false),
        };
        expected.check(at, text)?;
    }
    Ok(())
}

/// What has to stand between two marks.
struct Expected {
    name: bool,
    value: bool,
    /// Whether the second mark may follow the first.
    follows: bool,
}

impl Expected {
    fn nothing(follows: bool) -> Self {
        Expected { name: false, value: false, follows }
    }

    fn check(&self, at: usize, text: &[u8]) -> Result<(), Malformed> {
        let string = || Text::quoted(at, text);
        if !self.follows {
            return Err(Malformed::at(at, if self.value { Reason::NotAValue } else { Reason::NotAMember }));
        }
        match text {
            [] if !self.name && !self.value => Ok(()),
            [b'"', ..] if self.name || self.value => {
                string().ok_or(Malformed::at(at, Reason::NotAString))?.check_escapes()
            }
            _ if self.value => scalar(at, text).map(drop),
            _ if self.name => Err(Malformed::at(at, Reason::NotAMember)),
            _ => Err(Malformed::at(at, Reason::NotAValue)),
        }
    }
}
