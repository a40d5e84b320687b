//! Why a pattern matches an event, or why not.
//!
//! An [`Explanation`] is a tree of alternatives, fields and terms, with the values of the event beside what was asked. For an event that
//! does not match it names the fields that stopped it in the alternative that came closest: without them it would have matched.
//!
//! Invariant: [`Explanation::matched`] is what [`Pattern::matches`] says.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::event::Event;
use crate::matching;
use crate::pattern::{Alternative, Field, Pattern};
use crate::term::{AnythingBut, Leaf, NumericRange, Term};

/// How many values of one field are shown.
const SHOWN_MAX: usize = 5;
/// How many characters of one value are shown.
const VALUE_LENGTH_MAX: usize = 120;

/// Why a pattern matches an event, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the event matches.
    pub matched: bool,
    /// Which alternative matches first, or comes closest.
    pub closest: usize,
    /// All of them, in the order of [`Pattern::alternatives`].
    pub alternatives: Vec<AlternativeExplanation>,
}

/// What became of one alternative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlternativeExplanation {
    /// Whether all fields are satisfied together.
    pub matched: bool,
    /// The fields, in the order of their paths.
    pub fields: Vec<FieldExplanation>,
    /// Why the fields are not satisfied together although each is on its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
}

/// What became of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldExplanation {
    /// The path.
    pub path: String,
    /// Whether some value satisfies some term, or the field is absent and may be.
    pub satisfied: bool,
    /// What was asked.
    pub terms: Vec<TermExplanation>,
    /// The event's values, as JSON; at most a few, each at most so long.
    pub found: Vec<String>,
    /// How many more there are.
    pub more: usize,
    /// Whether there is no value because the path leads to an object.
    pub object: bool,
}

/// What became of one term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TermExplanation {
    /// What the term asks, in words.
    pub wants: String,
    /// Whether it is satisfied.
    pub satisfied: bool,
    /// By which values; none for an absence.
    pub by: Vec<String>,
}

/// Fields that are satisfied each, but not by the same element of an array.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The path of the array.
    pub array: String,
    /// The paths that do not fit together; the last is where the search ended.
    pub paths: Vec<String>,
}

impl Pattern {
    /// Explains the verdict on an event.
    ///
    /// ```
    /// use event_pattern::{Event, Pattern};
    /// let pattern = Pattern::parse(r#"{"detail": {"errorCode": [{"exists": false}], "eventName": ["StopLogging"]}}"#)?;
    /// let event = Event::parse(r#"{"detail": {"errorCode": "AccessDenied", "eventName": "StopLogging"}}"#)?;
    /// let explanation = pattern.explain(&event);
    /// assert_eq!(explanation.stopped_by(), Some("detail.errorCode"));
    /// assert_eq!(explanation.to_string(), "\
    /// does not match, because of detail.errorCode
    /// ✗ detail.errorCode  wants: absent         event has: \"AccessDenied\"
    /// ✓ detail.eventName  wants: \"StopLogging\"  event has: \"StopLogging\"
    /// ");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn explain(&self, event: &Event) -> Explanation {
        let alternatives: Vec<AlternativeExplanation> =
            self.alternatives().iter().map(|alternative| explain_alternative(alternative, event)).collect();
        let closest = alternatives
            .iter()
            .enumerate()
            .min_by_key(|(_, alternative)| alternative.distance())
            .map_or(0, |(index, _)| index);
        let matched = alternatives.iter().any(|alternative| alternative.matched);
        Explanation { matched, closest, alternatives }
    }
}

impl Explanation {
    /// The alternative that matches, or comes closest.
    #[must_use]
    pub fn closest(&self) -> Option<&AlternativeExplanation> {
        self.alternatives.get(self.closest)
    }

    /// The paths of all fields that stopped the closest alternative; none if the event matches.
    #[must_use]
    pub fn stoppers(&self) -> Vec<&str> {
        self.closest().map(AlternativeExplanation::stoppers).unwrap_or_default()
    }

    /// The path of the first field that stopped the closest alternative.
    #[must_use]
    pub fn stopped_by(&self) -> Option<&str> {
        self.stoppers().first().copied()
    }
}

impl AlternativeExplanation {
    /// The paths of the fields that are not satisfied; of a conflict, the field where the search ended.
    #[must_use]
    pub fn stoppers(&self) -> Vec<&str> {
        if self.matched {
            return Vec::new();
        }
        let unsatisfied: Vec<&str> =
            self.fields.iter().filter(|field| !field.satisfied).map(|field| field.path.as_str()).collect();
        if unsatisfied.is_empty() {
            self.conflict.iter().filter_map(|conflict| conflict.paths.last()).map(String::as_str).collect()
        } else {
            unsatisfied
        }
    }

    /// How far from a match; of two that are as far, the one that satisfies more is closer.
    fn distance(&self) -> (bool, usize, std::cmp::Reverse<usize>) {
        let satisfied = self.fields.iter().filter(|field| field.satisfied).count();
        (!self.matched, self.stoppers().len(), std::cmp::Reverse(satisfied))
    }
}

fn explain_alternative(alternative: &Alternative, event: &Event) -> AlternativeExplanation {
    let matched = matching::matches(alternative, event);
    let fields: Vec<FieldExplanation> =
        alternative.fields().iter().map(|field| explain_field(field, event, matched)).collect();
    let conflict = if !matched && fields.iter().all(|field| field.satisfied) {
        conflict(alternative.fields(), event)
    } else {
        None
    };
    AlternativeExplanation { matched, fields, conflict }
}

fn explain_field(field: &Field, event: &Event, matched: bool) -> FieldExplanation {
    let path = field.path().as_str();
    let leaves: Vec<Leaf<'_>> = event.leaves(path).collect();
    let mut terms: Vec<TermExplanation> = field
        .terms()
        .iter()
        .map(|term| {
            let accepted = leaves.iter().filter(|leaf| term.accepts(**leaf));
            let by: Vec<String> = accepted.map(|leaf| show(*leaf)).take(SHOWN_MAX).collect();
            let satisfied = !by.is_empty() || (*term == Term::Absent && leaves.is_empty());
            TermExplanation { wants: term.to_string(), satisfied, by }
        })
        .collect();
    let satisfied = matched || terms.iter().any(|term| term.satisfied);
    if matched && terms.iter().all(|term| !term.satisfied) {
        // The only way to match without a value: the leaves there are stand in elements that were not chosen.
        for (term, explained) in field.terms().iter().zip(&mut terms) {
            explained.satisfied |= *term == Term::Absent;
        }
    }
    FieldExplanation {
        path: path.to_owned(),
        satisfied,
        terms,
        found: leaves.iter().take(SHOWN_MAX).map(|leaf| show(*leaf)).collect(),
        more: leaves.len().saturating_sub(SHOWN_MAX),
        object: leaves.is_empty() && event.has_below(path),
    }
}

/// The fields that keep each other from being satisfied together: the first that cannot join those before it, and the one before it with which
/// it quarrels, if it is one alone.
fn conflict(fields: &[Arc<Field>], event: &Event) -> Option<Conflict> {
    let together = |fields: Vec<Arc<Field>>| matching::matches(&Alternative::new(fields), event);
    let end = (1..=fields.len()).find(|end| !together(fields.iter().take(*end).cloned().collect()))?;
    let last = fields.get(end - 1)?;
    let before = fields.get(..end - 1)?;
    let quarrel: Vec<&Arc<Field>> =
        match before.iter().find(|other| !together(vec![Arc::clone(other), Arc::clone(last)])) {
            Some(other) => vec![other, last],
            None => before.iter().chain([last]).collect(),
        };
    let paths: Vec<String> = quarrel.iter().map(|field| field.path().to_string()).collect();
    let first = quarrel.first()?;
    let array = event.shared_array(first.path().as_str(), last.path().as_str()).unwrap_or_default();
    Some(Conflict { array, paths })
}

fn show(leaf: Leaf<'_>) -> String {
    match leaf {
        Leaf::String(text) => quoted(text),
        Leaf::Number(text) => shortened(text),
        Leaf::True => "true".to_owned(),
        Leaf::False => "false".to_owned(),
        Leaf::Null => "null".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(shortened(text)).to_string()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(VALUE_LENGTH_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(closest) = self.closest() else { return Ok(()) };
        if self.matched {
            f.write_str("matches")?;
        } else {
            write!(f, "does not match, because of {}", self.stoppers().join(", "))?;
        }
        if self.alternatives.len() > 1 {
            let which = if self.matched { "by" } else { "closest is" };
            write!(f, " ({which} alternative {} of {})", self.closest + 1, self.alternatives.len())?;
        }
        writeln!(f)?;
        closest.fmt(f)
    }
}

impl fmt::Display for AlternativeExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wants: Vec<String> = self.fields.iter().map(FieldExplanation::wants).collect();
        let width = |texts: &mut dyn Iterator<Item = &str>| {
            texts.map(|text| text.chars().count()).filter(|length| *length <= 60).max().unwrap_or(0)
        };
        let path_width = width(&mut self.fields.iter().map(|field| field.path.as_str()));
        let wants_width = width(&mut wants.iter().map(String::as_str));
        for (field, wants) in self.fields.iter().zip(&wants) {
            let mark = if field.satisfied { '✓' } else { '✗' };
            writeln!(
                f,
                "{mark} {:path_width$}  wants: {wants:wants_width$}  event has: {}",
                field.path,
                field.values()
            )?;
        }
        if let Some(conflict) = &self.conflict {
            writeln!(
                f,
                "✗ each is satisfied, but in different elements of {}: {}",
                conflict.array,
                conflict.paths.join(", ")
            )?;
        }
        Ok(())
    }
}

impl FieldExplanation {
    /// All terms in words.
    fn wants(&self) -> String {
        self.terms.iter().map(|term| term.wants.as_str()).collect::<Vec<_>>().join(" or ")
    }

    /// The values in words.
    fn values(&self) -> String {
        let mut text = self.found.join(", ");
        if self.more > 0 {
            text.push_str(&format!(" and {} more", self.more));
        }
        if !text.is_empty() {
            text
        } else if self.object {
            "an object, which is no value".to_owned()
        } else {
            "nothing".to_owned()
        }
    }
}

/// What the term asks, in words: `"x"`, `starts with "x"`, `absent`.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Equals(text) => f.write_str(&quoted(text)),
            Term::Address(range) => write!(f, "the address {}", range.text()),
            Term::Number(number) => f.write_str(number.text()),
            Term::True => f.write_str("true"),
            Term::False => f.write_str("false"),
            Term::Null => f.write_str("null"),
            Term::Prefix(text) => write!(f, "starts with {}", quoted(text)),
            Term::Suffix(text) => write!(f, "ends with {}", quoted(text)),
            Term::PrefixIgnoreCase(text) => write!(f, "starts with {} in any case", quoted(text.text())),
            Term::SuffixIgnoreCase(text) => write!(f, "ends with {} in any case", quoted(text.text())),
            Term::EqualsIgnoreCase(text) => write!(f, "{} in any case", quoted(text.text())),
            Term::Wildcard(wildcard) => write!(f, "like {}", quoted(wildcard.text())),
            Term::Numeric(range) => range.fmt(f),
            Term::Cidr(range) => write!(f, "an address in {}", range.text()),
            Term::Exists => f.write_str("present"),
            Term::Absent => f.write_str("absent"),
            Term::AnythingBut(excluded) => excluded.fmt(f),
        }
    }
}

impl fmt::Display for NumericRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = self.low.map(|low| (if low.inclusive { ">=" } else { ">" }, low.value));
        let high = self.high.map(|high| (if high.inclusive { "<=" } else { "<" }, high.value));
        match (low, high) {
            (Some((">=", low)), Some(("<=", high))) if low >= high => write!(f, "= {low}"),
            (Some((above, low)), Some((below, high))) => write!(f, "{above} {low} and {below} {high}"),
            (Some((sign, value)), None) | (None, Some((sign, value))) => write!(f, "{sign} {value}"),
            (None, None) => f.write_str("a number"),
        }
    }
}

impl fmt::Display for AnythingBut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let boxed = |texts: &[Box<str>]| texts.iter().map(|text| quoted(text)).collect::<Vec<_>>();
        let case = if matches!(self, AnythingBut::IgnoreCase(_)) { " in any case" } else { "" };
        let (what, texts) = match self {
            AnythingBut::Strings(texts) => ("", boxed(texts)),
            AnythingBut::Numbers(numbers) => ("", numbers.iter().map(f64::to_string).collect()),
            AnythingBut::Prefixes(texts) => ("what starts with ", boxed(texts)),
            AnythingBut::Suffixes(texts) => ("what ends with ", boxed(texts)),
            AnythingBut::IgnoreCase(texts) => ("", texts.iter().map(|text| quoted(text.text())).collect()),
            AnythingBut::Wildcards(texts) => {
                ("what is like ", texts.iter().map(|text| quoted(text.text())).collect())
            }
        };
        write!(f, "anything but {what}{}{case}", texts.join(" or "))
    }
}
