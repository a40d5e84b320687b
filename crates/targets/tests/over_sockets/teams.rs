//! Teams against a workflow that checks the card as Teams does.

use serde_json::{Value, json};
use std::time::Duration;
use targets::{DeliveryError, RetryAfter, Secret, SetupError, Teams, TeamsSettings};

use crate::counterpart::{
    HOSTILE, Misbehaviour, RESOLVED, STOP_LOGGING, Server, deliver, local, misbehaving,
};

fn teams(webhook: Secret) -> Teams {
    Teams::new(&TeamsSettings { webhook, network: local() }).unwrap()
}

/// Whether an element of a card is one of those of version 1.4, with what it needs.
fn element(value: &Value) -> Result<(), String> {
    let kind = value["type"].as_str().unwrap_or_default();
    let fields: &[&str] = match kind {
        "Container" => &["type", "style", "bleed", "items"],
        "RichTextBlock" => &["type", "spacing", "inlines"],
        "TextRun" => &["type", "text", "size", "weight", "fontType"],
        other => return Err(format!("no element: {other}")),
    };
    if let Some(field) = value.as_object().unwrap().keys().find(|field| !fields.contains(&field.as_str())) {
        return Err(format!("{kind} has no {field}"));
    }
    let style = value["style"].as_str().unwrap_or("default");
    if !["default", "emphasis", "good", "attention", "warning", "accent"].contains(&style) {
        return Err(format!("no style: {style}"));
    }
    let inside = ["items", "inlines"].iter().filter_map(|field| value[*field].as_array());
    let inside: Vec<&Value> = inside.flatten().collect();
    match kind {
        "TextRun" if value["text"].as_str().is_none_or(str::is_empty) => Err("a run without text".to_owned()),
        "TextRun" => Ok(()),
        _ if inside.is_empty() => Err(format!("{kind} is empty")),
        _ => inside.into_iter().try_for_each(element),
    }
}

fn card(request: &Value) -> Result<(), String> {
    let attachment = &request["attachments"][0];
    let content = &attachment["content"];
    if request["type"] != "message"
        || attachment["contentType"] != "application/vnd.microsoft.card.adaptive"
        || content["type"] != "AdaptiveCard"
    {
        return Err("no card".to_owned());
    }
    content["body"].as_array().ok_or("no body")?.iter().try_for_each(element)?;
    for action in content["actions"].as_array().ok_or("no actions")? {
        let url = action["url"].as_str().unwrap_or_default();
        if action["type"] != "Action.OpenUrl" || !url.starts_with("https://") {
            return Err(format!("no action: {action}"));
        }
    }
    Ok(())
}

async fn workflow() -> Server {
    Server::start(|request| match card(&request.json()) {
        _ if request.body.len() > 28 * 1024 => (413, vec![], "too large".to_owned()),
        Ok(()) => (202, vec![], String::new()),
        Err(reason) => (400, vec![], reason),
    })
    .await
}

#[tokio::test]
async fn a_workflow_takes_every_card() {
    let server = workflow().await;
    let teams = teams(server.url("/workflows/abc/triggers/manual/paths/invoke?sig=s3cr3t-s1gnature"));
    for finding in [STOP_LOGGING, HOSTILE, RESOLVED] {
        assert_eq!(deliver(&teams, finding).await.unwrap().text, "202 Accepted");
    }
    assert_eq!(server.requests()[0].uri.path(), "/workflows/abc/triggers/manual/paths/invoke");
}

#[tokio::test]
async fn limits_and_failures() {
    for (status, headers, again) in [
        (429, &[("retry-after", "17")][..], Some(Some(RetryAfter::In(Duration::from_secs(17))))),
        (500, &[], Some(None)),
        (502, &[], Some(None)),
        (400, &[], None),
        (404, &[], None),
    ] {
        let server = Server::answering(status, headers, "sig=s3cr3t-s1gnature").await;
        let error = deliver(&teams(server.url("/x?sig=s3cr3t-s1gnature")), STOP_LOGGING).await.unwrap_err();
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
        let found = match error {
            DeliveryError::Retryable { retry_after, .. } => Some(retry_after),
            DeliveryError::Permanent { .. } => None,
        };
        assert_eq!(found, again, "{status}");
    }
    for how in [Misbehaviour::Silence, Misbehaviour::Reset, Misbehaviour::SlowStatus, Misbehaviour::Nonsense]
    {
        let address = misbehaving(how).await;
        let url = Secret::new(&format!("http://{address}/"));
        let error = deliver(&teams(url), STOP_LOGGING).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Retryable { .. }), "{how:?}: {error:?}");
    }
    let plain =
        TeamsSettings { webhook: Secret::new("http://a.example/"), network: targets::Network::default() };
    assert_eq!(plain.check(), Err(SetupError::NotHttps));
    assert!(card(&json!({})).is_err(), "the counterpart tells a card from none");
}
