//! Why a message matches a filter, or what keeps it from matching.
//!
//! An explanation has the shape of the filter, and every leaf of it is decided, also those that plain matching would not
//! have looked at any more. It agrees with [`Filter::matches`](crate::Filter::matches) always.

use std::fmt;

use serde::Serialize;

use crate::condition::{Node, Test};
use crate::document::{Document, Found, Value};
use crate::expression::{Condition, Expr};
use crate::fields::{BoundField, SpaceDelimited};
use crate::terms::{Content, Role, Term, Terms};
use crate::{Filter, Kind};

/// Values are shown up to this many characters.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// Why a message matches, or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the message matches.
    pub matched: bool,
    /// The reason, in the shape of the filter.
    pub reason: Reason,
}

/// Part of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Every part must be satisfied; with no part at all it is.
    All(Vec<Reason>),
    /// One part must be satisfied.
    Any(Vec<Reason>),
    /// A condition, a term, a field, or what the whole pattern asks of the message.
    Leaf(Leaf),
}

/// One thing the filter asks, and the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leaf {
    /// The answer.
    pub verdict: Verdict,
    /// What is asked, as the filter has it.
    pub asked: String,
    /// Of what: a selector (`$.errorCode`), a field (`$status`), a term as it is written; `$` for the whole message.
    pub subject: String,
    /// Where the value that decided stands, if the selector has a wildcard and found something.
    pub at: Option<String>,
    /// The value that decided, as JSON or, for a space-delimited message, as it is; shortened. `None` where nothing is
    /// there.
    pub value: Option<String>,
    /// The answer in words.
    pub why: String,
}

/// The answer to one leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Satisfied,
    /// It does not hold.
    Unsatisfied,
    /// The service ignores it: a `?term` beside terms of other kinds.
    Ignored,
}

impl Verdict {
    fn of(satisfied: bool) -> Self {
        if satisfied { Self::Satisfied } else { Self::Unsatisfied }
    }
}

impl Explanation {
    /// What kept the message from matching, or `None` if it matches: the subject of the first of [`Self::stoppers`].
    ///
    /// ```
    /// use filter_pattern::Filter;
    /// let filter = Filter::parse("{ $.eventName = StopLogging && $.errorCode NOT EXISTS }").unwrap();
    /// let explanation = filter.explain(r#"{"eventName":"StopLogging","errorCode":"AccessDenied"}"#);
    /// assert_eq!(explanation.stopped_by().as_deref(), Some("$.errorCode"));
    /// ```
    #[must_use]
    pub fn stopped_by(&self) -> Option<String> {
        self.stoppers().first().map(|leaf| leaf.subject.clone())
    }

    /// Every leaf that kept the message from matching, in the order of the filter: the unsatisfied parts of what must
    /// hold wholly, and every part of alternatives that all failed. Empty if the message matches.
    #[must_use]
    pub fn stoppers(&self) -> Vec<&Leaf> {
        let mut stoppers = Vec::new();
        self.reason.collect_stoppers(&mut stoppers);
        stoppers
    }
}

impl Reason {
    /// Whether this part is satisfied. An ignored leaf stands in nobody's way.
    #[must_use]
    pub fn is_satisfied(&self) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(Self::is_satisfied),
            Self::Any(parts) => parts.iter().any(Self::is_satisfied),
            Self::Leaf(leaf) => leaf.verdict != Verdict::Unsatisfied,
        }
    }

    fn collect_stoppers<'r>(&'r self, stoppers: &mut Vec<&'r Leaf>) {
        match self {
            _ if self.is_satisfied() => {}
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.collect_stoppers(stoppers);
                }
            }
            Self::Leaf(leaf) => stoppers.push(leaf),
        }
    }
}

impl Filter {
    /// Explains the verdict on one message, leaf by leaf.
    ///
    /// ```
    /// use filter_pattern::Filter;
    /// let filter = Filter::parse(r#"{ $.additionalEventData.MFAUsed != "Yes" }"#).unwrap();
    /// assert_eq!(
    ///     filter.explain("{}").to_string(),
    ///     "does not match\n  \
    ///      ✗ $.additionalEventData.MFAUsed != \"Yes\"   \
    ///      the field is absent (an absent field never satisfies !=)\n"
    /// );
    /// ```
    #[must_use]
    pub fn explain(&self, message: &str) -> Explanation {
        let reason = match self.kind() {
            Kind::Everything => Reason::All(Vec::new()),
            Kind::Terms(terms) => self.explain_terms(terms, message),
            Kind::Json(expr) => match Document::parse(message) {
                Ok(document) => shaped(expr, &|condition| self.explain_condition(condition, &document)),
                Err(why) => Reason::Leaf(whole_message("a message that is a JSON object", why.to_string())),
            },
            Kind::Fields(fields) => self.explain_fields(fields, message),
        };
        Explanation { matched: reason.is_satisfied(), reason }
    }

    fn explain_terms(&self, terms: &Terms, message: &str) -> Reason {
        let ignores_optional = terms.ignores_optional();
        let leaves =
            terms.list.iter().map(|term| Reason::Leaf(self.explain_term(term, ignores_optional, message)));
        if ignores_optional { Reason::All(leaves.collect()) } else { Reason::Any(leaves.collect()) }
    }

    fn explain_term(&self, term: &Term, ignores_optional: bool, message: &str) -> Leaf {
        let there = term.content.is_in(message);
        let verdict = match term.role {
            Role::Optional if ignores_optional => Verdict::Ignored,
            Role::Required | Role::Optional => Verdict::of(there),
            Role::Excluded => Verdict::of(!there),
        };
        let mut why =
            if there { "the message contains it" } else { "the message does not contain it" }.to_owned();
        if let (false, Content::Text(text)) = (there, &term.content)
            && message.to_lowercase().contains(&text.to_lowercase())
        {
            "the message contains it only in other letter case".clone_into(&mut why);
        }
        if verdict == Verdict::Ignored {
            "ignored: a `?` term has no effect beside terms of other kinds".clone_into(&mut why);
        }
        let asked = term.span.of(self.text()).to_owned();
        Leaf { verdict, subject: asked.clone(), asked, at: None, value: None, why }
    }

    fn explain_condition(&self, condition: &Condition, document: &Document<'_>) -> Leaf {
        let found = document.find(&condition.selector);
        let satisfying = found.iter().position(|found| condition.test.holds(found.value.node()));
        // Where nothing satisfies, a value says more than a place where there is none.
        let shown =
            satisfying.or_else(|| found.iter().position(|found| found.value != Value::Absent)).unwrap_or(0);
        let verdict = Verdict::of(satisfying.is_some());
        let Some(shown) = found.get(shown) else {
            return whole_message("a value", "the selector reaches nothing".to_owned());
        };
        let mut why = describe(&condition.test, shown, verdict);
        if verdict == Verdict::Unsatisfied && found.len() > 1 {
            why = format!("none of the {} values does; for one, {why}", found.len());
        }
        let resolved = condition.selector.wildcards() > 0 && shown.value != Value::Absent;
        Leaf {
            verdict,
            asked: condition.span.of(self.text()).to_owned(),
            subject: condition.selector.to_string(),
            at: resolved.then(|| shown.path.to_string()),
            value: show(&shown.value),
            why,
        }
    }

    fn explain_fields(&self, fields: &SpaceDelimited, message: &str) -> Reason {
        let Some(bound) = fields.bind(message) else {
            let needed = fields.single_fields().count().max(1);
            let fields = if needed == 1 { "field" } else { "fields" };
            let why = "the message has fewer".to_owned();
            return Reason::Leaf(whole_message(&format!("a message of at least {needed} {fields}"), why));
        };
        Reason::All(bound.iter().filter_map(|bound| self.explain_field(bound)).collect())
    }

    /// `None` for what `...` took: nothing is asked of it.
    fn explain_field(&self, bound: &BoundField<'_, '_>) -> Option<Reason> {
        let field = bound.field?;
        let leaf = |asked: String, verdict: Verdict, why: String| Leaf {
            verdict,
            asked,
            subject: bound.key(),
            at: None,
            value: Some(shorten(bound.value)),
            why,
        };
        let Some(condition) = &field.condition else {
            let asked = field.name.clone().unwrap_or_else(|| bound.key());
            return Some(Reason::Leaf(leaf(
                asked,
                Verdict::Satisfied,
                format!("is `{}`", shorten(bound.value)),
            )));
        };
        let node = Node::of_field(bound.value);
        Some(shaped(condition, &|asked| {
            let verdict = Verdict::of(asked.test.holds(node));
            let mut why = format!("the field is `{}`", shorten(bound.value));
            if let (Test::Compare(..), Node::String(_)) = (&asked.test, node) {
                why.push_str(", which is no number");
            }
            leaf(asked.span.of(self.text()).to_owned(), verdict, why)
        }))
    }
}

/// The explanation in the shape of the expression.
fn shaped<C>(expr: &Expr<C>, leaf: &impl Fn(&C) -> Leaf) -> Reason {
    match expr {
        Expr::And(parts) => Reason::All(parts.iter().map(|part| shaped(part, leaf)).collect()),
        Expr::Or(parts) => Reason::Any(parts.iter().map(|part| shaped(part, leaf)).collect()),
        Expr::Condition(condition) => Reason::Leaf(leaf(condition)),
    }
}

/// The message as a whole is not what the pattern is about.
fn whole_message(asked: &str, why: String) -> Leaf {
    Leaf {
        verdict: Verdict::Unsatisfied,
        asked: asked.to_owned(),
        subject: "$".to_owned(),
        at: None,
        value: None,
        why,
    }
}

fn describe(test: &Test, found: &Found<'_>, verdict: Verdict) -> String {
    let is = match &found.value {
        Value::Absent => "the field is absent".to_owned(),
        Value::Array { .. } => "the field is an array".to_owned(),
        Value::Object { .. } => "the field is an object".to_owned(),
        value => format!("the field is {}", show(value).unwrap_or_default()),
    };
    if verdict == Verdict::Satisfied {
        return match (test, &found.value) {
            (Test::IsNull, Value::Array { .. }) => format!("{is} with a null in it"),
            _ => is,
        };
    }
    let operator = match test {
        Test::Equals(_) => "=",
        Test::NotEquals(_) => "!=",
        Test::Compare(comparison, _) => comparison.symbol(),
        Test::IsNull | Test::IsTrue | Test::IsFalse | Test::NotExists => "",
    };
    let because = match (test, found.value.node()) {
        (Test::NotEquals(_), Node::Absent) => "an absent field never satisfies !=",
        (Test::NotEquals(_), Node::Null) => "null never satisfies !=",
        (Test::Equals(_), Node::Null) => "IS NULL asks for it",
        (Test::NotExists, Node::Null) => "null counts as there",
        (Test::Equals(_) | Test::NotEquals(_), Node::True) => "IS TRUE asks for it",
        (Test::Equals(_) | Test::NotEquals(_), Node::False) => "IS FALSE asks for it",
        (Test::Equals(_) | Test::NotEquals(_), Node::Array { .. }) => {
            return format!("{is} ({operator} looks at strings and numbers; [*] looks at the elements)");
        }
        (Test::Equals(_) | Test::NotEquals(_), Node::Object) => {
            return format!("{is} ({operator} looks at strings and numbers; .* looks at the members)");
        }
        (Test::Compare(..), Node::String(_)) => {
            return format!("{is} ({operator} compares numbers only, not strings)");
        }
        _ => return is,
    };
    format!("{is} ({because})")
}

/// A value as JSON, shortened; `None` for an absent one.
fn show(value: &Value<'_>) -> Option<String> {
    let text = match value {
        Value::Absent => return None,
        Value::Null => "null".to_owned(),
        Value::True => "true".to_owned(),
        Value::False => "false".to_owned(),
        Value::String(text) => serde_json::Value::from(text.as_ref()).to_string(),
        Value::Number(raw) | Value::Array { raw, .. } | Value::Object { raw } => (*raw).to_owned(),
    };
    Some(shorten(&text))
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text.to_owned(),
    }
}

impl fmt::Display for Explanation {
    /// A verdict, then one line per leaf, indented as the filter nests; ends with a newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.matched { "matches\n" } else { "does not match\n" })?;
        if self.reason == Reason::All(Vec::new()) {
            return f.write_str("  ✓ nothing is asked\n");
        }
        self.reason.write(f, 1)
    }
}

impl Reason {
    fn write(&self, f: &mut fmt::Formatter<'_>, level: usize) -> fmt::Result {
        let indent = "  ".repeat(level);
        let (parts, title) = match self {
            Self::Leaf(leaf) => return writeln!(f, "{indent}{leaf}"),
            Self::All(parts) => (parts, "all of"),
            Self::Any(parts) => (parts, "any of"),
        };
        writeln!(f, "{indent}{} {title}", if self.is_satisfied() { '✓' } else { '✗' })?;
        parts.iter().try_for_each(|part| part.write(f, level + 1))
    }
}

impl fmt::Display for Leaf {
    /// `✗ $.a = 1   the field is absent`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Satisfied => '✓',
            Verdict::Unsatisfied => '✗',
            Verdict::Ignored => '-',
        };
        write!(f, "{mark} {}   ", self.asked)?;
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        f.write_str(&self.why)
    }
}
