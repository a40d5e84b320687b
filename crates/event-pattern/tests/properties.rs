//! What holds for every pattern and event.
#![expect(clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

use event_pattern::{Event, Pattern, json};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Nothing panics on any input, a text and its tree give the same verdicts, and an explanation agrees with the match. This is the entry
/// for a fuzzer: it takes any bytes.
pub fn is_total(pattern: &[u8], event: &[u8]) {
    let Ok(text) = std::str::from_utf8(pattern) else { return };
    let event = Event::parse(event);
    let tree = json::parse(text);
    match Pattern::parse(text) {
        Err(errors) => {
            assert!(errors.service_text(text).starts_with("Event pattern is not valid. Reason: "));
            for error in errors.iter() {
                assert!(error.span.offset <= text.len(), "{error}");
            }
            if let Ok(node) = tree {
                let again = Pattern::compile(&node).expect_err("the tree has the text's mistakes");
                assert_eq!(again.first().message, errors.first().message);
            }
        }
        Ok(pattern) => {
            let again =
                Pattern::compile(&tree.expect("a pattern is JSON")).expect("the tree has no other mistakes");
            assert!(!pattern.alternatives().is_empty());
            assert!(pattern.lints().iter().all(|lint| lint.span.offset <= text.len()));
            assert!(pattern.pipes_lints().len() <= text.len());
            let Ok(event) = event else { return };
            let matched = pattern.matches(&event);
            assert_eq!(again.matches(&event), matched);
            let explanation = pattern.explain(&event);
            assert_eq!(explanation.matched, matched);
            assert_eq!(explanation.stopped_by().is_none(), matched, "{explanation}");
            assert!(!explanation.to_string().is_empty());
        }
    }
}

/// A pattern as a tree of our own, to judge it without the crate.
#[derive(Clone, Debug)]
enum Tree {
    Object(Vec<(String, Tree)>),
    Terms(Vec<Value>),
}

impl Tree {
    fn json(&self) -> Value {
        match self {
            Tree::Object(members) => {
                Value::Object(members.iter().map(|(key, tree)| (key.clone(), tree.json())).collect())
            }
            Tree::Terms(terms) => Value::Array(terms.clone()),
        }
    }

    /// Path → terms, in the order of the paths.
    fn fields(&self, path: &str, fields: &mut std::collections::BTreeMap<String, Vec<Value>>) {
        match self {
            Tree::Terms(terms) => {
                fields.insert(path.to_owned(), terms.clone());
            }
            Tree::Object(members) => {
                for (key, tree) in members {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    tree.fields(&path, fields);
                }
            }
        }
    }
}

/// A leaf with every array around it: the path of the array with indexes, and the element.
type Found = (String, Value, Vec<(String, usize)>);

fn leaves(value: &Value, path: &str, place: &str, around: &[(String, usize)], found: &mut Vec<Found>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(value, &inner, &format!("{place}/{key}"), around, found);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                let mut around = around.to_vec();
                if element.is_object() || element.is_array() {
                    around.push((place.to_owned(), index));
                }
                leaves(element, path, &format!("{place}/{index}"), &around, found);
            }
        }
        leaf => found.push((path.to_owned(), leaf.clone(), around.to_vec())),
    }
}

fn accepts(term: &Value, leaf: &Value) -> bool {
    let Value::Object(operator) = term else { return term == leaf };
    let (name, operand) = operator.iter().next().expect("one operator");
    let text = leaf.as_str();
    match name.as_str() {
        "prefix" => text.is_some_and(|text| text.starts_with(operand.as_str().expect("text"))),
        "suffix" => text.is_some_and(|text| text.ends_with(operand.as_str().expect("text"))),
        "equals-ignore-case" => {
            text.is_some_and(|text| text.eq_ignore_ascii_case(operand.as_str().expect("text")))
        }
        "exists" => operand == &json!(true),
        "anything-but" => !operand.as_array().expect("list").contains(leaf),
        "numeric" => leaf.as_i64().is_some_and(|value| value > operand[1].as_i64().expect("number")),
        other => unreachable!("{other}"),
    }
}

fn compatible(left: &[(String, usize)], right: &[(String, usize)]) -> bool {
    left.iter().all(|(array, index)| right.iter().all(|(other, element)| array != other || index == element))
}

/// Tries every choice of values, in the order of the paths.
fn judge(fields: &[(String, Vec<Value>)], found: &[Found], chosen: &[(String, usize)]) -> bool {
    let Some(((path, terms), rest)) = fields.split_first() else { return true };
    let here: Vec<&Found> =
        found.iter().filter(|(at, _, around)| at == path && compatible(chosen, around)).collect();
    if here.is_empty() && terms.contains(&json!({"exists": false})) && judge(rest, found, chosen) {
        return true;
    }
    here.iter().any(|(_, leaf, around)| {
        let mut chosen = chosen.to_vec();
        chosen.extend(around.iter().cloned());
        terms.iter().any(|term| *term != json!({"exists": false}) && accepts(term, leaf))
            && judge(rest, found, &chosen)
    })
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!("x"),
        json!("xy"),
        json!("XY"),
        json!(""),
        json!(1),
        json!(7),
        json!(true),
        json!(null),
    ])
}

fn term() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalar(),
        1 => prop::sample::select(vec!["x", "y", ""]).prop_map(|text| json!({"prefix": text})),
        1 => prop::sample::select(vec!["x", "y", ""]).prop_map(|text| json!({"suffix": text})),
        1 => Just(json!({"equals-ignore-case": "Xy"})),
        1 => Just(json!({"numeric": [">", 3]})),
        1 => Just(json!({"anything-but": ["x", "xy"]})),
        1 => Just(json!({"anything-but": [1]})),
        2 => any::<bool>().prop_map(|exists| json!({"exists": exists})),
    ]
}

fn members<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<(String, T)>> {
    prop::collection::btree_map(key(), value, 1..3).prop_map(|members| members.into_iter().collect())
}

fn pattern() -> impl Strategy<Value = Tree> {
    let terms = prop::collection::vec(term(), 1..3).prop_map(Tree::Terms);
    let inner = terms.prop_recursive(2, 12, 3, |inner| members(inner).prop_map(Tree::Object));
    members(inner).prop_map(Tree::Object)
}

fn event() -> impl Strategy<Value = Value> {
    let value = scalar().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            members(inner.clone())
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            prop::collection::vec(inner, 0..3).prop_map(Value::Array),
        ]
    });
    members(value).prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
}

fn verdict(pattern: &Value, event: &Value) -> bool {
    let pattern = Pattern::parse(&pattern.to_string()).expect("a valid pattern");
    let event = Event::parse(event.to_string()).expect("a valid event");
    let matched = pattern.matches(&event);
    assert_eq!(pattern.explain(&event).matched, matched);
    matched
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_judged(pattern in ".{0,40}", event in ".{0,40}") {
        is_total(pattern.as_bytes(), event.as_bytes());
    }

    #[test]
    fn broken_json_is_judged(pattern in r#"\{("(a|\$or|prefix|exists)":|[\[\]{},]|"x\*"|1|true| ){0,16}\}?"#) {
        is_total(pattern.as_bytes(), br#"{"a": [{"x": 1}, "x"]}"#);
    }

    #[test]
    fn patterns_with_a_character_too_much_or_too_few(tree in pattern(), event in event(), at in any::<prop::sample::Index>(), add in any::<Option<char>>()) {
        let mut text: Vec<char> = tree.json().to_string().chars().collect();
        let at = at.index(text.len());
        match add {
            Some(character) => text.insert(at, character),
            None => {
                text.remove(at);
            }
        }
        is_total(text.into_iter().collect::<String>().as_bytes(), event.to_string().as_bytes());
    }

    #[test]
    fn trying_every_choice_gives_the_same_verdict(tree in pattern(), event in event()) {
        let mut fields = std::collections::BTreeMap::new();
        tree.fields("", &mut fields);
        let fields: Vec<_> = fields.into_iter().collect();
        let mut found = Vec::new();
        leaves(&event, "", "", &[], &mut found);
        prop_assert_eq!(verdict(&tree.json(), &event), judge(&fields, &found, &[]));
    }

    #[test]
    fn the_order_of_terms_and_members_does_not_matter(tree in pattern(), event in event()) {
        fn turned(tree: &Tree) -> Tree {
            match tree {
                Tree::Terms(terms) => Tree::Terms(terms.iter().rev().cloned().collect()),
                Tree::Object(members) => {
                    Tree::Object(members.iter().rev().map(|(key, tree)| (key.clone(), turned(tree))).collect())
                }
            }
        }
        prop_assert_eq!(verdict(&tree.json(), &event), verdict(&turned(&tree).json(), &event));
    }

    #[test]
    fn or_is_any_of_its_branches(common in pattern(), branches in prop::collection::vec(pattern(), 2..4), event in event()) {
        let wrap = |tree: &Tree| json!({"detail": {"both": common.json(), "one": tree.json()}});
        let either = json!({"detail": {
            "both": common.json(),
            "$or": branches.iter().map(|tree| json!({"one": tree.json()})).collect::<Vec<_>>(),
        }});
        let event = json!({"detail": {"both": event.clone(), "one": event}});
        let any = branches.iter().any(|tree| verdict(&wrap(tree), &event));
        prop_assert_eq!(verdict(&either, &event), any);
    }

    #[test]
    fn dots_split_keys_anywhere(tree in pattern(), event in event()) {
        fn joined(tree: &Tree) -> Value {
            let mut fields = std::collections::BTreeMap::new();
            tree.fields("", &mut fields);
            Value::Object(fields.into_iter().map(|(path, terms)| (path, Value::Array(terms))).collect())
        }
        prop_assert_eq!(verdict(&tree.json(), &event), verdict(&joined(&tree), &event));
    }

    #[test]
    fn without_the_stoppers_it_matches(tree in pattern(), event in event()) {
        let text = tree.json().to_string();
        let parsed = Event::parse(event.to_string()).expect("a valid event");
        let explanation = Pattern::parse(&text).expect("a valid pattern").explain(&parsed);
        let stoppers: Vec<String> = explanation.stoppers().into_iter().map(str::to_owned).collect();
        let conflict = explanation.closest().and_then(|closest| closest.conflict.as_ref()).is_some();
        let mut fields = std::collections::BTreeMap::new();
        tree.fields("", &mut fields);
        fields.retain(|path, _| !stoppers.contains(path));
        // Where one field was left out for a quarrel over an array, others may quarrel still.
        if !fields.is_empty() && !conflict {
            let rest = Value::Object(fields.into_iter().map(|(path, terms)| (path, Value::Array(terms))).collect());
            let rest = Pattern::parse(&rest.to_string()).expect("a valid pattern").explain(&parsed);
            prop_assert!(rest.matched || rest.closest().is_some_and(|closest| closest.conflict.is_some()), "{}", rest);
        }
    }
}
