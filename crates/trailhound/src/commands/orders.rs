//! What an operator orders of a running service: `trailhound silence` and `trailhound ack`.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use route::Silence;
use serde_json::json;
use service::Acquaintances;
use service::control::{self, Request, Response};
use store::{Options, Store};

use super::status::{open, store_failure};
use crate::arguments::{Acknowledge, Known, SilenceAdd, Silences, TextOrJson};
use crate::clock;
use crate::exit_code::{Exit, Failure, Outcome};
use crate::loading::{self, Knowledge};
use crate::output::{Styles, plain, print};
use crate::talk::Talk;

pub(crate) fn silences(arguments: &Silences, talk: Talk) -> Outcome {
    match arguments {
        Silences::List { state, format } => list(&super::state::folder(state)?, *format, talk),
        Silences::Remove { state, id, by } => remove(&super::state::folder(state)?, id, by.as_deref(), talk),
        Silences::Add(asked) => {
            let folder = super::state::folder(&asked.state)?;
            let now = clock::now();
            let until = match (asked.until, asked.length) {
                (Some(until), _) => Timestamp::from_microsecond(until.as_micros()).unwrap_or(now),
                (None, Some(length)) => now.checked_add(length).unwrap_or(Timestamp::MAX),
                (None, None) => {
                    return Err(Failure::usage("say how long: --for 1h, or --until 2026-11-04T09:00:00Z"));
                }
            };
            let pattern = pattern(&folder, asked)?;
            let silence = Silence::new(actor(asked.by.as_deref()), asked.reason.clone(), now, until, pattern);
            silence.check().map_err(|error| Failure::usage(error.to_string()))?;
            add(asked, &folder, &silence, talk)
        }
    }
}

/// Which findings are meant.
fn pattern(folder: &Path, asked: &SilenceAdd) -> Result<String, Failure> {
    let mut reader = open(folder)?;
    if let Some(finding) = &asked.finding {
        let snapshot = reader.snapshot().map_err(store_failure)?;
        return service::pattern_like(&snapshot, finding).map_err(Failure::usage);
    }
    if let Some(pattern) = &asked.pattern {
        return Ok(pattern.clone());
    }
    route::pattern_of(asked.rule.as_deref(), asked.account.as_deref(), asked.principal.as_deref()).map_err(
        |error| {
            Failure::usage(error.to_string())
                .hint("give --rule, --account and --principal, or --match, or --finding")
        },
    )
}

fn add(asked: &SilenceAdd, folder: &Path, silence: &Silence, talk: Talk) -> Outcome {
    let Silence { id, until, .. } = silence;
    let doubts = match ask(folder, &Request::Silence { silence: silence.clone() })? {
        Some(doubts) => doubts,
        None => {
            // A finding's own names are right; there is nothing to ask.
            let doubts =
                if asked.finding.is_some() { Vec::new() } else { doubts(asked, folder, silence, talk)? };
            let batch =
                service::silence_beside(silence, clock::now().as_millisecond()).map_err(Failure::usage)?;
            commit(folder, batch)?;
            doubts
        }
    };
    for doubt in doubts {
        talk.warn(doubt);
    }
    talk.note(format_args!(
        "silence {id} holds until {until:.0}; `trailhound silence remove` ends it sooner"
    ));
    print(talk, |out| writeln!(out, "{id}"))?;
    Ok(Exit::Fine)
}

/// What the service would doubt, where none runs: with the rules and accounts of the configuration, if that is what was named.
fn doubts(asked: &SilenceAdd, folder: &Path, silence: &Silence, talk: Talk) -> Result<Vec<String>, Failure> {
    let mut reader = open(folder)?;
    let kept = reader.snapshot().map_err(store_failure)?;
    if !asked.state.is_file() {
        return Acquaintances::default().doubts(&silence.pattern, &kept).map_err(Failure::usage);
    }
    let known = Known { config: Some(asked.state.clone()), accounts: None, lists: Vec::new() };
    let knowledge = Knowledge::of(&known, talk)?;
    let (rules, _) = loading::rule_set(&[], &knowledge, talk)?;
    let accounts = Some(knowledge.context.accounts());
    Acquaintances { rules: Some(&rules), accounts }.doubts(&silence.pattern, &kept).map_err(Failure::usage)
}

fn remove(folder: &Path, id: &str, by: Option<&str>, talk: Talk) -> Outcome {
    let who = actor(by);
    if ask(folder, &Request::Unsilence { id: id.to_owned(), who: who.clone() })?.is_none() {
        let mut reader = open(folder)?;
        let kept = service::kept(&reader.snapshot().map_err(store_failure)?).map_err(Failure::input)?;
        if !kept.silences.iter().any(|(silence, _)| silence.id == id) {
            return Err(Failure::usage(format!("there is no silence `{id}`"))
                .hint("`trailhound silence list` shows them"));
        }
        drop(reader);
        commit(folder, service::unsilence_beside(id, &who, clock::now().as_millisecond()))?;
    }
    talk.note(format_args!("silence {id} is over"));
    Ok(Exit::Fine)
}

fn list(folder: &Path, format: TextOrJson, talk: Talk) -> Outcome {
    let mut reader = open(folder)?;
    let mut kept = service::kept(&reader.snapshot().map_err(store_failure)?).map_err(Failure::input)?;
    kept.silences.sort_by_key(|(silence, _)| (silence.until, silence.id.clone()));
    let now = clock::now();
    print(talk, |out| {
        for (silence, hidden) in &kept.silences {
            let over = silence.until <= now;
            if format == TextOrJson::Json {
                let line = json!({
                    "id": silence.id, "who": silence.who, "why": silence.why, "since": silence.since.to_string(),
                    "until": silence.until.to_string(), "over": over, "pattern": silence.pattern,
                    "hidden": hidden.count, "last": hidden.last.map(|last| last.to_string()),
                });
                writeln!(out, "{line}")?;
                continue;
            }
            let (bold, faint) = (Styles::BOLD, Styles::FAINT);
            let state = if over { "was over at" } else { "until" };
            writeln!(
                out,
                "{bold}{}{bold:#}  {state} {:.0}, hid {}  {faint}{}: {}{faint:#}",
                plain(&silence.id),
                silence.until,
                counted(hidden.count),
                plain(&silence.who),
                plain(&silence.why)
            )?;
            writeln!(out, "          {}", plain(&silence.pattern))?;
        }
        Ok(())
    })?;
    if kept.silences.is_empty() {
        talk.note("there are no silences");
    }
    Ok(Exit::Fine)
}

pub(crate) fn acknowledge(arguments: &Acknowledge, talk: Talk) -> Outcome {
    let folder = super::state::folder(&arguments.state)?;
    drop(open(&folder)?);
    let request =
        Request::Acknowledge { finding: arguments.finding.clone(), by: actor(arguments.by.as_deref()) };
    if ask(&folder, &request)?.is_none() {
        return Err(Failure::input("no service runs on this state folder, so nobody waits for an answer")
            .hint("start it with `trailhound serve`, then acknowledge"));
    }
    talk.note("acknowledged: nobody else is told for want of an answer");
    Ok(Exit::Fine)
}

/// Asks the service; `None` if none runs, else what it doubts.
fn ask(folder: &Path, request: &Request) -> Result<Option<Vec<String>>, Failure> {
    let answered = control::ask(folder, request)
        .map_err(|error| Failure::input(format!("the service does not answer: {error}")))?;
    match answered {
        None => Ok(None),
        Some(Response::Done) => Ok(Some(Vec::new())),
        Some(Response::Silenced { doubts }) => Ok(Some(doubts)),
        Some(Response::Refused { reason }) => Err(Failure::usage(reason)),
        Some(_) => Err(Failure::input("the service gave an answer to another question")),
    }
}

fn commit(folder: &Path, batch: store::Batch) -> Result<(), Failure> {
    let store = Store::open(folder, &Options::default()).map_err(store_failure)?;
    store.commit(batch).map(|_| ()).map_err(|refused| store_failure(refused.error))
}

pub(super) fn actor(by: Option<&str>) -> String {
    let user = || std::env::var("USER").unwrap_or_else(|_| "somebody at the command line".to_owned());
    by.map_or_else(user, str::to_owned)
}

/// Revisions of findings.
pub(super) fn counted(count: u64) -> String {
    if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") }
}

/// A length of time: `30m`, `1h`, `2d`.
pub(crate) fn length(text: &str) -> Result<SignedDuration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    let length = match days {
        Some(days) => SignedDuration::from_hours(i64::from(days) * 24),
        None => text.parse().map_err(|_| "write it as `30m`, `1h` or `2d`".to_owned())?,
    };
    if length.is_positive() { Ok(length) } else { Err("it is no time at all".to_owned()) }
}
