//! Building a matcher, and asking it.
//!
//! A record goes through four steps, and most leave after the first:
//!
//! 1. The values of the few fields by which the index is filed first are asked whether they lead anywhere. If not, nobody is interested. Where most
//!    records lead on, this is left out.
//! 2. A walk picks up the leaves of the *early* fields (all that the index is filed by, and what stands beside them) and the index names candidates,
//!    and those that match by having been reached.
//! 3. What the early leaves already say against a candidate strikes it out; what they say completely decides it.
//! 4. A last walk, along the paths of the candidates that are left and no others, picks up everything they ask about, and each is asked
//!    exactly. Filters look their selectors up instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cloudtrail::Event;
use event_pattern::Pattern;
use filter_pattern::Filter;
use json_scan::{Malformed, Object, Reason};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::entry::{Check, Entry};
use crate::index::{Candidate, Index, Named, Way};
use crate::leaves::Leaves;
use crate::probe::{Probe, Questions};
use crate::selectors::{Resolved, Selectors};
use crate::stamps::Stamps;
use crate::trie::{FieldId, NodeId, Trie};
use crate::view::{Collection, DETAIL, View};
use crate::walk::{Learned, LearnedNames};
use crate::witness::Needs;

/// A rule, by the number its owner gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// Collects rules for a [`Matcher`].
///
/// One rule may be added several times, also as a pattern and as a filter: it matches if any of them does.
#[derive(Debug, Default)]
pub struct Builder {
    entries: Vec<Entry>,
    needs: Vec<Needs>,
    rules: Vec<RuleId>,
    fields: Fields,
    selectors: Selectors,
    /// The entry of each filter, by its plainest spelling: accounts and regions have copies of the same few.
    filters: FxHashMap<String, usize>,
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
        for (check, needs) in Check::of_pattern(pattern, &mut |path| fields.number(path)) {
            self.entries.push(Entry { rules: vec![rule], check });
            self.needs.push(needs);
        }
    }

    /// Adds a CloudWatch Logs filter pattern.
    pub fn add_filter(&mut self, rule: RuleId, filter: &Arc<Filter>) {
        let rule = self.add_rule(rule);
        let place = *self.filters.entry(filter.to_string()).or_insert(self.entries.len());
        if let Some(same) = self.entries.get_mut(place) {
            same.rules.push(rule);
            return;
        }
        let fields = &mut self.fields;
        let (check, needs) = Check::of_filter(filter, &mut self.selectors, &mut |path| fields.number(path));
        self.entries.push(Entry { rules: vec![rule], check });
        self.needs.push(needs);
    }

    fn add_rule(&mut self, rule: RuleId) -> u32 {
        self.rules.push(rule);
        u32::try_from(self.rules.len() - 1).unwrap_or(u32::MAX)
    }

    /// Compiles the rules into one index.
    #[must_use]
    pub fn build(mut self) -> Matcher {
        let index = Index::new(&self.needs, &mut |path| self.fields.number(path));
        let mut stages = vec![Stage::Late; self.fields.numbers.len()];
        let mut set = |field: FieldId, stage| {
            if let Some(of_field) = stages.get_mut(field.index()) {
                *of_field = stage;
            }
        };
        // Objects whose members the second walk steps through anyway.
        let mut walked = FxHashSet::from_iter([DETAIL]);
        let paths: Vec<(&str, FieldId)> =
            self.fields.numbers.iter().map(|(path, &field)| (&**path, field)).collect();
        let indexed: FxHashSet<FieldId> = index.fields().collect();
        for (path, _) in paths.iter().filter(|(_, field)| indexed.contains(field)) {
            walked.extend(parent(path));
        }
        for &(path, field) in &paths {
            if indexed.contains(&field) {
                set(field, Stage::Indexed);
            } else if parent(path).is_none_or(|parent| walked.contains(parent)) {
                set(field, Stage::Early);
            }
        }
        let is_early = |(_, field): &&(&str, FieldId)| {
            stages.get(field.index()).is_some_and(|&stage| stage != Stage::Late)
        };
        let early = Collection::new(&paths.iter().filter(is_early).copied().collect::<Vec<_>>())
            .only_beside(indexed.iter().copied());
        let root = index.root_fields();
        let is_at_root = |(_, field): &&(&str, FieldId)| root.iter().any(|(of_root, _)| of_root == field);
        let at_root: Vec<(&str, FieldId)> = paths.iter().filter(is_at_root).copied().collect();
        let probe = Probe::new(&at_root, &root, index.is_open());
        let all = Collection::new(&paths);
        static IDS: AtomicU64 = AtomicU64::new(0);
        Matcher {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            has_expressions: self.entries.iter().any(|entry| matches!(entry.check, Check::Expression(_))),
            entries: self.entries.into(),
            rules: self.rules.into(),
            selectors: self.selectors,
            index,
            stages: stages.into(),
            probe,
            early,
            all,
        }
    }
}

/// The path of the object around a path.
fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(parent, _)| parent)
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
    /// Unlike that of any other: a [`Scratch`] may be used with several.
    id: u64,
    entries: Box<[Entry]>,
    rules: Box<[RuleId]>,
    selectors: Selectors,
    index: Index,
    /// Whether any filter asks for values.
    has_expressions: bool,
    /// By field.
    stages: Box<[Stage]>,
    probe: Probe,
    /// The fields that are not late.
    early: Collection,
    all: Collection,
}

/// Memory for matching one record after the other; it is empty between them, and kept.
#[derive(Debug, Default)]
pub struct Scratch {
    leaves: Leaves<'static>,
    resolved: Resolved<'static>,
    way: Way,
    usual: Usual,
    /// What the first question asks, by the shape of the record.
    questions: Questions,
    /// What the walks know of records, each of those along its own trie.
    probe_names: LearnedNames,
    early_learned: Learned,
    all_learned: Learned,
    /// Entries named by the index.
    named: Stamps<()>,
    candidates: Vec<Candidate>,
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
        let leads_on = self.probe.at_once(view, self.id, &mut scratch.questions);
        if leads_on == Some(false) {
            return Ok(&scratch.matched);
        }
        scratch.usual.turn_to(self.id);
        let mut is_known_to_lead_on = leads_on.is_some();
        // Without leaves, if it can be: most events have none that anybody wants.
        if !is_known_to_lead_on && !scratch.usual.leads_on() && self.probe.is_of_text(view) {
            let Scratch { questions, probe_names, .. } = scratch;
            if !self.probe.leads_on_as_it_stands(view, self.id, questions, probe_names)? {
                scratch.usual.note(false);
                return Ok(&scratch.matched);
            }
            is_known_to_lead_on = true;
        }
        // Taken out, because they borrow from the record while it is looked at.
        let mut leaves: Leaves<'_> = std::mem::take(&mut scratch.leaves);
        leaves.track(self.has_expressions);
        let result = match is_known_to_lead_on {
            true => self.look(view, &mut leaves, scratch),
            false => self.find(view, &mut leaves, scratch),
        };
        scratch.leaves = leaves.recycle();
        result?;
        if scratch.matched.len() > 1 {
            scratch.matched.sort_unstable();
            scratch.matched.dedup();
        }
        Ok(&scratch.matched)
    }

    fn find<'a>(
        &self,
        view: &View<'_, 'a>,
        leaves: &mut Leaves<'a>,
        scratch: &mut Scratch,
    ) -> Result<(), Malformed> {
        // An event without any error has none on the shorter way either. One with an error is asked again, so that what was usual before it decides
        // nothing.
        if scratch.usual.leads_on() && self.look(view, leaves, scratch).is_ok() {
            return Ok(());
        }
        leaves.clear();
        scratch.matched.clear();
        let Scratch { questions, probe_names, .. } = scratch;
        let leads_on = self.probe.leads_on(view, self.id, questions, probe_names, leaves)?;
        leaves.clear();
        if leads_on {
            return self.look(view, leaves, scratch);
        }
        scratch.usual.note(false);
        Ok(())
    }

    /// Everything but the first question.
    fn look<'a>(
        &self,
        view: &View<'_, 'a>,
        leaves: &mut Leaves<'a>,
        scratch: &mut Scratch,
    ) -> Result<(), Malformed> {
        let Scratch { candidates, named, decided, matched, way, early_learned, usual, .. } = scratch;
        candidates.clear();
        named.clear();
        decided.clear();
        early_learned.turn_to(self.id);
        self.early.collect(view, |_| true, early_learned, leaves)?;
        self.early.derive(view, |field| self.stage(field) == Stage::Indexed, leaves);
        let leads_on = self.index.candidates(leaves, way, &mut |found| match found {
            Named::Candidate(candidate) => {
                if named.insert(candidate.entry as usize, ()) {
                    candidates.push(candidate);
                }
            }
            Named::Match(entry) => {
                if let Some(entry) = self.entries.get(entry as usize) {
                    self.report(entry, decided, matched);
                }
            }
        })?;
        usual.note(leads_on);
        if candidates.is_empty() {
            return Ok(());
        }
        self.early.derive(view, |field| self.stage(field) == Stage::Early, leaves);
        self.strike_out(view, leaves, scratch)?;
        if scratch.candidates.is_empty() { Ok(()) } else { self.decide(view, leaves, scratch) }
    }

    fn stage(&self, field: FieldId) -> Stage {
        self.stages.get(field.index()).copied().unwrap_or_default()
    }

    /// Whether all leaves of the field are among the early ones.
    fn is_known(&self, field: FieldId, leaves: &Leaves<'_>) -> bool {
        match self.stage(field) {
            Stage::Indexed => true,
            Stage::Early => !leaves.is_partial(),
            Stage::Late => false,
        }
    }

    /// Keeps the candidates on which the early leaves have not the last word.
    fn strike_out(
        &self,
        view: &View<'_, '_>,
        leaves: &Leaves<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Malformed> {
        let Scratch { candidates, decided, matched, .. } = scratch;
        let mut kept = 0;
        for at in 0..candidates.len() {
            let Some(&candidate) = candidates.get(at) else { break };
            let Some(entry) = self.entries.get(candidate.entry as usize) else { continue };
            if !is_open(entry, decided) {
                continue;
            }
            match self.judge(entry, candidate.answered, view, leaves)? {
                Some(true) => self.report(entry, decided, matched),
                Some(false) => {}
                None => {
                    candidates.swap(kept, at);
                    kept += 1;
                }
            }
        }
        candidates.truncate(kept);
        Ok(())
    }

    /// Whether an entry matches, as far as the early leaves say.
    fn judge(
        &self,
        entry: &Entry,
        answered: u64,
        view: &View<'_, '_>,
        leaves: &Leaves<'_>,
    ) -> Result<Option<bool>, Malformed> {
        match &entry.check {
            Check::Alternative(check) => {
                let is_known = |field| self.is_known(field, leaves);
                if check.fields.iter().all(|&field| is_known(field)) {
                    return check.matches(answered, leaves).map(Some);
                }
                Ok(if check.is_possible(answered, leaves, is_known)? { None } else { Some(false) })
            }
            _ if view.record().is_none() => Ok(Some(false)),
            Check::Expression(check) => {
                check.judge(leaves, |field| self.early.node(field).filter(|_| self.is_known(field, leaves)))
            }
            Check::Text(_) => Ok(None),
            Check::Record => Ok(Some(true)),
        }
    }

    fn report(&self, entry: &Entry, decided: &mut Stamps<()>, matched: &mut Vec<RuleId>) {
        for &rule in &entry.rules {
            if decided.insert(rule as usize, ()) {
                matched.extend(self.rules.get(rule as usize).copied());
            }
        }
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
        let Scratch { candidates, decided, matched, wanted, compact, all_learned, .. } = scratch;
        let entries = || {
            candidates.iter().filter_map(|&Candidate { entry, answered }| {
                Some((self.entries.get(entry as usize)?, answered))
            })
        };
        wanted.clear();
        let (mut is_walk_wanted, mut is_text_wanted) = (false, false);
        for (entry, _) in entries().filter(|(entry, _)| is_open(entry, decided)) {
            is_text_wanted |= matches!(entry.check, Check::Text(_));
            let Check::Alternative(check) = &entry.check else { continue };
            is_walk_wanted = true;
            for &field in &check.fields {
                let mut node = self.all.node(field).unwrap_or(Trie::ROOT);
                while wanted.insert(node.index(), ()) && node != Trie::ROOT {
                    node = self.all.trie().parent(node);
                }
            }
        }
        if is_walk_wanted {
            leaves.clear();
            let is_wanted = |node: NodeId| wanted.get(node.index()).is_some();
            all_learned.turn_to(self.id);
            self.all.collect(view, is_wanted, all_learned, leaves)?;
            self.all.derive(view, |field| self.all.node(field).is_some_and(is_wanted), leaves);
        }
        let text = match view.record().filter(|_| is_text_wanted) {
            Some(record) => compact_text(record, compact)?,
            None => "",
        };
        for (entry, answered) in entries() {
            if !is_open(entry, decided) {
                continue;
            }
            let is_match = match (&entry.check, view.record()) {
                (Check::Alternative(check), _) => check.matches(answered, leaves)?,
                (Check::Expression(check), Some(record)) => {
                    check.matches(&self.selectors, resolved, record)?
                }
                (Check::Text(filter), Some(_)) => filter.matches(text),
                (Check::Record, Some(_)) => true,
                (Check::Expression(_) | Check::Text(_) | Check::Record, None) => false,
            };
            if is_match {
                self.report(entry, decided, matched);
            }
        }
        Ok(())
    }
}

/// Whether an entry has anything to add: not if all its rules are known to match.
fn is_open(entry: &Entry, decided: &Stamps<()>) -> bool {
    entry.rules.iter().any(|&rule| decided.get(rule as usize).is_none())
}

/// Whether records usually lead on from the root of the index. Asking that first saves most of the work where most do not, and is work done
/// twice where most do.
#[derive(Debug, Default)]
struct Usual {
    /// Which matcher's records.
    of: Option<u64>,
    /// Up for a record that led on, down for one that did not.
    balance: u8,
}

impl Usual {
    const MOST: u8 = 16;

    fn turn_to(&mut self, matcher: u64) {
        if self.of != Some(matcher) {
            *self = Usual { of: Some(matcher), balance: 0 };
        }
    }

    fn leads_on(&self) -> bool {
        self.balance > Usual::MOST / 2
    }

    fn note(&mut self, leads_on: bool) {
        self.balance =
            if leads_on { (self.balance + 1).min(Usual::MOST) } else { self.balance.saturating_sub(1) };
    }
}

/// When the leaves of a field are picked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// First: the index is filed by it.
    Indexed,
    /// With the first walk because it stands beside what that looks at anyway, unless that is in an element of an array; if it has to be derived,
    /// once there is a candidate.
    Early,
    /// When a candidate asks for it.
    #[default]
    Late,
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
