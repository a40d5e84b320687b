//! One value for every path, all in the same elements of their arrays.
//!
//! The service tries the paths in the order of their names, carries the elements it has committed itself to, and asks whether a path is
//! absent *at the moment it comes to it*: a leaf in another element of an array it is committed to does not count as present. So does
//! this. Thus `{"a": {"b": ["1"], "c": [{"exists": false}]}}` matches `{"a": [{"b": "1"}, {"c": "2"}]}`, since `a.b` comes first and settles
//! on the first element, while the same question with the names exchanged does not match.
//!
//! The difference is that nothing is tried twice. What is carried is the *set* of possible commitments, and a commitment to an array
//! is forgotten when no later path can stand in that array. Paths through the same array share a prefix and so are neighbours
//! in the order: there are about as many commitments as elements, and one step costs about as much as there are leaves.
//! Only duplicate keys and keys with dots can put two arrays at the same path; for them the work is bounded by [`STEPS_MAX`].

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::arrays::{Arrays, FieldRef, Scope};
use crate::event::Event;
use crate::pattern::{Alternative, Field};

/// How many steps are taken for one alternative. What is not found by then counts as not there. An event of 10,000 array elements takes a
/// few steps for each; only duplicate keys over large arrays, together with a field that may be absent, come near.
pub const STEPS_MAX: usize = 1_000_000;

/// Whether an alternative is satisfied by the leaves found at its paths, array consistency included.
///
/// `fields` has for each of [`Alternative::fields`], in the same order, all leaves of the event at that path. Terms are asked
/// here, so leaves that satisfy none may be among them, and must be where the field may be absent.
#[must_use]
pub fn consistent<'a>(
    alternative: &Alternative,
    arrays: &Arrays,
    fields: impl IntoIterator<Item = &'a [FieldRef<'a>]>,
) -> bool {
    let questions: Option<Vec<Question>> =
        alternative.fields().iter().zip(fields).map(|(field, leaves)| Question::new(field, leaves)).collect();
    questions
        .is_some_and(|questions| questions.len() == alternative.fields().len() && search(questions, arrays))
}

pub(crate) fn matches(alternative: &Alternative, event: &Event) -> bool {
    let fields: Vec<Vec<FieldRef<'_>>> =
        alternative.fields().iter().map(|field| event.fields(field.path().as_str()).collect()).collect();
    consistent(alternative, event.arrays(), fields.iter().map(Vec::as_slice))
}

/// What one path asks.
struct Question {
    /// The places of the leaves that satisfy a term.
    accepted: HashSet<Option<Scope>>,
    /// If the field may be absent: the places of all its leaves.
    present: Option<HashSet<Option<Scope>>>,
}

impl Question {
    /// `None` if nothing can satisfy the field.
    fn new(field: &Field, leaves: &[FieldRef<'_>]) -> Option<Question> {
        let accepted: HashSet<Option<Scope>> = leaves
            .iter()
            .filter(|found| field.terms().iter().any(|term| term.accepts(found.leaf)))
            .map(|found| found.scope)
            .collect();
        let present = field.allows_absence().then(|| leaves.iter().map(|found| found.scope).collect());
        if accepted.is_empty() && present.is_none() {
            return None;
        }
        Some(Question { accepted, present })
    }

    /// Whether the field is absent whatever else is chosen.
    fn surely_absent(&self) -> bool {
        self.present.as_ref().is_some_and(HashSet::is_empty)
    }

    /// Whether a leaf that satisfies the field stands outside of all arrays, or none is needed: then no choice is restricted by it.
    fn free(&self) -> bool {
        self.surely_absent() || self.accepted.contains(&None)
    }
}

/// The elements chosen so far: array → element, sorted.
type Commitment = Vec<(u32, u32)>;

fn search(mut questions: Vec<Question>, arrays: &Arrays) -> bool {
    // Where nothing asks for an absence that depends on choices, a free field cannot hurt and needs no search.
    let depends = |question: &Question| question.present.as_ref().is_some_and(|present| !present.is_empty());
    let last_dependent = questions.iter().rposition(depends);
    if last_dependent.is_none() {
        questions.retain(|question| !question.free());
        if questions.len() <= 1 {
            return true;
        }
    }
    let accepted: Vec<Places> =
        questions.iter().map(|question| Places::new(&question.accepted, arrays)).collect();
    let present: Vec<Option<Places>> = questions
        .iter()
        .map(|question| question.present.as_ref().map(|present| Places::new(present, arrays)))
        .collect();
    let mut last_use: HashMap<u32, usize> = HashMap::new();
    for (index, (accepted, present)) in accepted.iter().zip(&present).enumerate() {
        for array in accepted.arrays().chain(present.iter().flat_map(Places::arrays)) {
            last_use.insert(array, index);
        }
    }
    let mut steps = 0;
    let mut commitments = HashSet::from([Commitment::new()]);
    for (index, (accepted, present)) in accepted.iter().zip(&present).enumerate() {
        let needed_later = |array: u32| last_use.get(&array).is_some_and(|last| *last > index);
        let mut next = HashSet::new();
        for commitment in &commitments {
            if present.as_ref().is_some_and(|present| !present.any(commitment)) {
                next.insert(forget(commitment, needed_later));
            }
            // A choice that adds no commitment is as good as any, unless an absence later on profits from one.
            if last_dependent.is_none_or(|last| last <= index) && accepted.fits(commitment, needed_later) {
                next.insert(forget(commitment, needed_later));
                continue;
            }
            accepted.extend(commitment, needed_later, &mut next, &mut steps);
            if steps > STEPS_MAX {
                break;
            }
        }
        if next.is_empty() {
            return false;
        }
        commitments = next;
    }
    true
}

fn forget(commitment: &Commitment, needed_later: impl Fn(u32) -> bool) -> Commitment {
    commitment.iter().copied().filter(|(array, _)| needed_later(*array)).collect()
}

fn element_of(commitment: &Commitment, array: u32) -> Option<u32> {
    let at = commitment.binary_search_by_key(&array, |(array, _)| *array).ok()?;
    commitment.get(at).map(|(_, element)| *element)
}

/// The places of some leaves, as a tree: element inside array inside element.
struct Places {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// Whether a leaf stands right here.
    leaf: bool,
    arrays: BTreeMap<u32, BTreeMap<u32, usize>>,
}

impl Places {
    fn new(scopes: &HashSet<Option<Scope>>, arrays: &Arrays) -> Places {
        let mut places = Places { nodes: vec![Node::default()] };
        let mut known: HashMap<Option<Scope>, usize> = HashMap::from([(None, 0)]);
        for scope in scopes {
            // Up to the first place that is known, then down again.
            let mut path = Vec::new();
            let mut at = *scope;
            while !known.contains_key(&at)
                && let Some((parent, array, element)) = at.and_then(|scope| arrays.parent(scope))
            {
                path.push((at, array, element));
                at = parent;
            }
            let mut node = known.get(&at).copied().unwrap_or(0);
            for (scope, array, element) in path.into_iter().rev() {
                let new = places.nodes.len();
                let Some(parent) = places.nodes.get_mut(node) else { break };
                node = *parent.arrays.entry(array).or_default().entry(element).or_insert(new);
                if node == new {
                    places.nodes.push(Node::default());
                }
                known.insert(scope, node);
            }
            if let Some(node) = places.nodes.get_mut(node) {
                node.leaf = true;
            }
        }
        places
    }

    fn arrays(&self) -> impl Iterator<Item = u32> {
        self.nodes.iter().flat_map(|node| node.arrays.keys().copied())
    }

    /// Whether a leaf is possible under the commitment.
    fn any(&self, commitment: &Commitment) -> bool {
        let mut open = vec![0];
        while let Some(node) = open.pop().and_then(|node| self.nodes.get(node)) {
            if node.leaf {
                return true;
            }
            for (array, elements) in &node.arrays {
                match element_of(commitment, *array) {
                    Some(element) => open.extend(elements.get(&element)),
                    // Every node has a leaf somewhere below it.
                    None => return true,
                }
            }
        }
        false
    }

    /// Whether one of the leaves can be chosen without a commitment that anybody asks for later.
    fn fits(&self, commitment: &Commitment, needed_later: impl Fn(u32) -> bool) -> bool {
        let mut open = vec![0];
        while let Some(node) = open.pop().and_then(|node| self.nodes.get(node)) {
            if node.leaf {
                return true;
            }
            for (array, elements) in &node.arrays {
                match element_of(commitment, *array) {
                    Some(element) => open.extend(elements.get(&element)),
                    None if needed_later(*array) => {}
                    None => return true,
                }
            }
        }
        false
    }

    /// Adds every commitment that comes of choosing one of the leaves under `commitment`.
    fn extend(
        &self,
        commitment: &Commitment,
        needed_later: impl Fn(u32) -> bool + Copy,
        next: &mut HashSet<Commitment>,
        steps: &mut usize,
    ) {
        let mut open: Vec<(usize, Commitment)> = vec![(0, commitment.clone())];
        while let Some((at, so_far)) = open.pop() {
            *steps += 1;
            if *steps > STEPS_MAX {
                return;
            }
            let Some(node) = self.nodes.get(at) else { return };
            if node.leaf {
                next.insert(forget(&so_far, needed_later));
            }
            for (array, elements) in &node.arrays {
                if let Some(element) = element_of(commitment, *array) {
                    open.extend(elements.get(&element).map(|child| (*child, so_far.clone())));
                } else if needed_later(*array) {
                    for (element, child) in elements {
                        let mut extended = so_far.clone();
                        let at = extended.partition_point(|(known, _)| known < array);
                        extended.insert(at, (*array, *element));
                        open.push((*child, extended));
                    }
                } else {
                    // Nobody will ask which element, nor for any array inside of it.
                    next.insert(forget(&so_far, needed_later));
                }
            }
        }
    }
}
