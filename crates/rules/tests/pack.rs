//! The rules in `rules/aws` load without a word and pass their own tests.

use context::Context;
use rules::{Colour, MemoryFiles, RuleSet};
use std::path::{Path, PathBuf};

#[expect(clippy::expect_used, reason = "a test fails by panicking")]
fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder's entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn pack() -> (MemoryFiles, Vec<String>) {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules/aws"));
    let mut found = Vec::new();
    walk(root, &mut found);
    found.sort();
    let mut files = MemoryFiles::default();
    let mut rules = Vec::new();
    for path in found {
        let name = format!("rules/aws/{}", path.strip_prefix(root).unwrap().display());
        if name.ends_with(".yaml") {
            rules.push(name.clone());
        }
        if name.ends_with(".yaml") || name.ends_with(".json") {
            files.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    (files, rules)
}

#[test]
fn every_rule_loads_without_a_word() {
    let (files, paths) = pack();
    let loaded = RuleSet::load(paths.iter().map(String::as_str), &files, &Context::empty());
    let said: Vec<String> =
        loaded.diagnostics.iter().map(|diagnostic| diagnostic.render(&files, Colour::Plain)).collect();
    assert!(said.is_empty(), "{} diagnostics:\n{}", said.len(), said.join("\n\n"));
    assert!(loaded.rules.len() > 50, "only {} rules", loaded.rules.len());
}

#[test]
fn every_rule_passes_its_own_tests() {
    let (files, paths) = pack();
    let context = Context::empty();
    let loaded = RuleSet::load(paths.iter().map(String::as_str), &files, &context);
    let mut ran = 0;
    let mut failed = Vec::new();
    for rule in loaded.rules.iter() {
        for outcome in rule.run_tests(&context, &files) {
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
