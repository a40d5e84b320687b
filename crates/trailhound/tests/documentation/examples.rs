//! Rules, conditions and configurations on the pages are ones the program takes.

use std::fs;
use std::sync::Arc;

use context::Context;
use rules::{Files, RuleSet};

use crate::book::{everything, root};

/// A text under one name; everything else from the repository.
struct Snippet<'t>(&'t str);

const NAME: &str = "snippet.yaml";

impl Files for Snippet<'_> {
    fn text(&self, path: &str) -> Option<Arc<str>> {
        if path == NAME {
            Some(self.0.into())
        } else {
            fs::read_to_string(root().join(path)).ok().map(Arc::from)
        }
    }
}

/// What is wrong with a rule file, tests that fail included.
fn faults(text: &str, with_tests: bool) -> Vec<String> {
    let (files, context) = (Snippet(text), Context::empty());
    let loaded = RuleSet::load([NAME], &files, &context);
    let errors = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    let mut faults: Vec<String> = errors.map(|error| error.render(&files, rules::Colour::Plain)).collect();
    let tests = loaded.rules.iter().flat_map(|rule| rule.tests.iter().map(move |test| (rule, test)));
    let outcomes = tests
        .filter(|_| with_tests)
        .map(|(rule, test)| decide::run_test(&loaded.rules, rule, test, &context, &files));
    faults.extend(
        outcomes
            .filter(|outcome| !outcome.passed())
            .map(|outcome| format!("{}: {:?}", outcome.name, outcome.failures)),
    );
    faults
}

/// Keys that a piece of a rule document may begin with, and the document around it.
const PIECES: [&str; 15] = [
    "except:",
    "group:",
    "where:",
    "escalate:",
    "severity:",
    "title:",
    "pattern:",
    "filter:",
    "tests:",
    "delivery:",
    "threshold:",
    "sequence:",
    "first_seen:",
    "absent:",
    "alarm:",
];

/// The piece with what a document needs beside it.
fn completed(piece: &str) -> String {
    let has = |key: &str| piece.lines().any(|line| line.starts_with(key));
    let mut document = "id: piece\n".to_owned();
    if !has("title:") {
        document.push_str("title: t\n");
    }
    if !has("severity:") {
        document.push_str("severity: low\n");
    }
    if !has("pattern:") && !has("filter:") && !has("sequence:") {
        document.push_str("pattern: { source: [aws.iam] }\n");
    }
    document + piece
}

#[test]
fn rules_on_the_pages_load_and_pass_their_tests() {
    let mut looked_at = 0;
    let mut wrong = Vec::new();
    for page in everything() {
        for block in page.blocks() {
            let piece = PIECES.iter().any(|key| block.text.starts_with(key));
            let text = match block.language.as_str() {
                "yaml" if block.text.starts_with("id:") || block.text.starts_with("kind:") => {
                    block.text.clone()
                }
                "yaml" if piece => completed(&block.text),
                "cel" => {
                    completed(&format!("where: >-\n  {}\n", block.text.trim_end().replace('\n', "\n  ")))
                }
                _ => continue,
            };
            if block.file.as_ref().is_some_and(|file| file.starts_with("broken/")) {
                continue; // the page shows what is said about it
            }
            looked_at += 1;
            // The page itself tests what it lets its reader write, with the files it lets them write beside it.
            let faults = faults(&text, block.file.is_none());
            if !faults.is_empty() {
                wrong.push(format!("{}:{}\n{}", page.path, block.line, faults.join("\n")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(looked_at > 15, "only {looked_at} rules were found");
}

/// Keys that a configuration on a page may begin with.
const SECTIONS: [&str; 6] = ["state:", "sources:", "accounts:", "lists:", "override:", "routes:"];

/// A page about sources shows these alone; a configuration needs somebody to tell as well.
fn whole(text: &str) -> String {
    let mut whole = text.to_owned();
    if text.starts_with("sources:") && !text.contains("\ntargets:") {
        for (key, line) in [
            ("state:", "state: state"),
            ("targets:", "targets: { out: { stdout: {} } }"),
            ("routes:", "routes: [{ to: [out] }]"),
        ] {
            if !text.lines().any(|present| present.starts_with(key)) {
                whole.push_str(line);
                whole.push('\n');
            }
        }
    }
    whole
}

#[test]
fn configurations_on_the_pages_are_read() {
    let mut looked_at = 0;
    let mut wrong = Vec::new();
    for page in everything() {
        for block in page.blocks() {
            let begins = SECTIONS.iter().any(|key| block.text.starts_with(key));
            let broken = block.file.as_ref().is_some_and(|file| file.starts_with("broken/"));
            if block.language != "yaml" || !begins || broken {
                continue;
            }
            looked_at += 1;
            let mut files = rules::MemoryFiles::default();
            files.insert(NAME, whole(&block.text));
            files.insert("accounts.yaml", "");
            let read = configuration::Analysis::check(NAME, &files, None);
            let shown = read.shown(&files);
            let told = read.diagnostics.iter().map(|one| one.render(&shown, rules::Colour::Plain));
            let loaded = RuleSet::load(rules::BuiltIn.rules(), &rules::BuiltIn, &Context::empty());
            let about_rules = read.value.iter().flat_map(|analysis| analysis.apply(&loaded.rules).1);
            let about_rules = about_rules.map(|one| one.render(&shown, rules::Colour::Plain));
            let told: Vec<String> = told.chain(about_rules).collect();
            if !told.is_empty() {
                wrong.push(format!("{}:{}\n{}", page.path, block.line, told.join("\n")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(looked_at > 4, "only {looked_at} configurations were found");
}
