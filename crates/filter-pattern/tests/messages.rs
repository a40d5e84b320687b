//! What people read: errors, lints and explanations, as golden texts.

use std::fmt::Write as _;

use filter_pattern::Filter;

#[test]
fn errors_say_what_is_wrong_and_what_to_write() {
    let patterns = [
        // The grammar of conditions.
        "{ $.v == 1 }",
        "{ $.v <> 1 }",
        "{ $.v EXISTS }",
        "{ $.v IS NOT NULL }",
        "{ $.v is null }",
        "{ $.v IS null }",
        "{ $.v not exists }",
        "{ $.v NOT exists }",
        "{ $.v = null }",
        "{ $.v != null }",
        "{ $.v > 0 AND $.v < 2 }",
        "{ $.v > 0 or $.v < 2 }",
        "{ $.v > \"Alpha\" }",
        "{ $.v > Alpha }",
        "{ $.v >= \"5\" }",
        "{ $.v IN [1, 2] }",
        "{ $.v LIKE \"a\" }",
        "{ $.v = $.w }",
        "{ $.v }",
        "{ $.v = }",
        "{ v = 1 }",
        "{ \"v\" = 1 }",
        "{ !($.v = 1) }",
        "{ NOT ($.v = 1) }",
        "{ $.v\u{a0}= 1 }",
        "{ $.v = 1 $.w = 2 }",
        "{ $.v = 1 && }",
        "{ $.v = 1 & $.w = 2 }",
        "{ ($.v = 1 }",
        "{ $.v = 1) }",
        "{ $.v = 1",
        "{ $.v = 1 } ERROR",
        "{}",
        // Values.
        "{ $.ip = 10.0.0.0/8 }",
        "{ $.arn = arn:aws:iam::1:root }",
        "{ $.v = 'x' }",
        "{ $.v = “x” }",
        "{ $.v = \"x }",
        "{ $.v = café }",
        // Selectors.
        "{ $..v = 1 }",
        "{ $v = 1 }",
        "{ $['v'] = 1 }",
        "{ $.arr[-1] = 1 }",
        "{ $.arr[0:2] = 1 }",
        "{ $.@timestamp = 1 }",
        "{ $.labels.app:name = 1 }",
        "{ $.arr[99999999999999999999] = 1 }",
        // Quotas.
        "{ $.a[*].b[*] = 1 }",
        "{ $.a[*] = 1 || $.b[*] = 1 || $.c[*] = 1 || $.* = 1 }",
        "{ $.v = %a% || $.v = %b% || $.v = %c% }",
        // Another language.
        "{ \"source\": [\"aws.s3\"], \"detail\": { \"eventName\": [\"DeleteBucket\"] } }",
        "$.eventName = \"x\"",
        // Regular expressions.
        "%^(ERROR|WARN)%",
        "%hello!%",
        "%café%",
        "%[abc%",
        "%a{2%",
        "%*a%",
        "%a{5,2}%",
        "%[z-a]%",
        "%\\/api%",
        "%abc\\%",
        "%abc",
        "%%",
        "%a{1000}{1000}{1000}%",
        // Terms.
        "ERR*",
        "ERROR 'x'",
        "\"ERROR",
        "ERROR\"quoted\"",
        "user@example.com",
        "ERROR - DEBUG",
        "a:b c:d",
        // Space-delimited patterns.
        "[..., status, ...]",
        "[word, word]",
        "[status = 404 || code = 410]",
        "[status NOT EXISTS]",
        "[a b]",
        "[4*, b]",
        "[... = 1]",
        "[\"a\"]",
        "[a, b",
        "[a] b",
        // Everything at once, over two lines.
        "{ $.a == 1 &&\n  $.b IS NOT NULL || $.c = 'x' }",
    ];
    let mut report = String::new();
    for pattern in patterns {
        let errors = Filter::parse(pattern).expect_err(pattern);
        writeln!(report, "{pattern}\n  AWS: {}", errors.aws_message()).unwrap();
        for error in &errors {
            writeln!(report, "  {error}  <{}>", error.span.of(pattern)).unwrap();
            if let Some(hint) = &error.hint {
                writeln!(report, "    hint: {hint}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(report);
}

#[test]
fn lints_name_the_traps() {
    let long = format!("\"{}\"", "x".repeat(1_024));
    let patterns = [
        long.as_str(),
        "?ERROR ?WARN -DEBUG",
        "error",
        "?error ?ERROR",
        "\" \"",
        "\"\"",
        "%a% %b%",
        "{ $.mfa != \"Yes\" }",
        "{ $.mfa != \"Yes\" || $.mfa NOT EXISTS }",
        "{ $.a != 1 && $.a != 2 }",
        "{ $.items[*].id != 1 }",
        "{ $.items[*].id NOT EXISTS }",
        "{ $.a[*] = 1 || $.b[*] = 1 || $.c[*] = 1 }",
        "{ $.size > 5 && $.size < 9 }",
        "{ $.sourceIPAddress = \"10.20.0.0/16\" }",
        "{ $.readOnly = true }",
        "{ $.x = \"null\" }",
        "{ $.x = \"a?c\" }",
        "{ $.eventName = A && $.eventName = B }",
        "{ $.eventName != A || $.eventName != B }",
        "[level, , status = 4*]",
        "[a = x && a = y, ip = \"10.0.0.0/8\"]",
    ];
    let mut report = String::new();
    for pattern in patterns {
        let filter = Filter::parse(pattern).expect(pattern);
        let shown = if pattern.len() > 100 { "(1,026 characters)" } else { pattern };
        writeln!(report, "{shown}").unwrap();
        for lint in filter.lints() {
            let place: String = lint.span.of(pattern).chars().take(40).collect();
            writeln!(
                report,
                "  {} <{place}>\n    {}\n    hint: {}",
                lint.id.as_str(),
                lint.message,
                lint.hint
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(report);
}

#[test]
fn explanations_read_as_sentences() {
    let event = r#"{"eventName":"ConsoleLogin","errorCode":null,"readOnly":true,"count":"5","n":7,
        "tags":["a",null],"user":{"type":"Root"},"items":[{"id":1},{"id":2}],"long":"LONG"}"#
        .replace("LONG", &"x".repeat(200));
    let cases = [
        (r#"{ $.eventName = "ConsoleLogin" && $.additionalEventData.MFAUsed != "Yes" }"#, event.as_str()),
        ("{ ($.eventName = A || $.eventName = B) && $.user.type = Root }", &event),
        ("{ $.errorCode NOT EXISTS && $.errorCode != x && $.errorCode = x && $.errorCode IS NULL }", &event),
        ("{ $.readOnly = true || $.readOnly IS FALSE || $.readOnly IS TRUE }", &event),
        ("{ $.count > 4 && $.n > 4 && $.n < 5 }", &event),
        ("{ $.tags = a && $.tags[*] = a && $.tags IS NULL && $.tags[*] = b }", &event),
        ("{ $.user = Root && $.user.* = Root && $.items[*].id = 3 && $.items[*].name = x }", &event),
        ("{ $.long = y }", &event),
        ("{ $.a NOT EXISTS }", "not JSON"),
        ("{ $.a NOT EXISTS }", "[1]"),
        ("ERROR -DEBUG ?WARN", "error: DEBUG"),
        ("?ERROR ?WARN", "INFO"),
        ("", "anything"),
        ("[level = ERROR, ..., status >= 400 && status < 500, bytes]", "ERROR GET 404 12"),
        ("[level = ERROR, ..., status >= 400 && status < 500, bytes]", "INFO GET ok 12"),
        ("[a, b, c]", "one two"),
    ];
    let mut report = String::new();
    for (pattern, message) in cases {
        let explanation = Filter::parse(pattern).expect(pattern).explain(message);
        writeln!(report, "{pattern}\n{explanation}  stopped by: {:?}\n", explanation.stopped_by()).unwrap();
    }
    insta::assert_snapshot!(report);
}

#[test]
fn an_explanation_serializes() {
    let filter = Filter::parse("{ $.items[*].id = 3 || $.a NOT EXISTS }").unwrap();
    insta::assert_json_snapshot!(filter.explain(r#"{"items":[{"id":1}],"a":1}"#));
}
