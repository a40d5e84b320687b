//! What can be wrong with JSON text, and where.

/// Why a piece of text is not the JSON it should be, with the byte offset in the scanned buffer.
///
/// Offsets count from the start of the buffer handed to [`Scanner::new`](crate::Scanner::new).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct Malformed {
    /// Byte offset in the scanned buffer.
    pub offset: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// The kinds of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The text ended inside a container or string; more bytes may complete it.
    #[error("the text ends before the value does")]
    Unfinished,
    /// A closing bracket that does not pair with the one that is open, or with none.
    #[error("a closing bracket without its partner")]
    Unbalanced,
    /// Nesting beyond [`MAX_DEPTH`](crate::MAX_DEPTH).
    #[error("nested deeper than {} levels", crate::MAX_DEPTH)]
    TooDeep,
    /// A value was expected and something else stands there.
    #[error("not a JSON value")]
    NotAValue,
    /// An object was expected.
    #[error("not a JSON object")]
    NotAnObject,
    /// A member name that is not a string, or has no colon after it.
    #[error("not a member name followed by a colon")]
    NotAMember,
    /// A string with a bad escape, a raw control character, a lone surrogate, or a stray quote.
    #[error("not a valid JSON string")]
    NotAString,
    /// Bytes that are not UTF-8.
    #[error("not valid UTF-8")]
    NotUtf8,
    /// A buffer of 4 GiB or more.
    #[error("longer than 4 GiB in one piece")]
    TooLong,
}

impl Malformed {
    pub(crate) fn at(offset: usize, reason: Reason) -> Self {
        Malformed { offset, reason }
    }
}
