//! Which targets a finding goes to, what is wrong with routes, and that explanations say what happened.

#![expect(clippy::unwrap_used, reason = "a test")]

use event_pattern::Pattern;
use jiff::Timestamp;
use proptest::prelude::*;
use route::{FindingEvent, RouteDefinition, RouteVerdict, Routes, Severity, State, TargetName};

fn name(text: &str) -> TargetName {
    TargetName::new(text).unwrap()
}

fn targets() -> Vec<TargetName> {
    ["oncall", "security", "lake"].map(name).to_vec()
}

/// `pattern → targets`, with `+` behind them for `continue: true`, and no pattern where it is empty.
fn definitions(text: &str) -> Vec<RouteDefinition> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (pattern, to) = line.split_once('→').unwrap();
            let (to, proceed) = match to.trim().strip_suffix('+') {
                Some(to) => (to, true),
                None => (to, false),
            };
            let pattern = pattern.trim();
            RouteDefinition {
                pattern: (!pattern.is_empty()).then(|| Pattern::parse(pattern).unwrap()),
                to: to.split_whitespace().map(str::to_owned).collect(),
                proceed,
                ..RouteDefinition::default()
            }
        })
        .collect()
}

fn finding(severity: &str, rule: &str) -> FindingEvent {
    let json = serde_json::json!({
        "version": "0", "id": "a", "source": "trailhound", "detail-type": "Trailhound Finding",
        "detail": { "rule": rule, "severity": severity, "state": "firing" },
    });
    FindingEvent::parse(&json.to_string()).unwrap()
}

fn routed(routes: &Routes, finding: &FindingEvent) -> Vec<TargetName> {
    routes.route(finding, Timestamp::UNIX_EPOCH).targets().cloned().collect()
}

const ROUTES: &str = r#"
    {"detail": {"rule": [{"prefix": "root-"}]}}       → lake +
    {"detail": {"severity": ["critical"]}}            → oncall security
    {"detail": {"severity": ["high", "medium"]}}      → security
    → lake security lake
"#;

#[test]
fn the_first_match_wins_unless_it_lets_go_on() {
    let routes = Routes::compile(&definitions(ROUTES), &targets(), &[]).unwrap();
    assert_eq!(routes.warnings(), []);
    for (severity, rule, to) in [
        ("critical", "x", "oncall security"),
        ("critical", "root-use", "lake oncall security"),
        ("medium", "x", "security"),
        ("low", "x", "lake security"),
        ("info", "root-use", "lake security"),
    ] {
        let to: Vec<TargetName> = to.split(' ').map(name).collect();
        assert_eq!(routed(&routes, &finding(severity, rule)), to, "{severity} {rule}");
    }
}

#[test]
fn an_explanation_names_the_field_that_stopped_each_route() {
    let routes = Routes::compile(&definitions(ROUTES), &targets(), &[]).unwrap();
    insta::assert_snapshot!(routes.explain(&finding("high", "root-use"), Timestamp::UNIX_EPOCH), @r#"
    route 1: matches, to lake, and the search goes on
    route 2: does not match, because of detail.severity
    route 3: matches, to security
    route 4: not reached, since the search ended at route 3
    sent to lake, security
    "#);
    insta::assert_snapshot!(routes.explain(&finding("info", "x"), Timestamp::UNIX_EPOCH), @r#"
    route 1: does not match, because of detail.rule
    route 2: does not match, because of detail.severity
    route 3: does not match, because of detail.severity
    route 4: takes everything, to lake, security
    sent to lake, security
    "#);
    let partial = definitions(r#"{"detail": {"severity": ["critical"]}} → oncall security lake"#);
    let routes = Routes::compile(&partial, &targets(), &[]).unwrap();
    insta::assert_snapshot!(routes.explain(&finding("info", "x"), Timestamp::UNIX_EPOCH), @r#"
    route 1: does not match, because of detail.severity
    sent nowhere: no route matches
    "#);
}

#[test]
fn problems_say_what_to_do() {
    for (name, text) in [
        ("no-target", "→"),
        ("unknown-target", "→ on-call security lake oncall pagerduty"),
        ("unreached-target", "→ oncall"),
        ("after-a-catch-all", "→ oncall security lake\n{\"detail\": {\"rule\": [\"x\"]}} → oncall"),
        (
            "after-all-severities",
            r#"
            {"detail": {"severity": ["critical", "high"]}} → oncall
            {"detail": {"severity": [{"anything-but": ["critical", "high"]}]}} → security lake
            → oncall"#,
        ),
        (
            "never-matches",
            r#"
            {"detail": {"severity": ["CRITICAL"]}} → oncall
            {"source": ["aws.ec2"]} → oncall
            → oncall security lake"#,
        ),
    ] {
        let problems = Routes::compile(&definitions(text), &targets(), &[]).unwrap_err();
        insta::assert_snapshot!(name, problems);
        assert!(problems.iter().all(|problem| !problem.is_warning()));
    }
}

#[test]
fn what_is_no_problem() {
    for text in [
        "→ oncall +\n→ security lake",
        "{\"source\": [\"trailhound\"]} → oncall +\n→ security lake",
        "{\"detail\": {\"severity\": [\"critical\"], \"rule\": [\"x\"]}} → oncall\n{\"detail\": {\"severity\": [\"critical\"]}} → lake\n→ security",
    ] {
        let routes = Routes::compile(&definitions(text), &targets(), &[]).unwrap();
        assert_eq!(routes.warnings(), [], "{text}");
    }
    let only_oncall = definitions("→ oncall");
    Routes::compile(&only_oncall, &targets(), &[name("security"), name("lake")]).unwrap();
}

#[test]
fn findings_that_no_route_takes_are_warned_of() {
    let text = r#"{"detail": {"severity": ["critical", "high"]}} → oncall security lake"#;
    let routes = Routes::compile(&definitions(text), &targets(), &[]).unwrap();
    let [warning] = routes.warnings() else { panic!("{:?}", routes.warnings()) };
    assert!(warning.is_warning());
    insta::assert_snapshot!(warning, @"findings of severity info, low, medium may match no route and are then sent nowhere; end with a route without `match`");
    assert!(routed(&routes, &finding("low", "x")).is_empty());
}

fn pattern() -> impl Strategy<Value = Option<String>> {
    let severity = prop::sample::subsequence(Severity::ALL.to_vec(), 1..=5);
    let state = prop::sample::subsequence(State::ALL.to_vec(), 1..=3);
    let rule = prop::sample::select(vec!["x", "y"]);
    let optional = (prop::option::of(severity), prop::option::of(state), prop::option::weighted(0.2, rule));
    optional.prop_map(|(severity, state, rule)| {
        let mut detail = serde_json::Map::new();
        detail.extend(severity.map(|severity| ("severity".to_owned(), serde_json::json!(severity))));
        detail.extend(state.map(|state| ("state".to_owned(), serde_json::json!(state))));
        detail.extend(rule.map(|rule| ("rule".to_owned(), serde_json::json!([rule]))));
        (!detail.is_empty()).then(|| serde_json::json!({ "detail": detail }).to_string())
    })
}

proptest! {
    /// What compiling says of routes is so for every finding: a route it calls unreachable is taken by none, and where
    /// it has no warning each finding goes somewhere.
    #[test]
    fn verdicts_on_routes_hold_for_all_findings(list in prop::collection::vec((pattern(), any::<bool>()), 1..6)) {
        let definition = |(pattern, proceed): &(Option<String>, bool)| RouteDefinition {
            pattern: pattern.as_ref().map(|text| Pattern::parse(text).unwrap()),
            to: vec!["oncall".to_owned()],
            proceed: *proceed,
            ..RouteDefinition::default()
        };
        let all: Vec<RouteDefinition> = list.iter().map(definition).collect();
        let oncall = [name("oncall")];
        // Leaving out a route that no finding reaches must change nothing, and then there is no problem left.
        let mut kept: Vec<RouteDefinition> = Vec::new();
        for definition in &all {
            kept.push(definition.clone());
            if Routes::compile(&kept, &oncall, &[]).is_err() {
                kept.pop();
            }
        }
        let routes = Routes::compile(&kept, &oncall, &[]).unwrap();
        for severity in Severity::ALL {
            for state in State::ALL {
                for rule in ["x", "y", "z"] {
                    let json = serde_json::json!({
                        "id": "a", "source": "trailhound", "detail-type": "Trailhound Finding",
                        "detail": { "rule": rule, "severity": severity, "state": state },
                    });
                    let finding = FindingEvent::parse(&json.to_string()).unwrap();
                    let plainly = all.iter().any(|route| route.pattern.as_ref().is_none_or(|p| p.matches(finding.event())));
                    let routed = routes.route(&finding, Timestamp::UNIX_EPOCH);
                    prop_assert_eq!(!routed.legs.is_empty(), plainly, "a route was wrongly called unreachable");
                    prop_assert!(plainly || !routes.warnings().is_empty(), "no warning of {severity:?} {state:?}");
                    let explanation = routes.explain(&finding, Timestamp::UNIX_EPOCH);
                    prop_assert_eq!(&explanation.routing, &routed);
                    let taken = explanation.routes.iter().any(|r| matches!(r.verdict, RouteVerdict::Matched { .. }));
                    prop_assert_eq!(taken, plainly);
                }
            }
        }
    }
}
