//! Rule sets: all rules of some files, with everything that is wrong with them.

use crate::alarms;
use crate::catalogue::Check;
use crate::diagnostic::{Diagnostic, Span};
use crate::files::Files;
use crate::lint;
use crate::read::{self, Complaints};
use crate::rule::{Rule, RuleId, Selector};
use crate::yaml;
use context::Context;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Rules with distinct ids, in the order they were read. A rule's place in the set is its number everywhere else.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
    by_id: FxHashMap<RuleId, usize>,
    selections: Vec<Selection>,
}

/// Which selector of a set: a rule's, or that of a step of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selection {
    /// The rule's place in the set.
    pub rule: u32,
    /// The step; 0 where the rule is no sequence.
    pub step: u8,
}

/// What loading gives: the rules that can be used, and everything there is to say of the files.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The rules without an error. Whether to go on with them if others have errors is the caller's choice.
    pub rules: RuleSet,
    /// Errors and warnings, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether any document cannot be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

impl RuleSet {
    /// Reads all documents of the files at `paths`, in order. Names of lists and hours are checked against `context`.
    ///
    /// ```
    /// use context::Context;
    /// use rules::{MemoryFiles, RuleSet};
    ///
    /// let mut files = MemoryFiles::default();
    /// files.insert("root.yaml", r#"
    /// id: root-use
    /// title: "Root used in {{ account.name }}"
    /// severity: high
    /// pattern: { detail: { userIdentity: { type: [Root] } } }
    /// "#);
    /// let loaded = RuleSet::load(["root.yaml"], &files, &Context::empty());
    /// assert!(!loaded.has_errors());
    /// assert_eq!(loaded.rules.get("root-use").unwrap().severity.as_str(), "high");
    /// ```
    #[must_use]
    pub fn load<'p>(
        paths: impl IntoIterator<Item = &'p str>,
        files: &dyn Files,
        context: &Context,
    ) -> Loaded {
        let mut loaded = Loaded::default();
        for path in paths {
            loaded.read(path, files, context);
        }
        loaded.check_alarms(files);
        loaded.diagnostics.extend(lint::rule_set(&loaded.rules));
        loaded.diagnostics.sort_by(|a, b| {
            (&a.file, a.span.offset, a.level, a.id).cmp(&(&b.file, b.span.offset, b.level, b.id))
        });
        loaded
    }

    /// The rules, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Rule>> {
        self.rules.iter()
    }

    /// The rule of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Rule>> {
        self.rules.get(self.index(id)?)
    }

    /// The place of a rule in the set.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The id nearest to one that is not there, for a message.
    #[must_use]
    pub fn nearest(&self, id: &str) -> Option<&RuleId> {
        let nearest = crate::nearest::nearest(id, self.rules.iter().map(|rule| rule.id.as_str()))?;
        self.get(nearest).map(|rule| &rule.id)
    }

    /// How many rules.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rule at a place.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<&Arc<Rule>> {
        self.rules.get(index)
    }

    /// All selectors of all rules, in order: a selector's place here is its number in an index of them. As long as no rule
    /// is a sequence and each looks at events, that is the rule's own place.
    #[must_use]
    pub fn selections(&self) -> &[Selection] {
        &self.selections
    }

    /// The selector that is meant.
    #[must_use]
    pub fn selector(&self, selection: Selection) -> Option<&Selector> {
        self.at(usize::try_from(selection.rule).ok()?)?.selector_of(selection.step)
    }

    /// The rules that a predicate keeps, numbered anew.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&Rule) -> bool) -> Self {
        let mut kept = Self::default();
        for rule in self.rules.iter().filter(|rule| keep(rule)) {
            kept.push(Arc::clone(rule));
        }
        kept
    }

    pub(crate) fn push(&mut self, rule: Arc<Rule>) {
        let number = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        self.selections.extend(rule.selectors().map(|(step, _)| Selection { rule: number, step }));
        self.by_id.insert(rule.id.clone(), self.rules.len());
        self.rules.push(rule);
    }
}

impl Loaded {
    /// What alarms refer to. Without an alarm it names, a composite alarm is no rule that could run; nor is what in turn
    /// names that one, of which nothing is told: it is not at fault.
    fn check_alarms(&mut self, files: &dyn Files) {
        let (diagnostics, mut unusable) = alarms::check(&self.rules, files);
        self.diagnostics.extend(diagnostics);
        while !unusable.is_empty() {
            let mut place = 0;
            self.rules = self.rules.filtered(|_| {
                place += 1;
                !unusable.contains(&(place - 1))
            });
            unusable = alarms::check(&self.rules, files).1;
        }
    }

    fn read(&mut self, path: &str, files: &dyn Files, context: &Context) {
        let file: Arc<str> = path.into();
        let Some(text) = files.text(path) else {
            let message = format!("there is no file `{path}`");
            self.diagnostics.push(Diagnostic::new(Check::FileNotFound, &file, Span::of("", 0..0), message));
            return;
        };
        let read = yaml::parse(&file, &text);
        let nothing = read.documents.is_empty() && read.diagnostics.is_empty();
        let mut complaints = Complaints::new(Arc::clone(&file), &text, read.diagnostics);
        if nothing {
            let diagnostic = complaints.diagnostic(Check::NotAMapping, 0..0, "the file holds no rule");
            complaints.push(diagnostic.help("begin with `id:`, or remove the file"));
        }
        for document in &read.documents {
            let Some(rule) = read::rule(&mut complaints, context, document) else { continue };
            if let Some(earlier) = self.rules.get(rule.id.as_str()) {
                let at = &earlier.source;
                let message = format!("there is already a rule `{}`", rule.id);
                let range = read::id_range(document).unwrap_or_else(|| document.range.clone());
                let diagnostic = complaints.diagnostic(Check::DuplicateId, range, message);
                complaints.push(diagnostic.help(format!("the other one is in {}:{}", at.file, at.span.line)));
                continue;
            }
            lint::rule(&mut complaints, &rule, document);
            self.rules.push(Arc::new(rule));
        }
        self.diagnostics.extend(complaints.into_list());
    }
}
