//! What an event is worth to a metric: PutMetricFilter's transformation, over the record.
//!
//! The selectors are CloudWatch Logs' own (`$.userIdentity.arn`), because a metric filter is pasted from AWS. They are read
//! from the record alone, never from its envelope, and nothing is filled in: an event whose value or dimension is missing
//! publishes nothing, as on the service.

use alarm::{MetricTransformation, Published, TransformationDefinition, TransformationError};
use filter_pattern::{Selector, Step};
use serde_json::Value;
use std::borrow::Cow;

/// A checked transformation with its selectors parsed.
#[derive(Clone, Debug)]
pub struct Transformation {
    /// As it was written.
    pub definition: TransformationDefinition,
    checked: MetricTransformation,
    selectors: Vec<(Box<str>, Selector)>,
}

impl Transformation {
    /// The most characters AWS takes for a value.
    pub(crate) const VALUE_CHARACTERS_MAX: usize = filter_pattern::metric::VALUE_CHARACTERS_MAX;

    /// The most dimensions AWS takes.
    pub(crate) const DIMENSIONS_MAX: usize = filter_pattern::metric::DIMENSIONS_MAX;

    /// Checks a transformation.
    pub(crate) fn new(definition: TransformationDefinition) -> Result<Self, TransformationError> {
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
        Ok(Self { definition, checked, selectors })
    }

    /// What an event publishes. `record` is the CloudTrail record: the event's `detail`.
    #[must_use]
    pub fn publish(&self, record: &Value) -> Option<Published<'_>> {
        self.checked.on_match(|text| {
            let (_, selector) = self.selectors.iter().find(|(written, _)| **written == *text)?;
            look_up(selector, record)
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

fn look_up<'r>(selector: &Selector, record: &'r Value) -> Option<Cow<'r, str>> {
    let mut at = record;
    for step in &selector.steps {
        at = match step {
            Step::Key(key) => at.get(key)?,
            Step::Index(index) => at.get(*index)?,
            Step::AnyChild => return None,
        };
    }
    match at {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
