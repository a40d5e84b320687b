//! Whatever a rule file holds, loading it answers.

use context::Context;
use proptest::prelude::*;
use rules::{Colour, MemoryFiles, RuleSet};

fn load(text: String) {
    let mut files = MemoryFiles::default();
    files.insert("r.yaml", text);
    let loaded = RuleSet::load(["r.yaml"], &files, &Context::empty());
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.render(&files, Colour::Plain).is_empty());
    }
}

proptest! {
    #[test]
    fn text_that_looks_like_yaml(text in "[a-c:\\-\\[\\]{},'\"&*!|>%#\n\t é?~1.]{0,120}") {
        load(text);
    }

    #[test]
    fn text_that_looks_like_rules(lines in prop::collection::vec(prop::sample::select(vec![
        "id: a", "id: 1", "title: \"{{ detail.x }}\"", "title: '{{ x'", "severity: high", "severity: []", "escalate:",
        "  - when: \"detail.x == 'é'\"", "    severity: low", "pattern:", "  detail: { a: [b] }", "  detail:",
        "    $or: [{ a: [1] }, { b: [{ prefix: x }] }]", "    b: [{ wildcard: '*é*' }]", "pattern: '{\"a\": [\"é\"]'",
        "filter: '{ $.a = \"é\" '", "filter: >-", "  { $.a = 1 }", "where: |", "  detail.é", "except:", "  - reason: x",
        "    expires: 2027-01-31", "group: { by: [principal, \"detail['é']\"], for: 1h }", "tests:", "  - name: x",
        "    event: {}", "    fires: true", "    with: { detail.a: 1 }", "---", "&a x: *a", "\t", "'", "\"", "é: ü", "allow: [no-tests]",
    ]), 0..24)) {
        load(lines.join("\n"));
    }

    #[test]
    fn any_text(text in ".{0,200}") {
        load(text);
    }
}
