//! From what was typed to rules that can run: reads rule files and context from disk, compiles, and tells what is wrong.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use configuration::{Analysis, Read, RulesFrom, Secrets};
use context::{Accounts, Context, List};
use matcher::{Builder, Matcher, RuleId};
use route::Suppression;
use rules::{BuiltIn, Decision, Diagnostic, Files, Organization, Rule, RuleSet, Selector};
use walkdir::WalkDir;

use crate::arguments::{Known, RuleChoice};
use crate::exit_code::{Exit, Failure};
use crate::geography;
use crate::talk::Talk;

/// The name of the built-in pack among the paths.
pub(crate) const BUILTIN: &str = "builtin";

/// And the part of it that has to be asked for, because its rules look at most events.
pub(crate) const BASELINE: &str = "builtin-baseline";

/// Rules that can run, with what they may ask.
pub(crate) struct Loaded {
    pub(crate) rules: RuleSet,
    pub(crate) context: Context,
    pub(crate) matcher: Matcher,
    /// Findings that are known to be good.
    pub(crate) suppressions: Vec<Suppression>,
    counts_unmatched: bool,
    watches_lanes: bool,
}

impl Loaded {
    /// Compiles rules into one index.
    pub(crate) fn of(rules: RuleSet, context: Context) -> Self {
        let matcher = compile(&rules);
        let default = |rule: &Rule| rule.publishes().is_some_and(|of| of.definition.default_value.is_some());
        let counts_unmatched = rules.iter().any(|rule| default(rule));
        let watches_lanes = rules.iter().any(|rule| matches!(rule.decision, Decision::Absent(_)));
        Loaded { rules, context, matcher, suppressions: Vec::new(), counts_unmatched, watches_lanes }
    }

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

/// What rules may ask about the organization, and what a configuration says of the rules.
pub(crate) struct Knowledge {
    pub(crate) context: Context,
    configured: Option<Read<Analysis>>,
    /// Where rules come from, unless the command line says it.
    rules: Vec<PathBuf>,
}

impl Knowledge {
    /// What the command line says, over what the configuration says that it names. One that is wrong ends the command.
    pub(crate) fn of(known: &Known, talk: Talk) -> Result<Self, Failure> {
        let Some(path) = &known.config else { return Self::with(None, known, &RuleFiles::default(), talk) };
        let files = RuleFiles::default();
        let read = Analysis::read(&files.named(path, "the configuration")?, &files);
        if read.value.is_none() {
            tell_errors(&read.diagnostics, &read.shown(&files), talk);
            return Err(Failure::usage(format!("{} cannot be used", name_of(path)))
                .hint(format!("mend it, then `trailhound check -c {}`", name_of(path))));
        }
        Self::with(Some(read), known, &files, talk)
    }

    /// The same for a command that tells what is wrong with a configuration and goes on.
    pub(crate) fn checked(
        path: &Path,
        secrets: Option<&dyn Secrets>,
        known: &Known,
        files: &RuleFiles,
        talk: Talk,
    ) -> Result<Self, Failure> {
        let read = Analysis::check(&files.named(path, "the configuration")?, files, secrets);
        Self::with(Some(read), known, files, talk)
    }

    fn with(
        mut configured: Option<Read<Analysis>>,
        known: &Known,
        files: &RuleFiles,
        talk: Talk,
    ) -> Result<Self, Failure> {
        let mut nothing = Organization::new();
        let analysis = configured.as_mut().and_then(|read| read.value.as_mut());
        let from = analysis.as_ref().map_or(&[RulesFrom::BuiltIn][..], |analysis| &analysis.rules);
        let place = |from: &RulesFrom| match from {
            RulesFrom::BuiltIn => PathBuf::from(BUILTIN),
            RulesFrom::BuiltInBaseline => PathBuf::from(BASELINE),
            RulesFrom::Path(path) => files.real(Path::new(path)),
        };
        let rules = from.iter().map(place).collect();
        let geography = analysis.as_ref().map(|analysis| geography::open(&analysis.geoip));
        let geography = geography.transpose().map_err(|reason| {
            Failure::usage(reason).hint("name the `.mmdb` files as they were downloaded, unpacked")
        })?;
        let organization = analysis.map_or(&mut nothing, |analysis| &mut analysis.organization);
        add_known(organization, known, talk)?;
        let context = organization.context(1).with_geography(geography.unwrap_or_default());
        Ok(Knowledge { context, configured, rules })
    }

    /// What the configuration says, as far as it could be read.
    pub(crate) fn analysis(&self) -> Option<&Analysis> {
        self.configured.as_ref()?.value.as_ref()
    }

    /// The configuration as it was read, with what is wrong with it.
    pub(crate) fn configured(&self) -> Option<&Read<Analysis>> {
        self.configured.as_ref()
    }

    /// Where rules come from, unless the command line says it: the configuration, or else the built-in pack.
    pub(crate) fn rules(&self) -> &[PathBuf] {
        &self.rules
    }
}

/// Loads rules and context for a command that runs them. Faulty rules end it; doubtful ones are counted.
pub(crate) fn load(choice: &RuleChoice, talk: Talk) -> Result<Loaded, Failure> {
    let knowledge = Knowledge::of(&choice.known, talk)?;
    let (rules, _) = rule_set(&choice.rules, &knowledge, talk)?;
    let suppressions = knowledge.analysis().map(|analysis| analysis.suppressions().cloned().collect());
    Ok(Loaded { suppressions: suppressions.unwrap_or_default(), ..Loaded::of(rules, knowledge.context) })
}
/// The rules at `paths` (without any, those of the configuration or the built-in pack) with what the configuration overrides, for a
/// command that can only go on with good ones.
pub(crate) fn rule_set(
    paths: &[PathBuf],
    knowledge: &Knowledge,
    talk: Talk,
) -> Result<(RuleSet, RuleFiles), Failure> {
    let (rules, files) = rules_as_written(paths, knowledge, talk)?;
    let Some((analysis, read)) = knowledge.analysis().zip(knowledge.configured()) else {
        return Ok((rules, files));
    };
    let (rules, diagnostics) = analysis.apply(&rules);
    // Whoever names rules on the command line does without others on purpose, and those may be overridden.
    if paths.is_empty() && diagnostics.iter().any(Diagnostic::is_error) {
        tell_errors(&diagnostics, &read.shown(&files), talk);
        return Err(Failure::usage("the configuration overrides rules that are not there"));
    }
    if rules.is_empty() {
        return Err(Failure::usage("there are no rules to run: the configuration disables all of them"));
    }
    Ok((rules, files))
}

/// The same rules without what is overridden: their tests are about what their authors wrote.
pub(crate) fn rules_as_written(
    paths: &[PathBuf],
    knowledge: &Knowledge,
    talk: Talk,
) -> Result<(RuleSet, RuleFiles), Failure> {
    let files = if paths.is_empty() { RuleFiles::find(knowledge.rules()) } else { RuleFiles::find(paths) }?;
    let rules::Loaded { rules, diagnostics } = RuleSet::load(files.paths(), &files, &knowledge.context);
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    if !errors.is_empty() {
        tell_errors(&diagnostics, &files, talk);
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

/// Shows the errors among diagnostics, each with its place.
fn tell_errors(diagnostics: &[Diagnostic], files: &dyn Files, talk: Talk) {
    for error in diagnostics.iter().filter(|diagnostic| diagnostic.is_error()) {
        talk.error_block(error.render(files, talk.err_colour()));
    }
}

/// Adds what the command line says of the organization; it wins over what is known already.
fn add_known(organization: &mut Organization, known: &Known, talk: Talk) -> Result<(), Failure> {
    for text in &known.lists {
        let (name, globs) =
            text.split_once('=').filter(|(name, _)| !name.trim().is_empty()).ok_or_else(|| {
                Failure::usage(format!("--list {text}: a name and its globs are wanted"))
                    .hint("for example --list 'automation_roles=deploy-*,terraform'")
            })?;
        let globs = globs.split(',').map(str::trim).filter(|glob| !glob.is_empty());
        organization.lists.insert(name.trim(), globs.collect::<List>());
    }
    if let Some(path) = &known.accounts {
        let files = RuleFiles::default();
        let name = files.named(path, "the accounts")?;
        organization.accounts = Accounts::default();
        let diagnostics = organization.read_accounts(&name, &files.text(&name).unwrap_or_default());
        if diagnostics.iter().any(Diagnostic::is_error) {
            tell_errors(&diagnostics, &files, talk);
            return Err(Failure::usage(format!("{name} cannot be used")));
        }
    }
    Ok(())
}

/// Rule files: those of the built-in pack, and those on disk.
#[derive(Debug, Default)]
pub(crate) struct RuleFiles {
    /// The documents, in the order in which they are read.
    documents: Vec<String>,
    /// What was read, so that asking twice gives the same answer.
    read: RefCell<BTreeMap<String, Option<Arc<str>>>>,
    /// Folders whose names are not UTF-8, by the text that stands for each.
    disguised: RefCell<BTreeMap<String, PathBuf>>,
}

impl RuleFiles {
    /// Finds the rule files that `paths` name; the built-in pack if they name none.
    pub(crate) fn find<P: AsRef<Path>>(paths: &[P]) -> Result<Self, Failure> {
        let mut files = RuleFiles::default();
        files.add_all(paths)?;
        Ok(files)
    }

    /// Adds the rule files that `paths` name; the built-in pack if they name none.
    pub(crate) fn add_all<P: AsRef<Path>>(&mut self, paths: &[P]) -> Result<(), Failure> {
        if paths.is_empty() {
            self.add_builtin();
        }
        for path in paths.iter().map(AsRef::as_ref) {
            if path == Path::new(BUILTIN) {
                self.add_builtin();
            } else if path == Path::new(BASELINE) {
                self.documents.extend(BuiltIn.baseline().map(str::to_owned));
                self.keep_builtin();
            } else {
                self.add(path)?;
            }
        }
        Ok(())
    }

    /// Reads a file that is no rule document, and gives the name it has here. `what` it is, for the error.
    pub(crate) fn named(&self, path: &Path, what: &str) -> Result<String, Failure> {
        let (name, text) = self.read_text(path, what, Exit::Usage)?;
        self.read.borrow_mut().insert(name.clone(), Some(text));
        Ok(name)
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
            .map(|path| self.real(Path::new(path)))
            .collect();
        asked.into_iter()
    }

    fn add_builtin(&mut self) {
        let baseline: Vec<&str> = BuiltIn.baseline().collect();
        let rules = BuiltIn.rules().filter(|path| !baseline.contains(path));
        self.documents.extend(rules.map(str::to_owned));
        self.keep_builtin();
    }

    fn keep_builtin(&self) {
        let mut read = self.read.borrow_mut();
        for path in BuiltIn.paths() {
            read.insert(path.to_owned(), BuiltIn.text(path));
        }
    }

    fn add(&mut self, path: &Path) -> Result<(), Failure> {
        let path = self.real(path);
        let name = name_of(&path);
        let metadata = fs::metadata(&path).map_err(|error| {
            Failure::usage(format!("cannot read rules from `{name}`: {error}"))
                .hint("name a rule file, a folder of them, or `builtin`")
        })?;
        if !metadata.is_dir() {
            return self.add_document(&path);
        }
        let before = self.documents.len();
        for entry in WalkDir::new(&path).follow_links(true).sort_by_file_name() {
            let entry =
                entry.map_err(|error| Failure::usage(format!("cannot read rules from `{name}`: {error}")))?;
            if entry.file_type().is_file() && is_document(entry.path()) {
                self.add_document(entry.path())?;
            }
        }
        if self.documents.len() == before {
            return Err(Failure::usage(format!("{name}: no rule files in this folder"))
                .hint("rule files end in .yaml or .yml"));
        }
        Ok(())
    }

    /// Reads a document now, because later nobody could tell a missing one from one that is not text.
    fn add_document(&mut self, path: &Path) -> Result<(), Failure> {
        let (name, text) = self.read_text(path, "rules from", Exit::Rules)?;
        self.read.get_mut().insert(name.clone(), Some(text));
        self.documents.push(name);
        Ok(())
    }

    /// The name a file goes by here, and its text.
    fn read_text(&self, path: &Path, what: &str, not_text: Exit) -> Result<(String, Arc<str>), Failure> {
        let name = name_of(path);
        if path.to_str().is_none() {
            let folder = path.parent().unwrap_or(Path::new(""));
            self.disguised.borrow_mut().insert(name_of(folder), folder.to_owned());
            self.disguised.borrow_mut().insert(name.clone(), path.to_owned());
        }
        let bytes = fs::read(path)
            .map_err(|error| Failure::usage(format!("cannot read {what} `{name}`: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Failure::new(not_text, format!("{name} is not UTF-8 text")).hint("save it as UTF-8")
        })?;
        Ok((name, Arc::from(text)))
    }

    /// The path that a name stands for.
    fn real(&self, name: &Path) -> PathBuf {
        let disguised = self.disguised.borrow();
        let mut above = name.ancestors();
        let found = above.find_map(|part| Some((part, disguised.get(part.to_str()?)?)));
        match found.and_then(|(part, real)| Some((real, name.strip_prefix(part).ok()?))) {
            Some((real, rest)) if rest.as_os_str().is_empty() => real.clone(),
            Some((real, rest)) => real.join(rest),
            None => name.to_owned(),
        }
    }
}

/// A path as text: bytes that are none stand as `\xff`, so that no two paths have one name.
fn name_of(path: &Path) -> String {
    let mut name = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        name.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| name.push_str(&format!("\\x{byte:02x}")));
    }
    name
}

/// The text of an ordinary file. Rules name files for their tests, and a device or a pipe might never end.
fn ordinary_text(path: &Path) -> Option<Arc<str>> {
    let is_ordinary = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_ordinary.then(|| fs::read_to_string(path).ok().map(Arc::from)).flatten()
}

fn is_document(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

impl Files for RuleFiles {
    fn text(&self, path: &str) -> Option<Arc<str>> {
        let mut read = self.read.borrow_mut();
        read.entry(path.to_owned()).or_insert_with(|| ordinary_text(&self.real(Path::new(path)))).clone()
    }
}
