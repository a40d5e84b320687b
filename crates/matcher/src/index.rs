//! Finds the entries (alternatives of patterns, and filters) that an event gives a chance.
//!
//! The index is a tree. Each entry is filed at the root under one of its [clauses](crate::witness), the most telling one: under
//! `eventName = "StopLogging"`, say. Where more than a handful of entries share a key they are filed again below it under a further clause (`eventSource`,
//! then whatever else tells them apart), and so on while it helps:
//!
//! ```text
//! root ── eventName ── "StopLogging" ── entry 3, entry 9
//!      │            └─ "PutObject" ──── requestParameters.bucketName ── "audit" ── entry 4
//!      │                            │                               └─ "logs-…" ─ entry 17
//!      │                            └─ entry 5
//!      ├─ errorCode ── "AccessDenied…" ── entry 1
//!      └─ entry 7, which asks only for things an event need not have
//! ```
//!
//! An event visits the root, and below it only what its own values lead to: ten thousand rules cost what the few cost that share
//! an event's name. One clause of every entry is looked at on every way to it, so an entry that is not reached has an unmet necessary condition; that is
//! all the proof there is. Visiting is driven by the event's leaves: fields it does not have cost nothing.
//!
//! Where an entry asks for nothing but clauses whose keys are exact, and all of them stand on the way to it, reaching it is the answer. Other entries
//! come with a note of the fields that need not be asked again.
//!
//! Filing by one most telling value and then refining was weighed against counting satisfied conditions (a common condition
//! such as one source touches every rule that has it) and against bit sets per field (their length is the number of rules, on every event).

use std::sync::Arc;

use json_scan::Malformed;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::leaves::{Leaves, Scalar};
use crate::stamps::Stamps;
use crate::trie::FieldId;
use crate::values::Values;
use crate::witness::{Clause, Key, Needs, cost_beside};

/// So many entries are rather looked at one by one than told apart further.
const LIST_MAX: usize = 8;

/// How often entries may be filed again below a key.
const LEVELS_MAX: usize = 4;

/// A clause with more keys than this is not used below the root: every key is a copy of the entry.
const KEYS_MAX_BELOW_ROOT: usize = 32;

/// The tree.
#[derive(Debug)]
pub(crate) struct Index {
    nodes: Vec<Node>,
    /// By node: the entry in it, where it is the only thing there.
    ends: Vec<Option<Decided>>,
    root: u32,
}

/// Entries, by what their next clause asks.
#[derive(Debug, Default)]
struct Node {
    /// In the order of the fields.
    fields: Box<[(FieldId, Arc<Values>)]>,
    /// Entries that are filed no further.
    entries: Vec<Candidate>,
    /// Entries that have nothing left to ask.
    decided: Vec<Decided>,
}

/// An entry all of whose clauses stand on the way to it.
#[derive(Debug, Clone, Copy)]
struct Decided {
    entry: u32,
    /// Whether it asks several fields, which arrays might keep apart.
    is_bound: bool,
}

/// An entry that has to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) entry: u32,
    /// Bit `i`: its field `i` was answered on the way.
    pub(crate) answered: u64,
}

/// An entry that the index names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// It may match.
    Candidate(Candidate),
    /// It does.
    Match(u32),
}

/// An event's way through the tree.
#[derive(Debug, Default)]
pub(crate) struct Way {
    pending: Vec<Stop>,
    /// A long array has the same value many times; what it leads to is visited once.
    visited: Stamps<()>,
}

/// A node on the way.
#[derive(Debug, Clone, Copy)]
struct Stop {
    node: u32,
    /// Whether all that led here was exact.
    is_exact: bool,
}

impl Way {
    #[inline]
    fn visit(&mut self, node: u32, is_exact: bool) {
        if self.visited.insert(node as usize, ()) {
            self.pending.push(Stop { node, is_exact });
        }
    }
}

/// An entry on its way into the tree.
#[derive(Debug, Clone, Copy)]
struct Filed<'c> {
    entry: u32,
    needs: &'c Needs,
    /// Bit `i`: clause `i` is used up. Clauses beyond the 64th are not used at all.
    used: u64,
}

impl Index {
    /// Files entries `0..`, each by what it needs. `field` gives paths their numbers.
    pub(crate) fn new(needs: &[Needs], field: &mut impl FnMut(&str) -> FieldId) -> Self {
        let filed = needs.iter().zip(0..).map(|(needs, entry)| Filed { entry, needs, used: 0 }).collect();
        let mut index = Index { nodes: Vec::new(), ends: Vec::new(), root: 0 };
        index.root = index.file(filed, 0, field);
        index.ends = index.nodes.iter().map(Node::end).collect();
        index
    }

    /// Makes a node of these entries and all below it.
    fn file(
        &mut self,
        entries: Vec<Filed<'_>>,
        level: usize,
        field: &mut impl FnMut(&str) -> FieldId,
    ) -> u32 {
        let mut node = Node::default();
        let mut buckets: Vec<(&str, &Key, Vec<Filed<'_>>)> = Vec::new();
        let mut places: FxHashMap<BucketName<'_>, usize> = FxHashMap::default();
        let is_short = level > 0 && entries.len() <= LIST_MAX;
        let looked_for = if is_short { LookedFor::default() } else { LookedFor::by(&entries, level) };
        for mut filed in entries {
            if let Some(decided) = filed.decided() {
                node.decided.push(decided);
                continue;
            }
            let clause = if is_short { None } else { filed.best_clause(level, &looked_for) };
            let Some((number, clause)) = clause else {
                node.entries.push(filed.candidate());
                continue;
            };
            filed.used |= 1 << number;
            for (path, key) in clause {
                let place = *places.entry(BucketName::new(path, key)).or_insert_with(|| {
                    buckets.push((path, key, Vec::new()));
                    buckets.len() - 1
                });
                if let Some((_, _, bucket)) = buckets.get_mut(place) {
                    bucket.push(filed);
                }
            }
        }
        let mut fields: FxHashMap<FieldId, Vec<(Key, u32)>> = FxHashMap::default();
        for (path, key, bucket) in buckets {
            let below = self.file(bucket, level + 1, field);
            fields.entry(field(path)).or_default().push((key.clone(), below));
        }
        node.fields = fields.into_iter().map(|(field, keys)| (field, Arc::new(Values::new(keys)))).collect();
        node.fields.sort_unstable_by_key(|(field, _)| *field);
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Whether the index asks any value of this field.
    pub(crate) fn fields(&self) -> impl Iterator<Item = FieldId> {
        self.nodes.iter().flat_map(|node| node.fields.iter().map(|(field, _)| *field))
    }

    /// Whether there are entries that every event has to be held against.
    pub(crate) fn is_open(&self) -> bool {
        self.nodes
            .get(self.root as usize)
            .is_some_and(|root| !root.entries.is_empty() || !root.decided.is_empty())
    }

    /// The fields by which entries are filed first, with what is asked of each.
    pub(crate) fn root_fields(&self) -> Vec<(FieldId, Arc<Values>)> {
        let root = self.nodes.get(self.root as usize);
        let fields = root.into_iter().flat_map(|node| node.fields.iter());
        fields.map(|(field, values)| (*field, Arc::clone(values))).collect()
    }

    /// Names every entry the leaves give a chance; some more than once. Says whether anything leads on from the root.
    ///
    /// # Errors
    ///
    /// For a string that has to be looked at and is not valid.
    pub(crate) fn candidates(
        &self,
        leaves: &Leaves<'_>,
        way: &mut Way,
        found: &mut impl FnMut(Named),
    ) -> Result<bool, Malformed> {
        way.visited.clear();
        way.pending.clear();
        way.visit(self.root, true);
        let mut leads_on = false;
        while let Some(Stop { node, is_exact }) = way.pending.pop() {
            let Some(node) = self.nodes.get(node as usize) else { continue };
            let is_plain = is_exact && leaves.is_flat();
            for &Candidate { entry, answered } in &node.entries {
                let answered = if is_plain { answered } else { 0 };
                found(Named::Candidate(Candidate { entry, answered }));
            }
            for decided in &node.decided {
                found(decided.named(is_exact, leaves));
            }
            let mut reach = |below: u32, is_exact| {
                leads_on = true;
                match self.ends.get(below as usize) {
                    Some(Some(end)) => found(end.named(is_exact, leaves)),
                    _ => way.visit(below, is_exact),
                }
            };
            // The shorter of the two lists leads.
            if node.fields.len() <= leaves.all().len() {
                for (field, values) in &node.fields {
                    for leaf in leaves.of(*field) {
                        find(values, leaves, leaf.value, is_exact, &mut reach)?;
                    }
                }
            } else {
                for leaf in leaves.all() {
                    let place = node.fields.binary_search_by_key(&leaf.field, |(field, _)| *field);
                    if let Some((_, values)) = place.ok().and_then(|place| node.fields.get(place)) {
                        find(values, leaves, leaf.value, is_exact, &mut reach)?;
                    }
                }
            }
        }
        Ok(leads_on || self.is_open())
    }
}

impl Node {
    /// The decided entry that is all there is here.
    fn end(&self) -> Option<Decided> {
        match self.decided.as_slice() {
            [only] if self.fields.is_empty() && self.entries.is_empty() => Some(*only),
            _ => None,
        }
    }
}

impl Decided {
    /// What it means that an event reached it.
    #[inline]
    fn named(self, is_exact: bool, leaves: &Leaves<'_>) -> Named {
        let Decided { entry, is_bound } = self;
        if is_exact && (!is_bound || leaves.is_flat()) {
            Named::Match(entry)
        } else {
            Named::Candidate(Candidate { entry, answered: 0 })
        }
    }
}

#[inline]
fn find(
    values: &Values,
    leaves: &Leaves<'_>,
    value: Scalar<'_>,
    is_exact: bool,
    reach: &mut impl FnMut(u32, bool),
) -> Result<(), Malformed> {
    match value {
        Scalar::String(text) => {
            let mut leads = false;
            let mut visit = |below| {
                leads = true;
                reach(below, is_exact);
            };
            if values.reads_text() || text.is_escaped() {
                values.find_text(&text.unescape()?, &mut visit);
            } else {
                values.find(value, Some(text.raw()), &mut visit);
                if leads {
                    // What says something for a rule has to be a string.
                    text.unescape()?;
                }
            }
        }
        Scalar::Derived { .. } => {
            values.find(value, leaves.plain_bytes(value), &mut |below| reach(below, is_exact));
        }
        Scalar::Number(number) => {
            let is_exact = is_exact && number.comparable.is_some();
            values.find(value, None, &mut |below| reach(below, is_exact));
        }
        Scalar::True | Scalar::False | Scalar::Null => {
            values.find(value, None, &mut |below| reach(below, is_exact));
        }
    }
    Ok(())
}

impl<'c> Filed<'c> {
    /// The entry, if all that it asks was asked on the way.
    fn decided(&self) -> Option<Decided> {
        let count = self.needs.clauses.len();
        let is_all = self.needs.is_all && count > 0 && self.used.count_ones() as usize == count;
        is_all.then_some(Decided { entry: self.entry, is_bound: count > 1 })
    }

    /// The entry as one that has to be asked.
    fn candidate(&self) -> Candidate {
        let answers = self.needs.answers.iter().take(64).enumerate();
        let used = answers.filter(|(number, _)| self.used & 1 << number != 0);
        let answered = used.filter_map(|(_, field)| *field).fold(0, |bits, field| bits | 1 << field);
        Candidate { entry: self.entry, answered }
    }

    /// The most telling clause not used yet, where these fields are looked for in any case.
    fn best_clause(&self, level: usize, looked_for: &LookedFor<'_>) -> Option<(usize, &'c Clause)> {
        if level > LEVELS_MAX {
            return None;
        }
        let unused = |number: &usize| self.used & 1 << number == 0;
        let affordable = |clause: &Clause| level == 0 || clause.len() <= KEYS_MAX_BELOW_ROOT;
        let clauses = self.needs.clauses.iter().enumerate().take(64);
        clauses
            .filter(|(number, clause)| unused(number) && affordable(clause))
            .min_by_key(|(_, clause)| cost_beside(clause, |path| looked_for.fields.contains(path)))
    }
}

/// Fields that entries of a node would be filed by, each for itself. Whoever else files by one of them has nothing more looked for.
#[derive(Debug, Default)]
struct LookedFor<'c> {
    fields: FxHashSet<&'c str>,
}

impl<'c> LookedFor<'c> {
    fn by(entries: &[Filed<'c>], level: usize) -> Self {
        let alone = LookedFor::default();
        let best = entries.iter().filter(|filed| filed.decided().is_none());
        let best = best.filter_map(|filed| filed.best_clause(level, &alone));
        LookedFor { fields: best.flat_map(|(_, clause)| clause.iter().map(|(path, _)| &**path)).collect() }
    }
}

/// A field and key as a thing to look up while the tree is built: keys hold floating-point numbers, so they are spelled out.
#[derive(Debug, PartialEq, Eq, Hash)]
struct BucketName<'k> {
    path: &'k str,
    kind: u8,
    texts: Vec<&'k [u8]>,
    bits: (u64, u64),
    term: String,
}

impl<'k> BucketName<'k> {
    fn new(path: &'k str, key: &'k Key) -> Self {
        let mut name = BucketName { path, kind: 0, texts: Vec::new(), bits: (0, 0), term: String::new() };
        name.kind = match key {
            Key::Text(text) => name.text(text, 0),
            Key::Folded(text) => name.text(text, 1),
            Key::Lexeme(text) => name.text(text, 2),
            Key::Prefix(text) => name.text(text, 3),
            Key::Suffix(text) => name.text(text, 4),
            Key::FoldedPrefix(text) => name.text(text, 5),
            Key::FoldedSuffix(text) => name.text(text, 6),
            Key::Pieces(pieces) => {
                name.texts.extend(pieces.iter().map(|piece| piece.as_bytes()));
                7
            }
            Key::Address(digits) => {
                name.texts.push(digits);
                8
            }
            Key::Number(value) => {
                name.bits = (value.to_bits(), 0);
                9
            }
            Key::Range(low, high) => {
                name.bits = (low.to_bits(), high.to_bits());
                10
            }
            Key::True => 11,
            Key::False => 12,
            Key::Null => 13,
            Key::AnyString => 14,
            Key::AnyNumber => 15,
            Key::Present => 16,
            Key::AnythingBut(term) => {
                name.term = format!("{term:?}");
                17
            }
        };
        name
    }

    fn text(&mut self, text: &'k str, kind: u8) -> u8 {
        self.texts.push(text.as_bytes());
        kind
    }
}
