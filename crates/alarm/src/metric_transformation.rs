//! How a CloudWatch Logs metric filter makes samples out of log events.
//!
//! Each matching event publishes one sample; with a default value, each event that does *not* match publishes that too
//! (recorded on the service: a value of 5 and a default of 3 over 18 events of which one matched gave SampleCount 18 and Sum
//! 56), so SampleCount then counts all events. An event whose value or dimensions cannot be read publishes nothing. The
//! sample's time is the log event's own.
//!
//! This crate does not know log events: the caller matches the filter and looks selectors up.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metric::Metric;

/// The `metricTransformations` entry of a metric filter, as written; snake case or the service's own spelling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformationDefinition {
    /// Name of the metric.
    #[serde(alias = "metricName")]
    pub metric_name: String,
    /// Namespace of the metric.
    #[serde(alias = "metricNamespace")]
    pub metric_namespace: String,
    /// What a match is worth: a number, a JSON selector (`$.bytes`) or a field (`$size`).
    #[serde(alias = "metricValue")]
    pub metric_value: String,
    /// What every event that does not match is worth; nothing if unset.
    #[serde(default, alias = "defaultValue", skip_serializing_if = "Option::is_none")]
    pub default_value: Option<f64>,
    /// Dimensions by name, each with the selector of its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<String, String>,
    /// Unit of the samples; `None` (the unit) if unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// The transformation is refused; the texts are the service's where it has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformationError {
    /// Neither a number nor a selector of one value.
    #[error("Invalid metric transformation: metric value {0} must be a valid number")]
    Value(String),
    /// A dimension without a usable selector.
    #[error("Invalid metric transformation: dimension value must be valid selector")]
    Dimension,
    /// Both dimensions and a default value.
    #[error("Invalid metric transformation: dimensions and default value are mutually exclusive properties")]
    DimensionsAndDefault,
    /// A name or namespace that is empty, too long, or contains `:`, `*` or `$`.
    #[error(
        "`{0}` cannot be the {1} of a metric: it must have 1 to 255 characters, none of them `:`, `*` or `$`"
    )]
    Name(String, &'static str),
}

/// What a match is worth.
#[derive(Clone, Debug, PartialEq)]
enum Worth {
    Number(f64),
    Selector(String),
}

/// A checked transformation.
///
/// ```
/// use std::borrow::Cow;
/// use alarm::{MetricTransformation, TransformationDefinition};
///
/// let definition: TransformationDefinition = serde_json::from_str(
///     r#"{"metricName": "Denied", "metricNamespace": "CIS", "metricValue": "1",
///         "dimensions": {"user": "$.userIdentity.arn"}}"#,
/// )?;
/// let transformation = MetricTransformation::new(&definition)?;
/// let published = transformation.on_match(|_| Some(Cow::from("arn:aws:iam::111122223333:user/a"))).ok_or("nothing")?;
/// assert_eq!(published.value, 1.0);
/// assert_eq!(published.metric.dimensions["user"], "arn:aws:iam::111122223333:user/a");
/// assert_eq!(transformation.on_match(|_| None), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MetricTransformation {
    metric: Metric,
    worth: Worth,
    default_value: Option<f64>,
    /// Name and selector.
    dimensions: Vec<(String, String)>,
    unit: Option<String>,
}

/// What an event publishes; its time and its record are the event's.
#[derive(Clone, Debug, PartialEq)]
pub struct Published<'a> {
    /// To which metric.
    pub metric: Metric,
    /// The value.
    pub value: f64,
    /// The unit.
    pub unit: Option<&'a str>,
}

impl MetricTransformation {
    /// Checks a transformation.
    ///
    /// # Errors
    /// What PutMetricFilter would refuse.
    pub fn new(definition: &TransformationDefinition) -> Result<Self, TransformationError> {
        for (text, what) in [(&definition.metric_name, "name"), (&definition.metric_namespace, "namespace")] {
            let good = (1..=255).contains(&text.chars().count()) && !text.contains([':', '*', '$']);
            if !good {
                return Err(TransformationError::Name(text.clone(), what));
            }
        }
        let written = definition.metric_value.trim();
        let worth = match written.parse::<f64>() {
            Ok(value) if value.is_finite() => Worth::Number(value),
            _ if is_selector(written) => Worth::Selector(written.to_owned()),
            _ => return Err(TransformationError::Value(definition.metric_value.clone())),
        };
        if definition.default_value.is_some() && !definition.dimensions.is_empty() {
            return Err(TransformationError::DimensionsAndDefault);
        }
        if !definition.dimensions.values().all(|selector| is_selector(selector)) {
            return Err(TransformationError::Dimension);
        }
        Ok(Self {
            metric: Metric::new(&definition.metric_namespace, &definition.metric_name),
            worth,
            default_value: definition.default_value.filter(|value| value.is_finite()),
            dimensions: definition.dimensions.clone().into_iter().collect(),
            unit: definition.unit.clone(),
        })
    }

    /// The selectors that a match will look up.
    pub fn selectors(&self) -> impl Iterator<Item = &str> {
        let value = match &self.worth {
            Worth::Selector(selector) => Some(selector.as_str()),
            Worth::Number(_) => None,
        };
        value.into_iter().chain(self.dimensions.iter().map(|(_, selector)| selector.as_str()))
    }

    /// What a matching event publishes. `look_up` gives the text of the number or string that a selector finds in it, and
    /// nothing for what is missing, null, an object or an array.
    pub fn on_match<'e>(
        &self,
        mut look_up: impl FnMut(&str) -> Option<Cow<'e, str>>,
    ) -> Option<Published<'_>> {
        let value = match &self.worth {
            Worth::Number(value) => *value,
            Worth::Selector(selector) => {
                look_up(selector)?.trim().parse().ok().filter(|value: &f64| value.is_finite())?
            }
        };
        let mut metric = self.metric.clone();
        for (name, selector) in &self.dimensions {
            let found = look_up(selector).filter(|found| !found.is_empty())?;
            metric.dimensions.insert(name.clone(), found.into_owned());
        }
        Some(Published { metric, value, unit: self.unit.as_deref() })
    }

    /// What an event publishes that does not match.
    pub fn on_mismatch(&self) -> Option<Published<'_>> {
        let value = self.default_value?;
        Some(Published { metric: self.metric.clone(), value, unit: self.unit.as_deref() })
    }
}

/// A selector of one value: `$name`, `$3`, `$.a.b[0]['c d']`; wildcards select many and are refused.
fn is_selector(text: &str) -> bool {
    let Some(mut rest) = text.strip_prefix('$') else { return false };
    let word = |text: &str| {
        text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(text.len())
    };
    if !rest.starts_with(['.', '[']) {
        return !rest.is_empty() && word(rest) == rest.len();
    }
    while !rest.is_empty() {
        let left = if let Some(step) = rest.strip_prefix('.') {
            step.get(word(step)..).filter(|left| left.len() < step.len())
        } else {
            rest.strip_prefix('[').and_then(|step| {
                let (inner, left) = match step.chars().next()? {
                    quote @ ('\'' | '"') => {
                        let (inner, left) = step[1..].split_once(quote)?;
                        (inner, left.strip_prefix(']')?)
                    }
                    _ => {
                        step.split_once(']').filter(|(index, _)| index.bytes().all(|b| b.is_ascii_digit()))?
                    }
                };
                (!inner.is_empty()).then_some(left)
            })
        };
        match left {
            Some(left) => rest = left,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(value: &str) -> TransformationDefinition {
        TransformationDefinition {
            metric_name: "m".to_owned(),
            metric_namespace: "n".to_owned(),
            metric_value: value.to_owned(),
            ..TransformationDefinition::default()
        }
    }

    #[test]
    fn refuses_with_the_services_words() {
        let error = MetricTransformation::new(&definition("$.items[*].value")).unwrap_err().to_string();
        assert_eq!(
            error,
            "Invalid metric transformation: metric value $.items[*].value must be a valid number"
        );
        let mut both = definition("1");
        both.dimensions.insert("d".to_owned(), "$.x".to_owned());
        both.default_value = Some(0.0);
        assert_eq!(MetricTransformation::new(&both), Err(TransformationError::DimensionsAndDefault));
        both.default_value = None;
        both.dimensions.insert("e".to_owned(), "x".to_owned());
        assert_eq!(MetricTransformation::new(&both), Err(TransformationError::Dimension));
        assert!(
            MetricTransformation::new(&TransformationDefinition {
                metric_name: "a:b".to_owned(),
                ..definition("1")
            })
            .is_err()
        );
    }

    #[test]
    fn tells_selectors_from_other_text() {
        for good in ["$.a", "$.a.b-c[0]", "$['a b'].c", "$[\"x\"]", "$size", "$3", "$[0]"] {
            assert!(is_selector(good), "{good}");
        }
        for bad in
            ["", "$", "$.", "$.a.", "$.*", "$.a[*]", "$.a[", "$.a[-1]", "$['']", "$a b", "a", "$.a..b", "$[]"]
        {
            assert!(!is_selector(bad), "{bad}");
        }
    }

    #[test]
    fn reads_numbers_in_strings_and_nothing_else() {
        let transformation = MetricTransformation::new(&definition("$.bytes")).unwrap();
        let value = |text: &'static str| transformation.on_match(|_| Some(Cow::from(text))).map(|p| p.value);
        assert_eq!(value("19"), Some(19.0));
        assert_eq!(value("1e3"), Some(1000.0));
        for bad in ["", "many", "NaN", "inf"] {
            assert_eq!(value(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_default_is_published_for_mismatches_only() {
        let with_default = TransformationDefinition { default_value: Some(3.0), ..definition("5") };
        let transformation = MetricTransformation::new(&with_default).unwrap();
        assert_eq!(transformation.on_match(|_| None).map(|p| p.value), Some(5.0));
        assert_eq!(transformation.on_mismatch().map(|p| p.value), Some(3.0));
        assert_eq!(MetricTransformation::new(&definition("5")).unwrap().on_mismatch(), None);
    }
}
