//! The built-in pack loads without a word and passes its own tests.

use context::Context;
use rules::{BuiltIn, Colour, RuleSet};

#[test]
fn every_rule_loads_without_a_word() {
    let loaded = RuleSet::load(BuiltIn.rules(), &BuiltIn, &Context::empty());
    let said: Vec<String> =
        loaded.diagnostics.iter().map(|diagnostic| diagnostic.render(&BuiltIn, Colour::Plain)).collect();
    assert!(said.is_empty(), "{} diagnostics:\n{}", said.len(), said.join("\n\n"));
    assert!(loaded.rules.len() > 50, "only {} rules", loaded.rules.len());
}

#[test]
fn every_rule_passes_its_own_tests() {
    let context = Context::empty();
    let loaded = RuleSet::load(BuiltIn.rules(), &BuiltIn, &context);
    let mut ran = 0;
    let mut failed = Vec::new();
    for rule in loaded.rules.iter() {
        for outcome in rule.run_tests(&context, &BuiltIn) {
            ran += 1;
            if !outcome.passed() {
                let explained = outcome.explanation.as_ref().map(ToString::to_string).unwrap_or_default();
                failed.push(format!(
                    "{}: {}: {}\n{explained}",
                    rule.id,
                    outcome.name,
                    outcome.failures.join("; ")
                ));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {ran} tests fail:\n{}", failed.len(), failed.join("\n"));
    assert!(ran > 100, "only {ran} tests");
}
