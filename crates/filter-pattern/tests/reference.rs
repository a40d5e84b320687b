//! The language reference says what the parser does: each of its examples is read.

#![expect(clippy::expect_used, reason = "a reference of another shape fails the test")]

use filter_pattern::{Filter, Kind, Selector};

const REFERENCE: &str = include_str!("../reference.md");

/// The code spans in one column of the table rows below a heading, up to the next heading.
fn examples(heading: &str, column: usize) -> Vec<Vec<String>> {
    let (_, section) = REFERENCE.split_once(&format!("\n{heading}\n")).expect(heading);
    let section = section.split("\n#").next().unwrap_or(section);
    section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| {
            let cell = row.split(" | ").nth(column).expect(row);
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn code_blocks_are_patterns() {
    let blocks: Vec<&str> =
        REFERENCE.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("text\n")).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        assert!(Filter::parse(block).is_ok(), "{block}");
    }
}

#[test]
fn tables_of_terms_and_fields_hold_patterns() {
    for pattern in examples("## Terms", 0).concat() {
        let parsed = Filter::parse(&pattern).expect(&pattern);
        assert!(matches!(parsed.kind(), Kind::Terms(_)), "{pattern}");
    }
    for pattern in examples("## Space-delimited patterns", 0).concat() {
        let parsed = Filter::parse(&pattern).expect(&pattern);
        assert!(matches!(parsed.kind(), Kind::Fields(_)), "{pattern}");
    }
}

#[test]
fn the_table_of_selectors_holds_selectors() {
    for selector in examples("### Selectors", 0).concat() {
        assert!(Selector::parse(&selector).is_ok(), "{selector}");
    }
}

#[test]
fn the_table_of_conditions_holds_conditions() {
    let conditions = examples("### Conditions", 0).concat();
    for condition in
        conditions.iter().filter(|condition| condition.starts_with("$.") && !condition.contains('…'))
    {
        assert!(Filter::parse(&format!("{{ {condition} }}")).is_ok(), "{condition}");
    }
    assert!(conditions.len() > 10);
}

#[test]
fn what_is_refused_is_refused_with_that_sentence() {
    let sentences = examples("## What is refused", 0);
    for (sentence, patterns) in sentences.iter().zip(examples("## What is refused", 1)) {
        let beginning = sentence[0].split('…').next().expect("a beginning");
        for pattern in patterns {
            let errors = Filter::parse(&pattern).expect_err(&pattern);
            assert!(errors.aws_message().starts_with(beginning), "{pattern}: {}", errors.aws_message());
        }
    }
}
