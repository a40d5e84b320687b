//! Targets in AWS: their keys, read into settings that pass their own check.

use rules::yaml::Node;
use rules::{Check, Fields};
use serde_json::{Map, Value, json};
use targets::aws::{
    AwsSettings, AwsTarget, EventBridgeSettings, FirehoseSettings, KinesisSettings, LambdaSettings,
    LogsSettings, Role, SnsSettings, SqsSettings,
};
use targets::{Format, InputPath, SetupError};

use crate::read::Reader;
use crate::shape::SHAPE_KEYS;

/// A kind of target in AWS: its key, how it is spoken of, and its own keys. Those of every target in AWS, and those that shape what is
/// sent, come beside them.
pub(crate) const AWS_KINDS: [(&str, &str, &[&str]); 7] = [
    ("sns", "`sns`", &["topic"]),
    ("sqs", "`sqs`", &["queue"]),
    ("eventbridge", "`eventbridge`", &["bus", "source", "detail_type"]),
    ("lambda", "`lambda`", &["function"]),
    ("kinesis", "`kinesis`", &["stream", "partition_key"]),
    ("firehose", "`firehose`", &["stream"]),
    ("logs", "`logs`", &["group", "stream", "create"]),
];
/// The keys of every target in AWS.
pub(crate) const AWS_KEYS: [&str; 4] = ["region", "endpoint", "role", "external_id"];

impl Reader<'_, '_> {
    /// Whatever target in AWS `kind` says.
    pub(crate) fn aws_target(&mut self, kind: &str, node: &Node) -> Option<AwsTarget> {
        let (_, what, own) = AWS_KINDS.iter().find(|(name, ..)| *name == kind)?;
        let keys: Vec<&str> = own.iter().copied().chain(AWS_KEYS).chain(SHAPE_KEYS).collect();
        let fields = self.fields(node, what, &keys, &[])?;
        // Functions and rules read JSON; people and lines of logs may have text.
        let format = if matches!(kind, "lambda" | "eventbridge") { Format::Json } else { Format::Text };
        let shape = self.shape(&fields, format);
        let (region, endpoint, role) =
            (self.given(&fields, "region"), self.given(&fields, "endpoint"), self.role(&fields));
        let target = match kind {
            "sns" => {
                let topic = self.needed(&fields, "topic");
                let (topic, shape, aws) = (topic?, shape?, settings(region?, endpoint?, role?));
                AwsTarget::Sns(SnsSettings { topic, shape, aws })
            }
            "sqs" => {
                let queue = self.needed(&fields, "queue");
                let (queue, shape, aws) = (queue?, shape?, settings(region?, endpoint?, role?));
                AwsTarget::Sqs(SqsSettings { queue, shape, aws })
            }
            "eventbridge" => {
                let (bus, source, detail_type) = (
                    self.given(&fields, "bus"),
                    self.given(&fields, "source"),
                    self.given(&fields, "detail_type"),
                );
                let (shape, aws) = (shape?, settings(region?, endpoint?, role?));
                AwsTarget::EventBridge(EventBridgeSettings {
                    bus: bus?.unwrap_or_else(|| "default".to_owned()),
                    source: source?.unwrap_or_else(|| "trailhound".to_owned()),
                    detail_type: detail_type?.unwrap_or_else(|| "Trailhound Finding".to_owned()),
                    shape,
                    aws,
                })
            }
            "lambda" => {
                let function = self.needed(&fields, "function");
                let (function, shape, aws) = (function?, shape?, settings(region?, endpoint?, role?));
                AwsTarget::Lambda(LambdaSettings { function, shape, aws })
            }
            "kinesis" => {
                let (stream, partition_key) = (self.needed(&fields, "stream"), self.partition_key(&fields));
                let (stream, shape, aws) = (stream?, shape?, settings(region?, endpoint?, role?));
                AwsTarget::Kinesis(KinesisSettings { stream, partition_key: partition_key?, shape, aws })
            }
            "firehose" => {
                let stream = self.needed(&fields, "stream");
                let (stream, shape, aws) = (stream?, shape?, settings(region?, endpoint?, role?));
                AwsTarget::Firehose(FirehoseSettings { stream, shape, aws })
            }
            _ => {
                let (group, stream) = (self.needed(&fields, "group"), self.given(&fields, "stream"));
                let create = fields.get("create").map_or(Some(true), |node| self.truth(node, "create"));
                let (group, shape, aws) = (group?, shape?, settings(region?, endpoint?, role?));
                let stream = stream?.unwrap_or_else(|| "trailhound".to_owned());
                AwsTarget::Logs(LogsSettings { group, stream, create: create?, shape, aws })
            }
        };
        match target.check() {
            Ok(()) => Some(target),
            // What is misspelled is not complained about as missing.
            Err(SetupError::Region) if fields.was_meant("region") => None,
            Err(error) => {
                self.will_not_do(&error, &fields, node);
                None
            }
        }
    }

    pub(crate) fn will_not_do(&mut self, error: &SetupError, fields: &Fields<'_>, node: &Node) {
        let at = match error {
            SetupError::Setting { key, .. } => fields.get(key),
            SetupError::EmptyInput => fields.get("input"),
            _ => None,
        };
        let text = error.to_string();
        // What to do stands behind the colon.
        let (message, help) = text.split_once(": ").unwrap_or((&text, ""));
        let range = at.unwrap_or(node).range.clone();
        let diagnostic = self.complaints.diagnostic(Check::InvalidTarget, range, message);
        self.complaints.push(diagnostic.maybe_help((!help.is_empty()).then_some(help)));
    }

    /// A text that may be there.
    #[expect(
        clippy::option_option,
        reason = "what is wrong and what is not there are told apart by who asks"
    )]
    pub(crate) fn given(&mut self, fields: &Fields<'_>, key: &str) -> Option<Option<String>> {
        let Some(node) = fields.get(key) else { return Some(None) };
        self.text(node, &format!("`{key}`")).map(|text| Some(text.to_owned()))
    }

    /// A text that must be there.
    pub(crate) fn needed(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        let node = fields.required(self.complaints, key)?;
        self.text(node, &format!("`{key}`")).map(str::to_owned)
    }

    #[expect(
        clippy::option_option,
        reason = "what is wrong and what is not there are told apart by who asks"
    )]
    fn partition_key(&mut self, fields: &Fields<'_>) -> Option<Option<InputPath>> {
        let Some(node) = fields.get("partition_key") else { return Some(None) };
        match InputPath::parse(self.text(node, "`partition_key`")?) {
            Ok(path) => Some(Some(path)),
            Err(_) => {
                let message = "`partition_key` is not a path";
                self.wrong(Check::InvalidTarget, node, message, "write it as `$.account` or `$.detail.rule`");
                None
            }
        }
    }
}

fn settings(region: Option<String>, endpoint: Option<String>, role: Option<Role>) -> AwsSettings {
    AwsSettings { region, endpoint, role, keys: None }
}

/// The kinds in the schema of a target.
pub(crate) fn schema() -> Map<String, Value> {
    let text = |description: &str| json!({ "description": description, "type": "string", "minLength": 1 });
    let described = |key: &str| match key {
        "topic" => {
            text("The topic's ARN. One that ends with `.fifo` keeps messages of one finding in order.")
        }
        "queue" => {
            text("The queue's URL. One that ends with `.fifo` keeps messages of one finding in order.")
        }
        "bus" => with_default(text("The event bus, by name or ARN."), "default"),
        "source" => with_default(text("`source` of the events."), "trailhound"),
        "detail_type" => with_default(text("`detail-type` of the events."), "Trailhound Finding"),
        "function" => {
            text("The function, by name or ARN, with a version or an alias behind a colon if one is wanted.")
        }
        "partition_key" => {
            text("Where in a finding the partition key is, as `$.account`. Without it, the finding's id.")
        }
        "group" => text("The log group, by name or ARN. It has to exist."),
        "create" => {
            json!({ "description": "Whether the log stream is created where it is missing.", "type": "boolean", "default": true })
        }
        "region" => text("The region, where no ARN or URL says it."),
        "endpoint" => text("Another endpoint than the region's, such as that of an interface endpoint."),
        "role" => text("The ARN of a role to assume first."),
        "external_id" => text(crate::role::EXTERNAL_ID),
        _ => text("The stream's name."),
    };
    let of_kind = |(kind, _, own): &(&str, &str, &[&str])| {
        let mut properties: Map<String, Value> =
            own.iter().chain(&AWS_KEYS).map(|key| ((*key).to_owned(), described(key))).collect();
        properties.extend(crate::shape::schema());
        if let Some(stream) = properties.get_mut("stream").filter(|_| *kind == "logs") {
            *stream = with_default(text("The log stream."), "trailhound");
        } else if let Some(stream) = properties.get_mut("stream") {
            *stream = text("The stream, by name or ARN.");
        }
        let required: &[&str] = match *kind {
            "eventbridge" => &[],
            _ => own.get(..1).unwrap_or_default(),
        };
        let schema = json!({
            "description": description(kind),
            "type": "object",
            "additionalProperties": false,
            "required": required,
            "properties": properties,
        });
        ((*kind).to_owned(), schema)
    };
    AWS_KINDS.iter().map(of_kind).collect()
}

fn with_default(mut schema: Value, default: &str) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("default".to_owned(), default.into());
    }
    schema
}

fn description(kind: &str) -> &'static str {
    match kind {
        "sns" => "A topic in SNS: a subject and the finding; for alarms what CloudWatch would have sent.",
        "sqs" => "A queue in SQS.",
        "eventbridge" => "An event bus: the finding's `detail` as that of an event.",
        "lambda" => "A function in Lambda, invoked asynchronously with the finding as its event.",
        "kinesis" => "A stream in Kinesis, a record per finding.",
        "firehose" => "A stream in Firehose, a line per finding.",
        _ => "A log stream in CloudWatch Logs, an event per finding.",
    }
}
