//! Conditions over events, as tables.

use super::*;
use crate::event::{EventInPlace, EventView};
use cloudtrail::{Decoder, Item};
use context::{Account, Accounts, Appointment, ChangeWindow, Hours, Lists, WeeklySchedule};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn organization() -> Context {
    let mut accounts = Accounts::default();
    let tags = [("env".into(), "sandbox".into())].into_iter().collect();
    let account = Account {
        name: Some("play".into()),
        ou: Some("Sandboxes".into()),
        tags,
        owner: Some("team-play".into()),
    };
    accounts.insert("111122223333".parse().unwrap(), account);
    let mut lists = Lists::standard();
    lists.insert("automation_roles", ["deploy-*"].into_iter().collect());
    let mut hours = Hours::default();
    hours.insert("business", WeeklySchedule::parse("mon-fri", "09:00", "18:00", "Europe/Berlin").unwrap());
    let window = |name: &str, accounts: &[&str], from: &str, to: &str| ChangeWindow {
        name: name.into(),
        accounts: accounts.iter().copied().collect(),
        when: Appointment::between(from.parse().unwrap(), to.parse().unwrap(), &jiff::tz::TimeZone::UTC)
            .unwrap(),
    };
    let windows = [
        window("network", &["play"], "2026-07-06T07:00", "2026-07-06T08:00"),
        window("payments", &["pay-*"], "2026-07-06T07:00", "2026-07-06T08:00"),
        window("earlier", &[], "2026-07-05T07:00", "2026-07-05T08:00"),
    ];
    Context::new(1, accounts, lists, hours).with_change_windows(windows.into_iter().collect())
}

fn event() -> Json {
    json!({
        "source": "aws.ec2", "account": "111122223333", "region": "us-east-1", "time": "2026-07-06T07:30:00Z",
        "id": "e", "version": "0", "detail-type": "AWS API Call via CloudTrail", "resources": [],
        "detail": {
            "eventSource": "ec2.amazonaws.com", "recipientAccountId": "111122223333", "awsRegion": "us-east-1",
            "eventTime": "2026-07-06T07:30:00Z", "eventID": "e", "eventType": "AwsApiCall",
            "userIdentity": {
                "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/deploy-prod/ci",
                "sessionContext": {"sessionIssuer": {"userName": "deploy-prod"}},
            },
            "eventName": "AuthorizeSecurityGroupIngress", "readOnly": false, "sourceIPAddress": "203.0.113.9",
            "requestParameters": {
                "cidr": "10.0.0.0/8", "count": 12, "big": 18_446_744_073_709_551_615_u64, "share": 0.5,
                "items": [{"cidrIp": "0.0.0.0/0"}, {"cidrIp": "10.1.0.0/16"}], "a.b": "dotted",
                "policyDocument": "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D",
                "bucketPolicy": {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}},
                "json": "{\"a\": [1, {\"b\": null}]}", "text": "no json",
            },
            "responseElements": null,
        },
    })
}

/// What a condition gives of an event taken apart and where it stands, in its envelope and without.
fn evaluate_all(condition: &Condition, context: &Context) -> Vec<Truth> {
    let event = event();
    let mut given = Vec::new();
    for text in [event.to_string(), event["detail"].to_string()] {
        let decoded = Decoder::default().decode(text.as_bytes(), None, |item| {
            let Item::Event(event) = item else { panic!("{item:?}") };
            let (apart, in_place) = (EventView::of(&event).unwrap(), EventInPlace::new(&event));
            given.push(condition.evaluate(&Scope::new((&apart).into(), context)));
            given.push(condition.evaluate(&Scope::new((&in_place).into(), context)));
            given.push(condition.interpret(&Scope::new((&in_place).into(), context)));
        });
        assert!(decoded.trouble.is_none());
    }
    assert_eq!(given.len(), 6);
    given
}

fn evaluate(text: &str) -> Truth {
    let context = organization();
    let condition = Condition::compile(text, &context).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
    let mut given = evaluate_all(&condition, &context);
    let first = given.remove(0);
    assert!(given.iter().all(|other| *other == first), "{text}: {first:?} and {given:?}");
    first
}

#[test]
fn conditions_that_hold() {
    for text in [
        "detail.readOnly == false",
        "event['detail-type'].startsWith('AWS API')",
        "event.detail.eventName == detail.eventName",
        "source == 'aws.ec2' && region == 'us-east-1' && id == 'e'",
        "account.id == '111122223333' && account.name == 'play' && account.ou == 'Sandboxes'",
        "account.tags.env == 'sandbox'",
        "principal.kind == 'assumed-role' && principal.session == 'ci'",
        "!has(principal.human) && has(principal.arn)",
        "glob_any(principal.name, lists.automation_roles)",
        "'deploy-*' in lists.automation_roles",
        "size(lists.sensitive_buckets) == 0",
        "detail.requestParameters.count > 11.5",
        "detail.requestParameters.big > 1",
        "detail.requestParameters.share < 1",
        "detail.requestParameters['a.b'] == 'dotted'",
        "detail.requestParameters.items.exists(i, i.cidrIp == '0.0.0.0/0')",
        "detail.requestParameters.items.filter(i, cidr_prefix(i.cidrIp) > 8).size() == 1",
        "detail.responseElements == null",
        "has(detail.responseElements)",
        "!has(detail.responseElements.deep.deeper)",
        "!has(detail.nothing.at.all)",
        "!has(detail.eventName.length)",
        "'a.b' in detail.requestParameters && !has(account.tags.owner)",
        "!has(detail.requestParameters['gone'].deep)",
        "!has(parse_json(detail.requestParameters.json).b)",
        "detail.missing == 1 || true",
        "!(detail.missing == 1 && false)",
        "detail.sourceIPAddress.matches('^203\\\\.')",
        "detail.eventName.lowerAscii().contains('ingress')",
        "cidr_size(detail.requestParameters.cidr) == 16777216",
        "parse_json(detail.requestParameters.json).a[0] == 1",
        "parse_json(detail.requestParameters.json).a[1].b == null",
        "parse_json(detail.requestParameters.items)[1].cidrIp == '10.1.0.0/16'",
        "url_decode('a%20b') == 'a b'",
        "policy_is_admin(detail.requestParameters.policyDocument)",
        "!policy_is_public(detail.requestParameters.policyDocument)",
        "policy_is_public(detail.requestParameters.bucketPolicy)",
        "in_hours(time, 'business')",
        "in_hours('business')",
        "account.owner == 'team-play'",
        "!has(source.country)",
        "source == 'aws.ec2'",
        "in_change_window()",
        "in_change_window('net*')",
        "!in_change_window('payments')",
        "!in_change_window('earlier')",
        "type(detail.requestParameters.count) == int",
        "detail.readOnly ? false : true",
        "event.detail.requestParameters['a.b'] == 'dotted' && has(event.detail.readOnly) && !has(event.gone)",
        "has(detail.requestParameters.cidr) && has(account.tags.env) && has(lists.automation_roles)",
        "detail.requestParameters.items.all(detail, has(detail.cidrIp) && detail.cidrIp != '')",
        "detail.userIdentity.sessionContext == {'sessionIssuer': {'userName': 'deploy-prod'}}",
    ] {
        assert_eq!(evaluate(text), Truth::True, "{text}");
    }
}

#[test]
fn conditions_that_do_not_and_why() {
    let missing =
        |text: &str| assert!(matches!(evaluate(text), Truth::Missing(_)), "{text}: {:?}", evaluate(text));
    for text in [
        "detail.missing == 1",
        "!(detail.missing == 1)",
        "detail.missing.deeper.still == 1",
        "detail.responseElements.x == 1",
        "detail.eventName.x == 1",
        "detail.requestParameters.items[7].cidrIp == ''",
        "detail.requestParameters['gone'] == 1",
        "account.tags.owner == 'x'",
        "principal.human == 'x'",
        "detail.responseElements.startsWith('x')",
        "size(detail.responseElements) > 0",
        "'x' in detail.responseElements",
        "detail.responseElements.exists(x, x == 1)",
        "detail.responseElements > 1",
        "cidr_size(detail.responseElements) > 1",
        "policy_is_admin(detail.responseElements)",
        "glob_any(detail.responseElements, lists.automation_roles)",
        "parse_json(detail.requestParameters.json).b == 1",
        "event.gone == 1",
        "principal.name.first == 'x'",
        "account.name.first == 'x'",
    ] {
        missing(text);
    }
    let error =
        |text: &str| assert!(matches!(evaluate(text), Truth::Error(_)), "{text}: {:?}", evaluate(text));
    for text in [
        "cidr_size(detail.eventName) > 1",
        "cidr_size(detail.requestParameters.count) > 1",
        "parse_json(detail.requestParameters.text) == 1",
        "policy_is_admin(detail.requestParameters.text)",
        "in_hours(region, 'business')",
        "glob_any(region, region)",
        "detail.eventName",
        "detail.requestParameters.count + 9223372036854775807 > 0",
        "detail.requestParameters.count / 0 > 0",
        "detail.requestParameters.count + region == 'x'",
        "int(region) == 1",
        "detail.requestParameters.items.cidrIp == ''",
        "detail.requestParameters.items['0'].cidrIp == ''",
    ] {
        error(text);
    }
    for text in ["detail.readOnly", "region == 'eu-west-1'", "in_hours('2026-07-05T10:00:00Z', 'business')"] {
        assert_eq!(evaluate(text), Truth::False, "{text}");
    }
}

#[test]
fn sizes_of_networks() {
    for (text, size, prefix) in [
        ("0.0.0.0/0", 4_294_967_296_i64, 0),
        ("10.0.0.0/8", 16_777_216, 8),
        ("10.1.2.3/24", 256, 24),
        ("203.0.113.7/32", 1, 32),
        ("203.0.113.7", 1, 32),
        (" 203.0.113.7/31 ", 2, 31),
        ("::/0", i64::MAX, 0),
        ("2001:db8::/32", i64::MAX, 32),
        ("2001:db8::/64", i64::MAX, 64),
        ("2001:db8::/65", i64::MAX, 65),
        ("2001:db8::/66", 4_611_686_018_427_387_904, 66),
        ("2001:db8::/127", 2, 127),
        ("2001:db8::1", 1, 128),
    ] {
        let expression = format!("cidr_size('{text}') == {size} && cidr_prefix('{text}') == {prefix}");
        assert_eq!(evaluate(&expression), Truth::True, "{expression}");
    }
    for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "-1"] {
        let expression = format!("cidr_size('{text}') > 0");
        assert!(matches!(evaluate(&expression), Truth::Error(_)), "{expression}");
    }
}

#[test]
fn every_function_in_the_list_exists() {
    let env = functions::environment();
    for (name, least, _) in functions::FUNCTIONS {
        // Called with what no function takes, an unknown function says so, and a known one complains of the arguments.
        let macros = ["has", "all", "exists", "exists_one", "map", "filter"];
        if macros.contains(&name) {
            continue;
        }
        let mut arguments = vec!["b'x'"; if name.starts_with("in_") { 3 } else { least }];
        let as_function = env.compile(&format!("{name}({})", arguments.join(", "))).unwrap();
        let receiver = arguments.remove(0);
        let as_method = env.compile(&format!("{receiver}.{name}({})", arguments.join(", "))).unwrap();
        let context = cel::Context::with_env(Arc::clone(&ENVIRONMENT));
        let unknown =
            |result: Result<_, ExecutionError>| matches!(result, Err(ExecutionError::UndeclaredReference(_)));
        let both = unknown(as_function.execute(&context)) && unknown(as_method.execute(&context));
        assert!(!both, "{name} does not exist");
    }
}

#[test]
fn the_stack_an_expression_takes_is_bounded() {
    let pieces: [(&str, &str); 12] = [
        ("(", ")"),
        ("!", ""),
        ("[", "]"),
        ("-", ""),
        ("a.", ""),
        ("1+", ""),
        ("true||", ""),
        ("1==", ""),
        ("true?1:", ""),
        ("size(", ")"),
        ("detail[", "]"),
        ("[1].exists(x,", ")"),
    ];
    let context = organization();
    for (open, close) in pieces {
        for count in [1, 10, 20, 40, 100, 1000, 4000] {
            let text = format!("{}detail.x{}", open.repeat(count), close.repeat(count));
            // What compiles is evaluated; both run on the small stack of a test's thread.
            if let Ok(condition) = Condition::compile(&text, &context) {
                evaluate_all(&condition, &context);
            }
        }
    }
}

#[test]
fn loops_inside_loops_go_over_parts_and_regular_expressions_are_written_down() {
    let refused = |text: &str| {
        let faults = Condition::compile(text, &organization()).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>()
    };
    for good in [
        "detail.l.exists(a, a.m.exists(b, b == 'x'))",
        "detail.l.exists(a, lists.automation_roles.exists(b, b == a))",
        "detail.l.exists(a, [a.x, a.y].exists(b, b == 'x'))",
        "detail.l.exists(a, 'x' in a.tags && a.name in lists.automation_roles && a.name in ['x', 'y'])",
        "detail.userAgent.matches('^aws-cli')",
    ] {
        assert_eq!(refused(good), Vec::<String>::new(), "{good}");
    }
    for (bad, says) in [
        ("detail.l.all(a, detail.l.all(b, a == b))", "a loop inside a loop goes over the event again"),
        ("detail.l.map(a, detail.l.map(b, b)).size() > 0", "a loop inside a loop goes over the event again"),
        (
            "detail.l.exists(a, (detail.l + a.m).exists(b, b == 1))",
            "a loop inside a loop goes over the event again",
        ),
        ("detail.l.exists(a, a in detail.m)", "`in` inside a loop goes over the event again"),
        ("detail.userAgent.matches(detail.userAgent)", "a regular expression cannot come from the event"),
    ] {
        assert_eq!(refused(bad), [says], "{bad}");
    }
}

#[test]
fn lists_are_found_in_the_text() {
    let context = organization();
    let text = "glob_any(principal.name, lists.automation_roles) || 'lists.x' == region || detail.lists.y == lists . oidc_providers[0]";
    let condition = Condition::compile(text, &context).unwrap();
    assert_eq!(condition.lists().collect::<Vec<_>>(), ["automation_roles", "oidc_providers"]);
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "[a-z0-9 .()\\[\\]'\"!&|=<>+*?:,{}\\\\é-]{0,60}") {
        let context = organization();
        if let Ok(condition) = Condition::compile(&text, &context) {
            let given = evaluate_all(&condition, &context);
            prop_assert!(given.iter().all(|other| *other == given[0]), "{:?}", given);
        }
    }

    #[test]
    fn likely_texts_are_answered(words in prop::collection::vec(prop::sample::select(vec![
        "detail", ".x", ".requestParameters", "lists", ".automation_roles", "has(", "(", ")", "[", "]", "1", "'a'", "&&",
        "||", "!", "==", "<", "+", "?", ":", "in", "true", "null", ".exists(i, ", "glob_any(", ",", "parse_json(",
        "policy_is_admin(", "-", "9223372036854775807", "*", "{", "}", "i", "size(", ".map(i, ",
    ]), 0..16)) {
        let context = organization();
        if let Ok(condition) = Condition::compile(&words.join(" "), &context) {
            let given = evaluate_all(&condition, &context);
            prop_assert!(given.iter().all(|other| *other == given[0]), "{:?}", given);
        }
    }

    /// What is told without CEL is what CEL says.
    #[test]
    fn simple_conditions_mean_the_same(condition in simple_condition()) {
        let context = organization();
        // Refused are only those that say the same of every event.
        if let Ok(condition) = Condition::compile(&condition, &context) {
            let given = evaluate_all(&condition, &context);
            prop_assert!(given.iter().all(|other| *other == given[0]), "{condition:?}: {given:?}");
        }
    }
}

#[test]
fn most_conditions_are_told_without_cel() {
    let (context, event) = (organization(), event());
    let text = event.to_string();
    let decoded = Decoder::default().decode(text.as_bytes(), None, |item| {
        let Item::Event(event) = item else { panic!("{item:?}") };
        let in_place = EventInPlace::new(&event);
        let scope = Scope::new((&in_place).into(), &context);
        for (condition, told) in [
            ("principal.kind in ['service', 'service-linked-role']", Some(false)),
            ("glob_any(principal.name, lists.automation_roles)", Some(true)),
            ("principal.name.startsWith('AWSReservedSSO_')", Some(false)),
            ("detail.userIdentity.type == 'IAMUser' || !has(detail.errorCode)", Some(true)),
            ("has(detail.readOnly) && detail.readOnly", Some(false)),
            ("time.matches('T(2[0-3]|0[0-4]):')", Some(false)),
            ("detail.missing == 'x' && detail.eventName == 'y'", Some(false)),
            ("detail.missing == 'x' || detail.eventName != 'y'", Some(true)),
            // CEL knows how to say what is missing, or what is no text.
            ("detail.missing == 'x'", None),
            ("detail.requestParameters.count == 'x'", None),
            ("detail.requestParameters.count > 3", None),
            ("detail.requestParameters.items.exists(i, i.cidrIp == '0.0.0.0/0')", None),
        ] {
            let condition = Condition::compile(condition, &context).unwrap();
            assert_eq!(condition.simple.holds(&scope), told, "{condition:?}");
        }
    });
    assert!(decoded.trouble.is_none());
}

/// Conditions of the kinds that are told without CEL, over what is there, what is not, and what is no text.
fn simple_condition() -> impl Strategy<Value = String> {
    let place = prop::sample::select(vec![
        "detail.eventName",
        "detail.eventSource",
        "detail.readOnly",
        "detail.requestParameters.cidr",
        "detail.requestParameters.count",
        "detail.requestParameters.items",
        "detail.requestParameters['a.b']",
        "detail.responseElements",
        "detail.responseElements.x",
        "detail.missing",
        "detail.missing.deeper",
        "detail.eventName.deeper",
        "detail.requestParameters",
        "principal.name",
        "principal.kind",
        "principal.human",
        "principal.session",
        "account.id",
        "account.name",
        "account.ou",
        "account.owner",
        "account.tags.env",
        "account.tags.none",
        "event.region",
        "event.detail.eventName",
        "region",
        "time",
        "source",
        "id",
        "detail",
        "account",
        "principal",
        "source.country",
        "resources",
        "detail.userIdentity.sessionContext.sessionIssuer.userName",
    ]);
    let text = prop::sample::select(vec![
        "'AuthorizeSecurityGroupIngress'",
        "'deploy-prod'",
        "''",
        "'play'",
        "'ec2.amazonaws.com'",
        "'10.0.0.0/8'",
        "'aws.ec2'",
        "'us-east-1'",
        "'dotted'",
        "'assumed-role'",
        "'sandbox'",
        "'e'",
    ]);
    let expression = prop::sample::select(vec!["'^deploy-'", "'[a-z]+-1$'", "'T(07|08):'", "'(?i)INGRESS'"]);
    let globs = prop::sample::select(vec![
        "lists.automation_roles",
        "['deploy-*', '*-1']",
        "['A*']",
        "[]",
        "detail.requestParameters.items",
    ]);
    let atom = (place, text.clone(), text, expression, globs, 0..12).prop_map(
        |(place, text, other, expression, globs, kind)| match kind {
            0 => format!("{place} == {text}"),
            1 => format!("{text} != {place}"),
            2 => format!("{place} in [{text}, {other}]"),
            3 => format!("{place}.startsWith({text})"),
            4 => format!("{place}.endsWith({text})"),
            5 => format!("{place}.contains({text})"),
            6 => format!("{place}.matches({expression})"),
            7 => format!("glob_any({place}, {globs})"),
            8 | 9 if place.contains('.') && !place.contains('[') => format!("has({place})"),
            10 => "true".to_owned(),
            _ => place.to_owned(),
        },
    );
    atom.prop_recursive(4, 12, 2, |inner| {
        (inner.clone(), inner, 0..3).prop_map(|(left, right, kind)| match kind {
            0 => format!("({left} && {right})"),
            1 => format!("({left} || {right})"),
            _ => format!("!({left})"),
        })
    })
}
