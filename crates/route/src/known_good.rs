//! Known good: findings that are kept and told to nobody, because somebody answers for that.
//!
//! A [`Suppression`] stands in the configuration; a [`Silence`] is spoken while the service runs. Both say who answers for them, why, and
//! until when, and both hide by a pattern over the finding, so what they hide can be found again by asking the same pattern of the findings
//! that were kept.
//!
//! A suppression goes by the day of the finding, so a scan of last year's logs hides what was hidden then. A silence goes by the time at which
//! the finding is told: it is about people who do not want to hear of it now.

use event_pattern::Pattern;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::FindingEvent;
use crate::coverage::{Cells, Coverage};

/// Findings that the configuration says are good.
#[derive(Debug, Clone)]
pub struct Suppression {
    /// Its name, unique among the suppressions; what it hid is counted under it.
    pub id: Box<str>,
    /// Why it is good.
    pub reason: Box<str>,
    /// Who says so.
    pub owner: Box<str>,
    /// The last day it holds, in UTC; findings of the next day are told again.
    pub expires: Date,
    /// Which findings.
    pub pattern: Pattern,
}

impl Suppression {
    /// Whether there can be a finding that it hides, as far as that is certain.
    #[must_use]
    pub fn can_hide(&self) -> bool {
        Coverage::of(&self.pattern).may != Cells::NONE
    }

    /// Whether it hides the finding.
    #[must_use]
    pub fn hides(&self, finding: &FindingEvent) -> bool {
        let day = finding.time().map(|time| time.to_zoned(TimeZone::UTC).date());
        // A finding without a time is none that somebody can have meant.
        day.is_some_and(|day| day <= self.expires) && self.pattern.matches(finding.event())
    }
}

/// Findings that somebody does not want to be told of for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its name, unique among the silences.
    pub id: String,
    /// Who wants it.
    pub who: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; from then on findings are told again.
    pub until: Timestamp,
    /// Which findings: an event pattern over the finding.
    pub pattern: String,
}

/// Why there can be no such silence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// Without a rule, an account or a principal everything would be silenced.
    #[error("say what is to be silenced: a rule, an account, a principal, or a pattern")]
    Everything,
    /// The pattern is none.
    #[error("the pattern cannot be read: {0}")]
    Pattern(String),
    /// Findings are not like that.
    #[error(
        "no finding can match the pattern: it is one over findings, with `account`, `region`, and under `detail` `rule`, `severity`, `principal`, …"
    )]
    Never,
    /// It would be over before it began.
    #[error("the silence ends before it begins: give a time in the future")]
    Over,
    /// Nobody says why.
    #[error("say who wants the silence, and why: others will ask")]
    Unexplained,
}

impl Silence {
    /// A silence, with an id made of what it says.
    #[must_use]
    pub fn new(who: String, why: String, since: Timestamp, until: Timestamp, pattern: String) -> Self {
        let mut hasher = Sha256::new();
        for text in [&who, &why, &since.to_string(), &until.to_string(), &pattern] {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        let id = hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Silence { id, who, why, since, until, pattern }
    }

    /// The longest text of a silence, in bytes.
    pub const TEXT_MAX: usize = 16 * 1024;

    /// Whether it can be kept.
    ///
    /// # Errors
    ///
    /// If it says nothing, of nothing, or is over.
    pub fn check(&self) -> Result<(), SilenceError> {
        if self.who.trim().is_empty() || self.why.trim().is_empty() {
            return Err(SilenceError::Unexplained);
        }
        if self.until <= self.since {
            return Err(SilenceError::Over);
        }
        let texts = self.id.len() + self.who.len() + self.why.len() + self.pattern.len();
        if texts > Self::TEXT_MAX {
            return Err(SilenceError::Pattern(format!("more than {} bytes", Self::TEXT_MAX)));
        }
        let pattern =
            Pattern::parse(&self.pattern).map_err(|errors| SilenceError::Pattern(errors.to_string()))?;
        if Coverage::of(&pattern).may == Cells::NONE { Err(SilenceError::Never) } else { Ok(()) }
    }
}

/// The pattern of all findings of a rule, an account and a principal, as far as they are given. A principal is named by its ARN, its name or the
/// human behind it.
///
/// ```
/// assert_eq!(
///     route::pattern_of(Some("root-use"), Some("111122223333"), None).unwrap(),
///     r#"{"account":["111122223333"],"detail":{"rule":["root-use"]}}"#
/// );
/// ```
///
/// # Errors
///
/// If nothing is given.
pub fn pattern_of(
    rule: Option<&str>,
    account: Option<&str>,
    principal: Option<&str>,
) -> Result<String, SilenceError> {
    let mut pattern = serde_json::Map::new();
    if let Some(account) = account {
        pattern.insert("account".to_owned(), json!([account]));
    }
    if let Some(rule) = rule {
        pattern.insert("detail".to_owned(), json!({ "rule": [rule] }));
    }
    if let Some(principal) = principal {
        let by = |field: &str| json!({ "detail": { "principal": { field: [principal] } } });
        pattern.insert("$or".to_owned(), json!([by("arn"), by("name"), by("human")]));
    }
    if pattern.is_empty() {
        return Err(SilenceError::Everything);
    }
    Ok(serde_json::Value::Object(pattern).to_string())
}

impl FindingEvent {
    /// The pattern of what is like this finding: of its rule, its account and its principal, as far as it tells them.
    ///
    /// # Errors
    ///
    /// If it tells none of them.
    pub fn pattern_like(&self) -> Result<String, SilenceError> {
        let told = self.told();
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let principal = told.detail.principal.as_ref();
        let principal = principal.and_then(|one| one.arn.clone().or(one.name.clone()));
        let (rule, account) = (given(&told.detail.rule), given(&told.account));
        pattern_of(rule.as_deref(), account.as_deref(), principal.as_deref())
    }
}

/// What a suppression or a silence hid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// Revisions of findings it hid.
    pub count: u64,
    /// Since when it is known.
    pub since: Timestamp,
    /// When it first hid something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// When it last did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

impl Hidden {
    /// A suppression that hid nothing for so many days is worth a question.
    pub const IDLE_DAYS: i64 = 30;

    /// Nothing yet.
    #[must_use]
    pub fn since(since: Timestamp) -> Self {
        Hidden { count: 0, since, first: None, last: None }
    }

    pub(crate) fn one_more(&mut self, now: Timestamp) {
        self.count += 1;
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// Whether it hid nothing for [`IDLE_DAYS`](Self::IDLE_DAYS).
    #[must_use]
    pub fn is_idle(&self, now: Timestamp) -> bool {
        now.duration_since(self.last.unwrap_or(self.since)).as_hours() >= Self::IDLE_DAYS * 24
    }
}
