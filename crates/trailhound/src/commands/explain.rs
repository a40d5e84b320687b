//! `trailhound explain`: why a rule fired on an event or did not; of a rule over several events, whether the event counts and how
//! far the rule is after it.

use cloudtrail::{Decoder, Item};
use matcher::Scratch;
use route::{FindingEvent, Suppression};
use rules::{EventView, Rule, RuleSet};

use crate::arguments::{Explain, TextOrJson};
use crate::exit_code::{Exit, Failure, Outcome};
use crate::inputs;
use crate::loading::{self, Knowledge};
use crate::output::{plain, plain_lines, print};
use crate::talk::Talk;

pub(crate) fn run(arguments: &Explain, talk: Talk) -> Outcome {
    let knowledge = Knowledge::of(&arguments.choice.known, talk)?;
    let (rules, _) = loading::rule_set(&arguments.choice.rules, &knowledge, talk)?;
    let rule = rules.get(&arguments.rule).ok_or_else(|| unknown_rule(&rules, &arguments.rule))?;
    let context = &knowledge.context;
    let Found { event, place, before } = find(arguments, rule, &rules, talk)?;
    let explanation = rule.explain(&event, context);
    let mut history = before;
    history.push(event);
    let over_time = decide::explain_over_time(&rules, rule, &history, context);
    let events = history.len();
    let suppressed = suppressed(&knowledge, &rules, rule, history);
    print(talk, |out| match arguments.format {
        TextOrJson::Text => {
            writeln!(out, "{place}\n{}", plain_lines(&explanation.to_string()))?;
            if let Some(over_time) = &over_time {
                let events = if events == 1 { "1 event".to_owned() } else { format!("{events} events") };
                writeln!(out, "  after {events}:")?;
                for line in over_time.lines() {
                    writeln!(out, "      {}", plain(line))?;
                }
            }
            if let Some(one) = &suppressed {
                let (id, owner, reason) = (&one.id, plain(&one.owner), plain(&one.reason));
                writeln!(
                    out,
                    "  told to nobody: the suppression `{id}` hides it until {} ({owner}: {reason})",
                    one.expires
                )?;
            }
            Ok(())
        }
        TextOrJson::Json => {
            let mut json = serde_json::to_value(&explanation)?;
            if let Some(members) = json.as_object_mut() {
                members.extend(over_time.as_deref().map(|text| ("over_time".to_owned(), text.into())));
                members.extend(suppressed.map(|one| ("suppressed_by".to_owned(), (*one.id).into())));
            }
            serde_json::to_writer_pretty(&mut *out, &json)?;
            writeln!(out)
        }
    })?;
    Ok(Exit::Fine)
}

/// The suppression that hides what the rule says of the events.
fn suppressed<'k>(
    knowledge: &'k Knowledge,
    rules: &RuleSet,
    rule: &Rule,
    events: Vec<EventView>,
) -> Option<&'k Suppression> {
    let suppressions = &knowledge.analysis()?.suppressions;
    if suppressions.is_empty() {
        return None;
    }
    let said = decide::findings_of(rules, rule, events, &knowledge.context);
    let finding = FindingEvent::parse(&serde_json::to_string(said.last()?).ok()?).ok()?;
    suppressions.iter().map(|(one, _)| one).find(|one| one.hides(&finding))
}

/// There is no rule of that id; which one may have been meant.
pub(super) fn unknown_rule(rules: &rules::RuleSet, id: &str) -> Failure {
    let failure = Failure::usage(format!("there is no rule `{id}`"));
    match rules.nearest(id) {
        Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
        None => failure.hint("`trailhound rules list` shows all of them"),
    }
}

/// What is to be explained.
struct Found {
    event: EventView,
    /// Where the event is.
    place: String,
    /// Of a rule over several events, those before it that the rule or what it listens to may want, in order of time.
    before: Vec<EventView>,
}

/// The one event that is meant. A rule over several events is explained at the last one, where none is named.
fn find(arguments: &Explain, rule: &Rule, rules: &RuleSet, talk: Talk) -> Result<Found, Failure> {
    let inputs = inputs::find(&arguments.events);
    for error in &inputs.errors {
        talk.error(plain(&error.to_string()));
    }
    let over_time = !rule.decision.is_each();
    let matcher = loading::compile(rules);
    let mut scratch = Scratch::new();
    let mut found: Vec<(EventView, String, String)> = Vec::new();
    let mut named: Option<String> = None;
    let mut count = 0_u64;
    for input in &inputs.found {
        let bytes = input.read().map_err(|error| Failure::input(format!("{input}: {error}")))?;
        let decoded = Decoder::default().decode(&bytes, None, |item| match item {
            Item::Event(event) => {
                let id = event.id().to_string();
                let is_named = arguments.event_id.as_ref().is_some_and(|wanted| *wanted == id);
                let is_wanted = arguments.event_id.is_none() || is_named;
                count += u64::from(is_wanted);
                let is_first = is_wanted && found.is_empty();
                // Of a rule over time, all that a rule may want: what it listens to may be another's.
                let take = is_first
                    || over_time
                        && (is_named
                            || matcher
                                .matches(&event, &mut scratch)
                                .is_ok_and(|numbers| !numbers.is_empty()));
                if take {
                    match EventView::of(&event) {
                        Ok(view) => {
                            if is_named {
                                named = Some(id.clone());
                            }
                            found.push((view, id.clone(), format!("event {} in {input}", plain(&id))));
                        }
                        Err(error) => talk.error(format_args!("{input}, byte {}: {error}", event.offset)),
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
    // By id within a second, as a scan decides them.
    found.sort_by(|a, b| (a.0.time(), &a.1).cmp(&(b.0.time(), &b.1)));
    if let Some(named) = &named
        && let Some(place) = found.iter().position(|(_, id, _)| id == named)
    {
        found.truncate(place + 1);
    } else if arguments.event_id.is_some() {
        found.clear();
    }
    match (found.pop(), &arguments.event_id) {
        (Some((event, _, place)), id) if id.is_some() || over_time || count == 1 => {
            Ok(Found { event, place, before: found.into_iter().map(|(event, ..)| event).collect() })
        }
        (Some(_), _) => Err(Failure::usage(format!("there are {count} events in the input"))
            .hint("say which with --event-id")),
        (None, _) if count > 0 => Err(Failure::input("the event cannot be taken apart")),
        (None, Some(id)) => Err(Failure::input(format!("there is no event `{id}` in the input"))),
        (None, None) => Err(Failure::input("there is no event in the input")
            .hint("a CloudTrail record or an EventBridge event, as JSON, is wanted")),
    }
}
