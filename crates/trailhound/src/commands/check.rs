//! `trailhound check`: everything that is wrong or doubtful in rule files.

use rules::{Diagnostic, RuleSet};

use crate::arguments::{Check, CheckFormat};
use crate::clock;
use crate::exit_code::{Exit, Outcome};
use crate::loading::{self, RuleFiles};
use crate::output::print;
use crate::talk::Talk;

pub(crate) fn run(arguments: &Check, talk: Talk) -> Outcome {
    let files = RuleFiles::find(&arguments.paths)?;
    let loaded = RuleSet::load(files.paths(), &files, &loading::context(&arguments.known, talk)?);
    let mut diagnostics = loaded.diagnostics;
    let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    diagnostics.extend(rules::expired_exceptions(&loaded.rules, today));
    diagnostics.extend(rules::missing_events(&loaded.rules, &files));
    print(talk, |out| {
        for diagnostic in &diagnostics {
            match arguments.format {
                CheckFormat::Text => writeln!(out, "{}\n", diagnostic.render(&files, talk.out_colour()))?,
                CheckFormat::Json => {
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
    talk.note(format_args!(
        "{}, {} in {}: {}, {}",
        if errors == 0 { "checked" } else { "failed" },
        counted(rules, "good rule"),
        counted(documents, "file"),
        counted(errors, "error"),
        counted(warnings, "warning")
    ));
    Ok(if errors > 0 {
        Exit::Rules
    } else if arguments.strict && warnings > 0 {
        Exit::Found
    } else {
        Exit::Fine
    })
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
