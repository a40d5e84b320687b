//! Metric filters: the fields of PutMetricFilter in a document of their own, and what each event is worth.

use super::{Fields, Reader, optional};
use crate::catalogue::Check;
use crate::decision::MetricFilter;
use crate::metric::{MetricTime, Transformation, json_selector};
use crate::rule::RuleId;
use crate::yaml::{Node, Value};
use alarm::{TransformationDefinition, TransformationError};

/// The keys of a document of kind `metric-filter`.
pub(crate) const METRIC_FILTER_KEYS: [&str; 16] = [
    "kind",
    "id",
    "description",
    "owner",
    "tags",
    "filter_name",
    "log_group_name",
    "filter_pattern",
    "filter",
    "pattern",
    "where",
    "delivery",
    "except",
    "metric_transformations",
    "allow",
    "metadata",
];

impl Reader<'_, '_> {
    /// What the events of a metric filter publish.
    pub(super) fn metric_filter(&mut self, fields: &Fields<'_>, id: Option<&RuleId>) -> Option<MetricFilter> {
        let name = fields.text(self.complaints, "filter_name");
        let list = fields.required(self.complaints, "metric_transformations")?;
        let transformations = self.each(Some(list), Self::transformation)?;
        let [transformation] = &transformations[..] else {
            let message = format!("a metric filter has one transformation, not {}", transformations.len());
            let diagnostic = self.complaints.diagnostic(Check::InvalidMetric, list.range.clone(), message);
            self.complaints.push(diagnostic.help("write a metric filter for each"));
            return None;
        };
        let name = name?.or_else(|| id.map(|id| id.as_str().into()));
        Some(MetricFilter { name: name?, transformation: transformation.clone() })
    }

    fn transformation(&mut self, node: &Node) -> Option<Transformation> {
        let keys = [
            "metric_name",
            "metric_namespace",
            "metric_value",
            "default_value",
            "dimensions",
            "unit",
            "time",
        ];
        let fields = Fields::read(self.complaints, node, "a metric transformation", &keys, &[])?;
        let text = |reader: &mut Self, key: &str, what: &str| {
            let node = fields.required(reader.complaints, key)?;
            reader.scalar_text(node, what).map(str::to_owned)
        };
        let metric_name = text(self, "metric_name", "`metric_name`");
        let metric_namespace = text(self, "metric_namespace", "`metric_namespace`");
        let value = fields.required(self.complaints, "metric_value");
        let value = value.and_then(|node| self.metric_value(node));
        let mut definition = TransformationDefinition::default();
        let rest = self.transformation_rest(&fields, &mut definition);
        (definition.metric_name, definition.metric_namespace) = (metric_name?, metric_namespace?);
        definition.metric_value = value?;
        self.finish_transformation(&fields, definition, rest?, "metric_value", node)
    }

    /// A number or a selector, as text.
    pub(super) fn metric_value(&mut self, node: &Node) -> Option<String> {
        let text = match &node.value {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.text.to_string(),
            _ => {
                self.wrong_type(node, "the value of a metric is a number, or a selector such as `$.bytes`");
                return None;
            }
        };
        if text.chars().count() > Transformation::VALUE_CHARACTERS_MAX {
            self.quota(
                node,
                format!("the value is longer than {} characters", Transformation::VALUE_CHARACTERS_MAX),
            );
        }
        Some(text)
    }

    /// Default value, dimensions and unit; gives the time at which events count.
    pub(super) fn transformation_rest(
        &mut self,
        fields: &Fields<'_>,
        definition: &mut TransformationDefinition,
    ) -> Option<MetricTime> {
        let default = optional(fields.get("default_value").map(|node| self.number(node, "`default_value`")));
        let unit = fields.text(self.complaints, "unit");
        let dimensions = match fields.get("dimensions") {
            Some(node) => self.selectors(node),
            None => Some(Vec::new()),
        };
        let time = optional(fields.get("time").map(|node| self.metric_time(node)));
        let (default, unit, dimensions, time) = (default?, unit?, dimensions?, time?);
        definition.default_value = default;
        definition.unit = unit.map(String::from);
        definition.dimensions = dimensions.into_iter().collect();
        Some(time.unwrap_or_default())
    }

    fn metric_time(&mut self, node: &Node) -> Option<MetricTime> {
        let found = MetricTime::WORDS.iter().find(|(word, _)| node.as_text() == Some(*word));
        if found.is_none() {
            self.complaints.one_of(node, "time of a metric", MetricTime::WORDS.map(|(word, _)| word));
        }
        found.map(|(_, time)| *time)
    }

    /// Dimensions by name, each with the selector of its value.
    fn selectors(&mut self, node: &Node) -> Option<Vec<(String, String)>> {
        let Value::Mapping(entries) = &node.value else {
            self.wrong_type(
                node,
                "`dimensions` is a mapping of names to selectors, such as `user: $.userIdentity.arn`",
            );
            return None;
        };
        if entries.len() > Transformation::DIMENSIONS_MAX {
            self.quota(
                node,
                format!("the metric has more than {} dimensions", Transformation::DIMENSIONS_MAX),
            );
        }
        let read = entries.iter().map(|entry| {
            let text = self.scalar_text(&entry.value, "a dimension's selector")?;
            if json_selector(text).is_none() {
                let message = format!("`{}` is no selector of one value of the record", super::shown(text));
                let diagnostic =
                    self.complaints.diagnostic(Check::InvalidMetric, entry.value.range.clone(), message);
                self.complaints.push(match selector_for(text) {
                    Some(meant) => diagnostic
                        .help(format!("in a block pasted from AWS it is written `{meant}`"))
                        .replace_with(meant),
                    None => diagnostic.help("write it as in AWS: `$.userIdentity.arn`, without wildcards"),
                });
                return None;
            }
            Some((entry.key.to_string(), text.to_owned()))
        });
        let read: Vec<_> = read.collect();
        read.into_iter().collect()
    }

    /// Checks a transformation as a whole.
    pub(super) fn finish_transformation(
        &mut self,
        fields: &Fields<'_>,
        definition: TransformationDefinition,
        time: MetricTime,
        value_key: &str,
        whole: &Node,
    ) -> Option<Transformation> {
        match Transformation::new(definition, time) {
            Ok(transformation) => Some(transformation),
            Err(error) => {
                let at = match &error {
                    TransformationError::Value(_) => fields.get(value_key),
                    TransformationError::Dimension => fields.get("dimensions"),
                    TransformationError::DimensionsAndDefault => fields.get("default_value"),
                    TransformationError::Name(_, "namespace") => fields.get("metric_namespace"),
                    TransformationError::Name(..) => fields.get("metric_name"),
                    _ => None,
                };
                let range = at.unwrap_or(whole).range.clone();
                self.complaints.add(Check::InvalidMetric, range, error.to_string());
                None
            }
        }
    }
}

/// The selector for what was written as a path of the rule's own.
fn selector_for(path: &str) -> Option<String> {
    let meant = match path {
        "account" | "account.id" => "$.recipientAccountId".to_owned(),
        "region" => "$.awsRegion".to_owned(),
        "principal" | "principal.arn" => "$.userIdentity.arn".to_owned(),
        path => format!("$.{}", path.strip_prefix("detail.").unwrap_or(path)),
    };
    json_selector(&meant).map(|_| meant)
}
