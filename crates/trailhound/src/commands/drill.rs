//! `trailhound drill`: a rule's own firing test through the running service, to the people and machines that would be told.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use service::control::{self, Request, Response};
use service::{DrillLeg, DrillOrder, DrillOutcome, Drilled};

use super::orders::actor;
use crate::arguments::{Drill, TextOrJson};
use crate::exit_code::{Exit, Failure, Outcome};
use crate::output::{Styles, plain, print};
use crate::talk::Talk;

/// How long targets may take, beside the time that things stay open: more than any of them is given.
const PATIENCE: Duration = Duration::from_secs(660);

pub(crate) fn run(arguments: &Drill, talk: Talk) -> Outcome {
    let (folder, _) = super::state::to_write(arguments.state.as_deref(), arguments.config.as_deref())?;
    let open = arguments.open_for.unsigned_abs();
    let order = DrillOrder {
        rule: arguments.rule.clone(),
        test: arguments.test.clone(),
        who: actor(arguments.by.as_deref()),
        dry_run: arguments.dry_run,
        held: arguments.held,
        open_ms: u64::try_from(open.as_millis()).unwrap_or(u64::MAX),
    };
    let drilled = match ask(&folder, &Request::Drill { order })? {
        Response::Drilled { drilled } => *drilled,
        Response::Refused { reason } => {
            return Err(Failure::usage(reason).hint(
                "`trailhound rules list -c CONFIG` shows the rules, `trailhound test` runs their tests",
            ));
        }
        _ => return Err(Failure::input("the service gave an answer to another question")),
    };
    let mut failed = show(&drilled, arguments, talk)?;
    if !drilled.open.is_empty() {
        let open = drilled.open.join(", ");
        talk.note(format_args!(
            "open at {open} for {} s, so that people are called; then it is closed",
            arguments.open_for.as_secs()
        ));
        failed |= show_end(&drilled, &folder, arguments.format, talk)?;
    }
    Ok(if failed { Exit::Input } else { Exit::Fine })
}

/// Prints where it went; says whether somewhere it did not arrive.
fn show(drilled: &Drilled, arguments: &Drill, talk: Talk) -> Result<bool, Failure> {
    let failed = drilled
        .legs
        .iter()
        .any(|leg| matches!(leg.outcome, Some(DrillOutcome::Failed(_) | DrillOutcome::Refused(_))));
    print(talk, |out| {
        if arguments.format == TextOrJson::Json {
            let legs = drilled.legs.iter().map(|leg| {
                json!({
                    "target": leg.target, "held_for": leg.held_for, "until": leg.until.map(|until| until.to_string()),
                    "outcome": leg.outcome.as_ref().map(|outcome| told(outcome).0),
                    "said": leg.outcome.as_ref().map(|outcome| told(outcome).1),
                })
            });
            let line = json!({
                "drill": drilled.id, "rule": drilled.rule, "test": drilled.test, "headline": drilled.headline,
                "dry_run": arguments.dry_run, "hidden_by": drilled.hidden_by, "why": drilled.why,
                "to": legs.collect::<Vec<_>>(), "open": drilled.open,
            });
            return writeln!(out, "{line}");
        }
        let (bold, faint) = (Styles::BOLD, Styles::FAINT);
        writeln!(out, "{bold}{}{bold:#}", plain(&drilled.headline))?;
        writeln!(
            out,
            "{faint}the test `{}` of {}, as {}{faint:#}",
            plain(&drilled.test),
            plain(&drilled.rule),
            plain(&drilled.id)
        )?;
        for line in &drilled.why {
            writeln!(out, "  {}", plain(line))?;
        }
        if let Some(hidden_by) = &drilled.hidden_by {
            writeln!(out, "  a finding like it would be told to nobody: {} hides it", plain(hidden_by))?;
        }
        let width = drilled.legs.iter().map(|leg| leg.target.len()).max().unwrap_or_default();
        for leg in &drilled.legs {
            writeln!(out, "{:width$}  {}", plain(&leg.target), plain(&line_of(leg)))?;
        }
        Ok(())
    })?;
    if drilled.legs.is_empty() {
        talk.warn("no target is told of such a finding now");
    }
    Ok(failed)
}

/// Waits until it is over where it stays open, and prints what came of that.
fn show_end(drilled: &Drilled, folder: &Path, format: TextOrJson, talk: Talk) -> Result<bool, Failure> {
    let closed = match ask(folder, &Request::DrillEnd { id: drilled.id.clone() })? {
        Response::DrillOver { closed } => closed,
        Response::Refused { reason } => return Err(Failure::input(reason)),
        _ => return Err(Failure::input("the service gave an answer to another question")),
    };
    print(talk, |out| {
        for (target, outcome) in &closed {
            let (name, said) = told(outcome);
            if format == TextOrJson::Json {
                let line = json!({ "drill": drilled.id, "target": target, "closed": name, "said": said });
                writeln!(out, "{line}")?;
                continue;
            }
            let is_closed = matches!(outcome, DrillOutcome::Delivered(_));
            let what = if is_closed { "closed" } else { "NOT CLOSED, close it by hand" };
            writeln!(out, "{}  {what}: {}", plain(target), plain(said))?;
        }
        Ok(())
    })?;
    Ok(closed.iter().any(|(_, outcome)| !matches!(outcome, DrillOutcome::Delivered(_))))
}

fn line_of(leg: &DrillLeg) -> String {
    let held = leg.held_for.as_ref().map(|hours| {
        let until = leg.until.map_or(String::new(), |until| format!(" until {until:.0}"));
        format!("held for the hours `{hours}`{until}")
    });
    match (&leg.outcome, held) {
        (None, Some(held)) => format!("{held}: not sent (--held sends it)"),
        (None, None) => "would be told".to_owned(),
        (Some(outcome), held) => {
            let (name, said) = told(outcome);
            let held = held.map_or(String::new(), |held| format!(" although {held}"));
            let then = match outcome {
                DrillOutcome::Delivered(_) => "",
                DrillOutcome::Failed(_) => " (a finding would be tried again)",
                DrillOutcome::Refused(_) => " (a finding would become a dead letter)",
            };
            format!("{name}{held}: {said}{then}")
        }
    }
}

fn told(outcome: &DrillOutcome) -> (&'static str, &str) {
    match outcome {
        DrillOutcome::Delivered(said) => ("delivered", said),
        DrillOutcome::Failed(said) => ("failed", said),
        DrillOutcome::Refused(said) => ("refused", said),
    }
}

fn ask(folder: &Path, request: &Request) -> Result<Response, Failure> {
    use std::io::ErrorKind::PermissionDenied;
    if !folder.is_dir() {
        return Err(Failure::usage(format!("there is no state folder {}", folder.display()))
            .hint("name the folder or the configuration of the service that runs: --state or --config"));
    }
    let answered = control::ask_for(folder, request, PATIENCE).map_err(|error| match error.kind() {
        PermissionDenied => Failure::usage(format!(
            "{} is not yours to open, and whoever may open it may ask the service",
            folder.join("control").display()
        ))
        .hint("run it as the user that the service runs as, as with `sudo -u trailhound`"),
        _ => Failure::input(format!("the service does not answer: {error}")),
    })?;
    answered.ok_or_else(|| {
        Failure::input("no service runs on this state folder, and a drill goes the way that findings go")
            .hint("start it with `trailhound serve`; `trailhound route test` says where a finding would go without one")
    })
}
