//! What is walked by its shape is what the scanner reads, and whatever the scanner would not read is not walked.

#![expect(clippy::unwrap_used, reason = "in a test a wrong fixture may panic, in its helpers too")]

use json_scan::{Extent, Malformed, Object, Room, Scanner, Shapes, Slot, Value};
use proptest::prelude::*;
use serde_json::Value as Tree;

/// The strings, numbers, `true` and `false` of a value in the order of the text, by the general way: raw, with the slot each should have.
fn values(value: Value<'_>, before: Extent, found: &mut Vec<(Slot, Vec<u8>)>) -> Result<Extent, Malformed> {
    let raw: &[u8] = match value {
        Value::Object(object) => {
            let mut at = before.and(Extent::IN_OBJECT);
            for member in object.members() {
                at = values(member?.value, at, found)?;
            }
            return Ok(at);
        }
        Value::Array(array) => {
            let mut at = before.and(Extent::IN_OBJECT);
            for element in array.elements() {
                at = values(element?, at, found)?;
            }
            return Ok(at);
        }
        Value::String(text) => text.raw(),
        Value::Number(text) => text.as_bytes(),
        Value::True => b"true",
        Value::False => b"false",
        Value::Null => return Ok(before),
    };
    found.push((before.slot(), raw.to_vec()));
    Ok(before.and(Extent::of(value)?))
}

fn values_of(object: Object<'_>) -> Vec<(Slot, Vec<u8>)> {
    let mut found = Vec::new();
    values(Value::Object(object), Extent::default(), &mut found).unwrap();
    found
}

fn learn(shapes: &mut Shapes, text: &[u8]) -> bool {
    let mut scanner = Scanner::new(text).unwrap();
    scanner.object().is_ok_and(|object| shapes.learn(object).is_some())
}

/// Walks the object at `from`. What was found must be an object by the scanner as well, well formed, with the same values at their places.
fn agrees(shapes: &mut Shapes, text: &[u8], from: usize) -> Result<bool, TestCaseError> {
    let Some(outline) = shapes.walk(text, from) else { return Ok(false) };
    let mut scanner = Scanner::new(text).unwrap();
    scanner.seek(from);
    let object = scanner.object().unwrap();
    prop_assert_eq!(object.bytes(), outline.bytes());
    prop_assert_eq!(object.check(), Ok(()));
    let strict: Result<Tree, _> = serde_json::from_slice(outline.bytes());
    prop_assert!(
        strict.is_ok() || strict.is_err_and(|error| error.to_string().starts_with("number out of range"))
    );
    let read = values_of(object);
    for (slot, raw) in &read {
        prop_assert_eq!(outline.raw(*slot), &raw[..]);
    }
    let is_odd = |byte: &u8| *byte == b'\\' || !byte.is_ascii();
    prop_assert_eq!(outline.is_plain(), !read.iter().any(|(_, raw)| raw.iter().any(is_odd)));
    // Read for itself, it is the same object, at the same place.
    let room = Room::default();
    let unread = outline.unread(&room);
    let object = unread.object();
    prop_assert_eq!((object.bytes(), object.offset()), (outline.bytes(), from));
    prop_assert_eq!(&values_of(object), &read);
    let mut before = Extent::IN_OBJECT;
    for member in object.members() {
        let member = member.unwrap();
        if let Value::Object(inner) = member.value {
            prop_assert_eq!(unread.within(before).bytes(), inner.bytes());
        }
        before = before.and(Extent::of(member.value).unwrap());
    }
    unread.leave();
    let again = outline.unread(&room);
    prop_assert_eq!(values_of(again.object()), read);
    Ok(true)
}

/// Whether an object has the same name twice, or one with an escape, somewhere.
fn is_plain(value: &Value<'_>) -> bool {
    match value {
        Value::Object(object) => {
            let members: Vec<_> = object.members().map(Result::unwrap).collect();
            let raw = |at: usize| members[at].key.raw();
            members.iter().enumerate().all(|(i, member)| {
                !member.key.is_escaped() && (0..i).all(|j| raw(j) != raw(i)) && is_plain(&member.value)
            })
        }
        Value::Array(array) => array.elements().all(|element| is_plain(&element.unwrap())),
        _ => true,
    }
}

/// Objects of a few shapes: values of every kind and length at a few places.
fn object() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        "[a-z{}:, \\[\\]]{0,20}",
        "[a-z]{56,140}",
        r#"([a-zé😀]|\\\\|\\"|\\n|\\u00e9|\\ud83d\\ude00){0,8}"#,
        "[ -!#-\\[\\]-~]{60,66}",
    ]
    .prop_map(|text| format!("\"{text}\""));
    let number = prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,70})(\\.[0-9]{1,3})?([eE][-+]?[0-9]{1,2})?",
    ];
    let word = prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned);
    let scalar = prop_oneof![4 => string, 2 => number, 2 => word].boxed();
    let value = scalar.clone().prop_recursive(3, 12, 4, move |inner| {
        let name = prop::sample::select(vec![
            "a",
            "b",
            "é",
            "a name that is longer than all that is compared at once, which is sixty-four bytes",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec((name, inner), 0..4).prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    });
    prop::collection::vec(value, 1..5).prop_map(|values| {
        let members: Vec<String> =
            values.iter().enumerate().map(|(i, value)| format!("\"m{i}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// What was learned is found again, wherever it stands and whatever follows; others are found only if they may be.
    #[test]
    fn learned_objects_are_walked(
        objects in prop::collection::vec(object(), 1..12), before in "[\\[ ,]{0,3}", padding in 0_usize..70,
    ) {
        let mut shapes = Shapes::default();
        for text in &objects {
            let whole = format!("{before}{text}{}", " ".repeat(padding));
            agrees(&mut shapes, whole.as_bytes(), before.len())?;
            let mut scanner = Scanner::new(text.as_bytes()).unwrap();
            let plain = is_plain(&Value::Object(scanner.object().unwrap()));
            prop_assert_eq!(learn(&mut shapes, text.as_bytes()), plain);
            prop_assert_eq!(agrees(&mut shapes, whole.as_bytes(), before.len())?, plain, "{}", whole);
        }
        // However the branches have been ordered since.
        for text in objects.iter().cycle().take(objects.len() * 20) {
            let mut scanner = Scanner::new(text.as_bytes()).unwrap();
            let plain = is_plain(&Value::Object(scanner.object().unwrap()));
            prop_assert_eq!(agrees(&mut shapes, text.as_bytes(), 0)?, plain);
        }
    }

    /// One shape has one number.
    #[test]
    fn shapes_are_told_apart(objects in prop::collection::vec(object(), 1..12)) {
        let mut shapes = Shapes::default();
        let mut numbers = std::collections::HashMap::new();
        for text in objects.iter().chain(&objects) {
            let mut scanner = Scanner::new(text.as_bytes()).unwrap();
            let object = scanner.object().unwrap();
            let Some(learned) = shapes.learn(object) else { continue };
            // The same but for the values.
            let mut rest = text.clone().into_bytes();
            for (_, raw) in values_of(object) {
                let at = memchr::memmem::find(&rest, &raw).unwrap();
                rest.splice(at..at + raw.len(), *b"*");
            }
            let walked = shapes.walk(text.as_bytes(), 0).map(|outline| outline.shape());
            prop_assert_eq!(walked, Some(learned));
            prop_assert_eq!(*numbers.entry(learned.number()).or_insert(values_of(object).len()), values_of(object).len());
        }
    }

    /// Whatever is done to an object of a known shape: if it is still walked, it is still an object.
    #[test]
    fn broken_objects_are_walked_only_if_they_are_none_the_less_whole(
        text in object(), others in prop::collection::vec(object(), 0..3), at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(prop_oneof![prop::sample::select(b"\"\\{}[],:0e.- \n\x1f\xc3tn".to_vec()), any::<u8>()], 0..3),
        cut in 0_usize..3, behind in prop::sample::select(vec!["", "]}", ",{\"m0\":\"x\"}", "\"}"]), padding in 0_usize..70,
    ) {
        let mut shapes = Shapes::default();
        for other in others.iter().chain([&text]) {
            learn(&mut shapes, other.as_bytes());
        }
        let mut broken = text.clone().into_bytes();
        let at = at.index(broken.len());
        broken.splice(at..(at + cut).min(text.len()), bytes);
        broken.extend(behind.bytes());
        broken.extend(std::iter::repeat_n(b' ', padding));
        agrees(&mut shapes, &broken, 0)?;
    }

    /// Nothing of the text behind it is needed, and none of it is missing.
    #[test]
    fn a_part_of_an_object_is_never_walked(text in object(), at in any::<prop::sample::Index>()) {
        let mut shapes = Shapes::default();
        learn(&mut shapes, text.as_bytes());
        let part = &text.as_bytes()[..at.index(text.len())];
        prop_assert!(shapes.walk(part, 0).is_none());
    }

    #[test]
    fn arbitrary_text_is_walked_only_if_it_is_an_object(
        objects in prop::collection::vec(object(), 1..4), text in "\\{\"m0\":[\"\\\\a0-9.,:{}\\[\\]truefalsn]{0,30}",
    ) {
        let mut shapes = Shapes::default();
        for object in &objects {
            learn(&mut shapes, object.as_bytes());
        }
        agrees(&mut shapes, text.as_bytes(), 0)?;
    }
}

#[test]
fn what_repeats_or_escapes_a_name_nests_too_deep_or_is_too_large_is_not_learned() {
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let wide = |values: usize| format!("{{\"a\":[{}]}}", vec!["1"; values].join(","));
    let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes));
    for (text, expected) in [
        (r#"{"a":1,"b":{"a":2}}"#.to_owned(), true),
        (r#"{"a":1,"a":2}"#.to_owned(), false),
        (r#"{"b":{"a":1,"a":2}}"#.to_owned(), false),
        (r#"{"\u0061":1}"#.to_owned(), false),
        (r#"{"a":oops}"#.to_owned(), false),
        ("{}".to_owned(), true),
        (deep(31), true),
        (deep(32), false),
        (wide(255), true),
        (wide(256), false),
        (long(200_000), true),
        (long(300_000), false),
    ] {
        let mut shapes = Shapes::default();
        let shown: String = text.chars().take(80).collect();
        assert_eq!(learn(&mut shapes, text.as_bytes()), expected, "{shown}");
        assert_eq!(shapes.walk(text.as_bytes(), 0).is_some(), expected, "{shown}");
    }
}

#[test]
fn only_so_many_alternatives_are_learned_at_one_place() {
    let mut shapes = Shapes::default();
    let learned = (0..100).filter(|n| learn(&mut shapes, format!("{{\"name{n}\":1}}").as_bytes())).count();
    assert_eq!(learned, 64);
    assert!(shapes.walk(br#"{"name63":2}"#, 0).is_some() && shapes.walk(br#"{"name64":2}"#, 0).is_none());
}

#[test]
fn where_every_object_is_of_another_shape_nothing_is_tried_for_a_while() {
    let mut shapes = Shapes::default();
    let usual = br#"{"usual":"x"}"#;
    assert!(learn(&mut shapes, usual) && shapes.walk(usual, 0).is_some());
    for n in 0..2_000 {
        shapes.walk(format!("{{\"n{n}\":1}}").as_bytes(), 0);
    }
    assert!(shapes.walk(usual, 0).is_none() && !learn(&mut shapes, usual), "paused");
    let waited = (0..100_000).find(|_| shapes.walk(usual, 0).is_some());
    assert!(waited.is_some_and(|waited| waited > 10_000), "{waited:?}");
}

#[test]
fn a_full_tree_that_finds_little_is_forgotten() {
    let mut shapes = Shapes::default();
    let mut first = None;
    // Shapes of a hundred nodes that have little in common.
    for n in 0.. {
        let members: Vec<String> =
            (0..100).map(|member| format!("\"{member}-{}\":1", n % 60 * 1_000 + n)).collect();
        let text = format!("{{{}}}", members.join(","));
        let outline = shapes.walk(text.as_bytes(), 0).map(|outline| outline.shape());
        assert_eq!(outline, None);
        let mut scanner = Scanner::new(text.as_bytes()).unwrap();
        if let Some(shape) = shapes.learn(scanner.object().unwrap()) {
            let first = *first.get_or_insert(shape.shapes());
            if shape.shapes() != first {
                assert_eq!(shape.number(), 0);
                return;
            }
        }
        assert!(n < 50_000, "never forgotten");
    }
}
