//! A walk over the records of a shape, written down.
//!
//! Along the same trie a walk does the same with all records of a shape, but for the values it picks up. So the first of them is looked at by its
//! names (no differently than [`Walk`](crate::walk::Walk) does it), and of the others the values are taken from where they stand: nothing is
//! looked for, and no masks are made.
//!
//! Invariant: following a plan leaves the same leaves behind as the walk would have, in the same order.

use event_pattern::{Arrays, Scope};
use json_scan::{Array, Extent, Malformed, Object, Outline, ShapeId, Slot, Text, Value};

use crate::by_shape::ByShape;
use crate::leaves::{Leaves, Scalar};
use crate::trie::{FieldId, NodeId, Trie};

/// How many steps are kept, of all plans along one trie: some two megabytes. A plan takes a few dozen.
const STEPS_MAX: usize = 48 << 10;

/// Plans by the shapes of records, as many as there is room for: text of strangers may have any number of shapes, and of elements.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    /// None for shapes whose records are walked.
    kept: ByShape<Option<Plan>>,
    /// How many steps the plans have.
    steps: usize,
}

impl Plans {
    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.steps = 0;
    }

    /// The plan for records of this shape, which `write` makes of the first of them. None if there was no room for it.
    ///
    /// # Errors
    ///
    /// Those of `write`.
    #[inline]
    pub(crate) fn of(
        &mut self,
        shape: ShapeId,
        write: impl FnOnce() -> Result<Plan, Malformed>,
    ) -> Result<Option<&Plan>, Malformed> {
        if self.kept.get(shape).is_none() {
            let plan = write()?;
            if self.kept.turn_to(shape) {
                self.steps = 0;
            }
            let steps = self.steps + plan.steps.len();
            let has_room = steps <= STEPS_MAX;
            if has_room {
                self.steps = steps;
            }
            self.kept.keep(shape, has_room.then_some(plan));
        }
        Ok(self.kept.get(shape).and_then(Option::as_ref))
    }
}

/// What there is to do with each record.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    steps: Vec<Step>,
    objects: u32,
    arrays: u32,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Enter { node: NodeId, object: u32, is_dotted: bool },
    LeaveOut,
    Element { array: u32, index: usize, parent: Option<Scope> },
    Leaf { node: NodeId, field: FieldId, kind: Kind, scope: Option<Scope>, in_array: bool },
}

/// What stands at a leaf.
#[derive(Debug, Clone, Copy)]
enum Kind {
    String(Slot),
    Number(Slot),
    /// `true` or `false`.
    Word(Slot),
    Null,
}

impl Plan {
    /// For records of the shape of `object`, whose own path is that of `start`. `beside` is as a walk has it.
    ///
    /// # Errors
    ///
    /// Where the object is malformed, which nothing of a known shape is.
    #[cold]
    pub(crate) fn new(
        trie: &Trie,
        start: NodeId,
        beside: &[bool],
        object: Object<'_>,
    ) -> Result<Plan, Malformed> {
        let mut writing = Writing { trie, beside, arrays: Arrays::default(), plan: Plan::default() };
        writing.object(object, start, Extent::IN_OBJECT, None)?;
        Ok(writing.plan)
    }

    /// Picks up the leaves of a record at the wanted nodes. There must be none of it yet. If a node is wanted, so are those above it.
    pub(crate) fn follow<'a>(
        &self,
        outline: Outline<'a>,
        wanted: impl Fn(NodeId) -> bool,
        leaves: &mut Leaves<'a>,
    ) {
        leaves.begin_all(self.objects, self.arrays);
        for step in &self.steps {
            match *step {
                Step::Enter { node, object, is_dotted } => {
                    if wanted(node) {
                        leaves.enter(node, object, is_dotted);
                    }
                }
                Step::LeaveOut => leaves.leave_out(),
                Step::Element { array, index, parent } => {
                    leaves.begin_element(array, index, parent);
                }
                Step::Leaf { node, field, kind, scope, in_array } => {
                    if wanted(node) {
                        leaves.push(field, kind.of(outline), scope, in_array);
                    }
                }
            }
        }
    }
}

impl Kind {
    #[inline]
    fn of(self, outline: Outline<'_>) -> Scalar<'_> {
        match self {
            Kind::String(slot) => Scalar::String(outline.text(slot)),
            Kind::Number(slot) => number(outline.text(slot)),
            Kind::Word(slot) if outline.raw(slot) == b"true" => Scalar::True,
            Kind::Word(_) => Scalar::False,
            Kind::Null => Scalar::Null,
        }
    }
}

/// Text that is known to be a number, and so ASCII.
fn number(text: Text<'_>) -> Scalar<'_> {
    let any = || Scalar::number(std::str::from_utf8(text.raw()).unwrap_or_default());
    Scalar::plain_number(text.raw()).unwrap_or_else(any)
}

/// A plan that is being made.
struct Writing<'w> {
    trie: &'w Trie,
    beside: &'w [bool],
    /// As the leaves will have them.
    arrays: Arrays,
    plan: Plan,
}

impl Writing<'_> {
    fn object(
        &mut self,
        object: Object<'_>,
        node: NodeId,
        mut before: Extent,
        scope: Option<Scope>,
    ) -> Result<(), Malformed> {
        let number = self.plan.objects;
        self.plan.objects += 1;
        for member in object.members() {
            let member = member?;
            if let Some((child, is_dotted)) = self.trie.descendant(node, member.key)? {
                if scope.is_some() && self.beside.get(child.index()) == Some(&true) {
                    self.plan.steps.push(Step::LeaveOut);
                } else {
                    self.plan.steps.push(Step::Enter { node: child, object: number, is_dotted });
                    self.value(member.value, child, before, scope, false)?;
                }
            }
            before = before.and(Extent::of(member.value)?);
        }
        Ok(())
    }

    fn value(
        &mut self,
        value: Value<'_>,
        node: NodeId,
        before: Extent,
        scope: Option<Scope>,
        in_array: bool,
    ) -> Result<(), Malformed> {
        let kind = match value {
            Value::Object(object) if self.trie.has_children(node) => {
                return self.object(object, node, before.and(Extent::IN_OBJECT), scope);
            }
            Value::Object(_) => return Ok(()),
            Value::Array(array) => return self.array(array, node, before.and(Extent::IN_OBJECT), scope),
            Value::String(_) => Kind::String(before.slot()),
            Value::Number(_) => Kind::Number(before.slot()),
            Value::True | Value::False => Kind::Word(before.slot()),
            Value::Null => Kind::Null,
        };
        if let Some(field) = self.trie.field(node) {
            let in_array = in_array || scope.is_some();
            self.plan.steps.push(Step::Leaf { node, field, kind, scope, in_array });
        }
        Ok(())
    }

    fn array(
        &mut self,
        array: Array<'_>,
        node: NodeId,
        mut before: Extent,
        scope: Option<Scope>,
    ) -> Result<(), Malformed> {
        let mut number = None;
        for (index, value) in array.elements().enumerate() {
            let value = value?;
            let inner = if matches!(value, Value::Object(_) | Value::Array(_)) {
                let array = *number.get_or_insert_with(|| {
                    self.plan.arrays += 1;
                    self.plan.arrays - 1
                });
                self.plan.steps.push(Step::Element { array, index, parent: scope });
                Some(self.arrays.add(scope, array, u32::try_from(index).unwrap_or(u32::MAX)))
            } else {
                scope
            };
            self.value(value, node, before, inner, true)?;
            before = before.and(Extent::of(value)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use json_scan::{Room, Scanner, Shapes};
    use proptest::prelude::*;

    use super::*;
    use crate::walk::{LearnedNames, Walk};

    const PATHS: [&str; 6] = ["a", "a.b", "a.b.c", "b", "b.a", "c.c"];

    /// Members in any order, names with a dot and of no interest among them; none comes twice, or nothing would be learned.
    fn object() -> impl Strategy<Value = String> {
        let scalar = prop::sample::select(vec![
            r#""x""#,
            r#""\u0078é""#,
            "1",
            "-2.50e1",
            "true",
            "false",
            "null",
            "[]",
            "{}",
        ]);
        let value = scalar.prop_map(str::to_owned).prop_recursive(4, 24, 4, |value| {
            let names =
                prop::sample::subsequence(vec!["a", "b", "c", "a.b", "b.c", "d"], 0..4).prop_shuffle();
            let object = (names, prop::collection::vec(value.clone(), 4)).prop_map(|(names, values)| {
                let members: Vec<String> =
                    names.iter().zip(values).map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
                format!("{{{}}}", members.join(","))
            });
            let array =
                prop::collection::vec(value, 0..4).prop_map(|values| format!("[{}]", values.join(", ")));
            prop_oneof![3 => object, 2 => array]
        });
        prop::collection::vec(value, 3).prop_map(|values| {
            let members: Vec<String> = ["b", "a", "c"]
                .iter()
                .zip(values)
                .map(|(name, value)| format!(r#""{name}":{value}"#))
                .collect();
            format!("{{{}}}", members.join(","))
        })
    }

    /// What can be told of leaves, however their arrays are numbered.
    fn described(leaves: &Leaves<'_>) -> Vec<String> {
        let elements =
            |scope| leaves.arrays().chain(scope).into_iter().map(|(_, element)| element).collect::<Vec<_>>();
        leaves
            .all()
            .iter()
            .map(|leaf| {
                format!("{:?} {:?} {:?} {}", leaf.field, leaf.value, elements(leaf.scope), leaf.in_array)
            })
            .collect()
    }

    /// Beyond a limit records are walked; what there is room for is still kept.
    #[test]
    fn plans_have_a_limit() {
        let trie = Trie::new([("a", FieldId(0))]);
        let long = format!(r#"{{"a":[{}{{}}]}}"#, "{},".repeat(STEPS_MAX));
        let texts = [r#"{"a":"x"}"#, &long, r#"{"a":1}"#];
        let (mut shapes, mut plans) = (Shapes::default(), Plans::default());
        for text in texts {
            let mut scanner = Scanner::new(text.as_bytes()).unwrap();
            let object = scanner.object().unwrap();
            let shape = shapes.learn(object).unwrap();
            for is_new in [true, false] {
                let write = || {
                    if is_new {
                        Plan::new(&trie, Trie::ROOT, &[], object)
                    } else {
                        unreachable!("it is known")
                    }
                };
                assert_eq!(plans.of(shape, write).unwrap().is_some(), text.len() < STEPS_MAX);
            }
        }
        assert_eq!(plans.steps, 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn a_plan_does_what_the_walk_does(text in object(), beside in prop::collection::vec(any::<bool>(), 12), wanted in 0_usize..PATHS.len(), is_tracked: bool) {
            let trie = Trie::new(PATHS.into_iter().zip((0..).map(FieldId)));
            let mut shapes = Shapes::default();
            let mut scanner = Scanner::new(text.as_bytes()).unwrap();
            let object = scanner.object().unwrap();
            prop_assert!(shapes.learn(object).is_some());
            let plan = Plan::new(&trie, Trie::ROOT, &beside, object).unwrap();
            let (outline, room) = (shapes.walk(text.as_bytes(), 0).unwrap(), Room::default());
            let unread = outline.unread(&room);
            let mut of_path = vec![Trie::ROOT, trie.find(Trie::ROOT, PATHS[wanted]).unwrap()];
            while let Some(node) = of_path.last().filter(|node| **node != Trie::ROOT) {
                of_path.push(trie.parent(*node));
            }
            for is_all in [true, false] {
                let is_wanted = |node: NodeId| is_all || of_path.contains(&node);
                let (mut walked, mut planned) = (Leaves::default(), Leaves::default());
                walked.track(is_tracked);
                planned.track(is_tracked);
                Walk { trie: &trie, wanted: is_wanted, beside: &beside, learned: &mut LearnedNames::default(), leaves: &mut walked }
                    .object(unread.object(), Trie::ROOT, None)
                    .unwrap();
                plan.follow(outline, is_wanted, &mut planned);
                prop_assert_eq!(described(&planned), described(&walked));
                if is_all {
                    prop_assert_eq!(format!("{planned:?}"), format!("{walked:?}"));
                }
            }
        }
    }
}
