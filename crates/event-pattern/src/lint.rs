//! Patterns that are valid but may not do what was meant.
//!
//! One list, [`LintKind`], has every lint with its id and its level; the findings are in [`Pattern::lints`]. The quotas of the service are
//! here too: exceeding one is a warning, since quotas can be raised and differ from feature to feature.

use std::sync::Arc;

use serde::Serialize;

use crate::json::Span;
use crate::pattern::{Alternative, Field, Pattern};
use crate::term::{AnythingBut, Term};

/// The default quota for the size of a pattern, in characters.
const SIZE_QUOTA: usize = 2_048;
/// The size up to which the quota has been raised on request.
const SIZE_RAISED: usize = 4_096;

/// A remark about a valid pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lint {
    /// Which one.
    pub kind: LintKind,
    /// The path it is about; empty for the whole pattern.
    pub path: String,
    /// What is the matter.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Where.
    pub span: Span,
}

/// How much a lint matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing; often meant.
    Note,
    /// Hardly ever meant.
    Warning,
}

/// All lints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LintKind {
    /// The text is larger than the service's quota.
    PatternSize,
    /// A detail type that no event has, but that is found in old documents.
    ConsoleSignin,
    /// A number where events have an account id, which is a string.
    AccountNumber,
    /// A string where CloudTrail has a boolean, or the other way round.
    BooleanString,
    /// A CIDR block that holds every address of both families.
    CidrEverything,
    /// `anything-but` does not match where the field is missing.
    AnythingButMissing,
    /// Two `anything-but` in one list: what one excludes the other lets in.
    AnythingButTwice,
    /// `{"exists": true}` makes the other terms of its list pointless.
    ExistsCoversAll,
    /// A field that is written again later: the first counts for nothing.
    ReplacedField,
    /// An operator that EventBridge Pipes does not have.
    PipesOperator,
}

impl LintKind {
    /// Every lint, for reference pages.
    pub const ALL: [LintKind; 10] = [
        LintKind::PatternSize,
        LintKind::ConsoleSignin,
        LintKind::AccountNumber,
        LintKind::BooleanString,
        LintKind::CidrEverything,
        LintKind::AnythingButMissing,
        LintKind::AnythingButTwice,
        LintKind::ExistsCoversAll,
        LintKind::ReplacedField,
        LintKind::PipesOperator,
    ];

    /// The name by which a lint is switched off.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            LintKind::PatternSize => "pattern-size",
            LintKind::ConsoleSignin => "console-signin",
            LintKind::AccountNumber => "account-number",
            LintKind::BooleanString => "boolean-string",
            LintKind::CidrEverything => "cidr-everything",
            LintKind::AnythingButMissing => "anything-but-missing",
            LintKind::AnythingButTwice => "anything-but-twice",
            LintKind::ExistsCoversAll => "exists-covers-all",
            LintKind::ReplacedField => "replaced-field",
            LintKind::PipesOperator => "pipes-operator",
        }
    }

    /// How much it matters.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            LintKind::AnythingButMissing | LintKind::PipesOperator => Level::Note,
            _ => Level::Warning,
        }
    }
}

impl Pattern {
    /// What may not do what was meant, in the order of the text.
    ///
    /// ```
    /// use event_pattern::{LintKind, Pattern};
    /// let pattern = Pattern::parse(r#"{"account": [123456789012]}"#)?;
    /// assert_eq!(pattern.lints()[0].kind, LintKind::AccountNumber);
    /// # Ok::<(), event_pattern::Errors>(())
    /// ```
    #[must_use]
    pub fn lints(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        if let Some(size) = self.characters.filter(|size| *size > SIZE_QUOTA) {
            let raised =
                if size > SIZE_RAISED { ", and more than the quota is usually raised to" } else { "" };
            lints.push(Lint {
                kind: LintKind::PatternSize,
                path: String::new(),
                message: format!(
                    "the pattern has {size} characters; EventBridge takes {SIZE_QUOTA} by default{raised}"
                ),
                hint: "remove white space, or split the pattern if it is to run on AWS as well".to_owned(),
                span: Span { offset: 0, length: 0, line: 1, column: 1 },
            });
        }
        for replaced in &self.replaced {
            lints.push(Lint {
                kind: LintKind::ReplacedField,
                path: replaced.path.to_string(),
                message: format!(
                    "`{}` is written again in line {}; only that one counts",
                    replaced.path, replaced.by.line
                ),
                hint: "put all values into one list, or the conditions into `$or`".to_owned(),
                span: replaced.lost,
            });
        }
        for field in self.distinct_fields() {
            for (term, span) in field.terms().iter().zip(field.term_spans()) {
                if let Some((kind, message, hint)) = about_term(field, term) {
                    lints.push(Lint { kind, path: field.path().to_string(), message, hint, span: *span });
                }
            }
            if let Some((kind, message, hint)) = about_list(field) {
                let span = field.span();
                lints.push(Lint { kind, path: field.path().to_string(), message, hint, span });
            }
        }
        lints.sort_by_key(|lint| lint.span.offset);
        lints
    }

    /// What EventBridge Pipes would not take: `wildcard`, and `anything-but` with anything but plain values (AWS documentation).
    #[must_use]
    pub fn pipes_lints(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        for field in self.distinct_fields() {
            for (term, span) in field.terms().iter().zip(field.term_spans()) {
                let operator = match term {
                    Term::Wildcard(_) => "wildcard",
                    Term::AnythingBut(AnythingBut::Prefixes(_)) => "anything-but with prefix",
                    Term::AnythingBut(AnythingBut::Suffixes(_)) => "anything-but with suffix",
                    Term::AnythingBut(AnythingBut::IgnoreCase(_)) => "anything-but with equals-ignore-case",
                    Term::AnythingBut(AnythingBut::Wildcards(_)) => "anything-but with wildcard",
                    _ => continue,
                };
                lints.push(Lint {
                    kind: LintKind::PipesOperator,
                    path: field.path().to_string(),
                    message: format!("EventBridge Pipes has no {operator}"),
                    hint: "filter less in the pipe and the rest behind it".to_owned(),
                    span: *span,
                });
            }
        }
        lints.sort_by_key(|lint| lint.span.offset);
        lints
    }

    /// The fields as they were written: those that combinations share are there once.
    fn distinct_fields(&self) -> Vec<&Arc<Field>> {
        let mut seen = std::collections::HashSet::new();
        let fields = self.alternatives().iter().flat_map(Alternative::fields);
        fields.filter(|field| seen.insert(Arc::as_ptr(field))).collect()
    }
}

type Finding = (LintKind, String, String);

fn about_term(field: &Field, term: &Term) -> Option<Finding> {
    let path = field.path().as_str();
    let last_key = path.rsplit('.').next().unwrap_or(path);
    match term {
        Term::Equals(text) if path == "detail-type" && &**text == "AWS Console Signin via CloudTrail" => {
            Some((
                LintKind::ConsoleSignin,
                "no event has this detail type".to_owned(),
                "write `AWS Console Sign In via CloudTrail`".to_owned(),
            ))
        }
        Term::Number(number) => {
            let text = number.text();
            let account_key = matches!(
                last_key,
                "account" | "accountId" | "recipientAccountId" | "awsAccountId" | "ownerId" | "AccountId"
            );
            let account_shape = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
            (account_key || account_shape).then(|| {
                (
                    LintKind::AccountNumber,
                    format!("{text} is a number, but account ids are strings in events: it can never match"),
                    format!("write `\"{text:0>12}\"`"),
                )
            })
        }
        Term::Equals(text) if is_boolean_key(path) && matches!(&**text, "true" | "false") => Some((
            LintKind::BooleanString,
            format!("`{path}` is a boolean in CloudTrail events, not a string"),
            format!("write `{text}` without quotes"),
        )),
        Term::True | Term::False if last_key == "mfaAuthenticated" => Some((
            LintKind::BooleanString,
            "`mfaAuthenticated` is a string in CloudTrail events, not a boolean".to_owned(),
            format!("write `\"{term}\"`"),
        )),
        Term::Cidr(range)
            if range.low().iter().all(|digit| *digit == b'0')
                && range.high().iter().all(|digit| *digit == b'F') =>
        {
            Some((
                LintKind::CidrEverything,
                format!("`{}` holds every IPv4 and every IPv6 address", range.text()),
                "to ask whether there is any value, write `{\"exists\": true}`".to_owned(),
            ))
        }
        _ => None,
    }
}

fn is_boolean_key(path: &str) -> bool {
    matches!(path, "detail.readOnly" | "detail.managementEvent")
}

fn about_list(field: &Field) -> Option<Finding> {
    let terms = field.terms();
    let negations = terms.iter().filter(|term| matches!(term, Term::AnythingBut(_))).count();
    if terms.len() > 1 && terms.contains(&Term::Exists) {
        let message = if field.allows_absence() {
            "a value that is present or absent is always there: the field asks nothing"
        } else {
            "`{\"exists\": true}` is satisfied by every value: the other terms of the list change nothing"
        };
        Some((
            LintKind::ExistsCoversAll,
            message.to_owned(),
            "the terms of a list are alternatives; remove `{\"exists\": true}` to keep the others".to_owned(),
        ))
    } else if negations > 1 {
        Some((
            LintKind::AnythingButTwice,
            "the terms of a list are alternatives: what one `anything-but` excludes, another lets in"
                .to_owned(),
            "list all excluded values in one `anything-but`".to_owned(),
        ))
    } else if negations == 1 && !field.allows_absence() {
        Some((
            LintKind::AnythingButMissing,
            format!("`anything-but` does not match an event without `{}`", field.path()),
            "add `{\"exists\": false}` to the list if such events are meant too".to_owned(),
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{LintKind, Pattern};

    #[test]
    fn each_lint_has_a_pattern_that_has_it() {
        let cases = [
            (LintKind::ConsoleSignin, r#"{"detail-type": ["AWS Console Signin via CloudTrail"]}"#),
            (LintKind::AccountNumber, r#"{"account": [1]}"#),
            (LintKind::AccountNumber, r#"{"detail": {"x": [111122223333]}}"#),
            (LintKind::BooleanString, r#"{"detail": {"readOnly": ["true"]}}"#),
            (LintKind::BooleanString, r#"{"detail": {"userIdentity": {"mfaAuthenticated": [false]}}}"#),
            (LintKind::CidrEverything, r#"{"ip": [{"cidr": "0.0.0.0/0"}]}"#),
            (LintKind::AnythingButMissing, r#"{"a": [{"anything-but": "x"}]}"#),
            (LintKind::AnythingButTwice, r#"{"a": [{"anything-but": "x"}, {"anything-but": "y"}]}"#),
            (LintKind::ExistsCoversAll, r#"{"a": ["x", {"exists": true}]}"#),
            (LintKind::ReplacedField, r#"{"a": ["x"], "a": ["y"]}"#),
        ];
        for (kind, text) in cases {
            let lints = Pattern::parse(text).expect(text).lints();
            assert_eq!(lints.iter().map(|lint| lint.kind).collect::<Vec<_>>(), [kind], "{text}");
        }
        let long = format!(r#"{{"a": ["{}"]}}"#, "x".repeat(2_048));
        assert_eq!(Pattern::parse(&long).expect("valid").lints()[0].kind, LintKind::PatternSize);
        let pipes =
            Pattern::parse(r#"{"a": [{"wildcard": "x*"}, {"prefix": "y"}]}"#).expect("valid").pipes_lints();
        assert_eq!(pipes.len(), 1);
    }

    #[test]
    fn ordinary_patterns_have_none() {
        for text in [
            r#"{"source": ["aws.ec2"], "detail": {"readOnly": [true], "n": [5], "e": [{"exists": false}]}}"#,
            r#"{"a": [{"anything-but": "x"}, {"exists": false}], "b": [{"cidr": "10.0.0.0/8"}]}"#,
        ] {
            assert_eq!(Pattern::parse(text).expect(text).lints(), [], "{text}");
        }
    }

    #[test]
    fn spans_point_at_the_term() {
        let text = r#"{"a": ["x", {"cidr": "::/0"}]}"#;
        let lint = &Pattern::parse(text).expect("valid").lints()[0];
        let end = lint.span.offset + lint.span.length;
        assert_eq!(&text[lint.span.offset..end], r#"{"cidr": "::/0"}"#);
    }
}
