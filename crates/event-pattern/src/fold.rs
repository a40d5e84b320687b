//! Ignoring case as EventBridge does.
//!
//! Each UTF-16 unit of the *pattern* accepts its own lower-case or its own upper-case form, full mappings included (`ß` accepts
//! `ß` and `SS`); the event's text is never folded, so `k` does not accept the Kelvin sign. A character outside the basic plane is two
//! units, neither of which has a form of its own: each accepts only `?`. All of that was recorded on the service (September 2026).

use std::fmt;

/// A text that is compared without regard to case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IgnoreCase {
    text: Box<str>,
    /// Then comparing needs no units, and there are none.
    ascii: bool,
    units: Box<[Unit]>,
}

impl fmt::Debug for IgnoreCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IgnoreCase").field(&self.text).finish()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Unit {
    lower: Box<str>,
    upper: Box<str>,
}

impl IgnoreCase {
    pub(crate) fn new(text: &str) -> IgnoreCase {
        let ascii = text.is_ascii();
        let mut units = Vec::new();
        if !ascii {
            for character in text.chars() {
                if character.len_utf16() == 2 {
                    units.extend([
                        Unit { lower: "?".into(), upper: "?".into() },
                        Unit { lower: "?".into(), upper: "?".into() },
                    ]);
                } else {
                    units.push(Unit {
                        lower: character.to_lowercase().collect::<String>().into(),
                        upper: character.to_uppercase().collect::<String>().into(),
                    });
                }
            }
        }
        IgnoreCase { text: text.into(), ascii, units: units.into() }
    }

    /// The text in the pattern, in its own case.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text is ASCII only. Then "equal" means `eq_ignore_ascii_case`, which an index can use.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// Whether `value` as a whole is this text in some case.
    #[must_use]
    pub fn equals(&self, value: &str) -> bool {
        if self.ascii {
            return value.eq_ignore_ascii_case(&self.text);
        }
        self.ends_after(value).contains(&value.len())
    }

    /// Whether `value` begins with this text in some case.
    #[must_use]
    pub fn is_prefix_of(&self, value: &str) -> bool {
        if self.ascii {
            return value
                .as_bytes()
                .get(..self.text.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(self.text.as_bytes()));
        }
        !self.ends_after(value).is_empty()
    }

    /// Whether `value` ends with this text in some case.
    #[must_use]
    pub fn is_suffix_of(&self, value: &str) -> bool {
        if self.ascii {
            return value
                .len()
                .checked_sub(self.text.len())
                .and_then(|start| value.as_bytes().get(start..))
                .is_some_and(|tail| tail.eq_ignore_ascii_case(self.text.as_bytes()));
        }
        let value = value.as_bytes();
        let mut ends = vec![value.len()];
        for unit in self.units.iter().rev() {
            let mut next = Vec::with_capacity(2);
            for end in ends {
                for form in unit.forms() {
                    if value.get(..end).is_some_and(|head| head.ends_with(form.as_bytes())) {
                        push_new(&mut next, end - form.len());
                    }
                }
            }
            ends = next;
        }
        !ends.is_empty()
    }

    /// Every position up to which the units can have been read from the start of `value`. There are rarely two: the forms of one
    /// unit would have to be prefixes of each other.
    fn ends_after(&self, value: &str) -> Vec<usize> {
        let value = value.as_bytes();
        let mut starts = vec![0];
        for unit in &self.units {
            let mut next = Vec::with_capacity(2);
            for start in starts {
                for form in unit.forms() {
                    if value.get(start..).is_some_and(|tail| tail.starts_with(form.as_bytes())) {
                        push_new(&mut next, start + form.len());
                    }
                }
            }
            starts = next;
        }
        starts
    }
}

impl Unit {
    fn forms(&self) -> impl Iterator<Item = &str> {
        let upper = (self.upper != self.lower).then_some(&*self.upper);
        std::iter::once(&*self.lower).chain(upper)
    }
}

fn push_new(positions: &mut Vec<usize>, position: usize) {
    if !positions.contains(&position) {
        positions.push(position);
    }
}

#[cfg(test)]
mod tests {
    use super::IgnoreCase;

    #[test]
    fn forms_of_the_pattern_only() {
        for (pattern, value, equal) in [
            ("straße", "STRASSE", true),
            ("straße", "straße", true),
            ("straße", "strasse", false),
            ("k", "K", true),
            ("k", "\u{212a}", false),
            ("\u{212a}", "k", true),
            ("σ", "Σ", true),
            ("σ", "ς", false),
            ("İ", "i\u{307}", true),
            ("ﬀ", "FF", true),
            ("ﬀ", "ff", false),
            ("😀", "😀", false),
            ("😀", "??", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(IgnoreCase::new(pattern).equals(value), equal, "{pattern} {value}");
        }
        assert!(IgnoreCase::new("aß").is_prefix_of("ASSx"));
        assert!(IgnoreCase::new("ßa").is_suffix_of("xSSA"));
        assert!(IgnoreCase::new("ABC").is_suffix_of("xabc"));
        assert!(!IgnoreCase::new("ABC").is_suffix_of("bc"));
        assert!(IgnoreCase::new("é").is_prefix_of("Éa"));
    }
}
