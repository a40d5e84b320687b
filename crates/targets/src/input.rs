//! What of a finding is sent: EventBridge's input settings, on findings.
//!
//! A finding that cannot be looked into (a record in it is nested too deep) is sent as it is: nobody gets around being told of by
//! nesting. What a template makes no JSON of is not sent, as on AWS; it belongs on the list of dead letters.

use input_transformer::{Event, InvalidJson, Occasion, Payload, TargetInput};
use jiff::Timestamp;
use route::printable::json_line;

use crate::{Delivery, DeliveryError};

/// The text to send. It is the same at every attempt: for a finding, the time it was received is its own.
pub(crate) fn text(input: &TargetInput, delivery: &Delivery) -> Result<String, DeliveryError> {
    let json = delivery.finding().json();
    let event = match (input, Event::parse(json)) {
        (TargetInput::Event, _) | (_, Err(_)) => return Ok(json_line(json)),
        (_, Ok(event)) => event,
    };
    let message = delivery.message();
    let ingestion_time = message.time.unwrap_or(Timestamp::UNIX_EPOCH);
    // A finding's rule has a name, and nothing that is more exact.
    let occasion = Occasion { rule_arn: &message.rule, rule_name: &message.rule, ingestion_time };
    match input.apply(&event, &occasion) {
        Payload::Delivered(text) => Ok(text),
        Payload::Invalid(invalid) => {
            Err(DeliveryError::Permanent { reason: format!("{}: {invalid}", InvalidJson::CODE) })
        }
        Payload::Nothing => Err(DeliveryError::Permanent { reason: "the input is empty".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use input_transformer::{InputPath, InputTransformer};
    use route::{FindingEvent, TargetName};

    use super::*;

    fn delivery(json: &str) -> Delivery {
        Delivery::new(TargetName::new("oncall").unwrap(), FindingEvent::parse(json).unwrap())
    }

    fn template(paths: &[(&str, &str)], template: &str) -> TargetInput {
        TargetInput::Transformer(InputTransformer::parse(paths.iter().copied(), template).unwrap())
    }

    #[test]
    fn a_finding_is_an_event() {
        let delivery = delivery(include_str!("../../route/tests/findings/stop-logging.json"));
        let all = r#"{"rule": <aws.events.rule-name>, "arn": "<aws.events.rule-arn>", "at": <aws.events.event.ingestion-time>, "n": <n>}"#;
        for (input, wanted) in [
            (TargetInput::Path(InputPath::parse("$.detail.principal.name").unwrap()), r#""deploy""#),
            (
                template(&[("n", "$.detail.count")], all),
                r#"{"rule": "cloudtrail-logging-stopped", "arn": "cloudtrail-logging-stopped", "at": "2026-11-03T02:41:09.000Z", "n": 1}"#,
            ),
            (
                template(
                    &[("who", "$.detail.principal.human"), ("what", "$.detail.title")],
                    "\"<what>\"\n\"by <who>\"",
                ),
                "\"CloudTrail main stopped in payments-prod\"\n\"by bob@example.com\"",
            ),
        ] {
            assert_eq!(text(&input, &delivery).unwrap(), wanted);
        }
        let whole = text(&TargetInput::Event, &delivery).unwrap();
        let json: serde_json::Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(json["detail"]["principal"]["name"], "deploy");
    }

    #[test]
    fn what_is_no_json_is_for_people() {
        let finding = r#"{"id": "a", "source": "trailhound", "detail-type": "Trailhound Finding", "detail": {"title": "say \"hi\""}}"#;
        let error = text(&template(&[("x", "$.detail.title")], "\"<x>\""), &delivery(finding)).unwrap_err();
        let reason = "INVALID_JSON: the template made no JSON of this event: expected a value; text stands in double quotes (line 1, column 9)";
        assert_eq!(error, DeliveryError::Permanent { reason: reason.to_owned() });
        let json = template(&[("x", "$.detail.title")], "{\"x\":\"<x>\"}");
        assert_eq!(text(&json, &delivery(finding)).unwrap(), r#"{"x":"say \"hi\""}"#);
    }

    #[test]
    fn nesting_hides_nothing() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let finding = format!(
            r#"{{"id": "a", "source": "trailhound", "detail-type": "Trailhound Finding", "detail": {{"title": "t", "records": [{deep}]}}}}"#
        );
        let sent = text(&template(&[("x", "$.detail.title")], "{\"x\": <x>}"), &delivery(&finding)).unwrap();
        assert_eq!(sent, finding);
    }
}
