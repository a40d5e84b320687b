//! From what was typed to rules that can run: reads rule files and context from disk, compiles, and tells what is wrong.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use context::{Context, List};
use matcher::{Builder, Matcher, RuleId};
use rules::{BuiltIn, Decision, Diagnostic, Files, Organization, Rule, RuleSet, Selector};
use walkdir::WalkDir;

use crate::arguments::{Known, RuleChoice};
use crate::exit_code::{Exit, Failure};
use crate::talk::Talk;

/// The name of the built-in pack among the paths.
pub(crate) const BUILTIN: &str = "builtin";

/// Rules that can run, with what they may ask.
pub(crate) struct Loaded {
    pub(crate) rules: RuleSet,
    pub(crate) context: Context,
    pub(crate) matcher: Matcher,
    counts_unmatched: bool,
    watches_lanes: bool,
}

impl Loaded {
    /// The rule of that number: its place in the set.
    pub(crate) fn rule(&self, number: u32) -> Option<&Rule> {
        self.rules.at(usize::try_from(number).ok()?).map(|rule| &**rule)
    }

    /// Whether a metric filter wants to know how many records it does not match.
    pub(crate) fn counts_unmatched(&self) -> bool {
        self.counts_unmatched
    }

    /// Whether a rule waits for events, and so wants to know how far each account and region is.
    pub(crate) fn watches_lanes(&self) -> bool {
        self.watches_lanes
    }

    /// All rules, by number.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|rule| &**rule)
    }
}

/// Loads rules and context for a command that runs them. Faulty rules end it; doubtful ones are counted.
pub(crate) fn load(choice: &RuleChoice, talk: Talk) -> Result<Loaded, Failure> {
    let context = context(&choice.known, talk)?;
    let (rules, _) = rule_set(&choice.rules, &context, talk)?;
    let matcher = compile(&rules);
    let default = |rule: &Rule| rule.publishes().is_some_and(|of| of.definition.default_value.is_some());
    let counts_unmatched = rules.iter().any(|rule| default(rule));
    let watches_lanes = rules.iter().any(|rule| matches!(rule.decision, Decision::Absent(_)));
    Ok(Loaded { rules, context, matcher, counts_unmatched, watches_lanes })
}

/// The rules at `paths` (the built-in pack, if there are none), for a command that can only go on with good ones.
pub(crate) fn rule_set(
    paths: &[String],
    context: &Context,
    talk: Talk,
) -> Result<(RuleSet, RuleFiles), Failure> {
    let files = RuleFiles::find(paths)?;
    let rules::Loaded { rules, diagnostics } = RuleSet::load(files.paths(), &files, context);
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    if !errors.is_empty() {
        for error in &errors {
            talk.error_block(error.render(&files, talk.err_colour()));
        }
        let faults =
            if errors.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", errors.len()) };
        return Err(Failure::new(Exit::Rules, format!("{faults} in the rules"))
            .hint("mend them, then `trailhound check`"));
    }
    if rules.is_empty() {
        return Err(
            Failure::usage("there are no rules to run").hint("leave out --rules to use the built-in pack")
        );
    }
    let warnings = diagnostics.len();
    if warnings > 0 {
        let what = if warnings == 1 { "1 warning".to_owned() } else { format!("{warnings} warnings") };
        talk.note(format_args!("{what} about the rules; `trailhound check` shows them"));
    }
    Ok((rules, files))
}

/// All selectors in one index; a selector's number is its place in [`RuleSet::selections`].
pub(crate) fn compile(rules: &RuleSet) -> Matcher {
    let mut builder = Builder::new();
    for (number, &selection) in (0..).zip(rules.selections()) {
        match rules.selector(selection) {
            Some(Selector::Pattern(pattern)) => builder.add_pattern(RuleId(number), pattern),
            Some(Selector::Filter(filter)) => builder.add_filter(RuleId(number), filter),
            None => {}
        }
    }
    builder.build()
}

/// What rules may ask about the organization, as the command line says.
pub(crate) fn context(known: &Known, talk: Talk) -> Result<Context, Failure> {
    let mut organization = Organization::new();
    for text in &known.lists {
        let (name, globs) = text.split_once('=').ok_or_else(|| {
            Failure::usage(format!("--list {text}: a name and its globs are wanted"))
                .hint("for example --list 'automation_roles=deploy-*,terraform'")
        })?;
        let globs = globs.split(',').map(str::trim).filter(|glob| !glob.is_empty());
        organization.lists.insert(name.trim(), globs.collect::<List>());
    }
    if let Some(path) = &known.accounts {
        let name = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
        let diagnostics = organization.read_accounts(&name, &text);
        if diagnostics.iter().any(Diagnostic::is_error) {
            let files = RuleFiles::one(&name, &text);
            for diagnostic in &diagnostics {
                talk.error_block(diagnostic.render(&files, talk.err_colour()));
            }
            return Err(Failure::usage(format!("{name} cannot be used")));
        }
    }
    Ok(organization.context(1))
}

/// Rule files: those of the built-in pack, and those on disk.
#[derive(Debug, Default)]
pub(crate) struct RuleFiles {
    /// The documents, in the order in which they are read.
    documents: Vec<String>,
    /// What was read, so that asking twice gives the same answer.
    read: RefCell<BTreeMap<String, Option<Arc<str>>>>,
}

impl RuleFiles {
    /// Finds the rule files that `paths` name; the built-in pack if they name none.
    pub(crate) fn find(paths: &[String]) -> Result<Self, Failure> {
        let mut files = RuleFiles::default();
        if paths.is_empty() {
            files.add_builtin();
        }
        for path in paths {
            if path == BUILTIN {
                files.add_builtin();
            } else {
                files.add(path)?;
            }
        }
        Ok(files)
    }

    fn one(path: &str, text: &str) -> Self {
        let read = BTreeMap::from([(path.to_owned(), Some(Arc::from(text)))]);
        RuleFiles { documents: vec![path.to_owned()], read: RefCell::new(read) }
    }

    /// The paths of the documents.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().map(String::as_str)
    }

    /// Everything that was asked for on disk so far, there or not.
    pub(crate) fn asked(&self) -> impl Iterator<Item = PathBuf> {
        let built_in: Vec<&str> = BuiltIn.paths().collect();
        let asked: Vec<PathBuf> = self
            .read
            .borrow()
            .keys()
            .filter(|path| !built_in.contains(&path.as_str()))
            .map(PathBuf::from)
            .collect();
        asked.into_iter()
    }

    fn add_builtin(&mut self) {
        self.documents.extend(BuiltIn.rules().map(str::to_owned));
        let mut read = self.read.borrow_mut();
        for path in BuiltIn.paths() {
            read.insert(path.to_owned(), BuiltIn.text(path));
        }
    }

    fn add(&mut self, path: &str) -> Result<(), Failure> {
        let metadata = fs::metadata(path).map_err(|error| {
            Failure::usage(format!("cannot read rules from {path}: {error}"))
                .hint("name a rule file, a folder of them, or `builtin`")
        })?;
        if !metadata.is_dir() {
            return self.add_document(path.to_owned());
        }
        let before = self.documents.len();
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            let entry =
                entry.map_err(|error| Failure::usage(format!("cannot read rules from {path}: {error}")))?;
            if entry.file_type().is_file() && is_document(entry.path()) {
                self.add_document(entry.path().display().to_string())?;
            }
        }
        if self.documents.len() == before {
            return Err(Failure::usage(format!("{path}: no rule files in this folder"))
                .hint("rule files end in .yaml or .yml"));
        }
        Ok(())
    }

    /// Reads a document now, because later nobody could tell a missing one from one that is not text.
    fn add_document(&mut self, path: String) -> Result<(), Failure> {
        let bytes = fs::read(&path)
            .map_err(|error| Failure::usage(format!("cannot read rules from {path}: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Failure::new(Exit::Rules, format!("{path} is not UTF-8 text")).hint("save it as UTF-8")
        })?;
        self.read.get_mut().insert(path.clone(), Some(Arc::from(text)));
        self.documents.push(path);
        Ok(())
    }
}

/// The text of an ordinary file. Rules name files for their tests, and a device or a pipe might never end.
fn ordinary_text(path: &str) -> Option<Arc<str>> {
    let is_ordinary = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_ordinary.then(|| fs::read_to_string(path).ok().map(Arc::from)).flatten()
}

fn is_document(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

impl Files for RuleFiles {
    fn text(&self, path: &str) -> Option<Arc<str>> {
        let mut read = self.read.borrow_mut();
        read.entry(path.to_owned()).or_insert_with(|| ordinary_text(path)).clone()
    }
}
