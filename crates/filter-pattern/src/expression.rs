//! Conditions joined by `&&` and `||`.

use std::fmt;

use crate::condition::Test;
use crate::selector::Selector;
use crate::span::Span;

/// Conditions joined by `&&` (which binds tighter) and `||`. JSON patterns join [`Condition`]s, a field of a
/// space-delimited pattern joins [`FieldTest`]s.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr<C = Condition> {
    /// All of at least two.
    And(Vec<Expr<C>>),
    /// Any of at least two.
    Or(Vec<Expr<C>>),
    /// A single condition.
    Condition(C),
}

/// `selector test`, in a JSON pattern.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Which value.
    pub selector: Selector,
    /// What is asked of it.
    pub test: Test,
    /// Where it stands in the pattern.
    pub span: Span,
}

/// What a field of a space-delimited pattern is asked; its name is the field's.
#[derive(Debug, Clone)]
pub struct FieldTest {
    /// What is asked.
    pub test: Test,
    /// Where it stands in the pattern, name included.
    pub span: Span,
}

impl PartialEq for Condition {
    /// Equal in meaning: where they stand does not count.
    fn eq(&self, other: &Self) -> bool {
        self.selector == other.selector && self.test == other.test
    }
}

impl PartialEq for FieldTest {
    /// Equal in meaning: where they stand does not count.
    fn eq(&self, other: &Self) -> bool {
        self.test == other.test
    }
}

impl<C> Expr<C> {
    /// Whether the expression is true where `holds` says which conditions are.
    pub fn evaluate(&self, holds: &mut impl FnMut(&C) -> bool) -> bool {
        match self {
            Self::And(all) => all.iter().all(|part| part.evaluate(holds)),
            Self::Or(any) => any.iter().any(|part| part.evaluate(holds)),
            Self::Condition(condition) => holds(condition),
        }
    }

    /// The conditions, in the order they are written.
    ///
    /// ```
    /// use filter_pattern::{Filter, Kind};
    /// let filter = Filter::parse("{ $.a = 1 || $.b = 2 && $.c IS NULL }").unwrap();
    /// let Kind::Json(expr) = filter.kind() else { panic!() };
    /// let selectors: Vec<_> = expr.conditions().iter().map(|c| c.selector.to_string()).collect();
    /// assert_eq!(selectors, ["$.a", "$.b", "$.c"]);
    /// ```
    #[must_use]
    pub fn conditions(&self) -> Vec<&C> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::conditions).collect(),
            Self::Condition(condition) => vec![condition],
        }
    }

    /// Writes the expression with only the parentheses it needs to be read back as it is.
    pub(crate) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        leaf: &impl Fn(&mut fmt::Formatter<'_>, &C) -> fmt::Result,
    ) -> fmt::Result {
        let (parts, joint) = match self {
            Self::Condition(condition) => return leaf(f, condition),
            Self::And(parts) => (parts, " && "),
            Self::Or(parts) => (parts, " || "),
        };
        for (position, part) in parts.iter().enumerate() {
            if position > 0 {
                f.write_str(joint)?;
            }
            let bare = matches!((self, part), (_, Self::Condition(_)) | (Self::Or(_), Self::And(_)));
            if bare {
                part.write(f, leaf)?;
            } else {
                f.write_str("(")?;
                part.write(f, leaf)?;
                f.write_str(")")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.selector, self.test)
    }
}

impl fmt::Display for Expr {
    /// As inside the braces of a pattern.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &|f, condition| write!(f, "{condition}"))
    }
}
