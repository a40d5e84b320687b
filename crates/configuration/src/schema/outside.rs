//! `enrich` and `heartbeat` in the schema.

use serde_json::{Value, json};

use super::{duration, network, object, secret, text};

pub(super) fn enrich() -> Value {
    let http = object(
        "Somebody who is posted the finding and answers with a JSON object.",
        &["url"],
        json!({
            "url": secret("Where to post."),
            "headers": {
                "description": "Further headers, such as `Authorization`.",
                "type": "object",
                "additionalProperties": secret("The value of one header."),
            },
            "timeout": duration("How long a finding waits for the answer: at most 5s.", "500ms"),
            "on_error": { "description": "What becomes of a finding without an answer: it goes on.", "enum": ["pass"], "default": "pass" },
            "network": network(),
        }),
    );
    let lambda = object(
        "A function in Lambda that is invoked with the finding and answers with a JSON object.",
        &["function"],
        json!({
            "function": text("The function, by name or ARN, with a version or an alias behind a colon if one is wanted."),
            "timeout": duration("How long a finding waits for the answer: at most 5s.", "500ms"),
            "on_error": { "description": "What becomes of a finding without an answer: it goes on.", "enum": ["pass"], "default": "pass" },
            "region": text("The region, where no ARN says it."),
            "endpoint": text("Another endpoint than the region's, such as that of an interface endpoint."),
            "role": text("The ARN of a role to assume first."),
            "external_id": text(crate::role::EXTERNAL_ID),
        }),
    );
    let mut entry = object("One of those who are asked.", &[], json!({ "http": http, "lambda": lambda }));
    entry["oneOf"] = json!([{ "required": ["http"] }, { "required": ["lambda"] }]);
    json!({ "description": "Who is asked for more about a finding before it is routed; the answer is added as `detail.context`.", "type": "array", "items": entry })
}

pub(super) fn heartbeat() -> Value {
    object(
        "Signs of life, for somebody outside who raises the alarm when they stay away.",
        &["url"],
        json!({
            "url": secret("Where they are posted."),
            "every": duration("How often, while the service is healthy: at least 5s.", "1m"),
            "network": network(),
        }),
    )
}
