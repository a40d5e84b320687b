//! What an event is worth to a metric: PutMetricFilter's transformation, over the record.
//!
//! The selectors are CloudWatch Logs' own (`$.userIdentity.arn`), because a metric filter is pasted from AWS. They are read
//! from the record alone, never from its envelope, and nothing is filled in: an event whose value or dimension is missing
//! publishes nothing, as on the service.

use crate::event::{Found, Seen};
use alarm::{MetricTransformation, Published, TransformationDefinition, TransformationError};
use cloudtrail::EventTime;
use filter_pattern::{Selector, Step};
use json_scan::Value as Raw;
use serde_json::Value as Tree;
use std::borrow::Cow;

/// At which time an event counts in a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetricTime {
    /// When it happened.
    #[default]
    Event,
    /// When the log got it, as in a metric that CloudWatch Logs makes of a trail's log group.
    Ingestion,
}

impl MetricTime {
    /// All of them, as documents write them.
    pub(crate) const WORDS: [(&'static str, MetricTime); 2] =
        [("event", MetricTime::Event), ("ingestion", MetricTime::Ingestion)];

    /// The time that counts.
    #[must_use]
    pub fn of(self, happened: EventTime, logged: EventTime) -> EventTime {
        match self {
            MetricTime::Event => happened,
            MetricTime::Ingestion => logged,
        }
    }
}

/// A checked transformation with its selectors parsed.
#[derive(Clone, Debug)]
pub struct Transformation {
    /// As it was written.
    pub definition: TransformationDefinition,
    /// At which time its events count.
    pub time: MetricTime,
    checked: MetricTransformation,
    selectors: Vec<(Box<str>, Selector)>,
}

impl Transformation {
    /// The most characters AWS takes for a value.
    pub(crate) const VALUE_CHARACTERS_MAX: usize = filter_pattern::metric::VALUE_CHARACTERS_MAX;

    /// The most dimensions AWS takes.
    pub(crate) const DIMENSIONS_MAX: usize = filter_pattern::metric::DIMENSIONS_MAX;

    /// Checks a transformation.
    pub(crate) fn new(
        definition: TransformationDefinition,
        time: MetricTime,
    ) -> Result<Self, TransformationError> {
        let checked = MetricTransformation::new(&definition)?;
        let mut selectors = Vec::new();
        for text in checked.selectors() {
            // A record is JSON: `$name` and `$3` are fields of space-delimited logs.
            let Some(selector) = json_selector(text) else {
                let is_value = definition.metric_value.trim() == text;
                return Err(if is_value {
                    TransformationError::Value(text.to_owned())
                } else {
                    TransformationError::Dimension
                });
            };
            selectors.push((text.into(), selector));
        }
        Ok(Self { definition, time, checked, selectors })
    }

    /// What an event publishes that its selector matched.
    #[must_use]
    pub fn publish<'a>(&self, event: impl Into<Seen<'a>>) -> Option<Published<'_>> {
        let seen = event.into();
        self.checked.on_match(|text| {
            let (_, selector) = self.selectors.iter().find(|(written, _)| **written == *text)?;
            look_up(selector, seen).map(Cow::Owned)
        })
    }

    /// What a record publishes that the filter does not match.
    #[must_use]
    pub fn publish_default(&self) -> Option<Published<'_>> {
        self.checked.on_mismatch()
    }
}

/// A selector of one value of a JSON record.
pub(crate) fn json_selector(text: &str) -> Option<Selector> {
    Selector::parse(text).ok().filter(|selector| selector.wildcards() == 0)
}

/// The text of the single value at a selector; nothing for what is missing, null, an object or an array.
fn look_up(selector: &Selector, seen: Seen<'_>) -> Option<String> {
    let names: Vec<Cow<'_, str>> = selector
        .steps
        .iter()
        .map(|step| match step {
            Step::Key(key) => Some(Cow::Borrowed(key.as_str())),
            Step::Index(index) => Some(Cow::Owned(index.to_string())),
            Step::AnyChild => None,
        })
        .collect::<Option<_>>()?;
    let found = seen.find("detail", names.iter().map(|name| &**name)).ok()?;
    let of_many = matches!(
        found,
        Found::Tree(Tree::Null | Tree::Array(_) | Tree::Object(_))
            | Found::Raw(Raw::Null | Raw::Array(_) | Raw::Object(_))
    );
    (!of_many).then(|| found.written().into_owned())
}
