//! Laws that hold for every pattern and message: a model of each grammar prints a pattern and decides messages in the
//! plainest possible way, and the crate must agree.

#![expect(clippy::unwrap_used, reason = "a model that cannot print itself fails the test")]

use std::fmt::Write as _;

use filter_pattern::{Filter, Kind};
use proptest::prelude::*;

// ---------------------------------------------------------------------------------------------------------------- JSON

/// A JSON value that remembers how its numbers are written and may repeat keys.
#[derive(Debug, Clone)]
enum Json {
    Null,
    Bool(bool),
    Number(&'static str),
    String(&'static str),
    Array(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

const KEYS: [&str; 4] = ["a", "b", "0", "x y"];
const STRINGS: [&str; 13] = [
    "", "1", "1.0", "Alpha", "Alpha1", "Alphabet", "xAlpha", "alpha", "a*b", "a\"b\\c", "ünï\n", "true",
    "10.0.0.1",
];
const NUMBERS: [&str; 8] = ["0", "1", "1.0", "1e0", "-1", "1.5", "10", "-0"];

impl Json {
    fn print(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => write!(out, "{value}").unwrap(),
            Json::Number(lexeme) => out.push_str(lexeme),
            Json::String(text) => out.push_str(&serde_json::to_string(text).unwrap()),
            Json::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index > 0 { " , " } else { "" });
                    element.print(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { ",\n" } else { "" });
                    write!(out, "{} : ", serde_json::to_string(key).unwrap()).unwrap();
                    value.print(out);
                }
                out.push('}');
            }
        }
    }
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        2 => Just(Json::Null),
        1 => any::<bool>().prop_map(Json::Bool),
        2 => prop::sample::select(&NUMBERS[..]).prop_map(Json::Number),
        3 => prop::sample::select(&STRINGS[..]).prop_map(Json::String),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((prop::sample::select(&KEYS[..]), inner), 0..4).prop_map(Json::Object),
        ]
    })
}

fn message() -> impl Strategy<Value = Json> {
    prop::collection::vec((prop::sample::select(&KEYS[..]), json()), 0..5).prop_map(Json::Object)
}

#[derive(Debug, Clone, Copy)]
enum ModelStep {
    Key(&'static str),
    Index(usize),
    Any,
}

#[derive(Debug, Clone)]
enum ModelValue {
    Bare(&'static str),
    Quoted(&'static str),
    Regex(usize),
}

type Meaning = fn(&str) -> bool;

/// Regular expressions with what they mean.
const REGEXES: [(&str, Meaning); 4] = [
    ("^A", |text| text.starts_with('A')),
    (r"\.[0-9]$", |text| {
        text.len() > 1
            && text[..text.len() - 1].ends_with('.')
            && text.ends_with(|c: char| c.is_ascii_digit())
    }),
    ("l|1", |text| text.contains('l') || text.contains('1')),
    (r"^[^a-z]+$", |text| !text.is_empty() && !text.contains(|c: char| c.is_ascii_lowercase())),
];

const BARE: [&str; 10] = ["1", "1.0", "1e+0", "-1", "0", "Alpha", "*", "Al*a", "1*", "true"];
const QUOTED: [&str; 9] = ["", "1", "1.0", "Alpha", "*pha", "a*b", "a\"b\\c", "ünï\n", "**"];

#[derive(Debug, Clone)]
enum ModelTest {
    Equal(ModelValue),
    NotEqual(ModelValue),
    Less(&'static str),
    AtMost(&'static str),
    More(&'static str),
    AtLeast(&'static str),
    IsNull,
    Is(bool),
    NotExists,
}

#[derive(Debug, Clone)]
enum ModelExpr {
    Condition(Vec<ModelStep>, ModelTest),
    And(Vec<ModelExpr>),
    Or(Vec<ModelExpr>),
}

fn model_value() -> impl Strategy<Value = ModelValue> {
    prop_oneof![
        4 => prop::sample::select(&BARE[..]).prop_map(ModelValue::Bare),
        4 => prop::sample::select(&QUOTED[..]).prop_map(ModelValue::Quoted),
        1 => (0..REGEXES.len()).prop_map(ModelValue::Regex),
    ]
}

fn model_test() -> impl Strategy<Value = ModelTest> {
    let number = || prop::sample::select(vec!["0", "1", "1.5", "-1e0", "+1."]);
    prop_oneof![
        4 => model_value().prop_map(ModelTest::Equal),
        4 => model_value().prop_map(ModelTest::NotEqual),
        1 => number().prop_map(ModelTest::Less),
        1 => number().prop_map(ModelTest::AtMost),
        1 => number().prop_map(ModelTest::More),
        1 => number().prop_map(ModelTest::AtLeast),
        2 => Just(ModelTest::IsNull),
        2 => any::<bool>().prop_map(ModelTest::Is),
        2 => Just(ModelTest::NotExists),
    ]
}

fn model_expr() -> impl Strategy<Value = ModelExpr> {
    let step = prop_oneof![
        6 => prop::sample::select(&KEYS[..]).prop_map(ModelStep::Key),
        1 => (0..3_usize).prop_map(ModelStep::Index),
        1 => Just(ModelStep::Any),
    ];
    let steps = prop::collection::vec(step, 1..4).prop_filter("one wildcard", |steps| {
        steps.iter().filter(|step| matches!(step, ModelStep::Any)).count() <= 1
    });
    let leaf = (steps, model_test()).prop_map(|(steps, test)| ModelExpr::Condition(steps, test));
    leaf.prop_recursive(3, 5, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(ModelExpr::And),
            prop::collection::vec(inner, 2..4).prop_map(ModelExpr::Or),
        ]
    })
}

fn print_value(value: &ModelValue) -> String {
    match value {
        ModelValue::Bare(word) => (*word).to_owned(),
        ModelValue::Quoted(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        ModelValue::Regex(index) => format!("%{}%", REGEXES[*index].0),
    }
}

fn print_expr(expr: &ModelExpr) -> String {
    match expr {
        ModelExpr::Condition(steps, test) => {
            let mut out = String::from("$");
            for (position, step) in steps.iter().enumerate() {
                let dot = if position == 0 { "." } else { "" };
                match step {
                    ModelStep::Key(key) if key.contains(' ') => write!(out, "{dot}['{key}']").unwrap(),
                    ModelStep::Key(key) => write!(out, ".{key}").unwrap(),
                    ModelStep::Index(index) => write!(out, "{dot}[{index}]").unwrap(),
                    ModelStep::Any if position % 2 == 0 => out.push_str(".*"),
                    ModelStep::Any => out.push_str("[*]"),
                }
            }
            match test {
                ModelTest::Equal(value) => write!(out, "={}", print_value(value)).unwrap(),
                ModelTest::NotEqual(value) => write!(out, " != {}", print_value(value)).unwrap(),
                ModelTest::Less(number) => write!(out, "<{number}").unwrap(),
                ModelTest::AtMost(number) => write!(out, " <= {number}").unwrap(),
                ModelTest::More(number) => write!(out, "\n> {number}").unwrap(),
                ModelTest::AtLeast(number) => write!(out, ">= {number}").unwrap(),
                ModelTest::IsNull => out.push_str(" IS NULL"),
                ModelTest::Is(true) => out.push_str(" IS  TRUE"),
                ModelTest::Is(false) => out.push_str(" IS FALSE"),
                ModelTest::NotExists => out.push_str(" NOT EXISTS"),
            }
            out
        }
        ModelExpr::And(parts) => parts.iter().map(parenthesised).collect::<Vec<_>>().join("&&"),
        ModelExpr::Or(parts) => parts.iter().map(parenthesised).collect::<Vec<_>>().join(" || "),
    }
}

fn parenthesised(expr: &ModelExpr) -> String {
    match expr {
        ModelExpr::Condition(..) => print_expr(expr),
        _ => format!("({})", print_expr(expr)),
    }
}

/// `*` by trying every length.
fn wildcard(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| wildcard(rest, &text[at..]))
        }
        Some(first) => {
            text.strip_prefix(first).is_some_and(|text| wildcard(&pattern[first.len_utf8()..], text))
        }
    }
}

fn number(text: &str) -> f64 {
    text.trim_start_matches('+').trim_end_matches('.').parse().unwrap()
}

fn is_number(word: &str) -> bool {
    !word.contains('*') && word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

fn equals(value: &ModelValue, text: &str, numeric: bool) -> bool {
    match value {
        ModelValue::Bare(word) if numeric && is_number(word) => (number(word) - number(text)).abs() < 1e-12,
        ModelValue::Bare(word) | ModelValue::Quoted(word) => wildcard(word, text),
        ModelValue::Regex(index) => REGEXES[*index].1(text),
    }
}

/// Whether the value at the end of `steps` satisfies the test; a wildcard asks every child.
fn decide_at(value: Option<&Json>, steps: &[ModelStep], test: &ModelTest) -> bool {
    let Some((step, rest)) = steps.split_first() else { return decide(value, test) };
    let child = match (step, value) {
        (ModelStep::Key(key), Some(Json::Object(members))) => {
            members.iter().rev().find(|(other, _)| other == key).map(|(_, value)| value)
        }
        (ModelStep::Index(index), Some(Json::Array(elements))) => elements.get(*index),
        (ModelStep::Any, Some(Json::Array(elements))) if !elements.is_empty() => {
            return elements.iter().any(|element| decide_at(Some(element), rest, test));
        }
        (ModelStep::Any, Some(Json::Object(members))) if !members.is_empty() => {
            let hidden = |at: usize, key: &str| members[at + 1..].iter().any(|(later, _)| *later == key);
            return members
                .iter()
                .enumerate()
                .filter(|(at, (key, _))| !hidden(*at, key))
                .any(|(_, (_, member))| decide_at(Some(member), rest, test));
        }
        _ => None,
    };
    decide_at(child, rest, test)
}

fn decide(value: Option<&Json>, test: &ModelTest) -> bool {
    let compare = |bound: &str, holds: fn(f64, f64) -> bool| match value {
        Some(Json::Number(lexeme)) => holds(number(lexeme), number(bound)),
        _ => false,
    };
    match (test, value) {
        (ModelTest::Equal(wanted), Some(Json::String(text))) => equals(wanted, text, false),
        (ModelTest::Equal(wanted), Some(Json::Number(lexeme))) => equals(wanted, lexeme, true),
        (ModelTest::NotEqual(wanted), Some(Json::String(text))) => !equals(wanted, text, false),
        (ModelTest::NotEqual(wanted), Some(Json::Number(lexeme))) => !equals(wanted, lexeme, true),
        (ModelTest::Less(bound), _) => compare(bound, |left, right| left < right),
        (ModelTest::AtMost(bound), _) => compare(bound, |left, right| left <= right),
        (ModelTest::More(bound), _) => compare(bound, |left, right| left > right),
        (ModelTest::AtLeast(bound), _) => compare(bound, |left, right| left >= right),
        (ModelTest::IsNull, Some(Json::Array(elements))) => {
            elements.iter().any(|element| matches!(element, Json::Null))
        }
        (ModelTest::IsNull, Some(Json::Null)) | (ModelTest::NotExists, None) => true,
        (ModelTest::Is(wanted), Some(Json::Bool(found))) => wanted == found,
        _ => false,
    }
}

fn decide_expr(expr: &ModelExpr, message: &Json) -> bool {
    match expr {
        ModelExpr::Condition(steps, test) => decide_at(Some(message), steps, test),
        ModelExpr::And(parts) => parts.iter().all(|part| decide_expr(part, message)),
        ModelExpr::Or(parts) => parts.iter().any(|part| decide_expr(part, message)),
    }
}

/// The pattern parses, or breaks a quota, which is nothing a model needs to know.
fn parse_within_quotas(pattern: &str) -> Option<Filter> {
    use filter_pattern::ErrorKind::{PatternWildcards, RegexCount};
    match Filter::parse(pattern) {
        Ok(filter) => Some(filter),
        Err(errors) => {
            let quotas = errors.iter().all(|error| matches!(error.kind, PatternWildcards | RegexCount));
            assert!(quotas, "{pattern}: {errors}");
            None
        }
    }
}

// -------------------------------------------------------------------------------------------------- space-delimited

/// A field of a message: how it stands there, and its value.
fn token() -> impl Strategy<Value = (String, String)> {
    let word =
        prop::sample::select(vec!["-", "404", "4x", "a\"b", "\"open", "x]", "[open", "ERROR", "a.html"]);
    prop_oneof![
        3 => word.prop_map(|word| (word.to_owned(), word.to_owned())),
        1 => prop::sample::select(vec!["", "two words", "tab\there"]).prop_map(|inside| (format!("\"{inside}\""), inside.to_owned())),
        1 => prop::sample::select(vec!["", "10/Oct 13:00", "a"]).prop_map(|inside| (format!("[{inside}]"), inside.to_owned())),
    ]
}

/// Tokens whose opening quotes and brackets cannot meet a closer further on.
fn tokens() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(token(), 1..7).prop_filter("nothing left open", |tokens| {
        let opens = |written: &str| written.starts_with("\"open") || written.starts_with("[open");
        match tokens.iter().position(|(written, _)| opens(written)) {
            Some(at) => tokens[at + 1..].iter().all(|(written, _)| !written.contains(['"', ']', '['])),
            None => true,
        }
    })
}

// ------------------------------------------------------------------------------------------------------------- any text

/// Text that is likely to reach every corner of the parsers.
fn pattern_like() -> impl Strategy<Value = String> {
    let pieces = vec![
        "{", "}", "[", "]", "(", ")", "&&", "||", "&", "|", "=", "!=", "<", "<=", ">", ">=", "!", "$", "$.",
        "$.a", ".", "..", "...", "[0]", "[*]", "['k']", "[\"", "*", "a", "b", "1", "-1", "1e5", "null", "IS",
        "NULL", "TRUE", "NOT", "EXISTS", "AND", "or", "\"", "\"x\"", "\\", "%", "%a%", "%[a-", "{1,2}", "^",
        "?", "-", "?a", "-b", ",", " ", "\n", "é", "“", ":", "/", "\u{a0}",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

fn holds_together(pattern: &str, message: &str) -> Result<(), TestCaseError> {
    match Filter::parse(pattern) {
        Ok(filter) => {
            let printed = filter.to_string();
            let again = Filter::parse(&printed)
                .map_err(|errors| TestCaseError::fail(format!("{printed}: {errors}")))?;
            prop_assert_eq!(again.kind(), filter.kind(), "{}", printed);
            prop_assert_eq!(again.to_string(), printed);
            let matched = filter.matches(message);
            prop_assert_eq!(again.matches(message), matched);
            prop_assert_eq!(filter.extract(message).is_some(), matched);
            let explanation = filter.explain(message);
            prop_assert_eq!(explanation.matched, matched, "{}", explanation);
            prop_assert_eq!(explanation.stopped_by().is_none(), matched, "{}", explanation);
            for lint in filter.lints() {
                prop_assert!(pattern.get(lint.span.offset..lint.span.offset + lint.span.length).is_some());
            }
        }
        Err(errors) => {
            prop_assert!(errors.iter().count() > 0);
            prop_assert!(!errors.aws_message().is_empty());
            for error in &errors {
                prop_assert!(
                    pattern.get(error.span.offset..error.span.offset + error.span.length).is_some(),
                    "{:?}",
                    error
                );
                prop_assert!(error.span.line >= 1 && error.span.column >= 1);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn json_patterns_decide_as_the_model_does(expr in model_expr(), messages in prop::collection::vec(message(), 8)) {
        let pattern = format!("{{{}}}", print_expr(&expr));
        let Some(filter) = parse_within_quotas(&pattern) else { return Ok(()) };
        for message in messages {
            let mut text = String::new();
            message.print(&mut text);
            let explanation = filter.explain(&text);
            prop_assert_eq!(filter.matches(&text), decide_expr(&expr, &message), "{} on {}\n{}", pattern, text, explanation);
            holds_together(&pattern, &text)?;
        }
    }

    #[test]
    fn terms_decide_as_the_model_does(
        terms in prop::collection::vec(("[?-]|", "[ab]{1,2}|a b|", any::<bool>()), 1..4),
        message in "[ab ]{0,6}",
    ) {
        let written = |(sign, text, quote): &(String, String, bool)| {
            if *quote || text.is_empty() || text.contains(' ') { format!("{sign}\"{text}\"") } else { format!("{sign}{text}") }
        };
        let pattern = terms.iter().map(written).collect::<Vec<_>>().join(" \n");
        let found = |wanted: &'static str| -> Vec<bool> {
            terms.iter().filter(|(sign, ..)| sign == wanted).map(|(_, text, _)| message.contains(text.as_str())).collect()
        };
        let only_optional = terms.iter().all(|(sign, ..)| sign == "?");
        let expected = if only_optional {
            found("?").contains(&true)
        } else {
            !found("").contains(&false) && !found("-").contains(&true)
        };
        prop_assert_eq!(Filter::parse(&pattern).unwrap().matches(&message), expected, "{}", pattern);
        holds_together(&pattern, &message)?;
    }

    #[test]
    fn fields_bind_as_the_model_does(
        tokens in tokens(),
        blanks in prop::collection::vec(prop::sample::select(vec![" ", "  ", "\t", "\r\n"]), 8),
        names in 0..6_usize,
        ellipsis in prop::option::of(0..6_usize),
    ) {
        let mut entries: Vec<String> = (0..names).map(|index| format!("n{index}")).collect();
        let ellipsis = ellipsis.map(|at| at.min(names));
        if let Some(at) = ellipsis {
            entries.insert(at, "...".to_owned());
        }
        let pattern = format!("[{}]", entries.join(" ,"));
        let mut message = String::new();
        let mut starts = Vec::new();
        for ((written, _), blank) in tokens.iter().zip(&blanks) {
            starts.push(message.len());
            message.push_str(written);
            message.push_str(blank);
        }
        let expected: Option<Vec<(String, String)>> = (tokens.len() >= names).then(|| {
            let value = |index: usize| tokens[index].1.clone();
            match ellipsis.or((names == 0).then_some(0)) {
                Some(at) => (0..tokens.len()).map(|index| {
                    let from_right = tokens.len() - index;
                    let key = if index < at {
                        format!("$n{index}")
                    } else if from_right <= names - at {
                        format!("$n{}", names - from_right)
                    } else {
                        format!("${}", index + 1)
                    };
                    (key, value(index))
                }).collect(),
                None => (0..names).map(|index| {
                    let rest = index + 1 == names && tokens.len() > names;
                    (format!("$n{index}"), if rest { message[starts[index]..].trim_end().to_owned() } else { value(index) })
                }).collect(),
            }
        });
        let filter = Filter::parse(&pattern).unwrap();
        prop_assert!(matches!(filter.kind(), Kind::Fields(_)));
        prop_assert_eq!(filter.extract(&message), expected, "{} on {:?}", pattern, message);
        holds_together(&pattern, &message)?;
    }

    #[test]
    fn pattern_like_text_never_breaks_anything(pattern in pattern_like(), message in pattern_like()) {
        holds_together(&pattern, &message)?;
        holds_together(&format!("{{ $.a = 1 && {pattern} }}"), r#"{"a":1,"b":[null,{"a":"x"}]}"#)?;
        holds_together(&format!("[{pattern}]"), "1 [a b] \"c\" d")?;
        holds_together(&format!("%{pattern}%"), "a]b{1}\\")?;
    }

    #[test]
    fn arbitrary_text_never_breaks_anything(pattern in any::<String>(), message in any::<String>()) {
        holds_together(&pattern, &message)?;
        holds_together(&format!("{{{pattern}}}"), &message)?;
        holds_together(&format!("\"{pattern}\""), &message)?;
    }
}
