//! The JSON Schema of the configuration, for editors.
//!
//! The reader is the authority and says more than a schema can; the schema says what helps while typing. Tests hold the two together.

mod calendars;
mod outside;

use rules::Severity;
use serde_json::{Map, Value, json};

use crate::log::LogLevel;

/// The JSON Schema (draft 2020-12) of a configuration.
#[must_use]
pub fn configuration() -> Value {
    let rule = rules::schema::rule_document();
    let of_rules = |pointer: &str| rule.pointer(pointer).cloned().unwrap_or_default();
    let shared = ["severity", "condition", "pattern"];
    let mut definitions: Map<String, Value> =
        shared.map(|name| (name.to_owned(), of_rules(&format!("/$defs/{name}")))).into_iter().collect();
    definitions.extend([
        ("duration".to_owned(), duration_definition()),
        ("size".to_owned(), size_definition()),
        ("secret".to_owned(), secret_definition()),
    ]);
    let targets = targets();
    let responses = crate::respond::schema(&targets["additionalProperties"]["properties"]);
    let strict = object(
        "",
        &[],
        json!({
            "state": state(),
            "sources": sources(),
            "lateness": lateness(),
            "rules": texts("Where rules come from: `builtin`, `builtin-baseline` (the part of the pack that looks at most events), rule files, folders of them. Without it, `builtin`.", 1),
            "override": overrides(&of_rules("/$defs/rule/properties/escalate"), &of_rules("/$defs/rule/properties/except")),
            "suppressions": suppressions(),
            "accounts": accounts(),
            "lists": json!({
                "description": "Named lists of globs that rules ask about.",
                "type": "object",
                "additionalProperties": texts("The globs of one list.", 0),
            }),
            "holidays": calendars::holidays(),
            "hours": calendars::hours(),
            "change_windows": calendars::change_windows(),
            "geoip": object("Databases of addresses in MaxMind's format.", &[], json!({
                "city": text("A file of countries and cities, such as GeoLite2-City.mmdb."),
                "asn": text("A file of autonomous systems, such as GeoLite2-ASN.mmdb."),
            })),
            "enrich": outside::enrich(),
            "forward": crate::forward::schema(),
            "targets": targets,
            "routes": routes(),
            "fold": fold(),
            "respond": responses,
            "heartbeat": outside::heartbeat(),
            "http": object("Where the service itself answers, with metrics and health.", &["listen"], json!({
                "listen": listen(),
                "keys": keys("Keys of which a caller has to show one; needed where others than this machine can reach the address."),
            })),
            "log": object("How much the service says of itself.", &[], json!({
                "level": json!({ "description": "The least grave lines that are written.", "enum": LogLevel::ALL.map(LogLevel::name), "default": "info" }),
            })),
            "metadata": { "description": "Whatever you like; nothing reads it.", "type": "object" },
        }),
    );
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Trailhound configuration",
        "description": "What the service reads, decides and tells; a scan takes its rules, accounts, lists and hours from it.",
    });
    if let (Some(schema), Value::Object(strict)) = (schema.as_object_mut(), strict) {
        schema.extend(strict.into_iter().filter(|(word, _)| word != "description" && word != "required"));
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}

fn duration_definition() -> Value {
    json!({ "description": "A length of time: `500ms`, `30s`, `10m`, `1h`, `2d`.", "type": "string", "pattern": "^[0-9]+(ms|[smhd])$" })
}

fn size_definition() -> Value {
    json!({ "description": "A size: `64KiB`, `16MiB`, `20GiB`.", "type": "string", "pattern": "^[0-9]+ *[KMGT]iB$" })
}

fn secret_definition() -> Value {
    json!({
        "description": "A secret: `${NAME}` from the environment, `${file:/run/secrets/name}` from a file; `$$` is a dollar sign.",
        "type": "string",
        "minLength": 1,
    })
}

fn state() -> Value {
    let retention = object(
        "How long things are kept once nothing is owed any more.",
        &[],
        json!({
            "findings": duration("Findings, with their sample records.", "400d"),
            "deliveries": duration("What was sent, and the receipts.", "30d"),
            "keys": duration("That something was sent, so that a late replay sends nothing twice; at least as long as `deliveries`.", "800d"),
        }),
    );
    let whole = object(
        "",
        &["folder"],
        json!({
            "folder": text("The folder of the database."),
            "durability": {
                "description": "What a committed transaction survives: `power-loss`, or the end of the process alone (`crash`), which is faster.",
                "enum": ["power-loss", "crash"],
                "default": "power-loss",
            },
            "size_max": size("The most the database may grow to.", None),
            "retention": retention,
        }),
    );
    let mut whole = whole;
    if let Some(whole) = whole.as_object_mut() {
        whole.insert("description".to_owned(), json!("What is remembered: a folder, or a mapping."));
        whole.insert("type".to_owned(), json!(["string", "object"]));
        whole.insert("minLength".to_owned(), json!(1));
    }
    whole
}

fn sources() -> Value {
    let queue = json!({
        "queue": text("The queue's URL."),
        "region": text("The queue's region, where the URL does not say it."),
        "endpoint": text("Another endpoint than the region's."),
        "role": text("The ARN of a role to assume first."),
        "external_id": text(crate::role::EXTERNAL_ID),
        "visibility": duration("How long a message that was taken is hidden from others.", "5m"),
        "tries": count("How often a message that cannot be used is tried before it is set aside.", 1, 1000, 5),
    });
    let with = |more: Value| {
        let mut properties = queue.as_object().cloned().unwrap_or_default();
        properties.extend(more.as_object().cloned().unwrap_or_default());
        Value::Object(properties)
    };
    let s3 = object(
        "Log files in S3, told of by messages in a queue.",
        &["queue"],
        with(json!({
            "concurrency": count("How many files are fetched at once.", 1, 256, 8),
            "object_max": size("The largest file that is fetched.", Some("256MiB")),
            "buckets": texts("The buckets that may be read; any, if none is named.", 0),
        })),
    );
    let sqs = object(
        "Events in a queue.",
        &["queue"],
        with(json!({
            "class": { "description": "How the events came into the queue.", "enum": ["eventbridge", "logs"], "default": "eventbridge" },
        })),
    );
    let http = object(
        "Events that others push: API destinations of EventBridge, Firehose, SNS, NDJSON.",
        &["listen"],
        json!({
            "listen": listen(),
            "keys": keys("Keys of which a caller has to show one; needed where others than this machine can reach the address."),
            "body_max": size("The largest request, as it is sent.", Some("16MiB")),
            "sns": texts("ARNs of the SNS topics that may push; none, if none is named.", 0),
        }),
    );
    let directory = object(
        "Log files in a folder.",
        &["path"],
        json!({
            "path": text("The folder."),
            "watch": truth("Whether it is watched for new files; otherwise it is read once.", true),
            "poll": duration("How often it is looked into.", "2s"),
            "settle": duration("How long a file has to be left alone before it is read.", "2s"),
        }),
    );
    json!({
        "description": "Where events come from.",
        "type": "array",
        "minItems": 1,
        "items": one_kind("One source.", json!({ "s3": s3, "sqs": sqs, "http": http, "directory": directory }), json!({
            "name": text("Its name, unique among the sources; what has been read is remembered under it. Without it, the kind."),
        })),
    })
}

fn lateness() -> Value {
    object(
        "How long after an event it may still arrive and be decided in its place.",
        &[],
        json!({
            "eventbridge": duration("Of events that EventBridge delivers.", "2m"),
            "logs": duration("Of events that CloudWatch Logs delivers.", "20m"),
            "s3": duration("Of events in log files.", "60m"),
            "idle": duration("How long an account and region may say nothing until it is taken to have nothing to say.", "15m"),
        }),
    )
}

fn accounts() -> Value {
    let mut organizations = object(
        "Whether AWS Organizations is asked for accounts: `true`, or what is different.",
        &[],
        json!({
            "refresh": duration("How long its answer is good.", "1h"),
            "region": text("The region to ask in, outside of AWS's ordinary partition."),
            "role": text("The ARN of a role to assume, in the management account or a delegated administrator's."),
            "external_id": text(crate::role::EXTERNAL_ID),
            "endpoint": text("Another endpoint than AWS's."),
        }),
    );
    organizations["type"] = json!(["boolean", "object"]);
    let mut accounts = object(
        "What is known of the accounts.",
        &[],
        json!({
            "file": text("A file of account numbers with names, units, tags and owners."),
            "organizations": organizations,
        }),
    );
    accounts["anyOf"] = json!([{ "required": ["file"] }, { "required": ["organizations"] }]);
    accounts
}

fn overrides(escalate: &Value, except: &Value) -> Value {
    let entry = object(
        "One rule.",
        &["id"],
        json!({
            "id": text("The rule's id."),
            "reason": text("Why it is different here; nothing reads it."),
            "disabled": truth("Whether to do without the rule.", false),
            "severity": { "description": "Another severity.", "enum": Severity::ALL.map(Severity::as_str) },
            "escalate": escalate,
            "except": except,
            "owner": text("Who answers for it here."),
            "tags": texts("Labels in addition to the rule's own.", 0),
        }),
    );
    json!({ "description": "What is different about rules that others wrote.", "type": "array", "items": entry })
}

fn targets() -> Value {
    let webhook = with_shape(object(
        "Findings as signed JSON.",
        &["url"],
        json!({
            "url": secret("Where to post."),
            "signing_keys": keys("Keys to sign with: one, or two while receivers change from one to the other."),
            "oauth": crate::message_target::oauth_schema(),
            "headers": {
                "description": "Further headers, such as `Authorization`.",
                "type": "object",
                "additionalProperties": secret("The value of one header."),
            },
        }),
    ));
    let pagerduty = object(
        "A service in PagerDuty, by Events API v2.",
        &["routing_key"],
        json!({
            "routing_key": secret("The integration key of the service."),
            "url": secret("Another address than that of the US service region."),
        }),
    );
    let file = object(
        "A file, a line of NDJSON per finding.",
        &["path"],
        json!({
            "path": text("The file."),
            "fsync": truth("Whether a finding is delivered only once it is on the disk.", false),
        }),
    );
    let stdout = json!({ "description": "Standard output, a line of NDJSON per finding.", "type": ["object", "null"] });
    let retry = object(
        "How often, how long and at what distance it is tried.",
        &[],
        json!({
            "attempts": count("The most attempts.", 1, 10_000, 200),
            "age": duration("How long after it was due a delivery may still be tried.", "24h"),
            "delay": duration("The delay after the first attempt; it doubles with each.", "2s"),
            "delay_max": duration("The longest delay.", "15m"),
            "retry_after_max": duration("The longest `Retry-After` of a receiver that is honoured.", "1h"),
            "timeout": duration("How long one attempt may take.", "30s"),
        }),
    );
    let message = object(
        "What people are told instead of the built-in words, in Slack, Teams and mail: MiniJinja templates over the finding.",
        &[],
        json!({
            "title": text("The headline."),
            "body": text("What stands in the place of facts, checks and sections."),
        }),
    );
    let network = network();
    let own = json!({ "webhook": webhook, "pagerduty": pagerduty, "stdout": stdout, "file": file });
    let mut kinds = own.as_object().cloned().unwrap_or_default();
    kinds.extend(crate::message_target::schemas().map(|(kind, schema)| (kind.to_owned(), schema)));
    kinds.extend(crate::aws_target::schema());
    json!({
        "description": "Where findings go, by name.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": one_kind("One target.", Value::Object(kinds), json!({
            "retry": retry,
            "network": network,
            "zone": text("The zone in which messages say times beside UTC, such as `Europe/Berlin`."),
            "message": message,
            "fold": json!({ "description": "Whether findings that belong together are told as one conversation. Without it: what people read does, what machines read does not.", "type": "boolean" }),
        })),
    })
}

/// What something may do on the network.
fn network() -> Value {
    object(
        "What it may do on the network.",
        &[],
        json!({
            "allow": texts("Networks that may be connected to although they are not public.", 0),
            "plain_http": truth("Whether `http://` will do.", false),
            "connect_timeout": duration("How long connecting may take.", "5s"),
            "timeout": duration("How long all of it may take, up to the answer's status.", "10s"),
        }),
    )
}

fn routes() -> Value {
    let route = object(
        "One route.",
        &["to"],
        json!({
            "match": { "description": "Which findings: an event pattern over the finding. Without it, all.", "type": ["object", "string"] },
            "to": texts("Names of targets.", 1),
            "continue": truth("Whether the routes after this one are asked too.", false),
            "during": text("The name of hours in which `to` is told."),
            "otherwise": {
                "description": "What becomes of findings outside of these hours: they wait, nobody is told, or others are.",
                "oneOf": [
                    { "enum": ["hold", "drop"] },
                    object("Others are told.", &["to"], json!({ "to": texts("Names of targets.", 1) })),
                ],
            },
            "escalate": {
                "description": "When what is held does not wait any longer: after so many findings, or at a severity. Without it, after 10.",
                "oneOf": [
                    { "enum": ["never"] },
                    object("When, and whom.", &[], json!({
                        "repeats": count("After so many findings of one conversation.", 1, 1_000_000, 10),
                        "severity": { "description": "As soon as one is at least so grave.", "enum": Severity::ALL.map(Severity::as_str) },
                        "to": texts("Who is told then; without it, the route's own targets.", 1),
                    })),
                ],
            },
            "ack_within": { "description": "How long each target waits for an acknowledgement.", "$ref": "#/$defs/duration" },
            "then": texts("Who is told when nobody acknowledges: one target after the other.", 1),
        }),
    );
    json!({
        "description": "Which finding goes where: asked in order, and the first that matches decides.",
        "type": "array",
        "minItems": 1,
        "items": route,
    })
}

/// A target that can be told what of a finding it is sent: one way of saying it at most.
pub(crate) fn with_shape(mut target: Value) -> Value {
    if let Some(properties) = target.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.extend(crate::shape::schema());
    }
    target
}

fn fold() -> Value {
    let by = route::FoldBy::ALL.map(route::FoldBy::name);
    object(
        "What makes many findings one conversation.",
        &[],
        json!({
            "by": {
                "description": "What its findings have in common. `group` is what the rule groups or counts by, or else the identity.",
                "type": "array",
                "minItems": 1,
                "items": { "enum": by },
                "default": ["rule", "account", "group"],
            },
            "every": duration("Updates come at most as often as this, unless it becomes graver or ends.", "5m"),
            "quiet": duration("It is closed when nothing came for so long.", "1h"),
            "conversations_max": count(
                "The most conversations that are remembered. For one more, that which was quiet for longest is given up.",
                1,
                crate::fold::CONVERSATIONS_MOST,
                crate::fold::CONVERSATIONS_DEFAULT,
            ),
        }),
    )
}

fn suppressions() -> Value {
    let mut one = object(
        "Findings that are known to be good.",
        &["id", "reason", "owner", "expires"],
        json!({
            "id": text("Its name; what it hid is counted under it."),
            "reason": text("Why it is good."),
            "owner": text("Who says so."),
            "expires": { "description": "The last day it holds, as `2027-01-31`.", "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" },
            "match": { "description": "Which findings: an event pattern over the finding.", "type": ["object", "string"] },
            "pattern": { "description": "The old name of `match`.", "type": ["object", "string"], "deprecated": true },
        }),
    );
    if let Some(one) = one.as_object_mut() {
        one.insert("oneOf".to_owned(), json!([{ "required": ["match"] }, { "required": ["pattern"] }]));
    }
    json!({ "description": "Findings that are kept and told to nobody.", "type": "array", "items": one })
}

/// A mapping with exactly one of `kinds`, and what may stand beside it.
fn one_kind(description: &str, kinds: Value, beside: Value) -> Value {
    let Value::Object(mut properties) = kinds else { return Value::Null };
    let choices: Vec<Value> = properties.keys().map(|kind| json!({ "required": [kind] })).collect();
    if let Value::Object(beside) = beside {
        properties.extend(beside);
    }
    let mut entry = object(description, &[], Value::Object(properties));
    if let Some(entry) = entry.as_object_mut() {
        entry.insert("oneOf".to_owned(), Value::Array(choices));
    }
    entry
}

#[expect(clippy::needless_pass_by_value, reason = "they are written where they are passed")]
pub(crate) fn object(description: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

pub(crate) fn text(description: &str) -> Value {
    json!({ "description": description, "type": "string", "minLength": 1 })
}

pub(crate) fn texts(description: &str, least: u32) -> Value {
    json!({ "description": description, "type": "array", "minItems": least, "items": { "type": "string", "minLength": 1 } })
}

fn truth(description: &str, default: bool) -> Value {
    json!({ "description": description, "type": "boolean", "default": default })
}

fn count(description: &str, least: u32, most: u32, default: u32) -> Value {
    json!({ "description": description, "type": "integer", "minimum": least, "maximum": most, "default": default })
}

/// Words beside `$ref` are allowed since draft 2019-09.
pub(crate) fn duration(description: &str, default: &str) -> Value {
    json!({ "description": description, "$ref": "#/$defs/duration", "default": default })
}

fn size(description: &str, default: Option<&str>) -> Value {
    let mut size = json!({ "description": description, "$ref": "#/$defs/size" });
    if let (Some(size), Some(default)) = (size.as_object_mut(), default) {
        size.insert("default".to_owned(), json!(default));
    }
    size
}

pub(crate) fn secret(description: &str) -> Value {
    json!({ "description": description, "$ref": "#/$defs/secret" })
}

fn keys(description: &str) -> Value {
    json!({ "description": description, "type": "array", "items": { "$ref": "#/$defs/secret" } })
}

fn listen() -> Value {
    text("An IP address and a port, as `127.0.0.1:8080`.")
}
