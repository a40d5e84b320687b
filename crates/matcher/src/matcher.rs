//! Building a matcher, and asking it.
//!
//! A record goes through three steps, and most leave after the first:
//!
//! 1. One walk picks up the leaves of the *early* fields (those the index is filed by) and the index names candidates.
//! 2. What the early leaves already say against a candidate strikes it out; what they say completely decides it.
//! 3. A second walk, along the paths of the candidates that are left and no others, picks up everything they ask about, and each is asked
//!    exactly. Filters look their selectors up instead.

use std::sync::Arc;

use cloudtrail::Event;
use event_pattern::Pattern;
use filter_pattern::Filter;
use json_scan::{Malformed, Object, Reason};
use rustc_hash::FxHashMap;

use crate::entry::{Check, Entry};
use crate::index::{Index, Way};
use crate::leaves::Leaves;
use crate::selectors::{Resolved, Selectors};
use crate::stamps::Stamps;
use crate::trie::{FieldId, Trie};
use crate::view::{Collection, View};
use crate::witness::Clause;

/// A rule, by the number its owner gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// Collects rules for a [`Matcher`].
///
/// One rule may be added several times, also as a pattern and as a filter: it matches if any of them does.
#[derive(Debug, Default)]
pub struct Builder {
    entries: Vec<Entry>,
    clauses: Vec<Vec<Clause>>,
    rules: Vec<RuleId>,
    fields: Fields,
    selectors: Selectors,
}

/// Numbers for paths.
#[derive(Debug, Default)]
struct Fields {
    numbers: FxHashMap<Box<str>, FieldId>,
}

impl Fields {
    fn number(&mut self, path: &str) -> FieldId {
        if let Some(&known) = self.numbers.get(path) {
            return known;
        }
        let new = FieldId(u32::try_from(self.numbers.len()).unwrap_or(u32::MAX));
        self.numbers.insert(path.into(), new);
        new
    }
}

impl Builder {
    /// No rules yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an EventBridge event pattern.
    pub fn add_pattern(&mut self, rule: RuleId, pattern: &Arc<Pattern>) {
        let rule = self.add_rule(rule);
        let fields = &mut self.fields;
        for (check, clauses) in Check::of_pattern(pattern, &mut |path| fields.number(path)) {
            self.entries.push(Entry { rule, check });
            self.clauses.push(clauses);
        }
    }

    /// Adds a CloudWatch Logs filter pattern.
    pub fn add_filter(&mut self, rule: RuleId, filter: &Arc<Filter>) {
        let rule = self.add_rule(rule);
        let fields = &mut self.fields;
        let (check, clauses) = Check::of_filter(filter, &mut self.selectors, &mut |path| fields.number(path));
        self.entries.push(Entry { rule, check });
        self.clauses.push(clauses);
    }

    fn add_rule(&mut self, rule: RuleId) -> u32 {
        self.rules.push(rule);
        u32::try_from(self.rules.len() - 1).unwrap_or(u32::MAX)
    }

    /// Compiles the rules into one index.
    #[must_use]
    pub fn build(mut self) -> Matcher {
        let index = Index::new(&self.clauses, &mut |path| self.fields.number(path));
        let mut is_early = vec![false; self.fields.numbers.len()];
        for field in index.fields() {
            if let Some(early) = is_early.get_mut(field.index()) {
                *early = true;
            }
        }
        let paths = || self.fields.numbers.iter().map(|(path, &field)| (&**path, field));
        let early = Collection::new(paths().filter(|(_, field)| is_early.get(field.index()) == Some(&true)));
        let all = Collection::new(paths());
        let mut nodes = vec![Trie::ROOT; self.fields.numbers.len()];
        for (path, field) in paths() {
            if let (Some(to), Some(node)) = (nodes.get_mut(field.index()), all.trie().find(Trie::ROOT, path))
            {
                *to = node;
            }
        }
        Matcher {
            entries: self.entries.into(),
            rules: self.rules.into(),
            selectors: self.selectors,
            index,
            is_early: is_early.into(),
            early,
            all,
            nodes: nodes.into(),
        }
    }
}

/// All rules in one index. Immutable: any number of threads may ask it at once, each with a [`Scratch`] of its own.
///
/// ```
/// use std::sync::Arc;
/// use event_pattern::Pattern;
/// use matcher::{Builder, RuleId, Scratch};
///
/// let mut builder = Builder::new();
/// builder.add_pattern(RuleId(1), &Arc::new(Pattern::parse(r#"{"detail":{"eventName":["StopLogging"]}}"#)?));
/// builder.add_pattern(RuleId(2), &Arc::new(Pattern::parse(r#"{"detail":{"eventName":[{"prefix":"Stop"}]}}"#)?));
/// let matcher = builder.build();
///
/// let mut scanner = json_scan::Scanner::new(br#"{"detail":{"eventName":"StopLogging"}}"#)?;
/// let mut scratch = Scratch::new();
/// assert_eq!(matcher.matches_object(scanner.object()?, &mut scratch)?, [RuleId(1), RuleId(2)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Matcher {
    entries: Box<[Entry]>,
    rules: Box<[RuleId]>,
    selectors: Selectors,
    index: Index,
    /// By field: whether the first walk picks it up.
    is_early: Box<[bool]>,
    early: Collection,
    all: Collection,
    /// By field: its node in the trie of `all`.
    nodes: Box<[crate::trie::NodeId]>,
}

/// Memory for matching one record after the other; it is empty between them, and kept.
#[derive(Debug, Default)]
pub struct Scratch {
    leaves: Leaves<'static>,
    resolved: Resolved<'static>,
    way: Way,
    /// Entries named by the index.
    named: Stamps<()>,
    candidates: Vec<u32>,
    /// Nodes the second walk is to visit.
    wanted: Stamps<()>,
    /// Rules that are known to match.
    decided: Stamps<()>,
    compact: Vec<u8>,
    matched: Vec<RuleId>,
}

impl Scratch {
    /// Empty memory; it grows with the first records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Matcher {
    /// The rules that match an event, each once and in order.
    ///
    /// Patterns see the event as EventBridge delivers it, filters see the CloudTrail record in it; an event that is
    /// not CloudTrail's is matched by patterns only.
    ///
    /// # Errors
    ///
    /// If a part of the event that some rule looks at is malformed. What no rule looks at is not checked.
    pub fn matches<'s>(
        &self,
        event: &Event<'_>,
        scratch: &'s mut Scratch,
    ) -> Result<&'s [RuleId], Malformed> {
        self.matches_view(&View::of_event(event), scratch)
    }

    /// The rules whose patterns match any JSON object, as it stands. Filters match none.
    ///
    /// # Errors
    ///
    /// As [`Matcher::matches`].
    pub fn matches_object<'s>(
        &self,
        object: Object<'_>,
        scratch: &'s mut Scratch,
    ) -> Result<&'s [RuleId], Malformed> {
        self.matches_view(&View::of_object(object), scratch)
    }

    fn matches_view<'s>(
        &self,
        view: &View<'_, '_>,
        scratch: &'s mut Scratch,
    ) -> Result<&'s [RuleId], Malformed> {
        scratch.matched.clear();
        // Taken out, because they borrow from the record while it is looked at.
        let mut leaves = std::mem::take(&mut scratch.leaves).recycle();
        let result = self.find(view, &mut leaves, scratch);
        scratch.leaves = leaves.recycle();
        result?;
        scratch.matched.sort_unstable();
        scratch.matched.dedup();
        Ok(&scratch.matched)
    }

    fn find<'a>(
        &self,
        view: &View<'_, 'a>,
        leaves: &mut Leaves<'a>,
        scratch: &mut Scratch,
    ) -> Result<(), Malformed> {
        let Scratch { candidates, named, decided, matched, way, .. } = scratch;
        candidates.clear();
        named.clear();
        self.early.collect(view, |_| true, leaves)?;
        self.index.candidates(leaves, way, &mut |entry| {
            if named.insert(entry as usize, ()) {
                candidates.push(entry);
            }
        })?;
        if candidates.is_empty() {
            return Ok(());
        }
        decided.clear();
        let is_early = |field: FieldId| self.is_early.get(field.index()) == Some(&true);
        let mut fault = None;
        candidates.retain(|&number| {
            self.entries.get(number as usize).is_some_and(|entry| {
                let verdict = match &entry.check {
                    Check::Alternative(check) if check.fields.iter().all(|&field| is_early(field)) => {
                        check.matches(leaves).map(Verdict::from)
                    }
                    Check::Alternative(check) => check.is_possible(leaves, is_early).map(Verdict::possible),
                    Check::Expression(_) | Check::Text(_) | Check::Record if view.record().is_none() => {
                        Ok(Verdict::No)
                    }
                    Check::Expression(check) => check.is_possible(leaves, is_early).map(Verdict::possible),
                    Check::Text(_) => Ok(Verdict::Possible),
                    Check::Record => Ok(Verdict::Yes),
                };
                match verdict {
                    Ok(Verdict::Possible) => true,
                    Ok(Verdict::No) => false,
                    Ok(Verdict::Yes) => {
                        if decided.insert(entry.rule as usize, ()) {
                            matched.extend(self.rules.get(entry.rule as usize));
                        }
                        false
                    }
                    Err(error) => {
                        fault.get_or_insert(error);
                        false
                    }
                }
            })
        });
        if let Some(fault) = fault {
            return Err(fault);
        }
        if candidates.is_empty() { Ok(()) } else { self.decide(view, leaves, scratch) }
    }

    /// Asks the candidates that are left exactly.
    fn decide<'a>(
        &self,
        view: &View<'_, 'a>,
        leaves: &mut Leaves<'a>,
        scratch: &mut Scratch,
    ) -> Result<(), Malformed> {
        let mut resolved = std::mem::take(&mut scratch.resolved).recycle();
        let result = self.decide_with(view, leaves, &mut resolved, scratch);
        scratch.resolved = resolved.recycle();
        result
    }

    fn decide_with<'a>(
        &self,
        view: &View<'_, 'a>,
        leaves: &mut Leaves<'a>,
        resolved: &mut Resolved<'a>,
        scratch: &mut Scratch,
    ) -> Result<(), Malformed> {
        let Scratch { candidates, decided, matched, wanted, compact, .. } = scratch;
        let entries = || candidates.iter().filter_map(|&number| self.entries.get(number as usize));
        wanted.clear();
        let mut is_walk_wanted = false;
        for entry in entries() {
            let Check::Alternative(check) = &entry.check else { continue };
            is_walk_wanted = true;
            for field in &check.fields {
                let mut node = self.nodes.get(field.index()).copied().unwrap_or(Trie::ROOT);
                while wanted.insert(node.index(), ()) && node != Trie::ROOT {
                    node = self.all.trie().parent(node);
                }
            }
        }
        if is_walk_wanted {
            leaves.clear();
            self.all.collect(view, |node| wanted.get(node.index()).is_some(), leaves)?;
        }
        let is_text_wanted = entries().any(|entry| matches!(entry.check, Check::Text(_)));
        let text = match view.record().filter(|_| is_text_wanted) {
            Some(record) => compact_text(record, compact)?,
            None => "",
        };
        for entry in entries() {
            if decided.get(entry.rule as usize).is_some() {
                continue;
            }
            let is_match = match (&entry.check, view.record()) {
                (Check::Alternative(check), _) => check.matches(leaves)?,
                (Check::Expression(check), Some(record)) => {
                    check.matches(&self.selectors, resolved, record)?
                }
                (Check::Text(filter), Some(_)) => filter.matches(text),
                (Check::Record, Some(_)) => true,
                (Check::Expression(_) | Check::Text(_) | Check::Record, None) => false,
            };
            if is_match {
                decided.set(entry.rule as usize, ());
                matched.extend(self.rules.get(entry.rule as usize));
            }
        }
        Ok(())
    }
}

/// What the early leaves say of a candidate.
enum Verdict {
    Yes,
    No,
    Possible,
}

impl Verdict {
    fn possible(possible: bool) -> Self {
        if possible { Verdict::Possible } else { Verdict::No }
    }
}

impl From<bool> for Verdict {
    fn from(matches: bool) -> Self {
        if matches { Verdict::Yes } else { Verdict::No }
    }
}

/// The record's text without insignificant white space, made only if it is not so already.
fn compact_text<'t>(record: Object<'t>, buffer: &'t mut Vec<u8>) -> Result<&'t str, Malformed> {
    let bytes = if record.is_compact() {
        record.bytes()
    } else {
        buffer.clear();
        record.write_compact(buffer);
        buffer
    };
    std::str::from_utf8(bytes)
        .map_err(|error| Malformed { offset: record.offset() + error.valid_up_to(), reason: Reason::NotUtf8 })
}
