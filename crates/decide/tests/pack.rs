//! The built-in rules pass their own tests, those in steps included, and every rule over time has both sorts it needs.

use context::Context;
use rules::{BuiltIn, Course, Decision, RuleSet};

#[test]
fn every_built_in_rule_passes_its_own_tests() {
    let context = Context::empty();
    let rules = RuleSet::load(BuiltIn.rules(), &BuiltIn, &context).rules;
    let (mut single, mut in_steps, mut failed) = (0, 0, Vec::new());
    for rule in rules.iter() {
        for test in &rule.tests {
            match test.course {
                Course::Event(_) => single += 1,
                Course::Steps(_) => in_steps += 1,
            }
            let outcome = decide::run_test(&rules, rule, test, &context, &BuiltIn);
            if !outcome.passed() {
                failed.push(format!("{}: {}: {}", rule.id, outcome.name, outcome.failures.join("; ")));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(single > 1_000 && in_steps > 70, "{single} tests of one event, {in_steps} in steps");
}

#[test]
fn every_built_in_rule_over_time_is_tested_in_steps() {
    let rules = RuleSet::load(BuiltIn.rules(), &BuiltIn, &Context::empty()).rules;
    for rule in rules.iter().filter(|rule| !matches!(rule.decision, Decision::Each)) {
        let in_steps = rule.tests.iter().filter(|test| matches!(test.course, Course::Steps(_))).count();
        assert!(in_steps >= 2, "{}: one test that it fires, one that it does not", rule.id);
    }
}
