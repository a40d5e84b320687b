//! The published schema is what the code says, and agrees with the reader.

#![expect(clippy::unwrap_used, reason = "a schema of another shape fails the test")]

use configuration::{Analysis, MemorySecrets};
use rules::{MemoryFiles, yaml};
use serde_json::Value;
use std::path::Path;

const EXAMPLE: &str = include_str!("../../../examples/configuration/trailhound.yaml");

/// Rewrite the published file with `TRAILHOUND_UPDATE_SCHEMA=1`.
#[test]
fn the_published_schema_is_up_to_date() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/configuration.schema.json"));
    let schema = format!("{:#}\n", configuration::schema::configuration());
    if std::env::var_os("TRAILHOUND_UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        published == schema,
        "docs/schema/configuration.schema.json differs: set TRAILHOUND_UPDATE_SCHEMA=1 to rewrite it"
    );
}

fn valid(text: &str) -> Vec<String> {
    let schema = configuration::schema::configuration();
    let document = yaml::parse(&"t.yaml".into(), text).documents.remove(0).to_json();
    let mut faults = Vec::new();
    validate(&schema, &schema, &document, "", &mut faults);
    faults
}

fn accepted(text: &str) -> bool {
    let mut files = MemoryFiles::default();
    files.insert("t.yaml", text);
    files.insert("accounts.yaml", "");
    let names = ["TRAILHOUND_PUSH_KEY", "PAGERDUTY_KEY", "SIEM_SIGNING_KEY", "SIEM_TOKEN", "KEY"];
    let mut secrets: Vec<(&str, &str)> =
        names.map(|name| (name, "0123456789abcdef0123456789abcdef")).to_vec();
    secrets.push(("/run/secrets/slack-webhook", "https://hooks.slack.com/services/T0/B0/x\n"));
    let secrets: [(&str, &str); 6] = secrets.try_into().unwrap();
    let read = Analysis::check("t.yaml", &files, Some(&MemorySecrets::from(secrets)));
    let errors: Vec<_> = read.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    errors.iter().for_each(|error| println!("{error}"));
    errors.is_empty()
}

#[test]
fn the_example_is_right() {
    assert_eq!(valid(EXAMPLE), Vec::<String>::new());
    assert!(accepted(EXAMPLE));
}

/// A value for whatever the schema says of it: the first choice, the default, a text that fits.
fn example_of(root: &Value, schema: &Value, key: &str) -> Value {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let text = match (target, key) {
            ("#/$defs/duration", "timeout") => "1s",
            ("#/$defs/duration", _) => "5m",
            ("#/$defs/size", _) => "64MiB",
            ("#/$defs/secret", "url" | "token_url") => "https://hooks.example/${KEY}",
            ("#/$defs/secret", "bot_token") => "xoxb-${KEY}",
            ("#/$defs/secret", "webhook") => "${file:/run/secrets/slack-webhook}",
            ("#/$defs/secret", _) => "${KEY}",
            _ => return example_of(root, root.pointer(target.trim_start_matches('#')).unwrap(), key),
        };
        return text.into();
    }
    if let Some(choice) = schema.get("enum") {
        return choice[0].clone();
    }
    if let Some(default) = schema.get("default") {
        return default.clone();
    }
    if let (None, Some(choices)) = (schema.get("type"), schema.get("oneOf").and_then(Value::as_array)) {
        return example_of(root, choices.last().unwrap(), key);
    }
    let kind = schema.get("type").unwrap();
    match kind.as_str().unwrap_or_else(|| kind[0].as_str().unwrap()) {
        "array" => Value::Array(vec![example_of(root, &schema["items"], key)]),
        "integer" => schema["minimum"].clone(),
        "boolean" => true.into(),
        "string" => match key {
            "queue" | "endpoint" => "https://sqs.us-east-1.amazonaws.com/111122223333/q".into(),
            "region" => "us-east-1".into(),
            "topic" | "sns" => "arn:aws:sns:us-east-1:111122223333:t".into(),
            "role" => "arn:aws:iam::111122223333:role/trailhound".into(),
            "partition_key" => "$.account".into(),
            "listen" => "127.0.0.1:8080".into(),
            "allow" => "10.0.0.0/8".into(),
            "days" => "mon-fri".into(),
            "from" if schema.get("pattern").is_some() => "09:00".into(),
            "to" if schema.get("pattern").is_some() => "18:00".into(),
            // Of a mail; what routes lead to is set below.
            "from" | "to" => "a@example.com".into(),
            "zone" => "UTC".into(),
            "expires" => "2027-01-31".into(),
            "when" | "where" => "detail.readOnly == false".into(),
            "file" | "change_windows" => "accounts.yaml".into(),
            "holidays" => "12-25".into(),
            "except" => "holidays".into(),
            "channel" => "C0123456789".into(),
            "server" => "relay.example".into(),
            "hello" => "trailhound.example.com".into(),
            "argv" => "/bin/true".into(),
            "external_id" => "trailhound-1".into(),
            _ => "a".into(),
        },
        _ => {
            // Of the kinds something may be, one at a time; `pattern` and `match` are languages of their own.
            if matches!(key, "pattern" | "match") {
                return serde_json::json!({ "detail": { "severity": ["critical"] } });
            }
            let none = serde_json::Map::new();
            let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
            let kinds: Vec<&str> =
                schema.get("oneOf").and_then(Value::as_array).map_or(Vec::new(), |kinds| {
                    kinds.iter().map(|kind| kind["required"][0].as_str().unwrap()).collect()
                });
            let mut object: serde_json::Map<String, Value> = properties
                .iter()
                .filter(|(name, _)| !kinds.contains(&name.as_str()) || kinds.first() == Some(&name.as_str()))
                .map(|(name, schema)| (name.clone(), example_of(root, schema, name)))
                .collect();
            if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
                object.insert("a".to_owned(), example_of(root, values, key));
            }
            Value::Object(object)
        }
    }
}

/// Every key of the schema is one the reader knows: a configuration that has all of them has no unknown key.
#[test]
fn the_reader_knows_every_key_of_the_schema() {
    let schema = configuration::schema::configuration();
    let mut example = example_of(&schema, &schema, "");
    let kinds = |pointer: &str| {
        let choices = schema.pointer(pointer).unwrap()["oneOf"].as_array().unwrap();
        choices.iter().map(|choice| choice["required"][0].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = |pointer: &str| {
        let entry = schema.pointer(pointer).unwrap();
        let of = |kind: &String| (kind.clone(), example_of(&schema, &entry["properties"][kind], kind));
        kinds(pointer).iter().map(of).collect::<Vec<_>>()
    };
    let sources = all("/properties/sources/items").into_iter().enumerate();
    example["sources"] = sources
        .map(|(index, (kind, mut settings))| {
            if settings.get("listen").is_some() {
                settings["listen"] = "127.0.0.1:8081".into();
            }
            serde_json::json!({ "name": format!("s{index}"), kind: settings })
        })
        .collect();
    let targets = all("/properties/targets/additionalProperties");
    let names: Vec<String> = targets.iter().map(|(kind, _)| kind.clone()).collect();
    example["targets"] = targets
        .into_iter()
        .map(|(kind, mut settings)| {
            if let Some(headers) = settings.get_mut("headers") {
                *headers = serde_json::json!({ "X-Env": "${KEY}" });
            }
            // Slack by an app; by a webhook it is a target of its own below.
            if kind == "slack" {
                settings.as_object_mut().unwrap().remove("webhook");
            }
            // It has to be a certificate.
            if kind == "email" {
                settings.as_object_mut().unwrap().remove("ca");
            }
            // One of the ways of saying what is sent.
            if let Some(settings) = settings.as_object_mut().filter(|settings| settings.contains_key("input"))
            {
                for key in ["input", "input_path", "template"] {
                    settings.remove(key);
                }
                let transformer =
                    serde_json::json!({ "paths": { "a": "$.detail" }, "template": "{\"a\": <a>}" });
                settings.insert("input_transformer".to_owned(), transformer);
            }
            (kind.clone(), serde_json::json!({ kind: settings }))
        })
        .collect();
    let responses = all("/properties/respond/items").into_iter();
    example["respond"] = responses
        .map(|(kind, mut settings)| {
            if let Some(settings) = settings.as_object_mut() {
                for key in ["input", "input_path", "input_transformer", "template"] {
                    settings.remove(key);
                }
                if settings.contains_key("headers") {
                    settings.insert("headers".to_owned(), serde_json::json!({ "X-Env": "${KEY}" }));
                }
            }
            serde_json::json!({ "dry_run": false, "cool_down": "1m", kind: settings })
        })
        .collect();
    example["targets"]["slack"]["retry"] = serde_json::json!({
        "attempts": 5, "age": "1h", "delay": "1s", "delay_max": "1m", "retry_after_max": "5m", "timeout": "10s"
    });
    example["targets"]["slack"]["network"] = serde_json::json!({
        "allow": ["10.0.0.0/8"], "plain_http": false, "connect_timeout": "1s", "timeout": "5s"
    });
    example["targets"]["slack"]["message"] =
        serde_json::json!({ "title": "{{ detail.title }}", "body": "{{ message.text }}" });
    example["forward"] = serde_json::json!([{ "pattern": { "source": ["aws.iam"] }, "to": ["stdout"], "when_full": "leave_out" }]);
    let function =
        serde_json::json!({ "function": "f", "region": "us-east-1", "timeout": "1s", "on_error": "pass" });
    example["enrich"].as_array_mut().unwrap().push(serde_json::json!({ "lambda": function }));
    example["routes"] = serde_json::json!([{ "match": { "detail": { "severity": ["critical"] } }, "to": names.clone(), "continue": true }, { "to": names }]);
    let text = example.to_string();
    assert!(accepted(&text), "{example:#}");
    assert_eq!(valid(&text), Vec::<String>::new());
}

#[test]
fn what_the_reader_refuses_by_shape_the_schema_refuses() {
    for (text, right) in [
        ("{ rules: [builtin] }", true),
        (
            "{ state: /var/lib/x, sources: [{ directory: { path: a } }], targets: { a: { stdout: {} } }, routes: [{ to: [a] }] }",
            true,
        ),
        (
            "{ state: { folder: a, size_max: 1GiB } , sources: [{ directory: { path: a } }], targets: { a: { stdout: ~ } }, routes: [{ to: [a] }] }",
            true,
        ),
        (
            "{ state: a, sources: [{ directory: { path: a } }], targets: { a: { webhook: { url: 'https://a.example/${KEY}', signing_keys: ['${KEY}'], input: { b: 1 } } } }, routes: [{ to: [a] }] }",
            true,
        ),
        (
            "{ state: a, sources: [{ directory: { path: a } }], targets: { a: { webhook: { url: 'https://a.example/${KEY}', signing_keys: ['${KEY}'], input_transformer: {} } } }, routes: [{ to: [a] }] }",
            false,
        ),
        ("{ rules: [] }", false),
        ("{ rules: builtin }", false),
        ("{ rulez: [builtin] }", false),
        ("{ rules: [builtin], log: { level: verbose } }", false),
        ("{ rules: [builtin], lists: { a: x } }", false),
        ("{ rules: [builtin], hours: { a: { days: mon } } }", false),
        (
            "{ rules: [builtin], hours: { a: { zone: UTC, spans: [{ days: mon, from: '09:00', to: '10:00' }] } } }",
            true,
        ),
        ("{ rules: [builtin], hours: { a: { zone: UTC, spans: [{ days: mon, from: '09:00' }] } } }", false),
        ("{ rules: [builtin], holidays: { de: ['12-25', '2026-04-03'] } }", true),
        ("{ rules: [builtin], holidays: 7 }", false),
        ("{ rules: [builtin], change_windows: [{ name: a, from: 2026-12-24, accounts: [a-*] }] }", true),
        ("{ rules: [builtin], change_windows: [{ name: a, form: 2026-12-24 }] }", false),
        ("{ rules: [builtin], override: [{ severity: low }] }", false),
        ("{ rules: [builtin], override: [{ id: a, severity: severe }] }", false),
        ("{ rules: [builtin], accounts: {} }", false),
        ("{ rules: [builtin], metadata: [] }", false),
        (
            "{ state: { folder: a, durability: full }, sources: [{ directory: { path: a } }], targets: { a: { stdout: {} } }, routes: [{ to: [a] }] }",
            false,
        ),
        ("{ state: a, sources: [], targets: { a: { stdout: {} } }, routes: [{ to: [a] }] }", false),
        (
            "{ state: a, sources: [{ directory: { path: a }, s3: { queue: b } }], targets: { a: { stdout: {} } }, routes: [{ to: [a] }] }",
            false,
        ),
        (
            "{ state: a, sources: [{ name: a }], targets: { a: { stdout: {} } }, routes: [{ to: [a] }] }",
            false,
        ),
        (
            "{ state: a, sources: [{ directory: { path: a, poll: 2 seconds } }], targets: { a: { stdout: {} } }, routes: [{ to: [a] }] }",
            false,
        ),
        (
            "{ state: a, sources: [{ directory: { path: a } }], targets: { a: { stdout: {}, retry: { attempts: 0 } } }, routes: [{ to: [a] }] }",
            false,
        ),
        (
            "{ state: a, sources: [{ directory: { path: a } }], targets: { a: { slack: {} } }, routes: [{ to: [a] }] }",
            false,
        ),
        (
            "{ state: a, sources: [{ directory: { path: a } }], targets: { a: { stdout: {} } }, routes: [{ to: a }] }",
            false,
        ),
        ("[]", false),
    ] {
        assert_eq!((accepted(text), valid(text).is_empty()), (right, right), "{text}: {:?}", valid(text));
    }
}

/// As much of JSON Schema as the schema uses; a word it does not know fails the test.
fn validate(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    for (word, argument) in schema.as_object().unwrap() {
        let matching = |schemas: &Value| {
            let passes = |schema: &&Value| {
                let mut faults = Vec::new();
                validate(root, schema, value, at, &mut faults);
                faults.is_empty()
            };
            schemas.as_array().unwrap().iter().filter(passes).count()
        };
        let text = value.as_str();
        let length = text.map_or(0, |text| text.chars().count()) as u64;
        let items = value.as_array().map_or(u64::MAX, |items| items.len() as u64);
        let holds = match word.as_str() {
            "$schema" | "title" | "description" | "$defs" | "default" => true,
            "$ref" => {
                let target = argument.as_str().unwrap().strip_prefix('#').unwrap();
                validate(root, root.pointer(target).unwrap(), value, at, faults);
                true
            }
            "type" => {
                let is = |name: &Value| match name.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_u64(),
                    "null" => value.is_null(),
                    other => panic!("unknown type {other}"),
                };
                argument.as_array().map_or_else(|| is(argument), |names| names.iter().any(is))
            }
            "enum" => argument.as_array().unwrap().contains(value),
            "required" => {
                let missing = |key: &&Value| value.get(key.as_str().unwrap()).is_none();
                !value.is_object() || !argument.as_array().unwrap().iter().any(|key| missing(&key))
            }
            "oneOf" => matching(argument) == 1,
            "anyOf" => matching(argument) > 0,
            "minLength" => text.is_none() || length >= argument.as_u64().unwrap(),
            "maxLength" => text.is_none() || length <= argument.as_u64().unwrap(),
            "minItems" => items >= argument.as_u64().unwrap(),
            "minProperties" => {
                value.as_object().is_none_or(|object| object.len() as u64 >= argument.as_u64().unwrap())
            }
            "minimum" => value.as_u64().is_none_or(|number| number >= argument.as_u64().unwrap()),
            "maximum" => value.as_u64().is_none_or(|number| number <= argument.as_u64().unwrap()),
            "pattern" => {
                let regex = regex_automata::meta::Regex::new(argument.as_str().unwrap()).unwrap();
                text.is_none_or(|text| regex.is_match(text))
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    validate(root, argument, item, at, faults);
                }
                true
            }
            "properties" => {
                for (key, member) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = argument.get(key) {
                        validate(root, schema, member, &format!("{at}.{key}"), faults);
                    }
                }
                true
            }
            "additionalProperties" => {
                let none = serde_json::Map::new();
                let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
                let mut others =
                    value.as_object().into_iter().flatten().filter(|(key, _)| !known.contains_key(*key));
                if argument.is_object() {
                    others.for_each(|(key, member)| {
                        validate(root, argument, member, &format!("{at}.{key}"), faults);
                    });
                    true
                } else {
                    others.next().is_none()
                }
            }
            other => panic!("the schema uses `{other}`, which this test does not know"),
        };
        if !holds {
            faults.push(format!("{at}: {word}: {argument}"));
        }
    }
}
