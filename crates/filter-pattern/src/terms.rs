//! Unstructured patterns: terms a message must contain, may contain, or must not contain.

use std::fmt;

use crate::condition::write_quoted;
use crate::regex::Regex;
use crate::span::Span;

/// An unstructured pattern: at least one term.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// In the order they are written, which has no meaning.
    pub list: Vec<Term>,
}

/// One term of an unstructured pattern.
#[derive(Debug, Clone)]
pub struct Term {
    /// Whether it must be there.
    pub role: Role,
    /// What is looked for.
    pub content: Content,
    /// Where it stands in the pattern, sign included.
    pub span: Span,
}

/// Whether a term must be in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `term`: must be there.
    Required,
    /// `?term`: one of them must be there, if there are no other terms; else it is ignored.
    Optional,
    /// `-term`: must not be there.
    Excluded,
}

/// What a term looks for in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An exact, case-sensitive part of the message; word ends do not count.
    Text(String),
    /// A regular expression.
    Regex(Regex),
}

impl Terms {
    /// The terms that must be in the message.
    pub fn required(&self) -> impl Iterator<Item = &Term> {
        self.with_role(Role::Required)
    }

    /// The terms that must not be in the message.
    pub fn excluded(&self) -> impl Iterator<Item = &Term> {
        self.with_role(Role::Excluded)
    }

    /// The `?` terms of which one must be in the message; none where AWS ignores them.
    pub fn optional(&self) -> impl Iterator<Item = &Term> {
        let ignored = self.ignores_optional();
        self.with_role(Role::Optional).filter(move |_| !ignored)
    }

    /// Whether `?` terms have no effect, because there is a term of another kind.
    #[must_use]
    pub fn ignores_optional(&self) -> bool {
        self.list.iter().any(|term| term.role != Role::Optional)
    }

    /// Whether the message satisfies the pattern.
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        if !self.ignores_optional() {
            return self.optional().any(|term| term.content.is_in(message));
        }
        self.required().all(|term| term.content.is_in(message))
            && !self.excluded().any(|term| term.content.is_in(message))
    }

    fn with_role(&self, role: Role) -> impl Iterator<Item = &Term> {
        self.list.iter().filter(move |term| term.role == role)
    }
}

impl Content {
    /// Whether the message contains it.
    #[must_use]
    pub fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

impl PartialEq for Term {
    /// Equal in meaning: where they stand does not count.
    fn eq(&self, other: &Self) -> bool {
        self.role == other.role && self.content == other.content
    }
}

/// Whether a term can be written without quotes. A leading `-` would be a sign.
pub(crate) fn is_bare_term(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_term_character)
}

pub(crate) fn is_term_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, term) in self.list.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.role {
            Role::Required => "",
            Role::Optional => "?",
            Role::Excluded => "-",
        })?;
        match &self.content {
            Content::Text(text) if is_bare_term(text) => f.write_str(text),
            Content::Text(text) => write_quoted(f, text),
            Content::Regex(regex) => write!(f, "{regex}"),
        }
    }
}
