//! `trailhound deliveries`: what is owed to targets, and dead letters to be sent again.

use std::path::Path;

use serde_json::json;
use service::control::{self, Request, Response};
use service::dead_letters;
use store::{Delivery, DeliveryState, Options, Store};

use super::status::{open, store_failure};
use crate::arguments::{Deliveries, TextOrJson};
use crate::exit_code::{Exit, Failure, Outcome};
use crate::output::{Styles, plain, print};
use crate::talk::Talk;

pub(crate) fn run(arguments: &Deliveries, talk: Talk) -> Outcome {
    match arguments {
        Deliveries::List { state, only, target, limit, format } => {
            list(&super::state::folder(state)?, *only, target.as_deref(), *limit, *format, talk)
        }
        Deliveries::Retry { state, keys, target } => {
            retry(&super::state::folder(state)?, keys, target.as_deref(), talk)
        }
    }
}

fn list(
    folder: &Path,
    only: Option<DeliveryState>,
    target: Option<&str>,
    limit: u32,
    format: TextOrJson,
    talk: Talk,
) -> Outcome {
    let mut reader = open(folder)?;
    let snapshot = reader.snapshot().map_err(store_failure)?;
    // What needs attention comes first, and what has arrived only if it is asked for.
    let states = only.map_or_else(
        || vec![DeliveryState::Dead, DeliveryState::Sending, DeliveryState::Pending],
        |state| vec![state],
    );
    let mut found: Vec<Delivery> = Vec::new();
    for state in states {
        let mut after = 0;
        while found.len() < limit as usize {
            let page = snapshot.deliveries(state, after, 500).map_err(store_failure)?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            let wanted =
                page.into_iter().filter(|entry| target.is_none_or(|target| entry.key.target() == target));
            found.extend(wanted);
        }
    }
    found.truncate(limit as usize);
    print(talk, |out| {
        for entry in &found {
            let text = |bytes: &Option<Vec<u8>>| {
                bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            };
            let said = entry.error.clone().or_else(|| text(&entry.receipt)).unwrap_or_default();
            let due = jiff::Timestamp::from_millisecond(entry.due_ms).unwrap_or_default();
            if format == TextOrJson::Json {
                let line = json!({
                    "key": entry.key.to_string(), "finding": entry.key.finding(), "revision": entry.key.revision(),
                    "target": entry.key.target(), "state": entry.state.name(), "attempts": entry.attempts,
                    "due": due.to_string(), "error": entry.error, "receipt": text(&entry.receipt),
                });
                writeln!(out, "{line}")?;
                continue;
            }
            let (bold, faint) = (Styles::BOLD, Styles::FAINT);
            let attempts = if entry.attempts == 1 {
                "1 attempt".to_owned()
            } else {
                format!("{} attempts", entry.attempts)
            };
            let when =
                if entry.state == DeliveryState::Pending { format!(", due {due:.0}") } else { String::new() };
            writeln!(
                out,
                "{bold}{:<10}{bold:#}{}  {faint}{attempts}{when}{faint:#}",
                entry.state.name(),
                plain(&entry.key.to_string())
            )?;
            if !said.is_empty() {
                writeln!(out, "          {}", plain(&said))?;
            }
        }
        Ok(())
    })?;
    if found.is_empty() {
        talk.note("nothing is owed");
    }
    Ok(Exit::Fine)
}

/// Asks the service to do it; without one, does it itself.
fn retry(folder: &Path, keys: &[String], target: Option<&str>, talk: Talk) -> Outcome {
    if keys.is_empty() && target.is_none() {
        return Err(Failure::usage("name dead letters by key, or all of a target with --target")
            .hint("`trailhound deliveries list` shows them"));
    }
    // Refuse a folder that is none before anybody is asked.
    drop(open(folder)?);
    let actor = std::env::var("USER").unwrap_or_else(|_| "somebody at the command line".to_owned());
    let request =
        Request::Retry { actor: actor.clone(), keys: keys.to_vec(), target: target.map(str::to_owned) };
    let answered = control::ask(folder, &request)
        .map_err(|error| Failure::input(format!("the service does not answer: {error}")))?;
    let count = match answered {
        Some(Response::Retried { count }) => count,
        Some(Response::Refused { reason }) => return Err(Failure::usage(reason)),
        Some(_) => return Err(Failure::input("the service gave an answer to another question")),
        None => {
            let now_ms = crate::clock::now().as_millisecond();
            let letters = dead_letters(&actor, keys, target, now_ms).map_err(Failure::usage)?;
            let store = Store::open(folder, &Options::default()).map_err(store_failure)?;
            store.commit(letters).map_err(|refused| store_failure(refused.error))?.retried
        }
    };
    let what = if count == 1 { "1 dead letter".to_owned() } else { format!("{count} dead letters") };
    talk.note(format_args!("{what} will be sent again"));
    Ok(if count == 0 { Exit::Found } else { Exit::Fine })
}
