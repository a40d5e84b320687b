//! Messages about objects, in each of the shapes in which they arrive.
//!
//! | who tells | shape | key |
//! |---|---|---|
//! | S3, straight to the queue or through SNS with raw delivery | `{"Records":[{"eventSource":"aws:s3",…}]}` | URL-encoded, `+` for a space |
//! | the same through SNS | that text in `Message` of `{"Type":"Notification",…}` | likewise |
//! | CloudTrail, by the topic set on the trail | `{"s3Bucket":"…","s3ObjectKey":["…"]}`, in SNS's wrapping or raw | as it is |
//! | EventBridge, `Object Created` | `{"source":"aws.s3","detail":{"bucket":…,"object":…}}` | as it is |
//!
//! S3 tests a new configuration with `s3:TestEvent`, CloudTrail a new topic with a sentence; both say nothing about objects.

use serde_json::Value;

/// An object somebody put into a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
    /// The bucket's region, if it was told.
    pub region: Option<String>,
}

/// What a message tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Objects that were put.
    Objects(Vec<ObjectRef>),
    /// Nothing to read: a test, or an object that was removed.
    Nothing,
}

/// A message that tells of no object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotANotice {
    /// It is not JSON.
    #[error("the message is not JSON: {0}")]
    NotJson(String),
    /// It is an event itself.
    #[error(
        "the message holds an event and no notification about an object: read this queue with an `sqs` source"
    )]
    Event,
    /// It is something else.
    #[error(
        "the message is none of the notifications about objects that S3, SNS, CloudTrail and EventBridge send"
    )]
    Unknown,
    /// What it says of an object cannot be used.
    #[error("the notification lacks the object's {0}, or it is not text")]
    Incomplete(&'static str),
    /// A key that is not encoded as S3 does it.
    #[error("the object's key is not URL-encoded text: {0:?}")]
    Key(String),
}

/// SNS's wrapping, taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unwrapped {
    /// The text inside.
    Inside(String),
    /// There was none around it.
    Bare,
}

/// Reads a message's body.
///
/// ```
/// use sources::notice::{self, Notice};
///
/// let body = r#"{"s3Bucket":"logs","s3ObjectKey":["AWSLogs/a.json.gz"]}"#;
/// let Notice::Objects(objects) = notice::read(body)? else { panic!() };
/// assert_eq!((objects[0].bucket.as_str(), objects[0].key.as_str()), ("logs", "AWSLogs/a.json.gz"));
/// # Ok::<(), notice::NotANotice>(())
/// ```
///
/// # Errors
///
/// If it tells of no object.
pub fn read(body: &str) -> Result<Notice, NotANotice> {
    match unwrap_sns(body) {
        Unwrapped::Inside(message) => read_bare(&message),
        Unwrapped::Bare => read_bare(body),
    }
}

/// Takes SNS's wrapping off, if there is one.
pub(crate) fn unwrap_sns(body: &str) -> Unwrapped {
    let Ok(Value::Object(mut wrapping)) = serde_json::from_str(body) else { return Unwrapped::Bare };
    let is_notification = wrapping.get("Type").is_some_and(|kind| kind == "Notification");
    match (is_notification, wrapping.contains_key("TopicArn"), wrapping.remove("Message")) {
        (true, true, Some(Value::String(message))) => Unwrapped::Inside(message),
        _ => Unwrapped::Bare,
    }
}

/// Whether a text is about objects and nothing else. What EventBridge tells of an object is an event too, for whoever takes events.
pub(crate) fn is_about_objects_alone(text: &str) -> bool {
    match read_bare(text) {
        Ok(_) => !text.contains("\"detail-type\""),
        Err(_) => false,
    }
}

fn read_bare(body: &str) -> Result<Notice, NotANotice> {
    // What CloudTrail publishes when a topic is set on a trail.
    if body.trim_start().starts_with("CloudTrail validation message") {
        return Ok(Notice::Nothing);
    }
    let message: Value =
        serde_json::from_str(body).map_err(|error| NotANotice::NotJson(error.to_string()))?;
    if message.get("Event").is_some_and(|event| event == "s3:TestEvent") {
        return Ok(Notice::Nothing);
    }
    if let Some(keys) = message.get("s3ObjectKey") {
        return of_cloudtrail(&message, keys);
    }
    if message.get("detail-type").is_some() {
        return of_eventbridge(&message);
    }
    match message.get("Records") {
        Some(Value::Array(records)) => of_s3(records),
        _ if message.get("eventName").is_some() => Err(NotANotice::Event),
        _ => Err(NotANotice::Unknown),
    }
}

fn of_s3(records: &[Value]) -> Result<Notice, NotANotice> {
    let mut objects = Vec::new();
    for record in records {
        let event_source = record.get("eventSource").and_then(Value::as_str).ok_or(NotANotice::Unknown)?;
        if event_source != "aws:s3" {
            return Err(if record.get("eventVersion").is_some() {
                NotANotice::Event
            } else {
                NotANotice::Unknown
            });
        }
        let event_name = record.get("eventName").and_then(Value::as_str).unwrap_or_default();
        if !event_name.trim_start_matches("s3:").starts_with("ObjectCreated") {
            continue;
        }
        let key = text(record, "/s3/object/key", "key")?;
        objects.push(ObjectRef {
            bucket: text(record, "/s3/bucket/name", "bucket")?,
            key: decode_key(&key).ok_or(NotANotice::Key(key))?,
            region: text(record, "/awsRegion", "").ok(),
        });
    }
    Ok(objects_or_nothing(objects))
}

fn of_cloudtrail(message: &Value, keys: &Value) -> Result<Notice, NotANotice> {
    let bucket = text(message, "/s3Bucket", "bucket")?;
    let keys = match keys {
        Value::Array(keys) => keys.as_slice(),
        one => std::slice::from_ref(one),
    };
    let object = |key: &Value| {
        let key = key.as_str().ok_or(NotANotice::Incomplete("key"))?.to_owned();
        Ok(ObjectRef { bucket: bucket.clone(), key, region: None })
    };
    Ok(objects_or_nothing(keys.iter().map(object).collect::<Result<_, _>>()?))
}

fn of_eventbridge(message: &Value) -> Result<Notice, NotANotice> {
    if message.get("source").is_none_or(|source| source != "aws.s3")
        || message.get("detail").and_then(|detail| detail.get("eventName")).is_some()
    {
        return Err(NotANotice::Event);
    }
    if message.get("detail-type").is_none_or(|kind| kind != "Object Created") {
        return Ok(Notice::Nothing);
    }
    Ok(Notice::Objects(vec![ObjectRef {
        bucket: text(message, "/detail/bucket/name", "bucket")?,
        key: text(message, "/detail/object/key", "key")?,
        region: text(message, "/region", "").ok(),
    }]))
}

fn objects_or_nothing(objects: Vec<ObjectRef>) -> Notice {
    if objects.is_empty() { Notice::Nothing } else { Notice::Objects(objects) }
}

fn text(value: &Value, pointer: &str, what: &'static str) -> Result<String, NotANotice> {
    let found = value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.map(str::to_owned).ok_or(NotANotice::Incomplete(what))
}

/// `+` is a space and `%xx` a byte; none if what comes out is not text or an escape is cut off.
fn decode_key(encoded: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

impl ObjectRef {
    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

/// Whether an object of this key may hold CloudTrail's records: a folder's marker, and what other services put into `AWSLogs`, do not.
#[must_use]
pub fn may_hold_records(key: &str) -> bool {
    if key.ends_with('/') {
        return false;
    }
    let mut folders = key.split('/').skip_while(|folder| *folder != "AWSLogs").skip(1);
    let service = match folders.next() {
        Some(organization) if organization.starts_with("o-") => folders.nth(1),
        Some(_) => folders.next(),
        None => return true,
    };
    // A file right below the account's folder is somebody's own.
    match (service, folders.next()) {
        (Some(service), Some(_)) => service.starts_with("CloudTrail"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3_record(name: &str, key: &str) -> String {
        format!(
            r#"{{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-central-1","eventName":"{name}",
            "s3":{{"bucket":{{"name":"logs"}},"object":{{"key":"{key}","size":1,"versionId":"v1"}}}}}}"#
        )
    }

    fn sns(message: &str) -> String {
        let message = Value::from(message);
        format!(
            r#"{{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:us-east-1:111122223333:t","Message":{message},"Timestamp":"2026-11-03T02:15:00Z"}}"#
        )
    }

    fn keys(body: &str) -> Vec<String> {
        match read(body).unwrap() {
            Notice::Objects(objects) => {
                assert!(objects.iter().all(|object| object.bucket == "logs"));
                objects.into_iter().map(|object| object.key).collect()
            }
            Notice::Nothing => Vec::new(),
        }
    }

    #[test]
    fn every_shape_bare_and_wrapped() {
        let shapes = [
            format!(r#"{{"Records":[{}]}}"#, s3_record("ObjectCreated:Put", "a%20b%2Bc+d%C3%A9/x.json.gz")),
            r#"{"s3Bucket":"logs","s3ObjectKey":["a b+c dé/x.json.gz"]}"#.to_owned(),
            r#"{"s3Bucket":"logs","s3ObjectKey":"a b+c dé/x.json.gz"}"#.to_owned(),
            r#"{"version":"0","detail-type":"Object Created","source":"aws.s3","region":"us-east-1",
               "detail":{"bucket":{"name":"logs"},"object":{"key":"a b+c dé/x.json.gz"}}}"#
                .to_owned(),
        ];
        for shape in shapes {
            assert_eq!(keys(&shape), ["a b+c dé/x.json.gz"], "{shape}");
            assert_eq!(keys(&sns(&shape)), ["a b+c dé/x.json.gz"], "{shape}");
        }
    }

    #[test]
    fn several_records_and_only_what_was_put() {
        let records =
            [("ObjectCreated:Put", "1"), ("ObjectRemoved:Delete", "2"), ("s3:ObjectCreated:Copy", "3")];
        let body = records.map(|(name, key)| s3_record(name, key)).join(",");
        assert_eq!(keys(&format!(r#"{{"Records":[{body}]}}"#)), ["1", "3"]);
        let Notice::Objects(objects) = read(&format!(r#"{{"Records":[{body}]}}"#)).unwrap() else { panic!() };
        assert_eq!(objects[0].region.as_deref(), Some("eu-central-1"));
    }

    #[test]
    fn tests_and_removals_say_nothing() {
        for body in [
            r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-03T02:15:00Z","Bucket":"logs"}"#
                .to_owned(),
            "CloudTrail validation message.".to_owned(),
            format!(r#"{{"Records":[{}]}}"#, s3_record("ObjectRemoved:Delete", "k")),
            r#"{"detail-type":"Object Deleted","source":"aws.s3","detail":{"bucket":{"name":"logs"}}}"#
                .to_owned(),
            r#"{"s3Bucket":"logs","s3ObjectKey":[]}"#.to_owned(),
        ] {
            assert_eq!(read(&body), Ok(Notice::Nothing), "{body}");
            assert_eq!(read(&sns(&body)), Ok(Notice::Nothing), "{body}");
        }
    }

    #[test]
    fn what_is_no_notice_is_told_apart() {
        let cases = [
            ("", "not JSON"),
            ("[1]", "none of the notifications"),
            ("{}", "none of the notifications"),
            (
                r#"{"Records":[{"eventSource":"iam.amazonaws.com","eventVersion":"1.08","eventName":"X"}]}"#,
                "`sqs` source",
            ),
            (r#"{"eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com"}"#, "`sqs` source"),
            (
                r#"{"detail-type":"AWS API Call via CloudTrail","source":"aws.s3","detail":{"eventName":"PutObject"}}"#,
                "`sqs` source",
            ),
            (r#"{"s3ObjectKey":["k"]}"#, "lacks the object's bucket"),
            (r#"{"s3Bucket":"logs","s3ObjectKey":[7]}"#, "lacks the object's key"),
            (
                r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"}}}]}"#,
                "lacks the object's key",
            ),
            (
                r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"%f"}}}]}"#,
                "not URL-encoded",
            ),
            (
                r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"%FF%FE"}}}]}"#,
                "not URL-encoded",
            ),
        ];
        for (body, wanted) in cases {
            let error = read(body).unwrap_err().to_string();
            assert!(error.contains(wanted), "{body}: {error}");
        }
    }

    #[test]
    fn what_other_services_deliver_is_left_alone() {
        for (key, wanted) in [
            ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/13/a.json.gz", true),
            ("p/AWSLogs/o-x/111122223333/CloudTrail-Digest/us-east-1/2026/09/13/a.json.gz", true),
            ("AWSLogs/111122223333/CloudTrail/", false),
            ("AWSLogs/111122223333/Config/us-east-1/2026/9/13/ConfigHistory/a.json.gz", false),
            ("p/AWSLogs/111122223333/vpcflowlogs/us-east-1/2026/09/13/a.log.gz", false),
            ("AWSLogs/o-x/111122223333/elasticloadbalancing/us-east-1/a.log.gz", false),
            ("AWSLogs/111122223333/a.json.gz", true),
            ("my-own/a.json.gz", true),
        ] {
            assert_eq!(may_hold_records(key), wanted, "{key}");
        }
    }

    proptest::proptest! {
        /// Whatever somebody sends to the queue.
        #[test]
        fn no_message_breaks_the_reader(text in ".{0,200}", key in ".{0,40}") {
            let _ = read(&text);
            let _ = read(&sns(&text));
            let _ = decode_key(&text);
            let encoded: String = key.bytes().map(|byte| match byte {
                b' ' => "+".to_owned(),
                byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            }).collect();
            proptest::prop_assert_eq!(decode_key(&encoded), Some(key));
        }
    }
}
