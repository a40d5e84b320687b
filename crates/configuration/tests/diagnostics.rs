//! What a user is told about configurations that are wrong: one snapshot each.

use configuration::{Analysis, Configuration, MemorySecrets};
use rules::{Colour, Diagnostic, MemoryFiles};

const PATH: &str = "trailhound.yaml";

/// The sections of a configuration that is right.
const SECTIONS: [(&str, &str); 4] = [
    ("state", "state: /var/lib/trailhound\n"),
    ("sources", "sources: [{ directory: { path: logs } }]\n"),
    ("targets", "targets: { security: { stdout: {} } }\n"),
    ("routes", "routes: [{ to: [security] }]\n"),
];

/// A configuration that is right but for these sections.
fn with(sections: &str) -> String {
    let given = |key: &str| sections.lines().any(|line| line.starts_with(&format!("{key}:")));
    let rest: String = SECTIONS.iter().filter(|(key, _)| !given(key)).map(|(_, text)| *text).collect();
    format!("{sections}{rest}")
}

fn files(text: &str) -> MemoryFiles {
    let mut files = MemoryFiles::default();
    files.insert(PATH, text);
    files.insert("accounts.yaml", "\"111122223333\": { nmae: payments }\n");
    files
}

fn secrets() -> MemorySecrets {
    MemorySecrets::from([
        ("LONG", "0123456789abcdef0123456789abcdef"),
        ("SHORT", "hunter2"),
        ("NOTHING", ""),
        ("HOOK", "https://hooks.slack.com/services/T0/B0/hunter2hunter2"),
        ("PLAIN", "http://hooks.example/hunter2hunter2"),
        ("NO_URL", "hunter2hunter2hunter2"),
        ("LINES", "hunter2hunter2hunter2\nx"),
        ("/run/secrets/key", "0123456789abcdef0123456789abcdef\n"),
    ])
}

fn told(text: &str) -> String {
    let files = files(text);
    let read = Configuration::read(PATH, &files, &secrets());
    assert_eq!(read.value.is_none(), read.diagnostics.iter().any(Diagnostic::is_error), "{text}");
    let shown = read.shown(&files);
    let told: Vec<_> =
        read.diagnostics.iter().map(|diagnostic| diagnostic.render(&shown, Colour::Plain)).collect();
    told.join("\n\n")
}

#[test]
fn configurations_that_are_wrong() {
    let target = |settings: &str| with(&format!("targets:\n  security: {settings}\n"));
    let source = |settings: &str| with(&format!("sources:\n  - {settings}\n"));
    let routes = |routes: &str| with(&format!("routes:\n{routes}"));
    for (name, text) in [
        ("empty_file", String::new()),
        ("not_a_mapping", "- state\n".to_owned()),
        (
            "not_yaml",
            with("targets: { a: { slack: { webhook: https://hooks.slack.com/services/T0/B0/hunter2 } }\n"),
        ),
        ("two_documents", format!("{}---\nstate: x\n", with(""))),
        ("nothing_but_rules", "rules: [builtin]\n".to_owned()),
        (
            "keys_with_typos",
            with(
                "sate: /var/lib\nsource: []\nTargets: { a: { slack: { webhook: hunter2hunter2 } } }\nroute: []\nfoo: 1\n",
            ),
        ),
        ("key_twice", with("log: {}\nlog: {}\n")),
        (
            "forward",
            with(
                "forward:\n  - { pattern: { source: [aws.iam] }, to: [security] }\n  - { pattern: { source: [aws.iam] }, to: [secrity], when_full: drop }\n  - { to: [] }\n  - { pattern: { source: aws.iam }, too: [security] }\n",
            ),
        ),
        (
            "forward_to_what_is_shaped",
            with(
                "targets:\n  security: { stdout: {} }\n  lake: { kinesis: { stream: s, region: us-east-1, input_path: $.detail } }\nforward: [{ pattern: { source: [aws.iam] }, to: [lake, security] }]\n",
            ),
        ),
        (
            "enrich_lambda",
            with(
                "enrich:\n  - lambda: { function: \"a b\", region: us-east-1 }\n  - lambda: { function: f }\n  - lambda: { function: f, region: us-east-1, timeout: 9s, role: admin }\n  - lambda: { functon: f }\n",
            ),
        ),
        (
            "message",
            with(
                "targets:\n  security: { stdout: {}, message: { title: x } }\n  a: { teams: { webhook: \"https://example.webhook.office.com/x\" }, message: { title: \"{{ detial.title }}\", body: \"{% if %}\", text: x } }\n  b: { teams: { webhook: \"https://example.webhook.office.com/x\" }, message: {} }\n",
            ),
        ),
        (
            "enrich",
            with(
                "enrich:\n  - http: { url: http://cmdb.example/v1 }\n  - http: { url: https://10.0.0.7/v1, timeout: 10s, on_error: drop }\n  - http: { timeout: 1s }\nheartbeat: { every: 1s, url: https://hc.example/ping/hunter2hunter2 }\n",
            ),
        ),
        ("sources_not_supported", source("kinesis: { stream: cloudtrail }")),
        (
            "routes_hours",
            routes(
                "  - { during: bussiness, otherwise: hold, to: [security] }\n  - { during: x, to: [security] }\n  - { otherwise: drop, to: [security] }\n  - { ack_within: 15m, to: [security] }\n  - { then: [security], to: [security] }\n  - { ack_within: 0s, then: [], to: [security] }\n  - { escalate: { repeats: 3 }, to: [security] }\n",
            ),
        ),
        (
            "roles",
            "state: ./state\nsources:\n  - s3: { queue: \"https://sqs.us-east-1.amazonaws.com/111122223333/q\", role: admin }\n  - sqs: { queue: \"https://sqs.us-east-1.amazonaws.com/111122223333/r\", external_id: abc }\naccounts: { organizations: { role: \"arn:aws:iam::111122223333:role/r\", external_id: \"a b\" } }\ntargets:\n  lake: { kinesis: { stream: s, region: us-east-1, rol: \"arn:aws:iam::111122223333:role/r\", external_id: abc } }\nrespond:\n  - start-logging: { external_id: abc }\nroutes: [{ to: [lake] }]\n".to_owned(),
        ),
        (
            "suppressions",
            format!(
                "{}suppressions:\n  - {{ id: a, reason: b, owner: c, expires: 2027-1-1, match: {{ detail: {{ rule: [x] }} }} }}\n  - {{ id: a b, reason: b, owner: c, expires: 2027-01-31, match: {{ detail: {{ rule: [x] }} }} }}\n  - {{ id: a, reason: b, expire: 2027-01-31, match: {{ source: [aws.ec2] }} }}\n  - {{ id: a, reason: b, owner: c, expires: 2027-01-31, match: {{ source: [aws.ec2] }} }}\n  - {{ id: d, reason: b, owner: c, expires: 2027-01-31, pattern: {{ detail: {{ rule: [x] }} }} }}\n",
                routes("  - to: [security]\n")
            ),
        ),
        (
            "fold",
            format!(
                "{}fold: {{ by: [rule, user], every: 2h, quiet: 1h, often: 3 }}\n",
                routes("  - to: [security]\n")
            ),
        ),
        (
            "state",
            with(
                "state: { foldr: x, durability: full, size_max: 10GB, retention: { findings: 1 year, deliveries: 90d, keys: 30d } }\n",
            ),
        ),
        ("state_home", with("state: ~/trailhound\n")),
        ("state_small", with("state: { folder: x, size_max: 1MiB }\n")),
        ("retention", with("state: { folder: x, retention: { deliveries: 90d, keys: 30d } }\n")),
        ("lateness", with("lateness: { eventbridge: 2 minutes, s3: 3d, sqs: 1m }\n")),
        ("no_sources", with("sources: []\n")),
        ("source_without_kind", source("{ name: x }")),
        ("source_of_two_kinds", source("{ s3: { queue: x }, sqs: { queue: y } }")),
        ("sources_of_one_name", with("sources:\n  - directory: { path: a }\n  - directory: { path: b }\n")),
        ("queue_as_arn", source("s3: { queue: arn:aws:sqs:us-east-1:111122223333:cloudtrail }")),
        (
            "queue_without_region",
            source("sqs: { queue: http://localhost:4566/000000000000/q, class: s3, tries: 0 }"),
        ),
        (
            "queue_in_the_clear",
            source("sqs: { queue: http://sqs.us-east-1.amazonaws.com/111122223333/q, region: Frankfurt }"),
        ),
        ("directory", source("{ name: my logs, directory: { pth: logs, watch: yes, poll: 0s } }")),
        ("exposed_source", source("http: { listen: 0.0.0.0:8080, body_max: 1KiB, sns: [cloudtrail] }")),
        ("exposed_without_keys", with("http: { listen: \"[::]:9417\", keys: [] }\n")),
        ("listen", with("http: { listen: \":9417\" }\n")),
        (
            "listen_twice",
            with("sources: [{ http: { listen: 127.0.0.1:8080 } }]\nhttp: { listen: localhost:8080 }\n"),
        ),
        (
            "keys",
            with(
                "http:\n  listen: 0.0.0.0:9417\n  keys: [\"${SHORT}\", \"${MISSING}\", \"${NOTHING}\", hunter2hunter2hunter2, 12345, \"${file:/run/secrets/key}\", \"${file:missing}\"]\n",
            ),
        ),
        ("keys_no_list", with("http: { listen: 0.0.0.0:9417, keys: \"${LONG}\" }\n")),
        ("references", target("{ slack: { webhook: \"${HOOK\" } }")),
        (
            "references_of_shells",
            target("{ pagerduty: { routing_key: \"${KEY:-none}\", url: \"https://${}/\" } }"),
        ),
        ("references_where_none_may_be", with("state: \"${STATE}\"\n")),
        (
            "target_names",
            with(
                "targets: { on call: { stdout: {} }, \"security\": { stdout: {} } }\nroutes: [{ to: [on call, security] }]\n",
            ),
        ),
        ("aws_topic_by_name", target("{ sns: { topic: findings, region: us-east-1 } }")),
        ("aws_without_region", target("{ firehose: { stream: findings } }")),
        (
            "aws_settings",
            with(
                "targets:\n  security: { eventbridge: { bus: security, source: aws.ec2, region: us-east-1 } }\n  b: { kinesis: { stream: s, region: eu-west-1, partition_key: account } }\n  c: { logs: { group: g, region: Ireland } }\n  d: { sqs: { queue: \"arn:aws:sqs:us-east-1:111122223333:q\" }, network: {} }\n  e: { lambda: { function: f, region: us-east-1, role: admin, payload: x } }\nroutes: [{ to: [security, b, c, d, e] }]\n",
            ),
        ),
        (
            "respond",
            with(
                "respond:\n  - start-logging: { role: trailhound }\n  - { name: a b, invoke-lambda: { function: f, region: us-east-1 } }\n  - { start-logging: ~, dry_run: maybe, cool_down: 3d }\n  - start-logging: ~\n  - { match: { detail: { severity: critical } }, invoke-lambda: {} }\n  - { start-logging: ~, name: start-logging, network: {} }\n",
            ),
        ),
        ("target_without_kind", target("{ retry: {} }")),
        ("target_kind_with_typo", target("{ slak: { webhook: hunter2hunter2 } }")),
        ("webhook", target("{ webhook: { signing_keys: [], headers: { Host: x } } }")),
        (
            "webhook_settings",
            target(
                "{ webhook: { url: \"${PLAIN}\", signing_keys: [\"${LONG}\"], headers: { Content-Type: text/plain } } }",
            ),
        ),
        (
            "email_settings",
            target(
                "{ email: { server: \"smtp://relay\", tls: ssl, port: 0, form: x, to: security@example.com } }",
            ),
        ),
        (
            "email_addresses",
            target(
                "{ email: { server: relay.example, from: trailhound@example.com, to: [security@example.com, nobody] } }",
            ),
        ),
        (
            "email_login",
            target(
                "{ email: { server: relay.example, from: a@example.com, to: [b@example.com], tls: none, username: a, password: \"${SHORT}\" } }",
            ),
        ),
        (
            "email_half_a_login",
            target(
                "{ email: { server: relay.example, from: a@example.com, to: [b@example.com], username: a } }",
            ),
        ),
        (
            "email_certificates",
            target(
                "{ email: { server: relay.example, from: a@example.com, to: [b@example.com], ca: no.pem } }",
            ),
        ),
        ("slack_both", target("{ slack: { webhook: \"${HOOK}\", channel: C0123456789 } }")),
        ("slack_app", target("{ slack: { bot_token: xoxb-hunter2hunter2, channel: \"#security\" } }")),
        (
            "slack_app_unheard",
            target(
                "{ slack: { bot_token: \"xoxb-${LONG}\", channel: C0123456789, signing_secret: \"${LONG}\" } }",
            ),
        ),
        ("slack_app_token", target("{ slack: { bot_token: \"${SHORT}\", channel: C0123456789 } }")),
        ("target_zone", target("{ stdout: {}, zone: Berlin }")),
        ("teams_settings", target("{ teams: { url: \"${HOOK}\" } }")),
        ("opsgenie_settings", target("{ opsgenie: { api_key: \"${SHORT}\" } }")),
        (
            "command_settings",
            target("{ command: { argv: [announce, 3], environment: { TRAILHOUND_KEY: x }, timeout: 1h } }"),
        ),
        ("command_program", target("{ command: { argv: [announce] }, network: {} }")),
        ("command_variable", target("{ command: { argv: [/bin/announce], environment: { A-B: x } } }")),
        (
            "oauth_settings",
            target(
                "{ webhook: { url: \"${HOOK}\", oauth: { token_url: https://login.example/token, client_id: a, client_secret: hunter2hunter2, authentication: basic } } }",
            ),
        ),
        (
            "oauth_and_a_header",
            target(
                "{ webhook: { url: \"${HOOK}\", headers: { Authorization: \"${LONG}\" }, oauth: { token_url: https://login.example/token, client_id: a, client_secret: \"${LONG}\" } } }",
            ),
        ),
        (
            "shape_twice",
            target(
                "{ webhook: { url: \"${HOOK}\", signing_keys: [\"${LONG}\"], input_path: $.detail, template: \"{{ id }}\" } }",
            ),
        ),
        (
            "shape_path",
            target("{ webhook: { url: \"${HOOK}\", signing_keys: [\"${LONG}\"], input_path: detail } }"),
        ),
        (
            "shape_input",
            target("{ webhook: { url: \"${HOOK}\", signing_keys: [\"${LONG}\"], input: \"{\" } }"),
        ),
        (
            "shape_transformer",
            target(
                "{ webhook: { url: \"${HOOK}\", signing_keys: [\"${LONG}\"], input_transformer: { paths: { who: $.detail.principal.name }, template: '{\"by\": <whom>}' } } }",
            ),
        ),
        (
            "shape_transformer_keys",
            target(
                "{ webhook: { url: \"${HOOK}\", signing_keys: [\"${LONG}\"], input_transformer: { path: {} } } }",
            ),
        ),
        (
            "shape_template",
            target(
                "{ webhook: { url: \"${HOOK}\", signing_keys: [\"${LONG}\"], template: \"{{ severity }}\" } }",
            ),
        ),
        (
            "webhook_header",
            target(
                "{ webhook: { url: https://hooks.example/, signing_keys: [\"${LONG}\"], headers: { Authorization: \"${LINES}\" } } }",
            ),
        ),
        ("slack_settings", target("{ slack: { webhook: \"${NO_URL}\" } }")),
        ("pagerduty_settings", target("{ pagerduty: { routing_key: \"${SHORT}\" } }")),
        (
            "network",
            target(
                "{ webhook: { url: https://10.0.0.1/x, signing_keys: [\"${LONG}\"] }, network: { allow: [10.0.0.0/33] } }",
            ),
        ),
        ("private_address", target("{ webhook: { url: https://10.0.0.1/x, signing_keys: [\"${LONG}\"] } }")),
        (
            "retry",
            target("{ stdout: {}, retry: { attempts: 0, age: 60d, delay: 1h, delay_max: 1m, jitter: 1 } }"),
        ),
        ("retry_delays", target("{ stdout: {}, retry: { delay: 1h, delay_max: 1m } }")),
        ("network_of_a_file", target("{ file: { path: findings.ndjson, fsync: 1 }, network: {} }")),
        ("stdout_with_settings", target("{ stdout: { format: json } }")),
        (
            "secret_in_file",
            target("{ slack: { webhook: https://hooks.slack.com/services/T0/B0/hunter2hunter2 } }"),
        ),
        ("no_routes", with("routes: []\n")),
        ("unknown_target", routes("  - to: [securty, nobody]\n")),
        ("unreached_target", with("targets: { security: { stdout: {} }, oncall: { stdout: {} } }\n")),
        (
            "route_without_target",
            routes("  - { match: { detail: { severity: [high] } }, to: [] }\n  - to: [security]\n"),
        ),
        (
            "route_that_never_matches",
            routes(
                "  - { match: { detail: { severity: [CRITICAL] } }, to: [security] }\n  - to: [security]\n",
            ),
        ),
        (
            "route_never_reached",
            routes(
                "  - to: [security]\n  - match: { detail: { severity: [critical] } }\n    to: [security]\n",
            ),
        ),
        (
            "route_patterns",
            routes(
                "  - { match: { detail: { severity: critical } }, to: security, continue: 1 }\n  - { mach: {}, to: [security] }\n",
            ),
        ),
        ("unrouted", routes("  - { match: { detail: { severity: [critical, high] } }, to: [security] }\n")),
        (
            "overrides",
            with(
                "override:\n  - { id: Root Use, severity: severe }\n  - { id: a }\n  - { id: b, disabled: 1, except: [{ reason: x }] }\n  - { id: c, severity: low }\n  - { id: c, disabled: true }\n  - { severity: low }\n",
            ),
        ),
        (
            "override_twice",
            with(
                "override:\n  - { id: c, severity: low }\n  - { id: c, except: [{ reason: x, pattern: { account: [\"111122223333\"] } }] }\n",
            ),
        ),
        (
            "override_names",
            with(
                "override: [{ id: a, escalate: [{ when: \"glob_any(principal.name, lists.automation_rolls)\", severity: low }] }]\n",
            ),
        ),
        ("rules", with("rules: []\n")),
        ("rules_as_text", with("rules: builtin\n")),
        ("accounts", with("accounts: { file: accounts.yaml }\n")),
        ("accounts_missing", with("accounts: { file: nowhere.yaml }\n")),
        (
            "lists_and_hours",
            with(
                "lists: { a-b: [x], c: x }\nhours: { business: { days: mon-fry, from: \"09:00\", to: \"18:00\", zone: UTC } }\n",
            ),
        ),
        ("log", with("log: { level: verbose, format: json }\n")),
        ("metadata", with("metadata: [x]\n")),
    ] {
        let told = told(&text);
        assert!(!told.is_empty(), "{name}: nothing was told");
        assert!(!told.contains("hunter2"), "{name} tells a secret:\n{told}");
        insta::assert_snapshot!(name, told);
    }
}

#[test]
fn a_scan_needs_no_sources_and_looks_no_secret_up() {
    let text = "lists: { sensitive_buckets: [prod-*] }\ntargets: { a: { slack: { webhook: \"${MISSING}\" } } }\nroutes: [{ to: [a] }]\n";
    let files = files(text);
    let read = Analysis::read(PATH, &files);
    assert_eq!((read.diagnostics.len(), read.not_looked_up), (0, 1));
    let context = read.value.unwrap().context(1);
    assert!(context.lists().get("sensitive_buckets").unwrap().contains("prod-1"));
    // To run it, more has to be there.
    let said: Vec<_> =
        Analysis::check(PATH, &files, None).diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    let read = Analysis::check(PATH, &files, Some(&secrets()));
    assert!(read.diagnostics.iter().any(|diagnostic| diagnostic.id == rules::Check::MissingSecret));
}

#[test]
fn what_only_a_scan_needs_is_a_configuration_to_check() {
    let files = files("rules: [builtin, ./rules]\n");
    let read = Analysis::check(PATH, &files, None);
    assert_eq!(read.diagnostics, []);
    assert_eq!(
        read.value.unwrap().rules,
        [configuration::RulesFrom::BuiltIn, configuration::RulesFrom::Path("rules".to_owned())]
    );
}

#[test]
fn an_address_that_will_not_do_is_told_without_the_secrets() {
    for target in [
        "{ webhook: { url: \"http://hooks.example/\", signing_keys: [\"${KEY}\"] } }",
        "{ webhook: { url: \"https://10.0.0.1/\", signing_keys: [\"${KEY}\"] } }",
        "{ slack: { bot_token: \"${TOKEN}\", channel: C0123456789, url: \"http://slack.example/api/\" } }",
        "{ pagerduty: { routing_key: \"${KEY}\", url: \"events.example\" } }",
        "{ opsgenie: { api_key: \"${KEY}\", url: \"http://opsgenie.example/\" } }",
        "{ webhook: { url: \"https://siem.example/\", oauth: { token_url: \"http://login.example/\", client_id: a, client_secret: \"${KEY}\" } } }",
        "{ email: { server: relay.example, from: a@example.com, to: [nobody], username: a, password: \"${KEY}\" } }",
    ] {
        let files = files(&with(&format!("targets:\n  security: {target}\n")));
        let told = Analysis::check(PATH, &files, None).diagnostics;
        assert_eq!(
            told.iter().map(|diagnostic| diagnostic.id).collect::<Vec<_>>(),
            [rules::Check::InvalidTarget],
            "{target}"
        );
    }
}
