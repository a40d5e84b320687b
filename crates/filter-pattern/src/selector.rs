//! `$.a.b[0].*`: which value of a JSON message a condition speaks of.

use std::fmt;

use crate::condition::write_quoted;
use crate::error::Errors;

/// A path from the root of a JSON message, of at least one step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    /// From the outside in.
    pub steps: Vec<Step>,
}

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// `.key` or `.['any key']`: the member of an object; nothing in an array.
    Key(String),
    /// `[n]`, from 0: the element of an array; nothing in an object.
    Index(usize),
    /// `.*` or `[*]`, which mean the same: each member of an object and each element of an array.
    AnyChild,
}

impl Selector {
    /// Parses a selector that stands alone, such as the value of a metric dimension.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as for a selector in a pattern.
    ///
    /// ```
    /// use filter_pattern::{Selector, Step};
    /// let selector = Selector::parse("$.items[0].['a.b']").unwrap();
    /// assert_eq!(selector.steps[2], Step::Key("a.b".to_owned()));
    /// assert!(Selector::parse("$..arn").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Errors> {
        crate::parse::selector(text)
    }

    /// How many steps are wildcards; AWS allows one.
    #[must_use]
    pub fn wildcards(&self) -> usize {
        self.steps.iter().filter(|step| **step == Step::AnyChild).count()
    }
}

/// Whether a key can be written without brackets.
pub(crate) fn is_key_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

impl fmt::Display for Selector {
    /// As in a pattern: `$.a['b.c'][0].*` is written `$.a.["b.c"][0][*]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) if !key.is_empty() && key.chars().all(is_key_character) => {
                    write!(f, ".{key}")?;
                }
                Step::Key(key) => {
                    f.write_str(".[")?;
                    write_quoted(f, key)?;
                    f.write_str("]")?;
                }
                Step::Index(index) if position == 0 => write!(f, ".[{index}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::AnyChild if position == 0 => f.write_str(".*")?,
                Step::AnyChild => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}
