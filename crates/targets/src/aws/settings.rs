//! What each target in AWS needs. Settings that pass their check name a region, and something a service could know by that name.

use aws_client::{AwsSettings, is_region, region_of_arn, region_of_queue};
use input_transformer::InputPath;

use crate::{SetupError, Shape};

/// A topic in SNS.
#[derive(Debug, Clone)]
pub struct SnsSettings {
    /// Its ARN. One that ends with `.fifo` keeps the revisions of a finding in order.
    pub topic: String,
    /// What of a finding is sent. The finding as it is becomes the exact notification of CloudWatch if it is an alarm's.
    pub shape: Shape,
    /// Which AWS, and as whom.
    pub aws: AwsSettings,
}

/// A queue in SQS.
#[derive(Debug, Clone)]
pub struct SqsSettings {
    /// Its URL. One that ends with `.fifo` keeps the revisions of a finding in order.
    pub queue: String,
    /// What of a finding is sent.
    pub shape: Shape,
    /// Which AWS, and as whom.
    pub aws: AwsSettings,
}

/// An event bus.
#[derive(Debug, Clone)]
pub struct EventBridgeSettings {
    /// Its name or ARN.
    pub bus: String,
    /// `source` of the events: `aws.` in front is AWS's own.
    pub source: String,
    /// `detail-type` of the events.
    pub detail_type: String,
    /// What becomes `detail`, which is a JSON object. The finding as it is gives its own `detail`.
    pub shape: Shape,
    /// Which AWS, and as whom.
    pub aws: AwsSettings,
}

/// A function in Lambda, invoked asynchronously.
#[derive(Debug, Clone)]
pub struct LambdaSettings {
    /// Its name or ARN, with a version or an alias behind a colon if one is wanted.
    pub function: String,
    /// What of a finding is sent: JSON.
    pub shape: Shape,
    /// Which AWS, and as whom.
    pub aws: AwsSettings,
}

/// A stream in Kinesis.
#[derive(Debug, Clone)]
pub struct KinesisSettings {
    /// Its name or ARN.
    pub stream: String,
    /// Where in a finding the partition key is; without it, and where nothing is there, the finding's id.
    pub partition_key: Option<InputPath>,
    /// What of a finding is sent.
    pub shape: Shape,
    /// Which AWS, and as whom.
    pub aws: AwsSettings,
}

/// A stream in Firehose.
#[derive(Debug, Clone)]
pub struct FirehoseSettings {
    /// Its name or ARN.
    pub stream: String,
    /// What of a finding is sent; a line feed follows it.
    pub shape: Shape,
    /// Which AWS, and as whom.
    pub aws: AwsSettings,
}

/// A stream in a log group.
#[derive(Debug, Clone)]
pub struct LogsSettings {
    /// The log group's name or ARN.
    pub group: String,
    /// The log stream's name.
    pub stream: String,
    /// Whether the log stream is created where it is missing.
    pub create: bool,
    /// What of a finding is sent.
    pub shape: Shape,
    /// Which AWS, and as whom.
    pub aws: AwsSettings,
}

/// Any of them.
#[derive(Debug, Clone)]
pub enum AwsTarget {
    /// A topic in SNS.
    Sns(SnsSettings),
    /// A queue in SQS.
    Sqs(SqsSettings),
    /// An event bus.
    EventBridge(EventBridgeSettings),
    /// A function in Lambda.
    Lambda(LambdaSettings),
    /// A stream in Kinesis.
    Kinesis(KinesisSettings),
    /// A stream in Firehose.
    Firehose(FirehoseSettings),
    /// A stream in a log group.
    Logs(LogsSettings),
}

impl AwsTarget {
    /// Whether the settings will do, as far as it can be told without the network.
    ///
    /// # Errors
    ///
    /// If a name, the region or the input will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        self.check_name()?;
        self.shape().check()?;
        let AwsSettings { region, endpoint, role, .. } = self.aws();
        if endpoint.as_ref().is_some_and(|endpoint| !is_address(endpoint)) {
            let reason = "is not an address, or one of AWS in the clear: write it as `https://vpce-1.sns.us-east-1.vpce.amazonaws.com`";
            return Err(SetupError::setting("endpoint", reason));
        }
        if role.as_ref().is_some_and(|role| !is_role(&role.arn)) {
            let reason = "is not the ARN of a role: write it as `arn:aws:iam::111122223333:role/trailhound`";
            return Err(SetupError::setting("role", reason));
        }
        match (region, self.own_region()) {
            (Some(region), _) if !is_region(region) => {
                Err(SetupError::setting("region", "is not a region: write it as `eu-central-1`"))
            }
            (Some(said), Some(own)) if said != own => {
                Err(SetupError::setting("region", "is not the one of the ARN: remove it"))
            }
            (None, None) => Err(SetupError::Region),
            _ => Ok(()),
        }
    }

    /// The key of what it is, as a configuration has it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            AwsTarget::Sns(_) => "sns",
            AwsTarget::Sqs(_) => "sqs",
            AwsTarget::EventBridge(_) => "eventbridge",
            AwsTarget::Lambda(_) => "lambda",
            AwsTarget::Kinesis(_) => "kinesis",
            AwsTarget::Firehose(_) => "firehose",
            AwsTarget::Logs(_) => "logs",
        }
    }

    fn shape(&self) -> &Shape {
        match self {
            AwsTarget::Sns(SnsSettings { shape, .. })
            | AwsTarget::Sqs(SqsSettings { shape, .. })
            | AwsTarget::EventBridge(EventBridgeSettings { shape, .. })
            | AwsTarget::Lambda(LambdaSettings { shape, .. })
            | AwsTarget::Kinesis(KinesisSettings { shape, .. })
            | AwsTarget::Firehose(FirehoseSettings { shape, .. })
            | AwsTarget::Logs(LogsSettings { shape, .. }) => shape,
        }
    }

    fn aws(&self) -> &AwsSettings {
        match self {
            AwsTarget::Sns(SnsSettings { aws, .. })
            | AwsTarget::Sqs(SqsSettings { aws, .. })
            | AwsTarget::EventBridge(EventBridgeSettings { aws, .. })
            | AwsTarget::Lambda(LambdaSettings { aws, .. })
            | AwsTarget::Kinesis(KinesisSettings { aws, .. })
            | AwsTarget::Firehose(FirehoseSettings { aws, .. })
            | AwsTarget::Logs(LogsSettings { aws, .. }) => aws,
        }
    }

    /// What it is called in AWS.
    fn name(&self) -> &str {
        match self {
            AwsTarget::Sns(settings) => &settings.topic,
            AwsTarget::Sqs(settings) => &settings.queue,
            AwsTarget::EventBridge(settings) => &settings.bus,
            AwsTarget::Lambda(settings) => &settings.function,
            AwsTarget::Kinesis(settings) => &settings.stream,
            AwsTarget::Firehose(settings) => &settings.stream,
            AwsTarget::Logs(settings) => &settings.group,
        }
    }

    /// The region that its ARN or URL says.
    fn own_region(&self) -> Option<&str> {
        match self {
            AwsTarget::Sqs(settings) => region_of_queue(&settings.queue),
            _ => region_of_arn(self.name()),
        }
    }

    fn check_name(&self) -> Result<(), SetupError> {
        let name = self.name();
        let is_arn = name.starts_with("arn:");
        let of_service = |service: &str, resource: &str| {
            let parts: Vec<&str> = name.splitn(6, ':').collect();
            matches!(parts.as_slice(), ["arn", partition, of, region, account, rest]
                if partition.starts_with("aws") && *of == service && is_region(region)
                    && account.len() == 12 && rest.len() > resource.len() && rest.starts_with(resource))
        };
        let plain = |more: &str, most: usize| {
            let fits = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
            !name.is_empty() && name.len() <= most && name.chars().all(fits)
        };
        let wrong = |is_right: bool, key, reason| {
            if is_right { Ok(()) } else { Err(SetupError::setting(key, reason)) }
        };
        match self {
            AwsTarget::Sns(_) => wrong(
                of_service("sns", ""),
                "topic",
                "is not the ARN of a topic: write it as `arn:aws:sns:us-east-1:111122223333:findings`",
            ),
            AwsTarget::Sqs(_) => wrong(
                is_queue(name),
                "queue",
                "is not the URL of a queue: write it as `https://sqs.us-east-1.amazonaws.com/111122223333/findings`",
            ),
            AwsTarget::EventBridge(settings) => {
                wrong(
                    (is_arn && of_service("events", "event-bus/")) || plain("._/-", 256),
                    "bus",
                    "is not an event bus: write its name or its ARN",
                )?;
                wrong(
                    !settings.source.is_empty()
                        && settings.source.len() <= 256
                        && !settings.source.starts_with("aws."),
                    "source",
                    "cannot be the source of an event: `aws.` in front is for AWS alone, so write another",
                )?;
                wrong(
                    !settings.detail_type.is_empty() && settings.detail_type.len() <= 128,
                    "detail_type",
                    "cannot be a detail type: write 1 to 128 characters",
                )
            }
            AwsTarget::Lambda(_) => wrong(
                (is_arn && of_service("lambda", "function:")) || plain(":_-", 140),
                "function",
                "is not a function: write its name or its ARN",
            ),
            AwsTarget::Kinesis(_) => wrong(
                (is_arn && of_service("kinesis", "stream/")) || plain("._-", 128),
                "stream",
                "is not a stream of Kinesis: write its name or its ARN",
            ),
            AwsTarget::Firehose(_) => wrong(
                (is_arn && of_service("firehose", "deliverystream/")) || plain("._-", 64),
                "stream",
                "is not a stream of Firehose: write its name or its ARN",
            ),
            AwsTarget::Logs(settings) => {
                wrong(
                    (is_arn && of_service("logs", "log-group:")) || plain("._/#-", 512),
                    "group",
                    "is not a log group: write its name or its ARN",
                )?;
                let stream = &settings.stream;
                wrong(
                    (1..=512).contains(&stream.len()) && !stream.contains([':', '*']),
                    "stream",
                    "cannot be a log stream: write 1 to 512 characters without `:` and `*`",
                )
            }
        }
    }
}

/// An address of AWS, or of something that stands in for it on this machine or in this network.
fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let in_the_clear = url.starts_with("http://") && host.contains("amazonaws.com");
    !host.is_empty() && !in_the_clear && !url.contains(char::is_whitespace)
}

fn is_queue(url: &str) -> bool {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    is_address(url) && !path.is_empty()
}

/// Whether a text is the ARN of a role.
#[must_use]
pub fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "iam", "", account, role]
        if partition.starts_with("aws") && account.len() == 12 && role.len() > 5 && role.starts_with("role/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aws() -> AwsSettings {
        AwsSettings { region: Some("eu-west-1".to_owned()), ..AwsSettings::default() }
    }

    fn sns(topic: &str) -> AwsTarget {
        let (aws, shape) = (AwsSettings::default(), Shape::default());
        AwsTarget::Sns(SnsSettings { topic: topic.to_owned(), shape, aws })
    }

    fn kinesis(stream: &str, aws: AwsSettings) -> AwsTarget {
        let stream = stream.to_owned();
        AwsTarget::Kinesis(KinesisSettings { stream, partition_key: None, shape: Shape::default(), aws })
    }

    #[test]
    fn names() {
        for (target, wanted) in [
            (sns("arn:aws:sns:us-east-1:111122223333:findings"), None),
            (sns("arn:aws-cn:sns:cn-north-1:111122223333:findings.fifo"), None),
            (sns("findings"), Some("topic")),
            (sns("arn:aws:sqs:us-east-1:111122223333:findings"), Some("topic")),
            (sns("arn:aws:sns:us-east-1:111122223333:"), Some("topic")),
            (kinesis("findings", aws()), None),
            (kinesis("arn:aws:kinesis:eu-west-1:111122223333:stream/findings", aws()), None),
            (kinesis("arn:aws:kinesis:us-east-1:111122223333:stream/findings", aws()), Some("region")),
            (kinesis("arn:aws:kinesis:us-east-1:111122223333:stream/", aws()), Some("stream")),
            (kinesis("find ings", aws()), Some("stream")),
        ] {
            let key = target.check().err().map(|error| match error {
                SetupError::Setting { key, .. } => key,
                other => panic!("{other}"),
            });
            assert_eq!(key, wanted, "{target:?}");
        }
        let nowhere = kinesis("findings", AwsSettings::default()).check();
        assert_eq!(nowhere, Err(SetupError::Region));
    }

    #[test]
    fn roles_and_endpoints() {
        let with = |endpoint: Option<&str>, role: Option<&str>| {
            let role = role.map(|arn| aws_client::Role { arn: arn.to_owned(), external_id: None });
            let endpoint = endpoint.map(str::to_owned);
            kinesis("findings", AwsSettings { endpoint, role, ..aws() }).check().is_ok()
        };
        assert!(with(Some("http://127.0.0.1:5000"), Some("arn:aws:iam::111122223333:role/path/trailhound")));
        assert!(!with(Some("127.0.0.1:5000"), None));
        assert!(!with(Some("http://kinesis.us-east-1.amazonaws.com"), None));
        for role in ["trailhound", "arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:role/"] {
            assert!(!with(None, Some(role)), "{role}");
        }
    }

    #[test]
    fn queues() {
        for (url, wanted) in [
            ("https://sqs.us-east-1.amazonaws.com/111122223333/findings", true),
            ("http://127.0.0.1:5000/111122223333/findings", true),
            ("http://sqs.us-east-1.amazonaws.com/111122223333/findings", false),
            ("arn:aws:sqs:us-east-1:111122223333:findings", false),
            ("https:///findings", false),
            ("https://sqs.us-east-1.amazonaws.com/", false),
        ] {
            assert_eq!(is_queue(url), wanted, "{url}");
        }
    }
}
