//! `trailhound learn`: what first-seen rules are to know before the service begins, from log files.

use decide::Lateness;
use serde_json::json;
use service::{LearnError, Learned, Learning};

use super::scan;
use crate::arguments::{Learn, TextOrJson};
use crate::clock;
use crate::exit_code::{Failure, Outcome};
use crate::loading::{Knowledge, Loaded, rule_set};
use crate::output::{Styles, plain, print};
use crate::talk::Talk;

pub(crate) fn run(arguments: &Learn, talk: Talk) -> Outcome {
    let knowledge = Knowledge::of(&arguments.choice.known, talk)?;
    let (rules, _) = rule_set(&arguments.choice.rules, &knowledge, talk)?;
    let loaded = Loaded::of(Learning::rules_that_learn(&rules), knowledge.context);
    let (folder, options) =
        super::state::to_write(arguments.state.as_deref(), arguments.choice.known.config.as_deref())?;
    // What is learned is behind every watermark: how late events come plays no part.
    let learning = Learning::open(
        &folder,
        &options,
        loaded.rules.clone(),
        &loaded.context,
        Lateness::default(),
        clock::now(),
    );
    let mut learning = learning.map_err(failure)?;
    let walked = scan::signals(&arguments.history, &loaded, talk, &mut |signal| {
        learning.take(&signal);
    })?;
    let learned = learning.keep(walked.span.map(|(from, _)| from)).map_err(failure)?;
    for one in learned.iter().filter(|one| one.given_up > 0) {
        talk.warn(format_args!(
            "{}: {} values were given up because there were more than {}; they will be called new\n  \
             hint: raise `keys_max`, or choose values that are fewer",
            one.rule, one.given_up, one.known
        ));
    }
    match arguments.format {
        TextOrJson::Text => table(&learned, talk)?,
        TextOrJson::Json => print(talk, |out| {
            let rules: Vec<_> = learned.iter().map(document).collect();
            writeln!(out, "{:#}", json!({ "state": folder.display().to_string(), "rules": rules }))
        })?,
    }
    let read = match walked.span {
        Some((from, to)) => format!("{} events from {from} to {to}", walked.events),
        None => "no events: nothing was learned".to_owned(),
    };
    talk.note(format_args!("{read}; kept in {}", plain(&folder.display().to_string())));
    Ok(walked.exit)
}

fn table(learned: &[Learned], talk: Talk) -> Result<(), Failure> {
    let widest = learned.iter().map(|one| one.rule.len()).max().unwrap_or_default().max(4);
    print(talk, |out| {
        let bold = Styles::BOLD;
        writeln!(
            out,
            "{bold}{:<widest$}  {:>8}  {:>8}  {:<20}  {:<20}  says what is new from{bold:#}",
            "rule", "learned", "knows", "first sighting", "last sighting"
        )?;
        for one in learned {
            let (first, last) = one
                .span
                .map_or_else(|| ("-".into(), "-".into()), |(from, to)| (from.to_string(), to.to_string()));
            writeln!(
                out,
                "{:<widest$}  {:>8}  {:>8}  {first:<20}  {last:<20}  {}",
                one.rule, one.new, one.known, one.learnt
            )?;
        }
        Ok(())
    })
}

fn document(one: &Learned) -> serde_json::Value {
    let (first, last) = one.span.map(|(from, to)| (from.to_string(), to.to_string())).unzip();
    json!({
        "rule": one.rule, "learned": one.new, "knows": one.known, "sightings": one.sightings,
        "first_sighting": first, "last_sighting": last, "says_new_from": one.learnt.to_string(),
        "given_up": one.given_up,
    })
}

fn failure(error: LearnError) -> Failure {
    match error {
        LearnError::Store(error) => super::status::store_failure(error),
        LearnError::NothingToLearn => Failure::usage(error.to_string())
            .hint("name the rules with --rules, or the service's configuration with --config"),
        LearnError::Meaning { .. } => Failure::usage(error.to_string()).hint(
            "name the configuration and rules that the service runs with; if the rule was changed on purpose, start and end the \
             service once, which drops what the rule remembered",
        ),
        LearnError::State(_) => {
            Failure::input(error.to_string()).hint("run the version that wrote it, or restore a backup")
        }
    }
}
