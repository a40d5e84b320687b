//! A CloudTrail record as EventBridge delivers it.
//!
//! Patterns are written against the envelope; log files hold bare records. Each envelope value is therefore a small function of
//! the record, so that an index can look at raw records, and [`write_envelope`] builds the whole text where somebody wants to see it.
//!
//! | envelope | record |
//! |---|---|
//! | `version` | `"0"` |
//! | `id` | `eventID` (the service mints its own; this one is the same in every run) |
//! | `detail-type` | by `eventType`, and `eventCategory` for network activity: [`detail_type`] |
//! | `source` | `aws.` and the service of `eventSource`: [`service`] |
//! | `account` | `recipientAccountId`, else `userIdentity.accountId`: [`account`] |
//! | `time` | `eventTime` |
//! | `region` | `awsRegion` |
//! | `resources` | `[]` |
//! | `detail` | the record |
//!
//! Recorded on the service in September 2026 for S3 data events, in 2018 and 2021 for sign-ins; the rest of `detail-type` follows AWS's
//! documentation.

use std::borrow::Cow;

use json_scan::Text;

use crate::event::{Body, Event};
use crate::record::Record;

/// `version` of every envelope.
pub const VERSION: &str = "0";

/// What `detail-type` says of CloudTrail's events.
pub const DETAIL_TYPES: [&str; 6] =
    [API_CALL, SIGN_IN, CONSOLE_ACTION, SERVICE_EVENT, INSIGHT, NETWORK_ACTIVITY];

const API_CALL: &str = "AWS API Call via CloudTrail";
/// AWS documents `Console Signin`; what it sends, and what rules are written for, is this.
const SIGN_IN: &str = "AWS Console Sign In via CloudTrail";
const CONSOLE_ACTION: &str = "AWS Console Action via CloudTrail";
const SERVICE_EVENT: &str = "AWS Service Event via CloudTrail";
const INSIGHT: &str = "AWS Insight via CloudTrail";
const NETWORK_ACTIVITY: &str = "AWS Network Activity Event via CloudTrail";

/// `detail-type` of a record: one of [`DETAIL_TYPES`].
///
/// A type that is not known, and the missing one of records before eventVersion 1.02, count as an API call.
pub fn detail_type(record: &Record<'_>) -> &'static str {
    let category = record.event_category.map_or(&b""[..], |text| text.raw());
    if category == b"NetworkActivity" {
        return NETWORK_ACTIVITY;
    }
    if record.is_insight() {
        return INSIGHT;
    }
    match record.event_type.map_or(&b""[..], |text| text.raw()) {
        b"AwsConsoleSignIn" => SIGN_IN,
        b"AwsConsoleAction" => CONSOLE_ACTION,
        b"AwsServiceEvent" => SERVICE_EVENT,
        // Before categories, endpoint events had a type of their own.
        b"AwsVpceEvent" => NETWORK_ACTIVITY,
        _ => API_CALL,
    }
}

/// What follows `aws.` in an envelope's `source`: `ec2` of `ec2.amazonaws.com`.
///
/// ```
/// use cloudtrail::eventbridge::service;
///
/// assert_eq!(service("ec2.amazonaws.com"), "ec2");
/// assert_eq!(service("cognito-idp.amazonaws.com"), "cognito-idp");
/// ```
pub fn service(event_source: &str) -> &str {
    event_source.strip_suffix(".amazonaws.com").unwrap_or(event_source)
}

/// `source` of a record, such as `aws.ec2`. Insights are CloudTrail's own events. `None` if the record has no source.
pub fn source(record: &Record<'_>) -> Option<String> {
    let mut source = String::new();
    push_source(record, &mut source).then_some(source)
}

/// Appends [`source`] to `out`, where the text is wanted without a `String` of its own; false if there is none.
pub fn push_source(record: &Record<'_>, out: &mut String) -> bool {
    let event_source = match record.event_source {
        Some(text) => text.unescape(),
        None if record.is_insight() => Ok(Cow::Borrowed("cloudtrail.amazonaws.com")),
        None => return false,
    };
    let Ok(event_source) = event_source else { return false };
    out.push_str("aws.");
    out.push_str(service(&event_source));
    true
}

/// The `eventSource` that an envelope's `source` came from: the reverse of [`source`].
///
/// ```
/// assert_eq!(cloudtrail::eventbridge::event_source("aws.ec2").as_deref(), Some("ec2.amazonaws.com"));
/// assert_eq!(cloudtrail::eventbridge::event_source("my.app"), None);
/// ```
pub fn event_source(source: &str) -> Option<String> {
    source.strip_prefix("aws.").map(|service| format!("{service}.amazonaws.com"))
}

/// `account` of a record: `recipientAccountId`, else (before eventVersion 1.02) the caller's account.
pub fn account<'a>(record: &Record<'a>) -> Option<Text<'a>> {
    record.recipient_account_id.or_else(|| {
        let caller = record.user_identity?.get("accountId").ok()??;
        caller.as_text()
    })
}

/// Appends the event's compact JSON text as EventBridge would deliver it; an event that came in an envelope keeps it.
///
/// What a record does not have is left out, so that `exists` says of the text what it says of the record.
pub fn write_envelope(event: &Event<'_>, out: &mut Vec<u8>) {
    let record = match &event.body {
        Body::Envelope(envelope) => return envelope.json.write_compact(out),
        Body::Record(record) => record,
    };
    out.extend_from_slice(br#"{"version":"0""#);
    let id = event.id().to_string();
    write_member("id", &id, out);
    write_member("detail-type", detail_type(record), out);
    if let Some(source) = source(record) {
        write_member("source", &source, out);
    }
    write_raw("account", account(record), out);
    write_raw("time", record.event_time, out);
    write_raw("region", record.aws_region, out);
    out.extend_from_slice(br#","resources":[],"detail":"#);
    record.json.write_compact(out);
    out.push(b'}');
}

/// `,"name":"text"`, with `text` taken over as it stands in the record, escapes and all.
fn write_raw(name: &str, text: Option<Text<'_>>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        for part in [&b",\""[..], name.as_bytes(), b"\":\"", text.raw(), b"\""] {
            out.extend_from_slice(part);
        }
    }
}

/// `,"name":"text"`, with `text` escaped.
fn write_member(name: &str, text: &str, out: &mut Vec<u8>) {
    for part in [&b",\""[..], name.as_bytes(), b"\":"] {
        out.extend_from_slice(part);
    }
    // Writing a string to memory does not fail.
    out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, Item};

    fn envelope(record: &str) -> String {
        let mut out = Vec::new();
        let decoded = Decoder::default().decode(record.as_bytes(), None, |item| match item {
            Item::Event(event) => write_envelope(&event, &mut out),
            other => panic!("{other:?}"),
        });
        assert!(decoded.trouble.is_none());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_in_its_envelope() {
        insta::assert_snapshot!(
            envelope(
                r#"{ "eventVersion": "1.08", "eventTime": "2026-11-03T02:15:00Z", "eventSource": "cloudtrail.amazonaws.com",
                     "eventName": "StopLogging", "awsRegion": "eu-central-1", "eventType": "AwsApiCall", "responseElements": null,
                     "eventID": "0828c0d2-3589-4390-b954-c78b4a7df44b", "recipientAccountId": "111122223333" }"#
            ),
            @r#"{"version":"0","id":"0828c0d2-3589-4390-b954-c78b4a7df44b","detail-type":"AWS API Call via CloudTrail","source":"aws.cloudtrail","account":"111122223333","time":"2026-11-03T02:15:00Z","region":"eu-central-1","resources":[],"detail":{"eventVersion":"1.08","eventTime":"2026-11-03T02:15:00Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"eu-central-1","eventType":"AwsApiCall","responseElements":null,"eventID":"0828c0d2-3589-4390-b954-c78b4a7df44b","recipientAccountId":"111122223333"}}"#
        );
    }

    #[test]
    fn what_a_record_lacks_its_envelope_lacks() {
        insta::assert_snapshot!(
            envelope(r#"{"event\u004eame":"x","eventID":"a \"b\"","userIdentity":{"accountId":"444455556666"}}"#),
            @r#"{"version":"0","id":"a \"b\"","detail-type":"AWS API Call via CloudTrail","account":"444455556666","resources":[],"detail":{"event\u004eame":"x","eventID":"a \"b\"","userIdentity":{"accountId":"444455556666"}}}"#
        );
    }

    #[test]
    fn an_envelope_stays_as_it_is() {
        let own = r#"{"detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"b"}},"more":[1]}"#;
        assert_eq!(envelope(own), own);
        assert_eq!(envelope(&own.replace(',', " , ")), own);
    }

    #[test]
    fn detail_types() {
        let cases = [
            (r#""eventType":"AwsApiCall""#, "AWS API Call via CloudTrail"),
            (r#""eventType":"AwsApiCall","eventCategory":"Data""#, "AWS API Call via CloudTrail"),
            (r#""eventType":"AwsConsoleSignIn""#, "AWS Console Sign In via CloudTrail"),
            (r#""eventType":"AwsConsoleAction""#, "AWS Console Action via CloudTrail"),
            (r#""eventType":"AwsServiceEvent""#, "AWS Service Event via CloudTrail"),
            (r#""eventType":"AwsCloudTrailInsight""#, "AWS Insight via CloudTrail"),
            (
                r#""eventType":"AwsVpceEvent","eventCategory":"NetworkActivity""#,
                "AWS Network Activity Event via CloudTrail",
            ),
            (r#""eventType":"Something new""#, "AWS API Call via CloudTrail"),
            (r#""eventVersion":"1.01""#, "AWS API Call via CloudTrail"),
        ];
        for (members, expected) in cases {
            let text = envelope(&format!(r#"{{"eventName":"x",{members}}}"#));
            let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(tree["detail-type"], expected, "{members}");
            assert!(DETAIL_TYPES.contains(&expected));
        }
    }
}
