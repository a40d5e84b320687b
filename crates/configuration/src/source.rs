//! Where events come from.

use std::path::PathBuf;
use std::time::Duration;

use rules::yaml::{Node, Value};
use rules::{Check, Fields, shown};
use targets::aws::Role;

use crate::listener::Listener;
use crate::read::Reader;
use crate::secret::Found;

/// One source.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, unique among the sources: what it remembers is stored under it.
    pub name: Box<str>,
    /// What it is.
    pub kind: SourceKind,
}

/// What a source is.
#[derive(Debug, Clone)]
pub enum SourceKind {
    /// Log files in S3, told of by messages in a queue.
    S3(S3Source),
    /// Events in a queue.
    Sqs(SqsSource),
    /// Events that others push.
    Http(HttpSource),
    /// Files in a folder.
    Directory(DirectorySource),
}

impl SourceKind {
    /// Its key in the configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            SourceKind::S3(_) => "s3",
            SourceKind::Sqs(_) => "sqs",
            SourceKind::Http(_) => "http",
            SourceKind::Directory(_) => "directory",
        }
    }
}

/// By which way of CloudTrail events came: it says how late they may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceClass {
    /// EventBridge.
    EventBridge,
    /// CloudWatch Logs.
    Logs,
}

/// A queue in SQS. Credentials are those that the AWS SDK finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its address.
    pub url: String,
    /// Its region: as written, or as the address says.
    pub region: String,
    /// Another endpoint than the region's.
    pub endpoint: Option<String>,
    /// A role that is assumed to read it, and what it tells of.
    pub role: Option<Role>,
    /// How long a message that was taken is hidden from others.
    pub visibility: Duration,
    /// How often a message that cannot be used is tried before it is set aside.
    pub tries: u32,
}

/// Log files in S3, told of by messages in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Source {
    /// Where S3 (directly, or by SNS) says that a file is there.
    pub queue: Queue,
    /// How many files are fetched at once.
    pub concurrency: u32,
    /// The largest file that is fetched, in bytes.
    pub object_max_bytes: u64,
    /// The buckets that may be read; any, if none is named.
    pub buckets: Vec<String>,
}

/// Events in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqsSource {
    /// Where they are.
    pub queue: Queue,
    /// How they came there.
    pub class: SourceClass,
}

/// Events that others push: API destinations of EventBridge, Firehose, SNS, NDJSON.
#[derive(Debug, Clone)]
pub struct HttpSource {
    /// Where they push to.
    pub listener: Listener,
    /// The largest request, in bytes, as it is sent.
    pub body_max_bytes: u64,
    /// The topics of SNS that may push.
    pub sns: Vec<String>,
}

/// Files in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectorySource {
    /// The folder.
    pub path: PathBuf,
    /// Whether it is watched for new files; otherwise it is read once.
    pub watch: bool,
    /// How often it is looked into.
    pub poll: Duration,
    /// How long a file has to be left alone before it is read.
    pub settle: Duration,
}

pub(crate) const KINDS: [&str; 4] = ["s3", "sqs", "http", "directory"];
pub(crate) const NOT_BUILT: [(&str, &str); 1] =
    [("kinesis", "send the stream to an HTTP source by Firehose, or read the log files with `s3`")];
pub(crate) const S3_KEYS: [&str; 10] = [
    "queue",
    "region",
    "endpoint",
    "role",
    "external_id",
    "visibility",
    "tries",
    "concurrency",
    "object_max",
    "buckets",
];
pub(crate) const SQS_KEYS: [&str; 8] =
    ["queue", "region", "endpoint", "role", "external_id", "visibility", "tries", "class"];
pub(crate) const HTTP_KEYS: [&str; 4] = ["listen", "keys", "body_max", "sns"];
pub(crate) const DIRECTORY_KEYS: [&str; 4] = ["path", "watch", "poll", "settle"];
const CLASSES: [(&str, SourceClass); 2] =
    [("eventbridge", SourceClass::EventBridge), ("logs", SourceClass::Logs)];

/// SQS takes no longer one.
const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 3600);
const POLL_MAX: Duration = Duration::from_secs(3600);
const NAME_LENGTH_MAX: usize = 64;

impl Reader<'_, '_> {
    /// All sources; those whose secrets were not looked up are left out.
    pub(crate) fn sources(&mut self, node: &Node) -> Option<Found<Vec<Source>>> {
        let read =
            self.each(node, "`sources`", |reader, node| Some((reader.source(node)?, node.range.clone())))?;
        if read.is_empty() {
            self.complaints.add(
                Check::MissingKey,
                node.range.clone(),
                "`sources` is empty: nothing would be read",
            );
            return None;
        }
        let mut names: Vec<Box<str>> = Vec::new();
        let mut sources = Found::Value(Vec::new());
        for ((name, kind), range) in read {
            if names.contains(&name) {
                let message = format!("there is already a source `{name}`");
                let diagnostic = self.complaints.diagnostic(Check::DuplicateKey, range, message);
                self.complaints.push(
                    diagnostic.help("give each a `name` of its own: what it has read is remembered under it"),
                );
            }
            names.push(name.clone());
            sources = sources.and(kind, |sources, kind| sources.push(Source { name, kind }));
        }
        Some(sources)
    }

    fn source(&mut self, node: &Node) -> Option<(Box<str>, Found<SourceKind>)> {
        let (kind, settings, fields) = self.one_of_kinds(node, "a source", &KINDS, &NOT_BUILT, &["name"])?;
        let name = match fields.get("name") {
            Some(node) => self.source_name(node),
            None => Some(kind.into()),
        };
        let kind = match kind {
            "s3" => self.s3(settings).map(|source| Found::Value(SourceKind::S3(source))),
            "sqs" => self.sqs(settings).map(|source| Found::Value(SourceKind::Sqs(source))),
            "http" => self.http_source(settings).map(|source| source.map(SourceKind::Http)),
            _ => self.directory(settings).map(|source| Found::Value(SourceKind::Directory(source))),
        };
        Some((name?, kind?))
    }

    fn source_name(&mut self, node: &Node) -> Option<Box<str>> {
        let text = self.text(node, "`name`")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if text.len() > NAME_LENGTH_MAX || !text.bytes().all(plain) {
            let message = format!("`{}` cannot be a name", shown(text));
            self.wrong(Check::InvalidValue, node, message, "use up to 64 letters, digits, `-`, `_` and `.`");
            return None;
        }
        Some(text.into())
    }

    fn s3(&mut self, node: &Node) -> Option<S3Source> {
        let fields = self.fields(node, "`s3`", &S3_KEYS, &[])?;
        let queue = self.queue(&fields);
        let concurrency =
            fields.get("concurrency").map_or(Some(8), |node| self.count(node, "concurrency", 1..=256));
        let object_max = fields
            .get("object_max")
            .map_or(Some(256 << 20), |node| self.size(node, "object_max", 1 << 20..=4 << 30));
        let buckets = fields.get("buckets").map_or(Some(Vec::new()), |node| {
            self.each(node, "`buckets`", |reader, node| reader.text(node, "a bucket").map(str::to_owned))
        });
        Some(S3Source {
            queue: queue?,
            concurrency: concurrency?,
            object_max_bytes: object_max?,
            buckets: buckets?,
        })
    }

    fn sqs(&mut self, node: &Node) -> Option<SqsSource> {
        let fields = self.fields(node, "`sqs`", &SQS_KEYS, &[])?;
        let queue = self.queue(&fields);
        let class = fields
            .get("class")
            .map_or(Some(SourceClass::EventBridge), |node| self.word(node, "class", &CLASSES));
        Some(SqsSource { queue: queue?, class: class? })
    }

    /// The keys that every queue has.
    fn queue(&mut self, fields: &Fields<'_>) -> Option<Queue> {
        let queue = fields.required(self.complaints, "queue");
        let url = queue.and_then(|node| Some((node, self.url(node, "`queue`")?)));
        let endpoint = fields.get("endpoint").map(|node| self.url(node, "`endpoint`"));
        let region = fields.get("region").map(|node| self.region(node));
        let role = self.literal_role(fields);
        let visibility = fields
            .get("visibility")
            .map_or(Some(Duration::from_secs(300)), |node| self.duration(node, "visibility", VISIBILITY_MAX));
        let tries = fields.get("tries").map_or(Some(5), |node| self.count(node, "tries", 1..=1000));
        let (node, url) = url?;
        let region = match region {
            Some(region) => region?,
            None => {
                let region = region_of(&url);
                if region.is_none() && !fields.was_meant("region") {
                    let message = "the address does not say in which region the queue is";
                    self.wrong(
                        Check::MissingKey,
                        node,
                        message,
                        "add `region`, such as `region: eu-central-1`",
                    );
                }
                region?.to_owned()
            }
        };
        Some(Queue {
            url,
            region,
            endpoint: match endpoint {
                Some(endpoint) => Some(endpoint?),
                None => None,
            },
            role: role?,
            visibility: visibility?,
            tries: tries?,
        })
    }

    /// An address of AWS, or of something that stands in for it on this machine or in this network.
    pub(crate) fn url(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.text(node, what)?;
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        if host.is_empty() || text.contains(char::is_whitespace) {
            let message = format!("{what} is not an address");
            let help = if text.starts_with("arn:") {
                "write the queue's URL, not its ARN: `https://sqs.us-east-1.amazonaws.com/111122223333/cloudtrail`"
            } else {
                "write it as `https://sqs.us-east-1.amazonaws.com/111122223333/cloudtrail`"
            };
            self.wrong(Check::InvalidValue, node, message, help);
            return None;
        }
        if text.starts_with("http://") && host.contains("amazonaws.com") {
            let message = format!("{what} of AWS begins with `https://`");
            self.wrong(
                Check::InvalidValue,
                node,
                message,
                "credentials and events would travel in the clear",
            );
            return None;
        }
        Some(text.to_owned())
    }

    pub(crate) fn region(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node, "`region`")?;
        if !is_region(text) {
            let message = format!("`{}` is not a region", shown(text));
            self.wrong(Check::InvalidValue, node, message, "write it as `eu-central-1`");
            return None;
        }
        Some(text.to_owned())
    }

    fn http_source(&mut self, node: &Node) -> Option<Found<HttpSource>> {
        let fields = self.fields(node, "`http`", &HTTP_KEYS, &[])?;
        let listener = self.listener(&fields);
        let body_max = fields
            .get("body_max")
            .map_or(Some(16 << 20), |node| self.size(node, "body_max", 256 << 10..=1 << 30));
        let sns = fields.get("sns").map_or(Some(Vec::new()), |node| self.each(node, "`sns`", Self::topic));
        let (body_max_bytes, sns) = (body_max?, sns?);
        Some(listener?.map(|listener| HttpSource { listener, body_max_bytes, sns }))
    }

    fn topic(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node, "a topic")?;
        let parts: Vec<&str> = text.split(':').collect();
        let is_topic = matches!(parts.as_slice(), ["arn", partition, "sns", region, account, name]
            if partition.starts_with("aws") && is_region(region) && account.len() == 12 && !name.is_empty());
        if !is_topic {
            let message = format!("`{}` is not the ARN of a topic", shown(text));
            let help = "write it as `arn:aws:sns:us-east-1:111122223333:cloudtrail`";
            self.wrong(Check::InvalidValue, node, message, help);
            return None;
        }
        Some(text.to_owned())
    }

    fn directory(&mut self, node: &Node) -> Option<DirectorySource> {
        let fields = self.fields(node, "`directory`", &DIRECTORY_KEYS, &[])?;
        let path = fields.required(self.complaints, "path").and_then(|node| self.path(node, "`path`"));
        let watch = fields.get("watch").map_or(Some(true), |node| self.truth(node, "watch"));
        let two_seconds = Some(Duration::from_secs(2));
        let poll = fields.get("poll").map_or(two_seconds, |node| self.duration(node, "poll", POLL_MAX));
        let settle = fields.get("settle").map_or(two_seconds, |node| self.duration(node, "settle", POLL_MAX));
        Some(DirectorySource { path: path?, watch: watch?, poll: poll?, settle: settle? })
    }

    /// A mapping with one of `kinds` and perhaps some keys beside it.
    pub(crate) fn one_of_kinds<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        kinds: &[&'static str],
        not_built: &[(&'static str, &str)],
        beside: &[&'static str],
    ) -> Option<(&'static str, &'n Node, Fields<'n>)> {
        let keys: Vec<&'static str> = kinds.iter().chain(beside).copied().collect();
        let later: Vec<&'static str> = not_built.iter().map(|(kind, _)| *kind).collect();
        let fields = self.fields(node, what, &keys, &later)?;
        let Value::Mapping(entries) = &node.value else { return None };
        let mut refused = false;
        for entry in entries {
            if let Some((kind, meanwhile)) = not_built.iter().find(|(kind, _)| *kind == &*entry.key) {
                self.not_supported(entry.key_range.clone(), &format!("`{kind}`"), meanwhile);
                refused = true;
            }
        }
        let mut found = kinds.iter().filter_map(|kind| Some((*kind, fields.get(kind)?)));
        let (first, second) = (found.next(), found.next());
        if let (Some((kind, _)), Some((other, at))) = (first, second) {
            let message = format!("{what} is one thing, and this is `{kind}` and `{other}`");
            self.wrong(Check::InvalidValue, at, message, "write an entry for each");
            return None;
        }
        if first.is_none() && !refused && !kinds.iter().any(|kind| fields.was_meant(kind)) {
            let message = format!("{what} says what it is");
            self.wrong(Check::MissingKey, node, message, format!("give one of {}", kinds.join(", ")));
        }
        first.map(|(kind, settings)| (kind, settings, fields))
    }
}

/// The region in `https://sqs.REGION.amazonaws.com/…`.
fn region_of(url: &str) -> Option<&str> {
    let host = url.strip_prefix("https://")?.split('/').next()?;
    let region = host.strip_prefix("sqs.")?.split(".amazonaws.com").next()?;
    is_region(region).then_some(region)
}

fn is_region(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.split('-').count() >= 3
        && text.ends_with(|last: char| last.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_queues() {
        for (url, expected) in [
            ("https://sqs.us-east-1.amazonaws.com/111122223333/q", Some("us-east-1")),
            ("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q", Some("cn-north-1")),
            ("https://sqs.us-gov-west-1.amazonaws.com/111122223333/q", Some("us-gov-west-1")),
            ("https://vpce-1.sqs.us-east-1.vpce.amazonaws.com/1/q", None),
            ("http://localhost:4566/000000000000/q", None),
            ("https://sqs.amazonaws.com/1/q", None),
        ] {
            assert_eq!(region_of(url), expected, "{url}");
        }
    }
}
