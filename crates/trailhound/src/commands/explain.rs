//! `trailhound explain`: why a rule fired on an event or did not.

use cloudtrail::{Decoder, Item};
use rules::EventView;

use crate::arguments::{CheckFormat, Explain};
use crate::exit_code::{Exit, Failure, Outcome};
use crate::inputs;
use crate::loading::{self, Knowledge};
use crate::output::{plain, plain_lines, print};
use crate::talk::Talk;

pub(crate) fn run(arguments: &Explain, talk: Talk) -> Outcome {
    let knowledge = Knowledge::of(&arguments.choice.known, talk)?;
    let (rules, _) = loading::rule_set(&arguments.choice.rules, &knowledge, talk)?;
    let rule = rules.get(&arguments.rule).ok_or_else(|| unknown_rule(&rules, &arguments.rule))?;
    let (event, place) = find(arguments, talk)?;
    let explanation = rule.explain(&event, &knowledge.context);
    print(talk, |out| match arguments.format {
        CheckFormat::Text => writeln!(out, "{place}\n{}", plain_lines(&explanation.to_string())),
        CheckFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &explanation)?;
            writeln!(out)
        }
    })?;
    Ok(Exit::Fine)
}

/// There is no rule of that id; which one may have been meant.
pub(super) fn unknown_rule(rules: &rules::RuleSet, id: &str) -> Failure {
    let failure = Failure::usage(format!("there is no rule `{id}`"));
    match rules.nearest(id) {
        Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
        None => failure.hint("`trailhound rules list` shows all of them"),
    }
}

/// The one event that is meant, and where it is.
fn find(arguments: &Explain, talk: Talk) -> Result<(EventView, String), Failure> {
    let inputs = inputs::find(&arguments.events);
    for error in &inputs.errors {
        talk.error(plain(&error.to_string()));
    }
    let mut found: Vec<(EventView, String)> = Vec::new();
    let mut count = 0_u64;
    for input in &inputs.found {
        let bytes = input.read().map_err(|error| Failure::input(format!("{input}: {error}")))?;
        let decoded = Decoder::default().decode(&bytes, None, |item| match item {
            Item::Event(event) => {
                let id = event.id().to_string();
                if arguments.event_id.as_ref().is_none_or(|wanted| *wanted == id) {
                    count += 1;
                    if found.is_empty() {
                        match EventView::of(&event) {
                            Ok(view) => found.push((view, format!("event {} in {input}", plain(&id)))),
                            Err(error) => {
                                talk.error(format_args!("{input}, byte {}: {error}", event.offset));
                            }
                        }
                    }
                }
            }
            Item::Rejected { offset, error } => talk.warn(format_args!("{input}, byte {offset}: {error}")),
            Item::Digest(_) | Item::Skipped { .. } => {}
        });
        if let Some(trouble) = decoded.trouble {
            talk.error(format_args!("{input}: {trouble}"));
        }
    }
    match (found.pop(), &arguments.event_id) {
        (Some(event), Some(_)) => Ok(event),
        (Some(event), None) if count == 1 => Ok(event),
        (Some(_), None) => Err(Failure::usage(format!("there are {count} events in the input"))
            .hint("say which with --event-id")),
        (None, _) if count > 0 => Err(Failure::input("the event cannot be taken apart")),
        (None, Some(id)) => Err(Failure::input(format!("there is no event `{id}` in the input"))),
        (None, None) => Err(Failure::input("there is no event in the input")
            .hint("a CloudTrail record or an EventBridge event, as JSON, is wanted")),
    }
}
