//! Services that refuse what AWS refuses: too much, too large, empty, in the wrong order, or in characters that they do not take.
//!
//! From AWS's documentation of each call and its quotas. Where a quota has grown over time the smaller one counts, since not every region and queue has
//! the larger.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::counterpart::{Request, Server};

/// What a service answers, or its code and why.
type Answered = Result<Value, (&'static str, String)>;

const KIB: usize = 1024;

/// All services at one address.
pub(crate) async fn services() -> Server {
    Server::start(|request| {
        let target = request.header("x-amz-target").to_owned();
        let answered = match target.rsplit('.').next().unwrap_or_default() {
            "" if request.uri.path().starts_with("/2015-03-31/functions/") => invoke(request),
            "" => return published(request),
            "SendMessage" => send_message(&request.json()),
            "SendMessageBatch" => send_messages(&request.json()),
            "PutEvents" => put_events(&request.json()),
            "PutRecord" if target.starts_with("Kinesis") => put_record(&request.json(), KINESIS),
            "PutRecords" => put_records(&request.json(), "Records", 5 * KIB * KIB, KINESIS),
            "PutRecord" => put_record(&request.json()["Record"], FIREHOSE),
            "PutRecordBatch" => put_records(&request.json(), "Records", 4 * KIB * KIB, FIREHOSE),
            "PutLogEvents" => put_log_events(&request.json()),
            other => Err(("UnknownOperationException", other.to_owned())),
        };
        let content = ("content-type", "application/x-amz-json-1.1".to_owned());
        match answered {
            Ok(Value::Null) => (202, vec![], String::new()),
            Ok(answer) => (200, vec![content], answer.to_string()),
            Err((code, message)) => {
                let body = json!({ "__type": code, "message": message }).to_string();
                (400, vec![content, ("x-amzn-errortype", code.to_owned())], body)
            }
        }
    })
    .await
}

fn refuse(
    is_right: bool,
    code: &'static str,
    why: impl FnOnce() -> String,
) -> Result<(), (&'static str, String)> {
    if is_right { Ok(()) } else { Err((code, why())) }
}

/// SNS speaks the query protocol.
fn published(request: &Request) -> (u16, Vec<(&'static str, String)>, String) {
    let form = reqwest::Url::parse(&format!("x:?{}", std::str::from_utf8(&request.body).unwrap())).unwrap();
    let all: Vec<(String, String)> = form.query_pairs().into_owned().collect();
    let get = |name: &str| all.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let xml = vec![("content-type", "text/xml".to_owned())];
    let outcome = match get("Action").unwrap_or_default() {
        "Publish" => publish(&get, "").map(|_| {
            "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>"
                .to_owned()
        }),
        "PublishBatch" => publish_batch(&get),
        other => Err(("InvalidAction", other.to_owned())),
    };
    match outcome {
        Ok(answer) => (200, xml, answer),
        Err((code, message)) => {
            let body = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            );
            (400, xml, body)
        }
    }
}

/// One message of SNS, whose members begin with a prefix. Its size.
fn publish<'f>(
    get: &impl Fn(&str) -> Option<&'f str>,
    prefix: &str,
) -> Result<usize, (&'static str, String)> {
    const WRONG: &str = "InvalidParameter";
    let of = |name: &str| get(&format!("{prefix}{name}"));
    let message = of("Message").unwrap_or_default();
    let mut size = message.len();
    refuse(!message.is_empty(), WRONG, || "Empty message".to_owned())?;
    characters(message).map_err(|why| (WRONG, why))?;
    if let Some(subject) = of("Subject") {
        let begins = subject.starts_with(|c: char| c.is_ascii_graphic());
        let plain = subject.chars().all(|c| matches!(c, ' '..='~'));
        refuse(begins && plain && subject.len() <= 100, WRONG, || format!("Subject {subject}"))?;
    }
    if of("MessageStructure") == Some("json") {
        let by_protocol: Value = serde_json::from_str(message).unwrap_or_default();
        refuse(by_protocol["default"].is_string(), WRONG, || {
            "No default entry in JSON message body".to_owned()
        })?;
    }
    for number in 1..=20 {
        let entry = |part: &str| of(&format!("MessageAttributes.entry.{number}.{part}"));
        let Some(name) = entry("Name") else { break };
        let (kind, value) = (entry("Value.DataType"), entry("Value.StringValue").unwrap_or_default());
        refuse(attribute(name, value) && kind == Some("String") && number <= 10, WRONG, || {
            format!("attribute {name}")
        })?;
        size += name.len() + "String".len() + value.len();
    }
    let ids = [of("MessageGroupId"), of("MessageDeduplicationId")];
    refuse(ids.into_iter().flatten().all(id), WRONG, || "id".to_owned())?;
    refuse(size <= 256 * KIB, WRONG, || format!("Message too long: {size}"))?;
    Ok(size)
}

fn publish_batch<'f>(get: &impl Fn(&str) -> Option<&'f str>) -> Result<String, (&'static str, String)> {
    let mut taken = String::new();
    let mut size = 0;
    for number in 1.. {
        let prefix = format!("PublishBatchRequestEntries.member.{number}.");
        let Some(id) = get(&format!("{prefix}Id")) else { break };
        refuse(number <= 10, "TooManyEntriesInBatchRequest", || number.to_string())?;
        size += publish(get, &prefix)?;
        taken.push_str(&format!("<member><Id>{id}</Id><MessageId>m-{id}</MessageId></member>"));
    }
    refuse(!taken.is_empty(), "EmptyBatchRequest", String::new)?;
    refuse(size <= 256 * KIB, "BatchRequestTooLong", || size.to_string())?;
    Ok(format!(
        "<PublishBatchResponse><PublishBatchResult><Successful>{taken}</Successful><Failed/></PublishBatchResult></PublishBatchResponse>"
    ))
}

/// Whether an attribute of a message may be called so, and have that value.
fn attribute(name: &str, value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let small = name.to_ascii_lowercase();
    !value.is_empty()
        && (1..=256).contains(&name.len())
        && name.chars().all(plain)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !small.starts_with("aws.")
        && !small.starts_with("amazon.")
}

/// Whether it may be the id of a group, or one to tell copies by.
fn id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.chars().all(|c| c.is_ascii_graphic())
}

/// The characters that SQS takes, and SNS where it hands messages to SQS.
fn characters(text: &str) -> Result<(), String> {
    let refused = text.chars().find(|c| {
        !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
    });
    refused.map_or(Ok(()), |c| Err(format!("Invalid characters found: {c:?}")))
}

/// One message of SQS. Its size.
fn message(message: &Value) -> Result<usize, (&'static str, String)> {
    let body = message["MessageBody"].as_str().unwrap_or_default();
    refuse(!body.is_empty(), "MissingParameter", || "MessageBody".to_owned())?;
    characters(body).map_err(|why| ("InvalidMessageContents", why))?;
    let mut size = body.len();
    for (name, value) in message["MessageAttributes"].as_object().into_iter().flatten() {
        let text = value["StringValue"].as_str().unwrap_or_default();
        let right = attribute(name, text) && value["DataType"] == "String";
        refuse(right, "InvalidParameterValue", || format!("attribute {name}"))?;
        size += name.len() + "String".len() + text.len();
    }
    let attributes = message["MessageAttributes"].as_object().map_or(0, serde_json::Map::len);
    refuse(attributes <= 10, "InvalidParameterValue", || format!("{attributes} attributes"))?;
    let ids = [&message["MessageGroupId"], &message["MessageDeduplicationId"]];
    refuse(ids.into_iter().filter_map(Value::as_str).all(id), "InvalidParameterValue", || "id".to_owned())?;
    refuse(size <= 256 * KIB, "InvalidParameterValue", || format!("message of {size} bytes"))?;
    Ok(size)
}

fn send_message(request: &Value) -> Answered {
    message(request)?;
    Ok(json!({ "MessageId": "m-1", "MD5OfMessageBody": "" }))
}

fn send_messages(request: &Value) -> Answered {
    let entries = request["Entries"].as_array().cloned().unwrap_or_default();
    refuse((1..=10).contains(&entries.len()), "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", || {
        entries.len().to_string()
    })?;
    let mut ids: Vec<String> = entries.iter().map(|entry| entry["Id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    refuse(ids.len() == entries.len(), "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", String::new)?;
    let sizes = entries.iter().map(message).collect::<Result<Vec<_>, _>>()?;
    let size: usize = sizes.iter().sum();
    refuse(size <= 256 * KIB, "AWS.SimpleQueueService.BatchRequestTooLong", || size.to_string())?;
    let taken =
        entries.iter().map(|entry| json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "" }));
    Ok(json!({ "Successful": taken.collect::<Vec<_>>(), "Failed": [] }))
}

fn put_events(request: &Value) -> Answered {
    const WRONG: &str = "ValidationException";
    let entries = request["Entries"].as_array().cloned().unwrap_or_default();
    refuse((1..=10).contains(&entries.len()), WRONG, || format!("{} entries", entries.len()))?;
    let mut all = 0;
    let mut said = Vec::new();
    for entry in &entries {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        let resources = entry["Resources"].as_array().into_iter().flatten();
        let resources: usize = resources.map(|resource| resource.as_str().unwrap().len()).sum();
        let time = if entry["Time"].is_null() { 0 } else { 14 };
        let size = time + text("Source").len() + text("DetailType").len() + text("Detail").len() + resources;
        all += size;
        let detail: Value = serde_json::from_str(text("Detail")).unwrap_or_default();
        let wrong = if text("Source").is_empty() || text("DetailType").is_empty() {
            Some("InvalidArgument")
        } else if text("Source").starts_with("aws.") {
            Some("NotAuthorizedForSourceException")
        } else if !detail.is_object() || text("DetailType").chars().count() > 128 {
            Some("MalformedDetail")
        } else if !(entry["Time"].is_null() || entry["Time"].as_f64().is_some_and(|time| time > 1e9)) {
            Some("InvalidArgument")
        } else {
            None
        };
        said.push(match wrong {
            Some(code) => json!({ "ErrorCode": code, "ErrorMessage": "as documented" }),
            None => json!({ "EventId": format!("e-{}", said.len()) }),
        });
    }
    refuse(all < 256 * KIB, WRONG, || {
        "Total size of the entries in the request is over the limit.".to_owned()
    })?;
    Ok(json!({ "FailedEntryCount": 0, "Entries": said }))
}

fn invoke(request: &Request) -> Answered {
    refuse(
        request.header("x-amz-invocation-type") == "Event",
        "InvalidParameterValueException",
        String::new,
    )?;
    let size = request.body.len();
    refuse(size <= 256 * KIB, "RequestTooLargeException", || size.to_string())?;
    let is_json = serde_json::from_slice::<Value>(&request.body).is_ok();
    refuse(is_json, "InvalidRequestContentException", || {
        "Could not parse request body into json".to_owned()
    })?;
    Ok(Value::Null)
}

/// The largest record, and whether its partition key counts.
type Records = (usize, bool);
const KINESIS: Records = (1024 * KIB, true);
const FIREHOSE: Records = (1000 * KIB, false);

/// The size of a record.
fn record(record: &Value, (most, keyed): Records) -> Result<usize, (&'static str, String)> {
    let data = STANDARD.decode(record["Data"].as_str().unwrap_or_default()).unwrap();
    let mut size = data.len();
    if keyed {
        let key = record["PartitionKey"].as_str().unwrap_or_default();
        let length = key.chars().count();
        refuse((1..=256).contains(&length), "ValidationException", || format!("PartitionKey of {length}"))?;
        size += key.len();
    }
    refuse(!data.is_empty() && size <= most, "ValidationException", || format!("record of {size} bytes"))?;
    Ok(size)
}

fn put_record(request: &Value, records: Records) -> Answered {
    record(request, records)?;
    Ok(json!({ "RecordId": "r-1", "ShardId": "shardId-000000000000", "SequenceNumber": "1" }))
}

fn put_records(request: &Value, name: &str, most: usize, records: Records) -> Answered {
    let all = request[name].as_array().cloned().unwrap_or_default();
    refuse((1..=500).contains(&all.len()), "ValidationException", || format!("{} records", all.len()))?;
    let sizes = all.iter().map(|one| record(one, records)).collect::<Result<Vec<_>, _>>()?;
    let size: usize = sizes.iter().sum();
    refuse(size <= most, "ValidationException", || format!("records of {size} bytes"))?;
    let said =
        vec![json!({ "RecordId": "r", "ShardId": "shardId-000000000000", "SequenceNumber": "1" }); all.len()];
    Ok(json!({ "FailedRecordCount": 0, "FailedPutCount": 0, "Records": said, "RequestResponses": said }))
}

fn put_log_events(request: &Value) -> Answered {
    const WRONG: &str = "InvalidParameterException";
    /// What counts beside each message.
    const BESIDE: usize = 26;
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let events = request["logEvents"].as_array().cloned().unwrap_or_default();
    refuse((1..=10_000).contains(&events.len()), WRONG, || format!("{} events", events.len()))?;
    let sizes: Vec<usize> =
        events.iter().map(|event| event["message"].as_str().unwrap_or_default().len() + BESIDE).collect();
    let fit = sizes.iter().all(|size| (BESIDE + 1..=256 * KIB).contains(size));
    refuse(fit, WRONG, || "Log event too large".to_owned())?;
    let size: usize = sizes.iter().sum();
    refuse(size <= 1024 * KIB, WRONG, || format!("Upload too large: {size} bytes exceeds limit of 1048576"))?;
    let times: Vec<i64> = events.iter().filter_map(|event| event["timestamp"].as_i64()).collect();
    refuse(times.len() == events.len(), WRONG, || "no timestamp".to_owned())?;
    let ordered = times.is_sorted();
    refuse(ordered, WRONG, || {
        "Log events in a single PutLogEvents request must be in chronological order.".to_owned()
    })?;
    let span = times.last().zip(times.first()).map_or(0, |(last, first)| last - first);
    refuse(span <= DAY_MS, WRONG, || "The batch of log events spans more than 24 hours".to_owned())?;
    Ok(json!({}))
}

#[test]
fn what_aws_refuses_is_refused() {
    let long = "x".repeat(256 * KIB);
    let code = |answered: Answered| answered.err().map(|(code, _)| code);
    for (answered, wanted) in [
        (send_message(&json!({ "MessageBody": "x" })), None),
        (send_message(&json!({ "MessageBody": format!("{long}x") })), Some("InvalidParameterValue")),
        (send_message(&json!({ "MessageBody": "\u{ffff}" })), Some("InvalidMessageContents")),
        (
            send_messages(&json!({ "Entries": vec![json!({ "Id": "1", "MessageBody": "x" }); 2] })),
            Some("AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
        ),
        (
            send_messages(
                &json!({ "Entries": [{ "Id": "1", "MessageBody": long }, { "Id": "2", "MessageBody": "x" }] }),
            ),
            Some("AWS.SimpleQueueService.BatchRequestTooLong"),
        ),
        (put_events(&json!({ "Entries": [{ "Source": "a", "DetailType": "b", "Detail": "{}" }] })), None),
        (
            put_events(
                &json!({ "Entries": [{ "Source": "a", "DetailType": "b", "Detail": format!("{{\"a\":\"{long}\"}}") }] }),
            ),
            Some("ValidationException"),
        ),
        (put_record(&json!({ "Data": "eA==", "PartitionKey": "" }), KINESIS), Some("ValidationException")),
        (
            put_record(&json!({ "Data": STANDARD.encode(vec![b'x'; 1_024_001]) }), FIREHOSE),
            Some("ValidationException"),
        ),
        (
            put_records(
                &json!({ "Records": vec![json!({ "Data": "eA==" }); 501] }),
                "Records",
                100,
                FIREHOSE,
            ),
            Some("ValidationException"),
        ),
        (
            put_log_events(
                &json!({ "logEvents": [{ "timestamp": 2, "message": "a" }, { "timestamp": 1, "message": "b" }] }),
            ),
            Some("InvalidParameterException"),
        ),
        (
            put_log_events(&json!({ "logEvents": [{ "timestamp": 1, "message": "" }] })),
            Some("InvalidParameterException"),
        ),
    ] {
        assert_eq!(code(answered), wanted);
    }
    for (message, subject, fits) in [
        ("x", "plain", true),
        ("x", " blank in front", false),
        ("x", "Böse", false),
        ("x", &long[..101], false),
        ("", "plain", false),
        ("\u{1}", "plain", false),
        (&format!("{long}x"), "plain", false),
    ] {
        let get = |name: &str| match name {
            "Message" => Some(message),
            "Subject" => Some(subject),
            _ => None,
        };
        assert_eq!(publish(&get, "").is_ok(), fits, "{subject:.20} {message:.20}");
    }
}
