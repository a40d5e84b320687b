//! What a user is told about documents that are wrong: one snapshot each.

use context::Context;
use rules::{Colour, MemoryFiles, RuleSet};

/// A rule that is right, with another text in place of some of its lines.
fn rule(more: &str) -> String {
    format!("id: stop\ntitle: Stopped\nseverity: high\n{more}")
}

fn told(text: &str) -> String {
    let mut files = MemoryFiles::default();
    files.insert("r.yaml", text);
    let loaded = RuleSet::load(["r.yaml"], &files, &Context::empty());
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    // Warnings have a test of their own; here they would hide what matters.
    let shown = if errors.is_empty() { loaded.diagnostics.iter().collect() } else { errors };
    shown.iter().map(|diagnostic| diagnostic.render(&files, Colour::Plain)).collect::<Vec<_>>().join("\n\n")
}

const PATTERN: &str = "pattern: { detail: { eventName: [StopLogging] } }\n";

#[test]
fn documents_that_are_wrong() {
    let with_pattern = |more: &str| rule(&format!("{PATTERN}{more}"));
    for (name, text) in [
        ("empty_file", String::new()),
        ("only_a_comment", "# nothing\n".to_owned()),
        ("not_a_mapping", "- a\n- b\n".to_owned()),
        ("not_yaml", "id: stop\ntitle: \"Stopped\nseverity: high\n".to_owned()),
        ("tabs", "id: stop\npattern:\n\tdetail: {}\n".to_owned()),
        ("colon_in_text", "id: stop\ntitle: Stopped: by whom\n".to_owned()),
        ("several_documents", "id: a\n---\nid: [\n---\nid: c\n".to_owned()),
        ("keys_with_typos", "id: stop\ntitel: x\nSeverity: high\npatern: {}\nfoo: 1\n".to_owned()),
        ("key_twice", with_pattern("severity: low\n")),
        ("wrong_types", "id: 7\ntitle: [x]\nseverity: { a: b }\ntags: attack\nfirst_checks: [1]\nowner: true\npattern: []\n".to_owned()),
        ("wrong_values", "id: Stop Logging\ntitle: \"\"\nseverity: hgih\ndelivery: some\nfilter: '%['\n".to_owned()),
        ("no_selector", rule("")),
        ("two_selectors", with_pattern("filter: ERROR\n")),
        ("invalid_pattern", rule("pattern:\n  detail:\n    eventName: StopLogging\n    errorCode: [{ exsts: false }]\n    count: [{ numeric: [\">\"] }]\n")),
        ("invalid_pattern_as_text", rule("pattern: |\n  {\n    \"detail\": { \"eventName\": \"StopLogging\" }\n  }\n")),
        ("invalid_filter", rule("filter: >-\n  { ($.eventName = \"StopLogging\") &&\n  $.errorCode EXISTS }\n")),
        ("filter_unquoted", rule("filter: { $.eventName = StopLogging }\n")),
        ("bad_cel", with_pattern("where: \"detail.readOnly == \"\n")),
        ("cel_words", with_pattern("where: detail.readOnly == false and detail.x == 1\n")),
        ("cel_names", with_pattern("where: >-\n  detial.x == 1 ||\n  globany(principal.nmae, lists.automation_role) ||\n  cidr_size('a', 'b') > 1 || in_hours(time, 'busines')\n")),
        ("cel_no_truth", with_pattern("where: size(detail.x)\n")),
        ("cel_too_deep", with_pattern(&format!("where: \"size({}{}) == 1\"
", "[".repeat(40), "]".repeat(40)))),
        ("cel_regex", with_pattern("where: \"detail.x.matches('a(b')\"\n")),
        ("title_names", "id: a\ntitle: \"{{ user.name }} in {{ account.nmae }}\"\nseverity: low\nfilter: x\n".to_owned()),
        ("title_unclosed", "id: a\ntitle: \"{{ detail.x\"\nseverity: low\nfilter: x\n".to_owned()),
        ("paths", with_pattern("group: { by: [principle, $.userIdentity.arn, userIdentity.arn, detail..x], for: 1h }\n")),
        ("group", with_pattern("group: { by: principal, for: 1 hour }\n")),
        ("group_too_long", with_pattern("group: { by: [principal], for: 30d }\n")),
        ("exceptions", with_pattern("except:\n  - { reason: x }\n  - { pattern: { account: [\"1\"] } }\n  - { reason: x, expires: 2027-02-30, pattern: {} }\n")),
        ("tests", with_pattern("tests:\n  - { name: a, event: [], fires: yes }\n  - { name: b, event: {}, fires: true, because: where }\n  - { name: c, event: e.json, fires: false, with: { user: 1, principal.name: x }, lists: { automation_rolls: [] } }\n")),
        ("duplicate_ids", format!("{}---\n{}", with_pattern(""), with_pattern(""))),
        ("stateful", rule("threshold: { count: 5, within: 10m }\nsequence: { within: 1h }\npattern: { a: [b] }\n")),
        ("kind_alarm", "kind: composite-alarm\nrule: ALARM(a)\n".to_owned()),
        ("kind_unknown", "kind: ruel\nid: a\n".to_owned()),
        ("alias_bomb", bomb()),
        ("deep_nesting", format!("a: {}", "[".repeat(5000))),
        ("alias_in_pattern", rule("pattern: { detail: { eventName: [*Event] } }\n")),
        ("allow", with_pattern("allow: [no-test, invalid-path]\n")),
    ] {
        insta::assert_snapshot!(name, told(&text));
    }
}

fn bomb() -> String {
    let row = |anchor: char, alias: char| {
        format!("{anchor}: &{anchor} [{}]\n", vec![format!("*{alias}"); 60].join(", "))
    };
    let rows: String = ('b'..='f').zip('a'..='e').map(|(anchor, alias)| row(anchor, alias)).collect();
    format!("a: &a [x]\n{rows}")
}

#[test]
fn documents_that_are_right_but_probably_not_meant() {
    for (name, text) in [
        ("lint_bare_rule", rule(PATTERN)),
        ("lint_account_number", rule("pattern: { account: [111122223333], source: [aws.s3] }\n")),
        (
            "lint_never_matches",
            rule(
                "pattern: { source: [s3.amazonaws.com], detail-type: [AWS Api Call via CloudTrail], detail: { eventSource: [s3, aws.ec2] } }\n",
            ),
        ),
        ("lint_signin", rule("pattern: { detail-type: [AWS Console Signin via CloudTrail] }\n")),
        ("lint_anything", rule("pattern: { region: [us-east-1] }\n")),
        ("lint_filter", rule("filter: '{ $.errorCode != \"x\" }'\n")),
        ("lint_tests", rule(&format!("{PATTERN}tests: [{{ name: a, event: {{}}, fires: true }}]\n"))),
        ("lint_exception", rule(&format!("{PATTERN}except: [{{ reason: x, where: \"region == 'x'\" }}]\n"))),
        ("lint_titles", format!("{}---\n{}", rule(PATTERN), rule(PATTERN).replace("id: stop", "id: halt"))),
        ("lint_allowed", rule(&format!("{PATTERN}allow: [no-tests, no-description, no-first-checks]\n"))),
    ] {
        insta::assert_snapshot!(name, told(&text));
    }
}

#[test]
fn a_diagnostic_is_serialized_for_machines() {
    let mut files = MemoryFiles::default();
    files.insert("r.yaml", rule(&format!("{PATTERN}delivry: all\n")));
    let loaded = RuleSet::load(["r.yaml", "s.yaml"], &files, &Context::empty());
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    insta::assert_json_snapshot!(errors);
    let styled = errors[0].render(&files, Colour::Styled);
    assert!(styled.contains("\u{1b}["));
    assert!(!errors[0].render(&files, Colour::Plain).contains('\u{1b}'));
    assert_eq!(errors[0].to_string(), "r.yaml:5:1: error[unknown-key]: a rule has no key `delivry`");
}

#[test]
fn exceptions_expire_by_the_day_that_is_handed_in() {
    let mut files = MemoryFiles::default();
    let except = "except: [{ reason: x, owner: platform, expires: 2027-01-31, where: \"region == 'x'\" }]\n";
    files.insert("r.yaml", rule(&format!("{PATTERN}{except}")));
    let loaded = RuleSet::load(["r.yaml"], &files, &Context::empty());
    let on = |day: &str| rules::expired_exceptions(&loaded.rules, day.parse().unwrap());
    assert_eq!(on("2027-01-31"), []);
    let late = on("2027-02-01");
    insta::assert_snapshot!("expired_exception", late[0].render(&files, Colour::Plain));
}
