//! What a filter says and its author probably did not mean.
//!
//! A lint never changes what a filter matches. AWS's limit on the length of a pattern is a lint here too, because it
//! says nothing about what the pattern means.

use std::cmp::Ordering;

use serde::{Serialize, Serializer};

use crate::condition::{Test, Text, Value};
use crate::expression::{Condition, Expr};
use crate::fields::SpaceDelimited;
use crate::parse::{PATTERN_WILDCARDS_MAX, REGEXES_MAX, first_octets, is_cidr};
use crate::span::Span;
use crate::terms::{Content, Role, Terms};
use crate::{Filter, Kind};

/// AWS takes patterns up to this many characters.
const PATTERN_CHARACTERS_MAX: usize = 1_024;

/// A probable mistake in a filter that parses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// Which kind of mistake.
    pub id: LintId,
    /// Where.
    pub span: Span,
    /// What the filter really says.
    pub message: String,
    /// What to write if something else was meant.
    pub hint: String,
}

/// The kinds of probable mistake. They serialize as [`LintId::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LintId {
    /// The pattern is longer than AWS takes.
    PatternLength,
    /// `!=` on a field of which nothing says what holds when it is absent.
    NotEqualAbsent,
    /// `!=` or `NOT EXISTS` behind a wildcard: one element is enough.
    WildcardNegation,
    /// `?term` beside other terms is ignored.
    IgnoredOptionalTerm,
    /// A level such as `error` in one case of letters only.
    LetterCase,
    /// A term of white space only.
    BlankTerm,
    /// A term that every message contains.
    EmptyTerm,
    /// All wildcards or regular expressions that AWS allows are used.
    QuotaReached,
    /// `<`, `<=`, `>`, `>=` never hold for strings, also not for `"5"`.
    OrderOfStrings,
    /// A range of addresses, compared as text.
    AddressRange,
    /// `= true` compares with a text.
    BooleanText,
    /// `= "null"` compares with a text.
    NullText,
    /// `?` is no wildcard.
    QuestionMark,
    /// Conditions of which at most one can hold are joined by `&&`.
    NeverTrue,
    /// Conditions of which one always holds are joined by `||`.
    AlwaysTrue,
    /// An empty entry in a space-delimited pattern.
    UnnamedField,
}

impl LintId {
    /// The identifier in kebab case, such as `not-equal-absent`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PatternLength => "pattern-length",
            Self::NotEqualAbsent => "not-equal-absent",
            Self::WildcardNegation => "wildcard-negation",
            Self::IgnoredOptionalTerm => "ignored-optional-term",
            Self::LetterCase => "letter-case",
            Self::BlankTerm => "blank-term",
            Self::EmptyTerm => "empty-term",
            Self::QuotaReached => "quota-reached",
            Self::OrderOfStrings => "order-of-strings",
            Self::AddressRange => "address-range",
            Self::BooleanText => "boolean-text",
            Self::NullText => "null-text",
            Self::QuestionMark => "question-mark",
            Self::NeverTrue => "never-true",
            Self::AlwaysTrue => "always-true",
            Self::UnnamedField => "unnamed-field",
        }
    }
}

impl Serialize for LintId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Filter {
    /// Probable mistakes, in the order of the text.
    ///
    /// ```
    /// use filter_pattern::{Filter, LintId};
    /// let filter = Filter::parse("?ERROR ?WARN -DEBUG").unwrap();
    /// assert_eq!(filter.lints()[0].id, LintId::IgnoredOptionalTerm);
    /// assert_eq!(filter.lints()[0].span.of(filter.text()), "?ERROR");
    /// ```
    #[must_use]
    pub fn lints(&self) -> Vec<Lint> {
        let mut lints = Lints { list: Vec::new() };
        lints.length(self.text());
        match self.kind() {
            Kind::Everything => {}
            Kind::Terms(terms) => lints.terms(terms),
            Kind::Json(expr) => lints.json(expr),
            Kind::Fields(fields) => lints.fields(fields),
        }
        lints.list.sort_by_key(|lint| (lint.span.offset, lint.id));
        lints.list
    }
}

struct Lints {
    list: Vec<Lint>,
}

impl Lints {
    fn push(&mut self, id: LintId, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.list.push(Lint { id, span, message: message.into(), hint: hint.into() });
    }

    fn length(&mut self, text: &str) {
        let length = text.trim().chars().count();
        if length > PATTERN_CHARACTERS_MAX {
            self.push(
                LintId::PatternLength,
                Span::new(text, 0, text.len()),
                format!("the pattern has {length} characters, and AWS takes {PATTERN_CHARACTERS_MAX}"),
                "to use it in AWS as well, split it into several filters",
            );
        }
    }

    fn terms(&mut self, terms: &Terms) {
        let ignored = terms.ignores_optional();
        for term in &terms.list {
            if ignored && term.role == Role::Optional {
                self.push(
                    LintId::IgnoredOptionalTerm,
                    term.span,
                    format!("`{term}` has no effect: `?` terms are ignored beside terms of other kinds"),
                    "write the alternatives as a regular expression, `%a|b%`, or as several filters",
                );
                continue;
            }
            if let Content::Text(text) = &term.content {
                self.term_text(terms, text, term.span);
            }
        }
        self.regexes(
            terms.list.iter().filter(|term| matches!(term.content, Content::Regex(_))).map(|term| term.span),
        );
    }

    fn term_text(&mut self, terms: &Terms, text: &str, span: Span) {
        const LEVELS: [&str; 8] =
            ["error", "warn", "warning", "fatal", "exception", "critical", "fail", "failed"];
        if text.is_empty() {
            let message = "every message contains the empty text";
            self.push(LintId::EmptyTerm, span, message, "an empty filter pattern matches every message");
        } else if text.trim().is_empty() {
            self.push(
                LintId::BlankTerm,
                span,
                "only messages with exactly this white space in them match",
                "an empty filter pattern matches every message",
            );
        }
        let same_word = |other: &Content| matches!(other, Content::Text(other) if other != text && other.eq_ignore_ascii_case(text));
        let covered = terms.list.iter().any(|term| same_word(&term.content));
        if !covered && LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text)) {
            let other =
                if text.chars().any(char::is_lowercase) { text.to_uppercase() } else { text.to_lowercase() };
            self.push(
                LintId::LetterCase,
                span,
                format!("letter case counts: `{text}` does not find `{other}`"),
                format!("add `{other}`, both with `?` if either is enough, if messages have both"),
            );
        }
    }

    fn json(&mut self, expr: &Expr) {
        let conditions = expr.conditions();
        for (position, condition) in conditions.iter().enumerate() {
            let earlier = conditions.get(..position).unwrap_or_default();
            self.absence(condition, &conditions, earlier);
            self.order(condition, earlier);
            if let Test::Equals(value) | Test::NotEquals(value) = &condition.test {
                self.value(&condition.selector.to_string(), value, condition.span);
            }
        }
        let wildcards: usize = conditions.iter().map(|condition| condition.selector.wildcards()).sum();
        let last = conditions.iter().rev().find(|condition| condition.selector.wildcards() > 0);
        if let (Some(last), PATTERN_WILDCARDS_MAX) = (last, wildcards) {
            self.push(
                LintId::QuotaReached,
                last.span,
                format!("all {PATTERN_WILDCARDS_MAX} wildcards that AWS allows in a pattern are used"),
                "name the element, `[0]`, where it is known",
            );
        }
        self.regexes(
            conditions.iter().filter(|condition| is_regex(&condition.test)).map(|condition| condition.span),
        );
        self.joints(expr, &|condition: &Condition| {
            (condition.selector.wildcards() == 0)
                .then(|| (condition.selector.to_string(), &condition.test, condition.span))
        });
    }

    /// `!=` and `NOT EXISTS` where something is not there.
    fn absence(&mut self, condition: &Condition, all: &[&Condition], earlier: &[&Condition]) {
        let Condition { selector, test, span } = condition;
        let negated = matches!(test, Test::NotEquals(_));
        if (negated || *test == Test::NotExists) && selector.wildcards() > 0 {
            let what = if negated { "differs" } else { "lacks the field" };
            self.push(
                LintId::WildcardNegation,
                *span,
                format!("one element that {what} is enough, whatever the others are"),
                "a filter pattern cannot ask that something holds for every element",
            );
            return;
        }
        let decides_absence =
            |other: &&Condition| other.selector == *selector && other.test == Test::NotExists;
        let said =
            |other: &&Condition| other.selector == *selector && matches!(other.test, Test::NotEquals(_));
        if negated && !all.iter().any(decides_absence) && !earlier.iter().any(said) {
            self.push(
                LintId::NotEqualAbsent,
                *span,
                format!(
                    "`!=` does not hold where `{selector}` is absent, null, a boolean, an array or an object"
                ),
                format!("if such messages should match, write `({condition} || {selector} NOT EXISTS)`"),
            );
        }
    }

    fn order(&mut self, condition: &Condition, earlier: &[&Condition]) {
        let Condition { selector, test, span } = condition;
        let ordered = |other: &Test| matches!(other, Test::Compare(..));
        if ordered(test) && !earlier.iter().any(|other| other.selector == *selector && ordered(&other.test)) {
            self.push(
                LintId::OrderOfStrings,
                *span,
                format!("only a JSON number satisfies this, never a string such as \"5\" in `{selector}`"),
                "strings can be compared with `=`, `!=`, `*` and regular expressions only",
            );
        }
    }

    fn value(&mut self, subject: &str, value: &Value, span: Span) {
        let Value::Text(text) = value else { return };
        if let Some(word @ ("true" | "false" | "TRUE" | "FALSE" | "True" | "False")) = text.literal() {
            self.push(
                LintId::BooleanText,
                span,
                format!("this compares with the text \"{word}\"; the boolean is no text"),
                format!("write `{subject} IS {}` for the boolean", word.to_uppercase()),
            );
        }
        if let Some(word @ ("null" | "NULL" | "Null")) = text.literal() {
            self.push(
                LintId::NullText,
                span,
                format!("this compares with the text \"{word}\"; null is no text"),
                format!("write `{subject} IS NULL` for null, `{subject} NOT EXISTS` for an absent field"),
            );
        }
        self.text(subject, text, span);
    }

    /// What holds for texts in both bracketed grammars.
    fn text(&mut self, subject: &str, text: &Text, span: Span) {
        if let Some((address, bits)) = text.literal().and_then(|text| text.split_once('/'))
            && is_cidr(address, bits)
        {
            self.push(
                LintId::AddressRange,
                span,
                "ranges of addresses do not exist: this compares with the text as it stands",
                format!("write `{subject} = {}`, where `*` stands for any text", first_octets(address, bits)),
            );
        }
        if text.pieces().iter().any(|piece| piece.contains('?')) {
            self.push(
                LintId::QuestionMark,
                span,
                "`?` stands for itself",
                "`*` stands for any text; a regular expression can ask for one character: `%a.c%`",
            );
        }
    }

    fn fields(&mut self, fields: &SpaceDelimited) {
        let mut regexes = Vec::new();
        for field in fields.single_fields() {
            if field.name.is_none() {
                self.push(
                    LintId::UnnamedField,
                    field.span,
                    "an empty entry holds the place of one field",
                    "name the field, or remove the comma",
                );
            }
            let Some(condition) = &field.condition else { continue };
            let name = field.name.as_deref().unwrap_or_default();
            for asked in condition.conditions() {
                if let Test::Equals(Value::Text(text)) | Test::NotEquals(Value::Text(text)) = &asked.test {
                    self.text(name, text, asked.span);
                }
                regexes.extend(is_regex(&asked.test).then_some(asked.span));
            }
            self.joints(condition, &|asked: &crate::FieldTest| {
                Some((name.to_owned(), &asked.test, asked.span))
            });
        }
        self.regexes(regexes.into_iter());
    }

    fn regexes(&mut self, places: impl Iterator<Item = Span>) {
        let places: Vec<Span> = places.collect();
        if let (Some(last), REGEXES_MAX) = (places.last(), places.len()) {
            self.push(
                LintId::QuotaReached,
                *last,
                format!("all {REGEXES_MAX} regular expressions that AWS allows in a pattern are used"),
                "AWS also allows only five filters with regular expressions per log group",
            );
        }
    }

    /// `$.a = x && $.a = y` never holds; `$.a != x || $.a != y` always does where there is a value. `subject` names
    /// what a condition is about, or `None` where it may be about several values at once.
    fn joints<C>(&mut self, expr: &Expr<C>, subject: &impl Fn(&C) -> Option<(String, &Test, Span)>) {
        let (parts, conjunction) = match expr {
            Expr::And(parts) => (parts, true),
            Expr::Or(parts) => (parts, false),
            Expr::Condition(_) => return,
        };
        let mut seen: Vec<(String, &Value)> = Vec::new();
        for part in parts {
            let Expr::Condition(condition) = part else {
                self.joints(part, subject);
                continue;
            };
            let Some((name, test, span)) = subject(condition) else { continue };
            let ((Test::Equals(value), true) | (Test::NotEquals(value), false)) = (test, conjunction) else {
                continue;
            };
            if seen.iter().any(|(other, earlier)| *other == name && exclude_each_other(earlier, value)) {
                if conjunction {
                    let message = format!("never true: `{name}` cannot equal two values at once");
                    self.push(LintId::NeverTrue, span, message, "join alternatives with `||`");
                } else {
                    let message =
                        format!("always true where `{name}` has a value: it differs from one of the two");
                    self.push(LintId::AlwaysTrue, span, message, "join exclusions with `&&`");
                }
            }
            seen.push((name, value));
        }
    }
}

fn is_regex(test: &Test) -> bool {
    matches!(test, Test::Equals(Value::Regex(_)) | Test::NotEquals(Value::Regex(_)))
}

/// Whether no value can equal both.
fn exclude_each_other(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => {
            matches!((left.literal(), right.literal()), (Some(left), Some(right)) if left != right)
        }
        // `1` and `1.0` are different texts and the same number.
        (Value::Number(left), Value::Number(right)) => {
            left.value().partial_cmp(&right.value()) != Some(Ordering::Equal)
        }
        _ => false,
    }
}
