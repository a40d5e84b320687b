//! `trailhound check`: everything that is wrong or doubtful in rule files and in the configuration.

use std::fs;
use std::path::{Path, PathBuf};

use configuration::Secrets;
use rules::{Diagnostic, Files, RuleSet};

use super::serve::Environment;
use crate::arguments::{Check, TextOrJson};
use crate::clock;
use crate::exit_code::{Exit, Failure, Outcome};
use crate::loading::{Knowledge, RuleFiles};
use crate::output::print;
use crate::talk::Talk;

pub(crate) fn run(arguments: &Check, talk: Talk) -> Outcome {
    let (configuration, rule_paths) = sort(arguments)?;
    let mut files = RuleFiles::default();
    let environment = Environment::default();
    let secrets = arguments.secrets.then_some(&environment as &dyn Secrets);
    let knowledge = match &configuration {
        Some(path) => Knowledge::checked(path, secrets, &arguments.known, &files, talk)?,
        None => Knowledge::of(&arguments.known, talk)?,
    };
    let mut diagnostics = knowledge.configured().map_or(Vec::new(), |read| read.diagnostics.clone());
    // Of a configuration that does not say which rules are meant, none are looked at.
    let meant = knowledge.configured().is_none() || knowledge.analysis().is_some() || !rule_paths.is_empty();
    if meant {
        files.add_all(if rule_paths.is_empty() { knowledge.rules() } else { &rule_paths })?;
    }
    let loaded = RuleSet::load(files.paths(), &files, &knowledge.context);
    if let Some(analysis) = knowledge.analysis() {
        let (rules, about_rules) = analysis.apply(&loaded.rules);
        // A rule that cannot be read is there all the same, and so are those that are not looked at this time.
        if rule_paths.is_empty() && !loaded.has_errors() {
            diagnostics.extend(about_rules);
            let place = |list: &str| analysis.organization.list_places.get(list).cloned();
            let tested = super::suppressions::firing_tests(&rules, &knowledge.context, &files);
            diagnostics.extend(analysis.hiding_tests(&tested));
            diagnostics.extend(rules::unused_lists(&rules, knowledge.context.lists(), place));
        }
    }
    let of_configuration = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let expired = knowledge.analysis().map(|analysis| analysis.expired_suppressions(today));
    diagnostics.extend(expired.unwrap_or_default());
    diagnostics.extend(loaded.diagnostics);
    diagnostics.extend(rules::expired_exceptions(&loaded.rules, today));
    diagnostics.extend(rules::missing_events(&loaded.rules, &files));
    let masked = knowledge.configured().map(|read| read.shown(&files));
    let shown: &dyn Files = masked.as_ref().map_or(&files, |masked| masked);
    print(talk, |out| {
        for diagnostic in &diagnostics {
            match arguments.format {
                TextOrJson::Text => writeln!(out, "{}\n", diagnostic.render(shown, talk.out_colour()))?,
                TextOrJson::Json => {
                    serde_json::to_writer(&mut *out, diagnostic)?;
                    writeln!(out)?;
                }
            }
        }
        Ok(())
    })?;
    let errors = diagnostics.iter().filter(|diagnostic| Diagnostic::is_error(diagnostic)).count();
    let warnings = diagnostics.len() - errors;
    let (rules, documents) = (loaded.rules.len(), files.paths().count());
    if let Some(read) = knowledge.configured().filter(|read| read.not_looked_up > 0) {
        let secrets = counted(read.not_looked_up, "secret");
        talk.note(format_args!("{secrets} not looked up; `--secrets` does that, where the service runs"));
    }
    talk.note(format_args!(
        "{}, {}{} in {}: {}, {}",
        if errors == 0 { "checked" } else { "failed" },
        if configuration.is_some() { "1 configuration, " } else { "" },
        counted(rules, "good rule"),
        counted(documents, "file"),
        counted(errors, "error"),
        counted(warnings, "warning")
    ));
    Ok(if of_configuration > 0 {
        Exit::Usage
    } else if errors > 0 {
        Exit::Rules
    } else if arguments.strict && warnings > 0 {
        Exit::Found
    } else {
        Exit::Fine
    })
}

/// The configuration among the paths, or the one that is named as such, and the paths of rules.
fn sort(arguments: &Check) -> Result<(Option<PathBuf>, Vec<PathBuf>), Failure> {
    let (mut configurations, rules): (Vec<PathBuf>, Vec<PathBuf>) =
        arguments.paths.iter().cloned().partition(|path| is_configuration(path));
    configurations.extend(arguments.known.config.clone());
    if configurations.len() > 1 {
        return Err(Failure::usage("a check is about one configuration").hint("check one after the other"));
    }
    Ok((configurations.pop(), rules))
}

/// Whether a file looks like a configuration rather than like rules.
fn is_configuration(path: &Path) -> bool {
    path.is_file() && fs::read_to_string(path).is_ok_and(|text| configuration::looks_like_one(&text))
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
