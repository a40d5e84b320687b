//! The link to the event in the CloudTrail console.
//!
//! Each partition of AWS has a console of its own. The event history it shows has management events of the last 90 days, in the
//! account and region that recorded them; so neither data events nor events that are not CloudTrail's get a link.

use serde_json::Value;

use super::{Link, text_at};
use crate::finding::Told;
use crate::printable::line;

/// The link to the finding's first event, if there is such a page.
pub(super) fn event_link(told: &Told, record: Option<&Value>) -> Option<Link> {
    let kept_in_history = record.is_none_or(|record| {
        text_at(Some(record), "/eventName").is_some()
            && record.get("managementEvent") != Some(&Value::Bool(false))
            && text_at(Some(record), "/eventCategory").is_none_or(|category| category == "Management")
    });
    let id = told.detail.event_ids.iter().flatten().next()?;
    if !kept_in_history || !is_region(&told.region) || !is_event_id(id) {
        return None;
    }
    let region = &told.region;
    let console = console(region);
    let url = format!("https://{region}.{console}/cloudtrailv2/home?region={region}#/events/{id}");
    let account = told.detail.account.as_ref().and_then(|account| account.name.as_deref());
    let account = line(account.unwrap_or(&told.account), 100);
    let within = if account.is_empty() { String::new() } else { format!(", signed in to {account}") };
    Some(Link { label: format!("Event in CloudTrail{within}"), url })
}

/// The host of a partition's console. A region's name tells its partition by its beginning.
fn console(region: &str) -> &'static str {
    let partitions = [
        ("cn-", "console.amazonaws.cn"),
        ("us-gov-", "console.amazonaws-us-gov.com"),
        ("eusc-", "console.amazonaws-eusc.eu"),
        ("us-iso-", "console.c2shome.ic.gov"),
        ("us-isob-", "console.sc2shome.sgov.gov"),
    ];
    partitions
        .iter()
        .find(|(beginning, _)| region.starts_with(beginning))
        .map_or("console.aws.amazon.com", |(_, host)| host)
}

/// `eu-central-1`, `us-gov-west-1`: a part of a host name, so nothing else may pass.
fn is_region(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.matches('-').count() >= 2
}

/// CloudTrail's ids are UUIDs.
fn is_event_id(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn url(region: &str, id: &str, record: &Value) -> Option<String> {
        let told = serde_json::from_value(json!({ "region": region, "detail": { "event_ids": [id] } }));
        event_link(&told.unwrap(), Some(record)).map(|link| link.url)
    }

    #[test]
    fn each_partition_has_its_console() {
        let id = "5c8e7a52-1b1f-4b7e-9a60-0a4f1d3e2b11";
        for (region, host) in [
            ("eu-central-1", "eu-central-1.console.aws.amazon.com"),
            ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
            ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
            ("eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
        ] {
            let expected = format!("https://{host}/cloudtrailv2/home?region={region}#/events/{id}");
            assert_eq!(url(region, id, &json!({ "eventName": "StopLogging" })), Some(expected));
        }
    }

    #[test]
    fn no_link_that_an_event_could_bend() {
        let id = "5c8e7a52-1b1f-4b7e-9a60-0a4f1d3e2b11";
        for (region, id) in [
            ("evil.example/#-1-1", id),
            ("eu-central-1.evil", id),
            ("", id),
            ("eu-central-1", "x|https://evil.example"),
            ("eu-central-1", ""),
        ] {
            assert_eq!(url(region, id, &json!({ "eventName": "StopLogging" })), None, "{region} {id}");
        }
    }

    #[test]
    fn only_management_events_are_in_the_event_history() {
        let id = "5c8e7a52-1b1f-4b7e-9a60-0a4f1d3e2b11";
        let linked = |record: Value| url("eu-central-1", id, &record).is_some();
        assert!(linked(json!({ "eventName": "a", "managementEvent": true, "eventCategory": "Management" })));
        assert!(!linked(json!({ "eventName": "a", "managementEvent": false })));
        assert!(!linked(json!({ "eventName": "a", "eventCategory": "Data" })));
        assert!(!linked(json!({ "instance-id": "i-0abc", "state": "stopped" })));
    }
}
