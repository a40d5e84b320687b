//! What a person is told of a finding, before any format.
//!
//! A message answers at 3 a.m.: what happened, who, from where, in which account, when, why it matters, what to look at first, where the
//! event is, what was asked for, and how to silence it. Targets differ in how they show it and in nothing else.
//!
//! Invariant: every text is bounded and has no [hidden](crate::printable::is_hidden) character, and only [`Body::Yaml`] and
//! [`Body::Text`] have more than one line. What a format takes for markup is in there as it came: escaping it is the target's part.

mod console;
mod facts;
mod progress;
mod silence;
mod text;
mod yaml;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::finding::Detail;
use crate::printable::line;
use crate::{FindingEvent, Kind, Severity, State, Telling};

/// The longest headline, in characters.
pub const HEADLINE_MAX: usize = 250;
/// The longest prose, value of a fact, or check, in characters.
pub const PROSE_MAX: usize = 500;
/// The most facts a message has.
pub const FACTS_MAX: usize = 20;
/// The most checks a message has.
pub const CHECKS_MAX: usize = 10;

/// What a drill's messages begin with; a headline begins with `[` otherwise.
const DRILL: &str = "DRILL ";

/// What a person is told of a finding. `Display` is its plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id of the conversation, which is that of the finding it began with; the same for all its messages.
    pub finding: String,
    /// The message's number in the conversation: a later one updates what an earlier one said.
    pub revision: u32,
    /// Whether it begins the conversation, goes on with it, or ends it.
    pub kind: Kind,
    /// The id of the rule.
    pub rule: String,
    /// How grave it is.
    pub severity: Severity,
    /// Whether it stands.
    pub state: State,
    /// When it happened, if the finding tells.
    pub time: Option<Timestamp>,
    /// What happened, in a line that begins with the severity, or with the state if it does not stand.
    pub headline: String,
    /// What happened, in a sentence.
    pub summary: String,
    /// Who, from where, where, when, and whatever else is short. Each value is one line.
    pub facts: Vec<Fact>,
    /// What does not fit into a line.
    pub sections: Vec<Section>,
    /// What to look at before anything else.
    pub checks: Vec<String>,
    /// Where to read on.
    pub links: Vec<Link>,
}

/// Something short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub label: &'static str,
    /// The value.
    pub value: String,
}

/// Something longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it is.
    pub title: &'static str,
    /// The text.
    pub body: Body,
}

/// The text of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A sentence or several, on one line.
    Prose(String),
    /// A YAML document of at most 60 lines, to be shown as it stands. It ends with a line feed.
    Yaml(String),
    /// Several lines in somebody's own words; their section has no title.
    Text(String),
}

/// A link. Its address is made here and contains nothing that an event could have smuggled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it leads to.
    pub label: String,
    /// An `https` address of letters, digits and `:/?&=#.-`.
    pub url: String,
}

impl Message {
    /// The message of a finding by itself.
    #[must_use]
    pub fn of(finding: &FindingEvent) -> Message {
        Self::told(finding, &Telling::alone(finding))
    }

    /// The message of a finding that stands for a conversation: its newest. A first message is whole. A later one says how it went on, and what is
    /// needed to know what it is about.
    #[must_use]
    pub fn told(finding: &FindingEvent, telling: &Telling) -> Message {
        Self::told_in(finding, telling, None)
    }

    /// The same, with times in a zone beside UTC.
    #[must_use]
    pub fn told_in(finding: &FindingEvent, telling: &Telling, zone: Option<&TimeZone>) -> Message {
        let told = finding.told();
        let detail = &told.detail;
        let record = first_record(detail);
        let drill = if finding.is_drill() { DRILL } else { "" };
        let title = if detail.title.trim().is_empty() { &detail.rule } else { &detail.title };
        // It says so itself, for whoever is shown nothing else.
        let title = title.strip_prefix(drill).unwrap_or(title);
        let mark = match (detail.state, telling.kind) {
            (State::Firing, Kind::Closing) => "closed",
            (State::Firing, _) => detail.severity.name(),
            (state, _) => state.name(),
        };
        let is_first = telling.kind == Kind::First;
        let prose = |text: &Option<String>| text.as_deref().map(|text| line(text, PROSE_MAX));
        let mut sections = Vec::new();
        let mut section = |title, body| sections.push(Section { title, body });
        if let Some(why) = prose(&detail.description).filter(|why| is_first && !why.is_empty()) {
            section("Why it matters", Body::Prose(why));
        }
        if let Some(parameters) = record.as_ref().and_then(parameters).filter(|_| is_first) {
            section("Request parameters", Body::Yaml(yaml::emit(parameters)));
        }
        if let Some(silence) = silence::for_now(telling).filter(|_| is_first && detail.state == State::Firing)
        {
            section("To silence it for an hour", Body::Yaml(silence));
        }
        if let Some(exception) = silence::exception(told, record.as_ref()).filter(|_| is_first) {
            section("To leave it out from now on", Body::Yaml(exception));
        }
        let reason = prose(&detail.reason).filter(|reason| !reason.is_empty());
        let summary: Vec<String> = progress::of(told, telling).into_iter().chain(reason).collect();
        let checks =
            detail.first_checks.iter().flatten().filter(|_| is_first).map(|check| line(check, PROSE_MAX));
        Message {
            finding: telling.conversation.clone(),
            revision: telling.number,
            kind: telling.kind,
            rule: line(&detail.rule, PROSE_MAX),
            severity: detail.severity,
            state: detail.state,
            time: told.time.parse().ok(),
            headline: line(&format!("{drill}[{mark}] {title}"), HEADLINE_MAX),
            summary: summary.join(". "),
            facts: facts::of(told, record.as_ref(), telling, zone),
            sections,
            checks: checks.filter(|check| !check.is_empty()).take(CHECKS_MAX).collect(),
            links: console::event_link(told, record.as_ref()).into_iter().collect(),
        }
    }

    /// What has to stand in front of whatever is said: `DRILL ` if nothing happened.
    #[must_use]
    pub fn mark(&self) -> &'static str {
        if self.headline.starts_with(DRILL) { DRILL } else { "" }
    }

    /// The value of a fact.
    #[must_use]
    pub fn fact(&self, label: &str) -> Option<&str> {
        self.facts.iter().find(|fact| fact.label == label).map(|fact| fact.value.as_str())
    }
}

/// The first record, as CloudTrail wrote it. Events that are not CloudTrail's come with their envelope; theirs is the `detail`.
fn first_record(detail: &Detail) -> Option<Value> {
    let record: Value = serde_json::from_str(detail.records.iter().flatten().next()?.get()).ok()?;
    match record {
        Value::Object(mut fields) if fields.contains_key("detail-type") => fields.remove("detail"),
        record => Some(record),
    }
}

fn parameters(record: &Value) -> Option<&Value> {
    record.get("requestParameters").filter(|parameters| !parameters.is_null())
}

fn text_at<'a>(record: Option<&'a Value>, pointer: &str) -> Option<&'a str> {
    record?.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}
