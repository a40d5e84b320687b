//! Recorded fates of events on their way to a target, one JSON object per line: `{event, target, expect, body? | body_json?, error?}`.
//!
//! `target` has the settings of `PutTargets`. `expect` is `deliver` (the body byte for byte, or as JSON), `dropped` or `dlq` (what came
//! out is no JSON; `dlq` knows the text), `accepted_not_delivered`, or `put_targets_error`. In a body, `{rule-arn}`, `{rule-name}` and
//! `{ingestion-time}` stand for what nobody could write down beforehand.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use input_transformer::{Event, InvalidJson, Occasion, Payload, TargetInput};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::cases;

const RULE_ARN: &str = "arn:aws:events:us-east-1:111111111111:rule/bus/conformance";
const RULE_NAME: &str = "conformance";
const INGESTION_TIME: &str = "2026-03-23T09:00:01.500Z";

/// Runs the cases of a file, prints those that fail, and counts both kinds.
///
/// # Errors
///
/// If the file cannot be read or a line is no case.
pub(crate) fn run(path: &Path) -> io::Result<(usize, usize)> {
    cases::run(path, |number, case: &Case| {
        let checked = case.check().map_err(|reason| format!("{reason}\n    target {}", case.target));
        (format!("line {number} ({})", case.source), checked.into())
    })
}

#[derive(Deserialize)]
struct Case {
    event: Box<RawValue>,
    target: Box<RawValue>,
    expect: Expect,
    body: Option<String>,
    body_json: Option<Value>,
    error: Option<ServiceError>,
    error_code: Option<String>,
    error_message: Option<String>,
    #[serde(default)]
    source: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expect {
    Deliver,
    Dropped,
    Dlq,
    AcceptedNotDelivered,
    PutTargetsError,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ServiceError {
    code: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    input: Option<String>,
    input_path: Option<String>,
    input_transformer: Option<Transformer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transformer {
    #[serde(default)]
    input_paths_map: BTreeMap<String, String>,
    #[serde(default)]
    input_template: String,
}

impl Case {
    fn check(&self) -> Result<(), String> {
        let target: Target = serde_json::from_str(self.target.get()).map_err(|error| error.to_string())?;
        let transformer = target.input_transformer.as_ref();
        let input = TargetInput::parse(
            target.input.as_deref(),
            target.input_path.as_deref(),
            transformer
                .map(|transformer| (&transformer.input_paths_map, transformer.input_template.as_str())),
        );
        let input = match (input, self.expect) {
            (Ok(input), _) => input,
            (Err(error), Expect::PutTargetsError) => return self.check_error(&error),
            (Err(error), expect) => return Err(format!("expected {expect:?}, but it is refused: {error}")),
        };
        let event = Event::parse(self.event.get()).map_err(|error| error.to_string())?;
        let ingestion_time = INGESTION_TIME.parse().map_err(|error| format!("{error}"))?;
        let occasion = Occasion { rule_arn: RULE_ARN, rule_name: RULE_NAME, ingestion_time };
        match (input.apply(&event, &occasion), self.expect) {
            (Payload::Delivered(text), Expect::Deliver) => self.check_body(&text),
            (Payload::Invalid(_), Expect::Dropped) | (Payload::Nothing, Expect::AcceptedNotDelivered) => {
                Ok(())
            }
            (Payload::Invalid(invalid), Expect::Dlq) => {
                same("ERROR_CODE", self.error_code.as_deref(), InvalidJson::CODE)?;
                same("ERROR_MESSAGE", self.error_message.as_deref(), InvalidJson::MESSAGE)?;
                self.check_body(&invalid.text)
            }
            (payload, expect) => Err(format!("expected {expect:?}, found {payload:?}")),
        }
    }

    fn check_error(&self, error: &input_transformer::InputError) -> Result<(), String> {
        let Some(ServiceError { code, message }) = &self.error else { return Ok(()) };
        same("code", code.as_deref(), "ValidationException")?;
        let Some(message) = message else { return Ok(()) };
        // The id of the target is known from the message alone.
        let id = message.split("for target ").nth(1).and_then(|rest| rest.split([' ', ':']).next());
        same("message", Some(message), &error.service_text(id.unwrap_or("target").trim_end_matches('.')))
    }

    fn check_body(&self, found: &str) -> Result<(), String> {
        let filled = |text: &str| {
            text.replace("{rule-arn}", RULE_ARN)
                .replace("{rule-name}", RULE_NAME)
                .replace("{ingestion-time}", INGESTION_TIME)
        };
        same("body", self.body.as_deref().map(filled).as_deref(), found)?;
        let Some(wanted) = &self.body_json else { return Ok(()) };
        let wanted: Value =
            serde_json::from_str(&filled(&wanted.to_string())).map_err(|error| error.to_string())?;
        match serde_json::from_str::<Value>(found) {
            Ok(value) if value == wanted => Ok(()),
            _ => Err(format!("expected the body {wanted}, found {found}")),
        }
    }
}

fn same(what: &str, wanted: Option<&str>, found: &str) -> Result<(), String> {
    match wanted {
        Some(wanted) if wanted != found => Err(format!("expected the {what} {wanted:?}, found {found:?}")),
        _ => Ok(()),
    }
}
