//! Metric transformations: the number, and the dimensions, that a metric filter takes from a message.
//!
//! A matching message gives one sample with the transformation's value, a message that does not match gives the default
//! value if there is one. A message whose value is missing or no number, or which lacks one of the dimensions, gives no
//! sample at all: nothing is filled in.

use crate::condition::Number;
use crate::document::{Document, Value};
use crate::fields::SpaceDelimited;
use crate::selector::Selector;
use crate::terms::is_term_character;
use crate::{Filter, Kind};

/// AWS takes a metric value of up to this many characters.
pub const VALUE_CHARACTERS_MAX: usize = 100;
/// AWS takes up to this many dimensions.
pub const DIMENSIONS_MAX: usize = 3;

/// What a metric filter publishes for each message: AWS's `metricTransformations` entry without the metric's name.
///
/// ```
/// use filter_pattern::{Filter, metric::Transformation};
/// let filter = Filter::parse("{ $.latency = * }").unwrap();
/// let transformation =
///     Transformation::new(&filter, "$.latency", None, [("Region", "$.awsRegion")]).unwrap();
/// let sample = transformation.sample(&filter, r#"{"latency":19,"awsRegion":"eu-west-1"}"#).unwrap();
/// assert_eq!(sample.value, 19.0);
/// assert_eq!(sample.dimensions, [("Region".to_owned(), "eu-west-1".to_owned())]);
/// assert!(transformation.sample(&filter, r#"{"latency":19}"#).is_none()); // no dimension, no sample
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Transformation {
    value: MetricValue,
    default_value: Option<f64>,
    dimensions: Vec<Dimension>,
}

/// Where the number of a sample comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricValue {
    /// The same number for every matching message.
    Literal(f64),
    /// A part of the message.
    Extracted(Source),
}

/// One dimension of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    /// Its name in the metric.
    pub name: String,
    /// Where its value comes from.
    pub source: Source,
}

/// A part of a message that a transformation takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `$.a.b`, without wildcards: a value of a JSON message.
    Json(Selector),
    /// `$name`: the field of that name in a space-delimited pattern. A name the pattern does not have is admitted, as
    /// AWS does, and never gives a value.
    Field(String),
    /// `$3`: the field at that position, from 1, in a space-delimited pattern.
    Position(usize),
}

/// What one message contributes to a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// A finite number.
    pub value: f64,
    /// Names and values, in the order of the transformation; empty for the default value.
    pub dimensions: Vec<(String, String)>,
}

/// Why a transformation is not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformationError {
    /// The value is neither a number nor something the filter can extract.
    #[error(
        "metric value `{value}` is neither a number nor a selector of this kind of filter: JSON filters take `$.field` \
         without wildcards, space-delimited filters `$name` or `$3`, others a number only"
    )]
    Value {
        /// As it was given.
        value: String,
    },
    /// The value is too long.
    #[error("metric value has {characters} characters, and AWS takes {VALUE_CHARACTERS_MAX}")]
    ValueLength {
        /// How long it is.
        characters: usize,
    },
    /// A dimension's value is nothing the filter can extract.
    #[error(
        "dimension `{name}` has the value `{value}`, which is no selector of this kind of filter: JSON filters take \
         `$.field` without wildcards, space-delimited filters `$name` or `$3`, others have no dimensions"
    )]
    DimensionValue {
        /// The dimension's name.
        name: String,
        /// As it was given.
        value: String,
    },
    /// Too many dimensions.
    #[error("{count} dimensions, and AWS takes {DIMENSIONS_MAX}")]
    DimensionCount {
        /// How many there are.
        count: usize,
    },
    /// A default value cannot have dimensions, so AWS refuses to have both.
    #[error("dimensions and a default value exclude each other: remove one of them")]
    DimensionsAndDefault,
    /// The default value is not finite.
    #[error("the default value must be a finite number")]
    DefaultValue,
}

impl TransformationError {
    /// The sentence `PutMetricFilter` answers, where it was recorded (September 2026).
    #[must_use]
    pub fn aws_message(&self) -> Option<String> {
        let sentence = match self {
            Self::Value { value } => format!("metric value {value} must be a valid number"),
            Self::DimensionValue { .. } => "dimension value must be valid selector".to_owned(),
            Self::DimensionsAndDefault => {
                "dimensions and default value are mutually exclusive properties".to_owned()
            }
            Self::ValueLength { .. } | Self::DimensionCount { .. } | Self::DefaultValue => return None,
        };
        Some(format!("Invalid metric transformation: {sentence}"))
    }
}

impl Transformation {
    /// A transformation of what `filter` matches. `value` and the dimensions' values are as in AWS: a number or
    /// `$.selector` for JSON filters, a number, `$name` or `$3` for space-delimited ones, a number only for others.
    ///
    /// # Errors
    ///
    /// Everything the service would refuse, all at once.
    ///
    /// ```
    /// use filter_pattern::{Filter, metric::Transformation};
    /// let filter = Filter::parse("{ $.items[*].value = * }").unwrap();
    /// let errors = Transformation::new(&filter, "$.items[*].value", None, [("", ""); 0]).unwrap_err();
    /// assert_eq!(
    ///     errors[0].aws_message().unwrap(),
    ///     "Invalid metric transformation: metric value $.items[*].value must be a valid number"
    /// );
    /// ```
    pub fn new<N: AsRef<str>, V: AsRef<str>>(
        filter: &Filter,
        value: &str,
        default_value: Option<f64>,
        dimensions: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Vec<TransformationError>> {
        let mut errors = Vec::new();
        let parsed = MetricValue::parse(filter, value).map_err(|error| errors.push(error)).ok();
        let mut list = Vec::new();
        for (name, value) in dimensions {
            match Source::parse(filter, value.as_ref()) {
                Some(source) => list.push(Dimension { name: name.as_ref().to_owned(), source }),
                None => errors.push(TransformationError::DimensionValue {
                    name: name.as_ref().to_owned(),
                    value: value.as_ref().to_owned(),
                }),
            }
        }
        if list.len() > DIMENSIONS_MAX {
            errors.push(TransformationError::DimensionCount { count: list.len() });
        }
        if default_value.is_some() && !list.is_empty() {
            errors.push(TransformationError::DimensionsAndDefault);
        }
        if default_value.is_some_and(|value| !value.is_finite()) {
            errors.push(TransformationError::DefaultValue);
        }
        match parsed {
            Some(value) if errors.is_empty() => Ok(Self { value, default_value, dimensions: list }),
            _ => Err(errors),
        }
    }

    /// Where the number comes from.
    #[must_use]
    pub fn value(&self) -> &MetricValue {
        &self.value
    }

    /// The number for messages that do not match.
    #[must_use]
    pub fn default_value(&self) -> Option<f64> {
        self.default_value
    }

    /// The dimensions, in the order they were given.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// What `message` contributes to the metric. `filter` must be the one the transformation was made for.
    ///
    /// ```
    /// use filter_pattern::{Filter, metric::Transformation};
    /// let filter = Filter::parse("ERROR").unwrap();
    /// let errors = Transformation::new(&filter, "5", Some(3.0), [("", ""); 0]).unwrap();
    /// assert_eq!(errors.sample(&filter, "ERROR 500").unwrap().value, 5.0);
    /// assert_eq!(errors.sample(&filter, "INFO").unwrap().value, 3.0);
    /// ```
    #[must_use]
    pub fn sample(&self, filter: &Filter, message: &str) -> Option<Sample> {
        if !filter.matches(message) {
            return self.default_value.map(|value| Sample { value, dimensions: Vec::new() });
        }
        let value = self.value.of(filter, message)?;
        let dimensions = self
            .dimensions
            .iter()
            .map(|dimension| Some((dimension.name.clone(), dimension.source.dimension_of(filter, message)?)))
            .collect::<Option<_>>()?;
        Some(Sample { value, dimensions })
    }
}

impl MetricValue {
    fn parse(filter: &Filter, text: &str) -> Result<Self, TransformationError> {
        let characters = text.chars().count();
        if characters > VALUE_CHARACTERS_MAX {
            return Err(TransformationError::ValueLength { characters });
        }
        if let Some(value) = finite(text) {
            return Ok(Self::Literal(value));
        }
        let source = Source::parse(filter, text);
        source.map(Self::Extracted).ok_or_else(|| TransformationError::Value { value: text.to_owned() })
    }

    /// The number of a message that matched; `None` where there is none: the part is missing, null, a boolean, an
    /// array or an object, or a text that is no finite number.
    #[must_use]
    pub fn of(&self, filter: &Filter, message: &str) -> Option<f64> {
        match self {
            Self::Literal(value) => Some(*value),
            Self::Extracted(source) => finite(&source.text_of(filter, message, false)?),
        }
    }
}

impl Source {
    /// `$.a`, `$name` or `$3`, as the kind of filter has it.
    fn parse(filter: &Filter, text: &str) -> Option<Self> {
        match filter.kind() {
            Kind::Everything | Kind::Terms(_) => None,
            Kind::Json(_) => {
                let selector = Selector::parse(text).ok()?;
                (selector.wildcards() == 0).then_some(Self::Json(selector))
            }
            Kind::Fields(_) => {
                let name = text.strip_prefix('$')?;
                if name.is_empty() || !name.chars().all(is_term_character) {
                    return None;
                }
                match name.parse() {
                    Ok(0) => None,
                    Ok(position) => Some(Self::Position(position)),
                    Err(_) => Some(Self::Field(name.to_owned())),
                }
            }
        }
    }

    /// The value of a dimension; `None` where it is missing, null, an array or an object, or empty.
    fn dimension_of(&self, filter: &Filter, message: &str) -> Option<String> {
        self.text_of(filter, message, true).filter(|text| !text.is_empty())
    }

    /// The part of the message as text; booleans only where they are wanted.
    fn text_of(&self, filter: &Filter, message: &str, booleans: bool) -> Option<String> {
        match (self, filter.kind()) {
            (Self::Json(selector), Kind::Json(_)) => {
                let found = Document::parse(message).ok()?.find(selector).into_iter().next()?;
                match found.value {
                    Value::String(text) => Some(text.into_owned()),
                    Value::Number(lexeme) => Some(lexeme.to_owned()),
                    Value::True if booleans => Some("true".to_owned()),
                    Value::False if booleans => Some("false".to_owned()),
                    _ => None,
                }
            }
            (Self::Field(name), Kind::Fields(fields)) => {
                let key = format!("${name}");
                field(fields, message, |bound| bound.field.is_some() && bound.key() == key)
            }
            (Self::Position(position), Kind::Fields(fields)) => {
                field(fields, message, |bound| bound.position == *position)
            }
            _ => None,
        }
    }
}

fn field(
    fields: &SpaceDelimited,
    message: &str,
    wanted: impl Fn(&crate::BoundField<'_, '_>) -> bool,
) -> Option<String> {
    fields.bind(message)?.iter().find(|bound| wanted(bound)).map(|bound| bound.value.to_owned())
}

/// A finite number in the language's own notation.
fn finite(text: &str) -> Option<f64> {
    Number::parse(text).map(|number| number.value()).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Filter {
        Filter::parse(text).unwrap()
    }

    fn aws_messages(
        filter: &Filter,
        value: &str,
        default: Option<f64>,
        dimensions: &[(&str, &str)],
    ) -> Vec<String> {
        match Transformation::new(filter, value, default, dimensions.iter().copied()) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(|error| error.aws_message().unwrap_or_default()).collect(),
        }
    }

    #[test]
    fn admission_follows_the_kind_of_filter() {
        let json = filter("{ $.a = * }");
        let fields = filter("[a, b]");
        let terms = filter("ERROR");
        let cases: [(&Filter, &str, bool); 18] = [
            (&json, "1", true),
            (&json, "-2.5e3", true),
            (&json, "$.a.b[0]", true),
            (&json, "$.['a.b']", true),
            (&json, "$.a[*]", false),
            (&json, "$..a", false),
            (&json, "$a", false),
            (&json, "", false),
            (&json, "NaN", false),
            (&json, "1e999", false),
            (&json, "$.a = 1", false),
            (&fields, "$a", true),
            (&fields, "$undeclared", true),
            (&fields, "$2", true),
            (&fields, "$0", false),
            (&fields, "$.a", false),
            (&terms, "29", true),
            (&terms, "$.a", false),
        ];
        for (filter, value, admitted) in cases {
            let messages = aws_messages(filter, value, None, &[]);
            assert_eq!(messages.is_empty(), admitted, "{value:?} with {}", filter.text());
            if !admitted {
                assert_eq!(
                    messages,
                    [format!("Invalid metric transformation: metric value {value} must be a valid number")]
                );
            }
        }
    }

    #[test]
    fn refuses_dimensions_as_recorded() {
        let json = filter("{ $.a = * }");
        assert_eq!(
            aws_messages(&json, "1", None, &[("A", "a")]),
            ["Invalid metric transformation: dimension value must be valid selector"]
        );
        assert_eq!(
            aws_messages(&json, "1", Some(0.0), &[("A", "$.a")]),
            ["Invalid metric transformation: dimensions and default value are mutually exclusive properties"]
        );
        let four = [("A", "$.a"), ("B", "$.b"), ("C", "$.c"), ("D", "$.d")];
        assert_eq!(
            Transformation::new(&json, "1", None, four).unwrap_err(),
            [TransformationError::DimensionCount { count: 4 }]
        );
        assert_eq!(aws_messages(&filter("ERROR"), "1", None, &[("A", "$.a")]).len(), 1);
    }

    #[test]
    fn takes_numbers_from_json() {
        let filter = filter("{ $.on IS TRUE }");
        let transformation = Transformation::new(&filter, "$.v", None, [("", ""); 0]).unwrap();
        let cases = [
            (r#"{"on":true,"v":19}"#, Some(19.0)),
            (r#"{"on":true,"v":"19"}"#, Some(19.0)),
            (r#"{"on":true,"v":1.5e1}"#, Some(15.0)),
            (r#"{"on":true,"v":"nineteen"}"#, None),
            (r#"{"on":true,"v":"inf"}"#, None),
            (r#"{"on":true,"v":1e999}"#, None),
            (r#"{"on":true,"v":null}"#, None),
            (r#"{"on":true,"v":true}"#, None),
            (r#"{"on":true,"v":[1]}"#, None),
            (r#"{"on":true,"v":{"x":1}}"#, None),
            (r#"{"on":true}"#, None),
            (r#"{"on":false,"v":19}"#, None),
        ];
        for (message, expected) in cases {
            assert_eq!(
                transformation.sample(&filter, message).map(|sample| sample.value),
                expected,
                "{message}"
            );
        }
    }

    #[test]
    fn takes_numbers_and_dimensions_from_fields() {
        let filter = filter("[level, ..., status, size]");
        let message = "ERROR a b 404 1534";
        let value = |selector: &str| {
            let transformation = Transformation::new(&filter, selector, None, [("", ""); 0]).unwrap();
            transformation.sample(&filter, message).map(|sample| sample.value)
        };
        assert_eq!(value("$size"), Some(1534.0));
        assert_eq!(value("$4"), Some(404.0));
        assert_eq!(value("$2"), None, "`a` is no number");
        assert_eq!(value("$undeclared"), None);
        assert_eq!(value("$9"), None);
        let with_level =
            Transformation::new(&filter, "1", None, [("Level", "$level"), ("Third", "$3")]).unwrap();
        let sample = with_level.sample(&filter, message).unwrap();
        let expected =
            [("Level", "ERROR"), ("Third", "b")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(sample.dimensions, expected);
    }

    #[test]
    fn an_absent_or_empty_dimension_leaves_no_sample() {
        let filter = filter("{ $.v = * }");
        let transformation = Transformation::new(&filter, "$.v", None, [("D", "$.d")]).unwrap();
        for (message, expected) in [
            (r#"{"v":1,"d":"x"}"#, Some("x")),
            (r#"{"v":1,"d":1.0}"#, Some("1.0")),
            (r#"{"v":1,"d":false}"#, Some("false")),
            (r#"{"v":1,"d":""}"#, None),
            (r#"{"v":1,"d":null}"#, None),
            (r#"{"v":1,"d":["x"]}"#, None),
            (r#"{"v":1}"#, None),
        ] {
            let sample = transformation.sample(&filter, message);
            assert_eq!(sample.as_ref().map(|sample| sample.dimensions[0].1.as_str()), expected, "{message}");
        }
    }

    #[test]
    fn the_default_value_counts_each_message_that_does_not_match() {
        // Recorded: value 5, default 3, one match among 18 events: SampleCount 18, Sum 56.
        let filter = filter("ERROR");
        let transformation = Transformation::new(&filter, "5", Some(3.0), [("", ""); 0]).unwrap();
        let messages = (0..18).map(|index| if index == 7 { "ERROR" } else { "INFO" });
        let values: Vec<f64> = messages
            .filter_map(|message| transformation.sample(&filter, message))
            .map(|sample| sample.value)
            .collect();
        assert_eq!((values.len(), values.iter().sum::<f64>()), (18, 56.0));
    }
}
