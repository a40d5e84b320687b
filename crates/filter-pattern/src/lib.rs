//! The CloudWatch Logs filter-pattern language: parse, match, extract, explain.
//!
//! A [`Filter`] is parsed once, with every mistake reported at its place, and then decides messages one by one:
//!
//! ```
//! use filter_pattern::Filter;
//!
//! let filter = Filter::parse(r#"{ $.eventName = "Stop*" && $.errorCode NOT EXISTS }"#).unwrap();
//! assert!(filter.matches(r#"{"eventName":"StopLogging"}"#));
//!
//! let denied = r#"{"eventName":"StopLogging","errorCode":"AccessDenied"}"#;
//! assert_eq!(
//!     filter.explain(denied).to_string(),
//!     "\
//! does not match
//!   ✗ all of
//!     ✓ $.eventName = \"Stop*\"   the field is \"StopLogging\"
//!     ✗ $.errorCode NOT EXISTS   the field is \"AccessDenied\"
//! "
//! );
//! ```
//!
//! What holds in this crate: what a condition asks of a value is decided by [`Test::holds`] and nowhere else; no text,
//! pattern or message, can make it panic, recurse without bound or take memory without bound; it knows no clock and
//! does no I/O.
//!
//! [`Filter::matches`] reads each message anew and is there to be right. An engine for many filters indexes
//! [`Filter::kind`] (exact texts by [`Text::literal`], terms by [`Terms::required`] and its siblings) and asks
//! [`Test::holds`] about what it found.
//!
#![doc = include_str!("../reference.md")]
#![deny(missing_docs)]

mod condition;
mod document;
mod error;
mod explain;
mod expression;
mod fields;
mod lint;
pub mod metric;
mod parse;
mod regex;
mod selector;
mod span;
mod terms;

use std::fmt;

pub use condition::{Comparison, Node, Number, Test, Text, Value};
pub use document::MESSAGE_DEPTH_MAX;
pub use error::{Error, ErrorKind, Errors};
pub use explain::{Explanation, Leaf, Reason, Verdict};
pub use expression::{Condition, Expr, FieldTest};
pub use fields::{BoundField, Field, SingleField, SpaceDelimited};
pub use lint::{Lint, LintId};
pub use regex::Regex;
pub use selector::{Selector, Step};
pub use span::Span;
pub use terms::{Content, Role, Term, Terms};

use document::Document;

/// A parsed filter pattern.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
    kind: Kind,
}

/// The three kinds of filter pattern, and the empty one.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The empty pattern: every message matches.
    Everything,
    /// Terms, found anywhere in the message.
    Terms(Terms),
    /// `{ … }`: conditions on a JSON message.
    Json(Expr),
    /// `[ … ]`: names for and conditions on the fields of a space-delimited message.
    Fields(SpaceDelimited),
}

impl Filter {
    /// Parses a filter pattern.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text, in the order of the text. AWS's quotas on wildcards and regular
    /// expressions are among the errors, because the service refuses such patterns; its quota on length is a lint.
    ///
    /// ```
    /// use filter_pattern::Filter;
    /// let errors = Filter::parse("{ $.eventName == StopLogging AND $.errorCode EXISTS }").unwrap_err();
    /// assert_eq!(errors.iter().count(), 3);
    /// assert_eq!(errors.aws_message(), "Invalid metric filter pattern");
    /// assert_eq!(errors.iter().next().unwrap().hint.as_deref(), Some("write `=`"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, Errors> {
        parse::parse(text).map(|kind| Self { text: text.to_owned(), kind })
    }

    /// What the pattern asks.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The pattern as it was handed to [`Filter::parse`]; spans refer to it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a log message matches. This is the plain, obviously correct matcher: an engine for many filters indexes
    /// [`Filter::kind`] and must agree with it.
    ///
    /// ```
    /// use filter_pattern::Filter;
    /// let filter = Filter::parse(r#"{ $.mfa != "Yes" }"#).unwrap();
    /// assert!(filter.matches(r#"{"mfa":"No"}"#));
    /// assert!(!filter.matches(r#"{}"#)); // `!=` asks for a field that is there
    /// ```
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        match &self.kind {
            Kind::Everything => true,
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(expr) => Document::parse(message).is_ok_and(|document| {
                expr.evaluate(&mut |condition| {
                    document
                        .find(&condition.selector)
                        .iter()
                        .any(|found| condition.test.holds(found.value.node()))
                })
            }),
            Kind::Fields(fields) => fields.matches(message),
        }
    }

    /// What AWS returns as `extractedValues` for a matching message, in the order of the message; `None` where the
    /// message does not match. Only space-delimited patterns extract anything.
    ///
    /// ```
    /// use filter_pattern::Filter;
    /// let filter = Filter::parse("[level, ..., status = 4*]").unwrap();
    /// let extracted = filter.extract("ERROR GET 404").unwrap();
    /// assert_eq!(extracted[1], ("$2".to_owned(), "GET".to_owned()));
    /// assert_eq!(extracted[2], ("$status".to_owned(), "404".to_owned()));
    /// ```
    #[must_use]
    pub fn extract(&self, message: &str) -> Option<Vec<(String, String)>> {
        match &self.kind {
            Kind::Fields(fields) => fields.extract(message),
            _ => self.matches(message).then(Vec::new),
        }
    }
}

impl fmt::Display for Filter {
    /// The pattern in its plainest spelling, which parses to the same [`Kind`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Everything => Ok(()),
            Kind::Terms(terms) => write!(f, "{terms}"),
            Kind::Json(expr) => write!(f, "{{ {expr} }}"),
            Kind::Fields(fields) => write!(f, "{fields}"),
        }
    }
}
