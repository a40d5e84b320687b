//! What the views yield is what a strict parser that builds a tree yields, and nothing comes from beyond a container.

use json_scan::{Malformed, Object, Reason, Scanner, Value, Vocabulary};
use proptest::prelude::*;
use serde_json::Value as Tree;

/// Opens everything there is to open.
fn tree(value: Value<'_>) -> Result<Tree, Malformed> {
    Ok(match value {
        Value::Object(object) => object_tree(object)?,
        Value::Array(array) => array.elements().map(|v| tree(v?)).collect::<Result<Vec<_>, _>>()?.into(),
        Value::String(text) => text.unescape()?.into_owned().into(),
        Value::Number(text) => {
            // What no `f64` holds is a number to JSON, and to this crate.
            text.parse::<serde_json::Number>().map_or_else(|_| Tree::from(text), Tree::Number)
        }
        Value::True => true.into(),
        Value::False => false.into(),
        Value::Null => Tree::Null,
    })
}

fn tree_of(value: Result<Value<'_>, Malformed>) -> Option<Tree> {
    value.and_then(tree).ok()
}

fn object_tree(object: Object<'_>) -> Result<Tree, Malformed> {
    let mut map = serde_json::Map::new();
    for member in object.members() {
        let member = member?;
        map.insert(member.key.unescape()?.into_owned(), tree(member.value)?);
    }
    Ok(Tree::Object(map))
}

fn scan(text: &[u8]) -> Result<Tree, Malformed> {
    let mut scanner = Scanner::new(text)?;
    let tree = object_tree(scanner.object()?)?;
    Ok(tree)
}

/// Whether checking finds a fault exactly where opening everything finds one.
fn check_agrees(text: &[u8]) -> Result<(), TestCaseError> {
    let Ok(mut scanner) = Scanner::new(text) else { return Ok(()) };
    if let Ok(object) = scanner.object() {
        let (checked, opened) = (object.check(), object_tree(object));
        prop_assert_eq!(checked.is_ok(), opened.is_ok(), "{:?} {:?}", checked, opened);
    }
    Ok(())
}

fn json() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
        any::<i32>().prop_map(Tree::from),
        r#"[\\"{}\[\],: a-zéß😀\n]{0,80}"#.prop_map(Tree::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::from),
            prop::collection::btree_map(r#"[a-c"\\ ]{0,4}"#, inner, 0..6)
                .prop_map(|map| Tree::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Tree> {
    prop::collection::btree_map("[a-f]{1,3}", json(), 0..8)
        .prop_map(|map| Tree::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn trees_agree(tree in object(), pretty: bool) {
        let text = if pretty { serde_json::to_vec_pretty(&tree) } else { serde_json::to_vec(&tree) }.unwrap();
        prop_assert_eq!(Scanner::new(&text).unwrap().object().unwrap().check(), Ok(()));
        prop_assert_eq!(scan(&text).unwrap(), tree);
    }

    #[test]
    fn compact_text_is_the_same_object_without_white_space(tree in object()) {
        let text = serde_json::to_vec_pretty(&tree).unwrap();
        let mut scanner = Scanner::new(&text).unwrap();
        let mut compact = Vec::new();
        let object = scanner.object().unwrap();
        object.write_compact(&mut compact);
        prop_assert_eq!(object.is_compact(), compact == text);
        prop_assert_eq!(compact, serde_json::to_vec(&tree).unwrap());
    }

    /// Whatever the bytes, either both accept and agree, or this one is the more lenient only where nothing was opened.
    #[test]
    fn broken_text_is_never_accepted(tree in object(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = serde_json::to_vec(&tree).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        check_agrees(&text)?;
        if let Ok(seen) = scan(&text) {
            // Text behind the first object is another container's business.
            let mut parser = serde_json::Deserializer::from_slice(&text).into_iter::<Tree>();
            match parser.next().unwrap() {
                Ok(tree) => prop_assert_eq!(tree, seen),
                Err(error) => prop_assert!(error.to_string().starts_with("number out of range"), "{}", error),
            }
        }
    }

    #[test]
    fn names_walk_the_same_members(tree in object(), pretty: bool) {
        let text = if pretty { serde_json::to_vec_pretty(&tree) } else { serde_json::to_vec(&tree) }.unwrap();
        let mut scanner = Scanner::new(&text).unwrap();
        let object = scanner.object().unwrap();
        let mut names = object.names();
        prop_assert!(names.value().is_err());
        for member in object.members() {
            let member = member.unwrap();
            prop_assert_eq!(names.next().unwrap().unwrap().raw(), member.key.raw());
            prop_assert_eq!(tree_of(names.value()), tree_of(Ok(member.value)));
        }
        prop_assert!(names.next().unwrap().is_none());
    }

    /// A vocabulary knows the members that are there, whatever it read before, and where their values stand.
    #[test]
    fn a_vocabulary_reads_what_names_reads(
        texts in prop::collection::vec(r#"\{("[ab.\\u]{0,3}" ?: ?(1|"x"|\{"y":2\}),?){0,5}\} {0,40}"#, 1..6),
    ) {
        let kind = |name: &[u8]| u8::try_from(name.len()).unwrap();
        let mut vocabulary = Vocabulary::new(kind);
        for text in texts {
            let mut scanner = Scanner::new(text.as_bytes()).unwrap();
            let Ok(object) = scanner.object() else { continue };
            let outcome = vocabulary.read(object);
            let (mut names, mut walked) = (object.names(), Vec::new());
            while names.advance() {
                walked.push((names.name(), tree_of(names.value())));
            }
            prop_assert_eq!(outcome, names.check(), "{}", text);
            if outcome.is_err() {
                continue;
            }
            for wanted in 0..4 {
                let is_wanted = |name: &json_scan::Text<'_>| name.unescape().is_ok_and(|name| kind(name.as_bytes()) == wanted);
                let last = walked.iter().rev().find(|(name, _)| is_wanted(name)).map(|(_, value)| value);
                let found = vocabulary.last_of(wanted).map(|member| tree_of(object.value_of(member)));
                prop_assert_eq!(found.as_ref(), last, "{} {}", wanted, text);
            }
        }
    }

    /// Names are as strict as members are about everything but what words nobody takes say.
    #[test]
    fn names_of_broken_text(text in "\\{[{}:,\"a1 \\[\\]]{0,12}\\}") {
        check_agrees(text.as_bytes())?;
        let mut scanner = Scanner::new(text.as_bytes()).unwrap();
        let Ok(object) = scanner.object() else { return Ok(()) };
        let members: Result<Vec<_>, _> = object.members().map(|m| m.map(|m| m.key.raw())).collect();
        let (mut names, mut seen) = (object.names(), Vec::new());
        let walked = loop {
            match names.next() {
                Ok(Some(name)) => match names.value() {
                    Ok(_) => seen.push(name.raw()),
                    Err(fault) => break Err(fault),
                },
                Ok(None) => break Ok(seen),
                Err(fault) => break Err(fault),
            }
        };
        prop_assert_eq!(walked.is_ok(), members.is_ok(), "{:?} {:?}", walked, members);
        if let (Ok(walked), Ok(members)) = (walked, members) {
            prop_assert_eq!(walked, members);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_stay_inside(text in prop::collection::vec(
        prop::sample::select(br#"{}[]:,"\ a1tn."#.to_vec()), 0..200,
    )) {
        let mut scanner = Scanner::new(&text).unwrap();
        while let Some(mark) = scanner.peek() {
            match scanner.object() {
                Ok(object) => {
                    check_agrees(object.bytes())?;
                    prop_assert_eq!(object.bytes().first(), Some(&b'{'));
                    prop_assert_eq!(object.bytes().last(), Some(&b'}'));
                    if let Ok(tree) = object_tree(object) {
                        prop_assert_eq!(serde_json::from_slice::<Tree>(object.bytes()).unwrap(), tree);
                    }
                }
                Err(_) => scanner.seek(mark.offset + 1),
            }
        }
    }
}

#[test]
fn containers_longer_than_a_window_are_whole() {
    let long = "x".repeat(50_000);
    let records: Vec<Tree> = (0..3_000).map(|n| serde_json::json!({"n": n, "list": [n, [n]]})).collect();
    let text = serde_json::to_vec(&serde_json::json!({"a": long, "b": records, "c": 1})).unwrap();
    assert_eq!(scan(&text).unwrap(), serde_json::from_slice::<Tree>(&text).unwrap());
}

#[test]
fn many_small_containers_one_after_the_other() {
    let mut text = Vec::new();
    for n in 0..20_000 {
        text.extend_from_slice(format!("{{\"n\":{n},\"s\":\"a,b{{\"}}\n").as_bytes());
    }
    let mut scanner = Scanner::new(&text).unwrap();
    for n in 0..20_000 {
        let object = scanner.object().unwrap();
        assert!(matches!(object.get("n").unwrap(), Some(Value::Number(text)) if text == n.to_string()));
    }
    assert_eq!(scanner.peek(), None);
}

#[test]
fn faults_have_a_place_and_a_reason() {
    #[track_caller]
    fn fault(text: &str, offset: usize, reason: Reason) {
        assert_eq!(scan(text.as_bytes()).unwrap_err(), Malformed { offset, reason }, "{text}");
    }
    fault(r#"{"a":1"#, 0, Reason::Unfinished);
    fault(r#"{"a":"x}"#, 0, Reason::Unfinished);
    fault(r#"{"a":[1}"#, 7, Reason::Unbalanced);
    fault(r#"[1]"#, 0, Reason::NotAnObject);
    fault(r#"{"a" 1}"#, 1, Reason::NotAMember);
    fault(r#"{a:1}"#, 1, Reason::NotAMember);
    fault(r#"{"a":1,}"#, 7, Reason::NotAMember);
    fault(r#"{"a":}"#, 5, Reason::NotAValue);
    fault(r#"{"a":tru}"#, 5, Reason::NotAValue);
    fault(r#"{"a":01}"#, 5, Reason::NotAValue);
    fault(r#"{"a":1:2}"#, 6, Reason::NotAMember);
    fault(r#"{"a":{} x}"#, 8, Reason::NotAValue);
    fault(r#"{"a":[1,]}"#, 8, Reason::NotAValue);
    fault(r#"{"a":"\x"}"#, 6, Reason::NotAString);
    fault(r#"{"a":"\ud800"}"#, 6, Reason::NotAString);
    fault(r#"{"a":"b" "c"}"#, 9, Reason::NotAValue);
    fault("{\"a\":\"\n\"}", 6, Reason::NotAString);
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(Scanner::new(nested(json_scan::MAX_DEPTH - 1).as_bytes()).unwrap().object().is_ok());
    let deep = nested(10_000);
    let fault = Scanner::new(deep.as_bytes()).unwrap().object().unwrap_err();
    assert_eq!(fault.reason, Reason::TooDeep);
}

#[test]
fn invalid_utf8_is_told_when_a_string_is_looked_at() {
    let fault = scan(b"{\"a\":\"ab\xff\"}").unwrap_err();
    assert_eq!(fault, Malformed { offset: 8, reason: Reason::NotUtf8 });
}

#[test]
fn text_is_compared_unescaped() {
    let mut scanner = Scanner::new(br#"{"\u0061":"\u0061","q":"\""}"#).unwrap();
    let object = scanner.object().unwrap();
    let a = object.get("a").unwrap().unwrap().as_text().unwrap();
    assert!(a.is("a") && !a.is("b"));
    assert!(object.get("q").unwrap().unwrap().as_text().unwrap().is("\""));
}
