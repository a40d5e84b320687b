//! The examples of the reference are true.

use event_pattern::{Event, LintKind, Pattern};

#[test]
fn examples() {
    let mut lines = include_str!("../reference.md").lines();
    let (mut patterns, mut statements) = (0, 0);
    let mut pattern = None;
    while let Some(line) = lines.next() {
        if line == "```json" {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let text = text.join("\n");
            pattern = Some((Pattern::parse(&text).expect(&text), text));
            patterns += 1;
        } else if let Some((wanted, event)) = verdict(line) {
            let (pattern, text) = pattern.as_ref().expect("an example before its verdicts");
            let event = Event::parse(event).expect(event);
            assert_eq!(pattern.matches(&event), wanted, "{text}\n{line}\n{}", pattern.explain(&event));
            statements += 1;
        } else if let Some(rest) = line.strip_prefix("- is refused: `") {
            let (text, message) = rest.split_once("` with `").expect("a message");
            let errors = Pattern::parse(text).expect_err(text);
            assert_eq!(errors.first().message, message.trim_end_matches('`'), "{text}");
            statements += 1;
        }
    }
    assert!(patterns > 15 && statements > 50, "{patterns} patterns, {statements} statements");
}

fn verdict(line: &str) -> Option<(bool, &str)> {
    let (wanted, rest) = match line.strip_prefix("- matches `") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("- does not match `")?),
    };
    Some((wanted, rest.trim_end_matches('`')))
}

#[test]
fn every_lint_is_listed() {
    let listed: Vec<&str> = include_str!("../reference.md")
        .split_once("## Lints")
        .expect("a chapter on lints")
        .1
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(listed, LintKind::ALL.map(LintKind::id));
}
