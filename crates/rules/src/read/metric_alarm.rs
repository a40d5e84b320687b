//! Alarms: the fields of PutMetricAlarm, in a document of kind `alarm` or inline under a rule's `alarm:`.
//!
//! Each field is read by itself, so all that is wrong is told at once; what concerns several of them is the alarm crate's to
//! say, in the service's words.

use super::{Fields, Reader, optional};
use crate::catalogue::Check;
use crate::decision::MetricAlarm;
use crate::metric::{MetricTime, Transformation};
use crate::rule::RuleId;
use crate::yaml::{Node, Value};
use alarm::{
    AlarmDefinition, ComparisonOperator, DefinitionError, MathError, Metric, MetricDataQuery, MetricStat,
    Period, Statistic, TransformationDefinition, TreatMissingData,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// The namespace of the metrics that inline alarms publish.
pub(crate) const NAMESPACE: &str = "Trailhound";

/// What says how a metric is judged: the keys an inline alarm and an alarm document share.
const EVALUATION_KEYS: [&str; 12] = [
    "alarm_name",
    "statistic",
    "extended_statistic",
    "period",
    "unit",
    "evaluation_periods",
    "datapoints_to_alarm",
    "threshold",
    "comparison_operator",
    "treat_missing_data",
    "evaluate_low_sample_count_percentile",
    "threshold_metric_id",
];

/// What an alarm document has beside them.
pub(crate) const ALARM_KEYS: [&str; 9] = [
    "namespace",
    "metric_name",
    "dimensions",
    "metrics",
    "alarm_description",
    "actions_enabled",
    "ok_actions",
    "alarm_actions",
    "insufficient_data_actions",
];

/// The longest name and description of an alarm on the service, and its longest expression.
const NAME_CHARACTERS_MAX: usize = 255;
const DESCRIPTION_CHARACTERS_MAX: usize = 1024;
const EXPRESSION_CHARACTERS_MAX: usize = 2048;
/// How many dimensions a metric may have, and how many metrics and how many expressions an alarm.
const DIMENSIONS_MAX: usize = 30;
const QUERIES_MAX: usize = 10;

pub(crate) fn alarm_document_keys() -> impl Iterator<Item = &'static str> {
    EVALUATION_KEYS.into_iter().chain(ALARM_KEYS)
}

impl Reader<'_, '_> {
    /// The alarm of a document of kind `alarm`.
    pub(super) fn alarm(&mut self, fields: &Fields<'_>, id: Option<&RuleId>) -> Option<MetricAlarm> {
        let definition = self.evaluation(fields);
        let namespace = fields.text(self.complaints, "namespace");
        let metric_name = fields.text(self.complaints, "metric_name");
        let dimensions = fields.get("dimensions").map_or(Some(BTreeMap::new()), |node| self.dimensions(node));
        let metrics = self.each(fields.get("metrics"), Self::metric_query);
        self.ignored_actions(fields);
        if fields.get("metrics").is_none() {
            let named = ["namespace", "metric_name"].map(|key| fields.required(self.complaints, key));
            if named.contains(&None) {
                return None;
            }
        }
        let mut definition = definition?;
        (definition.namespace, definition.metric_name) =
            (namespace?.map(String::from), metric_name?.map(String::from));
        (definition.dimensions, definition.metrics) = (dimensions?, metrics?);
        self.finish_alarm(fields, definition, id, None)
    }

    /// The inline alarm of a rule: a metric filter and an alarm in one.
    pub(super) fn inline_alarm(&mut self, node: &Node, rule: &Fields<'_>) -> Option<MetricAlarm> {
        let keys: Vec<&'static str> = std::iter::once("metric").chain(EVALUATION_KEYS).collect();
        let elsewhere = ["namespace", "metric_name", "dimensions", "metrics"];
        let fields = Fields::read(self.complaints, node, "an alarm", &keys, &elsewhere)?;
        let mut good = true;
        for key in elsewhere {
            if let Some(node) = fields.get(key) {
                let message = format!(
                    "the metric of this alarm is made of the rule's own events, so it has no `{key}`"
                );
                let help = if key == "dimensions" {
                    "write `metric: { dimensions: { … } }`"
                } else {
                    "for another metric, write a document of `kind: alarm`"
                };
                let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
                self.complaints.push(diagnostic.help(help));
                good = false;
            }
        }
        // A fault of the id is told where the id stands.
        let id = rule.get("id").and_then(Node::as_text).and_then(RuleId::new);
        let name = id.as_ref().map_or("metric", RuleId::as_str);
        let transformation = self.inline_metric(fields.get("metric"), name);
        let definition = self.evaluation(&fields);
        let (transformation, mut definition) = (transformation?, definition?);
        definition.namespace = Some(NAMESPACE.to_owned());
        definition.metric_name = Some(name.to_owned());
        let alarm = self.finish_alarm(&fields, definition, id.as_ref(), Some(transformation));
        alarm.filter(|_| good)
    }

    /// The fields that say how a metric is judged.
    fn evaluation(&mut self, fields: &Fields<'_>) -> Option<AlarmDefinition> {
        let statistic = optional(fields.get("statistic").map(|node| self.statistic(node)));
        let extended = optional(fields.get("extended_statistic").map(|node| self.statistic(node)));
        let period = optional(fields.get("period").map(|node| self.period(node)));
        let periods = fields.required(self.complaints, "evaluation_periods");
        let periods = periods.and_then(|node| self.count(node, "`evaluation_periods`"));
        let datapoints = fields.get("datapoints_to_alarm");
        let datapoints = optional(datapoints.map(|node| self.count(node, "`datapoints_to_alarm`")));
        let threshold = optional(fields.get("threshold").map(|node| self.number(node, "`threshold`")));
        let comparison = fields.required(self.complaints, "comparison_operator");
        let comparison = comparison.and_then(|node| self.comparison(node));
        let treatment = optional(fields.get("treat_missing_data").map(|node| self.treatment(node)));
        let low_samples = fields.get("evaluate_low_sample_count_percentile");
        let low_samples = optional(low_samples.map(|node| {
            let known = ["evaluate", "ignore"];
            let found = node.as_text().filter(|text| known.contains(text));
            if found.is_none() {
                self.complaints.one_of(node, "setting of `evaluate_low_sample_count_percentile`", known);
            }
            found.map(str::to_owned)
        }));
        let unit = fields.text(self.complaints, "unit");
        let band = fields.text(self.complaints, "threshold_metric_id");
        Some(AlarmDefinition {
            namespace: None,
            metric_name: None,
            dimensions: BTreeMap::new(),
            statistic: statistic?,
            extended_statistic: extended?,
            unit: unit?.map(String::from),
            period: period?,
            metrics: Vec::new(),
            evaluation_periods: periods?,
            datapoints_to_alarm: datapoints?,
            threshold: threshold?,
            comparison_operator: comparison?,
            treat_missing_data: treatment?,
            evaluate_low_sample_count_percentile: low_samples?,
            threshold_metric_id: band?.map(String::from),
        })
    }

    /// Checks a definition as a whole.
    fn finish_alarm(
        &mut self,
        fields: &Fields<'_>,
        definition: AlarmDefinition,
        id: Option<&RuleId>,
        publishes: Option<Transformation>,
    ) -> Option<MetricAlarm> {
        let name = self.alarm_name(fields, id);
        self.alarm_quotas(fields, &definition);
        match alarm::Alarm::new(&definition) {
            Ok(alarm) => Some(MetricAlarm { name: name?, definition, alarm, publishes }),
            Err(error) => {
                let (range, help) = self.place_of(fields, &error);
                let diagnostic = self.complaints.diagnostic(Check::InvalidAlarm, range, message_of(&error));
                self.complaints.push(diagnostic.maybe_help(help));
                None
            }
        }
    }

    /// The name by which composite alarms know an alarm.
    pub(super) fn alarm_name(&mut self, fields: &Fields<'_>, id: Option<&RuleId>) -> Option<Box<str>> {
        let Some(node) = fields.get("alarm_name") else { return id.map(|id| id.as_str().into()) };
        let name = self.scalar_text(node, "`alarm_name`")?;
        if name.chars().count() > NAME_CHARACTERS_MAX || name.chars().any(char::is_control) {
            let message = format!(
                "the name of an alarm has 1 to {NAME_CHARACTERS_MAX} characters and no control characters"
            );
            self.complaints.add(Check::InvalidValue, node.range.clone(), message);
            return None;
        }
        Some(name.into())
    }

    /// Actions are AWS's; here findings go where routes say.
    pub(super) fn ignored_actions(&mut self, fields: &Fields<'_>) {
        let known = ["actions_enabled", "ok_actions", "alarm_actions", "insufficient_data_actions"];
        for (key, node) in known.iter().filter_map(|key| Some((*key, fields.get(key)?))) {
            let nothing = matches!(&node.value, Value::Sequence(items) if items.is_empty())
                || (key == "actions_enabled" && matches!(node.value, Value::Bool(true)));
            if !nothing {
                let message = format!("`{key}` is not run: a finding goes where `routes` say");
                let diagnostic =
                    self.complaints.diagnostic(Check::IgnoredActions, node.range.clone(), message);
                self.complaints.push(diagnostic.help("route it in the configuration, and remove the key"));
            }
        }
        if let Some(node) = fields.get("alarm_description")
            && node.as_text().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARACTERS_MAX)
        {
            self.quota(
                node,
                format!("the description is longer than {DESCRIPTION_CHARACTERS_MAX} characters"),
            );
        }
    }

    fn alarm_quotas(&mut self, fields: &Fields<'_>, definition: &AlarmDefinition) {
        if let Some(node) = fields.get("dimensions")
            && definition.dimensions.len() > DIMENSIONS_MAX
        {
            self.quota(node, format!("the metric has more than {DIMENSIONS_MAX} dimensions"));
        }
        let Some(node) = fields.get("metrics") else { return };
        let (metrics, expressions): (Vec<_>, Vec<_>) =
            definition.metrics.iter().partition(|query| query.expression.is_none());
        if metrics.len() > QUERIES_MAX || expressions.len() > QUERIES_MAX {
            self.quota(
                node,
                format!("the alarm has more than {QUERIES_MAX} metrics or {QUERIES_MAX} expressions"),
            );
        }
        let too_long = |query: &&&MetricDataQuery| {
            query.expression.as_ref().is_some_and(|text| text.chars().count() > EXPRESSION_CHARACTERS_MAX)
        };
        for query in expressions.iter().filter(too_long) {
            let message = format!(
                "the expression `{}` is longer than {EXPRESSION_CHARACTERS_MAX} characters",
                query.id
            );
            self.quota(node, message);
        }
    }

    /// A warning that AWS takes less than this.
    pub(super) fn quota(&mut self, node: &Node, message: String) {
        let diagnostic = self.complaints.diagnostic(Check::AwsQuota, node.range.clone(), message);
        self.complaints.push(diagnostic.help("it works here, and AWS would refuse it"));
    }

    fn count(&mut self, node: &Node, what: &str) -> Option<u32> {
        let number = self.whole_number(node, what, 1..=604_800)?;
        u32::try_from(number).ok()
    }

    fn period(&mut self, node: &Node) -> Option<u32> {
        let Value::Number(written) = &node.value else {
            let message = format!("`period` is a number of seconds, not {}", node.kind());
            let seconds =
                node.as_text().and_then(super::parse_duration).map(|duration| duration.as_secs().to_string());
            let mut diagnostic = self.complaints.diagnostic(Check::WrongType, node.range.clone(), message);
            if let Some(seconds) = seconds {
                diagnostic = diagnostic.help("write the seconds").replace_with(seconds);
            }
            self.complaints.push(diagnostic);
            return None;
        };
        let seconds = written.parse().ok();
        match seconds.map(Period::from_secs) {
            Some(Ok(period)) => Some(period.as_secs()),
            _ => {
                self.complaints.add(Check::InvalidAlarm, node.range.clone(), alarm::PeriodError.to_string());
                None
            }
        }
    }

    fn statistic(&mut self, node: &Node) -> Option<Statistic> {
        let text = self.scalar_text(node, "a statistic")?;
        match text.parse::<Statistic>() {
            Ok(statistic) => Some(statistic),
            Err(error) => {
                let diagnostic =
                    self.complaints.diagnostic(Check::InvalidAlarm, node.range.clone(), error.to_string());
                let basic = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"];
                self.complaints.push(match crate::nearest::nearest(text, basic) {
                    Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).replace_with(meant),
                    None => diagnostic,
                });
                None
            }
        }
    }

    fn comparison(&mut self, node: &Node) -> Option<String> {
        let text = self.scalar_text(node, "`comparison_operator`")?;
        let Err(error) = text.parse::<ComparisonOperator>() else { return Some(text.to_owned()) };
        let diagnostic =
            self.complaints.diagnostic(Check::InvalidAlarm, node.range.clone(), error.to_string());
        let operators = [
            ComparisonOperator::GreaterThanOrEqualToThreshold,
            ComparisonOperator::GreaterThanThreshold,
            ComparisonOperator::LessThanThreshold,
            ComparisonOperator::LessThanOrEqualToThreshold,
        ]
        .map(ComparisonOperator::as_str);
        let [at_least, over, under, at_most] = operators;
        let band = matches!(error, alarm::ComparisonOperatorError::AnomalyBand(_));
        let meant = match text.trim() {
            ">=" => Some(at_least),
            ">" => Some(over),
            "<" => Some(under),
            "<=" => Some(at_most),
            _ if band => None,
            text => crate::nearest::nearest(text, operators),
        };
        self.complaints.push(match meant {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).replace_with(meant),
            None => diagnostic,
        });
        None
    }

    fn treatment(&mut self, node: &Node) -> Option<String> {
        let text = self.scalar_text(node, "`treat_missing_data`")?;
        let Err(error) = text.parse::<TreatMissingData>() else { return Some(text.to_owned()) };
        let known = ["breaching", "notBreaching", "ignore", "missing"];
        let message = error.to_string().trim_end_matches('.').to_owned();
        let diagnostic = self.complaints.diagnostic(Check::InvalidAlarm, node.range.clone(), message);
        self.complaints.push(match crate::nearest::nearest(text, known) {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).replace_with(meant),
            None => diagnostic,
        });
        None
    }

    fn metric_query(&mut self, node: &Node) -> Option<MetricDataQuery> {
        let keys = ["id", "metric_stat", "expression", "label", "return_data", "period"];
        let fields = Fields::read(self.complaints, node, "an entry of `metrics`", &keys, &[])?;
        let id = fields.required(self.complaints, "id").and_then(|node| self.scalar_text(node, "`id`"));
        let stat = optional(fields.get("metric_stat").map(|node| self.metric_stat(node)));
        let expression = fields.get("expression").map(|node| self.scalar_text(node, "an expression"));
        let label = fields.text(self.complaints, "label");
        let return_data =
            optional(fields.get("return_data").map(|node| self.yes_or_no(node, "`return_data`")));
        let period = optional(fields.get("period").map(|node| self.period(node)));
        Some(MetricDataQuery {
            id: id?.to_owned(),
            metric_stat: stat?,
            expression: optional(expression)?.map(str::to_owned),
            label: label?.map(String::from),
            return_data: return_data?,
            period: period?,
        })
    }

    fn metric_stat(&mut self, node: &Node) -> Option<MetricStat> {
        let fields =
            Fields::read(self.complaints, node, "`metric_stat`", &["metric", "period", "stat", "unit"], &[])?;
        let metric = fields.required(self.complaints, "metric").and_then(|node| self.metric(node));
        let period = fields.required(self.complaints, "period").and_then(|node| self.period(node));
        let stat = fields.required(self.complaints, "stat").and_then(|node| self.statistic(node));
        let unit = fields.text(self.complaints, "unit");
        Some(MetricStat { metric: metric?, period: period?, stat: stat?, unit: unit?.map(String::from) })
    }

    fn metric(&mut self, node: &Node) -> Option<Metric> {
        let fields = Fields::read(
            self.complaints,
            node,
            "a metric",
            &["namespace", "metric_name", "dimensions"],
            &[],
        )?;
        let namespace = fields.required(self.complaints, "namespace");
        let namespace = namespace.and_then(|node| self.scalar_text(node, "`namespace`"));
        let name = fields.required(self.complaints, "metric_name");
        let name = name.and_then(|node| self.scalar_text(node, "`metric_name`"));
        let dimensions = fields.get("dimensions").map_or(Some(BTreeMap::new()), |node| self.dimensions(node));
        Some(Metric { dimensions: dimensions?, ..Metric::new(namespace?, name?) })
    }

    /// Dimensions as a mapping, or as AWS's list of names and values.
    fn dimensions(&mut self, node: &Node) -> Option<BTreeMap<String, String>> {
        let pairs: Vec<Option<(String, String)>> = match &node.value {
            Value::Mapping(entries) => entries
                .iter()
                .map(|entry| {
                    Some((
                        entry.key.to_string(),
                        self.scalar_text(&entry.value, "a dimension's value")?.to_owned(),
                    ))
                })
                .collect(),
            Value::Sequence(items) => items
                .iter()
                .map(|item| {
                    let fields = Fields::read(self.complaints, item, "a dimension", &["name", "value"], &[])?;
                    let name = fields.required(self.complaints, "name");
                    let name = name.and_then(|node| self.scalar_text(node, "`name`"));
                    let value = fields.required(self.complaints, "value");
                    let value = value.and_then(|node| self.scalar_text(node, "`value`"));
                    Some((name?.to_owned(), value?.to_owned()))
                })
                .collect(),
            _ => {
                self.wrong_type(node, "`dimensions` is a mapping of names to values");
                return None;
            }
        };
        pairs.into_iter().collect()
    }

    /// What each event of a rule with an inline alarm is worth.
    fn inline_metric(&mut self, node: Option<&Node>, name: &str) -> Option<Transformation> {
        let mut definition = TransformationDefinition {
            metric_name: name.to_owned(),
            metric_namespace: NAMESPACE.to_owned(),
            metric_value: "1".to_owned(),
            ..TransformationDefinition::default()
        };
        let Some(node) = node else { return Transformation::new(definition, MetricTime::Event).ok() };
        let keys = ["value", "default_value", "dimensions", "unit", "time"];
        let fields = Fields::read(self.complaints, node, "a metric", &keys, &[])?;
        let value = optional(fields.get("value").map(|node| self.metric_value(node)));
        let time = self.transformation_rest(&fields, &mut definition)?;
        definition.metric_value = value?.unwrap_or(definition.metric_value);
        self.finish_transformation(&fields, definition, time, "value", node)
    }

    /// Where the fault of a definition stands, and what to do about it.
    fn place_of(&self, fields: &Fields<'_>, error: &DefinitionError) -> (Range<usize>, Option<&'static str>) {
        let at = |key: &str| fields.get(key).map(|node| node.range.clone());
        let either = |keys: &[&str]| keys.iter().find_map(|key| at(key));
        let range = match error {
            DefinitionError::Period(_) | DefinitionError::NoPeriod => at("period"),
            DefinitionError::TooLong { .. } | DefinitionError::NoEvaluationPeriods => {
                at("evaluation_periods")
            }
            DefinitionError::DatapointsToAlarm | DefinitionError::NoDatapointsToAlarm => {
                either(&["datapoints_to_alarm", "evaluation_periods"])
            }
            DefinitionError::Statistic | DefinitionError::NotExtended(_) => {
                either(&["extended_statistic", "statistic"])
            }
            DefinitionError::Threshold => at("threshold"),
            DefinitionError::Comparison(_) => at("comparison_operator"),
            DefinitionError::TreatMissingData(_) => at("treat_missing_data"),
            DefinitionError::LowSampleCount(_) => at("evaluate_low_sample_count_percentile"),
            DefinitionError::AnomalyBand => at("threshold_metric_id"),
            DefinitionError::BesideMetrics(key) => at(key),
            DefinitionError::Math(error) => self.place_in_metrics(fields, error),
            _ => at("metrics"),
        };
        let help = match error {
            DefinitionError::NoPeriod => Some("add `period: 300`"),
            DefinitionError::Statistic if fields.get("statistic").is_none() => Some("add `statistic: Sum`"),
            DefinitionError::Threshold => Some("add `threshold:` with the value to compare with"),
            _ => None,
        };
        (range.unwrap_or_else(|| fields.place()), help)
    }

    fn place_in_metrics(&self, fields: &Fields<'_>, error: &MathError) -> Option<Range<usize>> {
        let metrics = fields.get("metrics")?;
        let Value::Sequence(items) = &metrics.value else { return None };
        let of_id = |wanted: &str| {
            items
                .iter()
                .rev()
                .find(|item| super::value_of(item, "id").and_then(Node::as_text) == Some(wanted))
        };
        let expression = |id: &str| of_id(id).and_then(|item| super::value_of(item, "expression"));
        match error {
            MathError::Syntax { id, at, .. } => {
                let node = expression(id)?;
                let text = node.as_text()?;
                let start = text.char_indices().nth(*at).map_or(text.len(), |(start, _)| start);
                let end = text.get(start..)?.chars().next().map_or(start, |c| start + c.len_utf8());
                Some(self.part(node, start..end))
            }
            MathError::UnknownId { id, missing } => {
                let node = expression(id)?;
                let start = node.as_text()?.find(missing.as_str())?;
                Some(self.part(node, start..start + missing.len()))
            }
            MathError::Circular(id) | MathError::Type { id, .. } => Some(expression(id)?.range.clone()),
            MathError::DuplicateId(id) | MathError::BadId(id) | MathError::NotOneKind(id) => {
                Some(super::value_of(of_id(id)?, "id")?.range.clone())
            }
            _ => Some(metrics.range.clone()),
        }
    }
}

/// The service ends some of its sentences with a full stop; a diagnostic has none.
fn message_of(error: &DefinitionError) -> String {
    error.to_string().trim_end_matches('.').to_owned()
}
