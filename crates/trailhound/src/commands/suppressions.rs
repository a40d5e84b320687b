//! `trailhound suppressions`: what is known to be good, and how much of it there was.

use jiff::Timestamp;
use route::{FindingEvent, Hidden, Suppression};
use rules::{Check, Source};
use serde_json::json;
use store::FindingFilter;

use super::orders::counted;
use super::status::{open, store_failure};
use crate::arguments::{Suppressions, TextOrJson};
use crate::clock;
use crate::exit_code::{Exit, Failure, Outcome};
use crate::loading::Knowledge;
use crate::output::{Styles, plain, print};
use crate::talk::Talk;

pub(crate) fn run(arguments: &Suppressions, talk: Talk) -> Outcome {
    let known =
        crate::arguments::Known { config: Some(arguments.config.clone()), accounts: None, lists: Vec::new() };
    let knowledge = Knowledge::of(&known, talk)?;
    let suppressions: &[(Suppression, Source)] =
        knowledge.analysis().map_or(&[], |analysis| &analysis.suppressions);
    let folder = super::state::folder(&arguments.config)?;
    let mut reader = open(&folder)?;
    let snapshot = reader.snapshot().map_err(store_failure)?;
    if let Some(id) = &arguments.id {
        let named = suppressions.iter().find(|(one, _)| &*one.id == id);
        let (suppression, _) = named.ok_or_else(|| {
            Failure::usage(format!("there is no suppression `{id}`"))
                .hint("without an id, all of them are shown")
        })?;
        return findings(suppression, &snapshot, arguments.limit, talk);
    }
    let kept = service::kept(&snapshot).map_err(Failure::input)?;
    let now = clock::now();
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let hidden_by =
        |id: &str| kept.suppressed.iter().find(|(known, _)| known == id).map(|(_, hidden)| hidden);
    let mut idle = Vec::new();
    print(talk, |out| {
        for (one, _) in suppressions {
            let hidden = hidden_by(&one.id);
            let is_idle = hidden.is_some_and(|hidden| hidden.is_idle(now));
            if is_idle {
                idle.push(one.id.clone());
            }
            if arguments.format == TextOrJson::Json {
                writeln!(out, "{}", line(one, hidden, is_idle, one.expires < today))?;
                continue;
            }
            let (bold, faint) = (Styles::BOLD, Styles::FAINT);
            let what = match hidden {
                None => "not known to the service yet".to_owned(),
                Some(Hidden { count: 0, since, .. }) => format!("hid nothing since {since:.0}"),
                Some(Hidden { count, since, last, .. }) => {
                    let last = last.map(|last| format!(", last at {last:.0}")).unwrap_or_default();
                    format!("hid {} since {since:.0}{last}", counted(*count))
                }
            };
            let expires = if one.expires < today { "expired on" } else { "until" };
            writeln!(
                out,
                "{bold}{}{bold:#}  {what}; {expires} {}  {faint}{}: {}{faint:#}",
                plain(&one.id),
                one.expires,
                plain(&one.owner),
                plain(&one.reason)
            )?;
        }
        Ok(())
    })?;
    for id in &idle {
        talk.warn(format_args!(
            "{id}: hid nothing for {} days; remove it from the configuration if nobody needs it",
            Hidden::IDLE_DAYS
        ));
    }
    if suppressions.is_empty() {
        talk.note("the configuration suppresses nothing");
    }
    Ok(Exit::Fine)
}

fn line(one: &Suppression, hidden: Option<&Hidden>, idle: bool, expired: bool) -> serde_json::Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "id": one.id, "reason": one.reason, "owner": one.owner, "expires": one.expires.to_string(), "expired": expired,
        "hidden": hidden.map_or(0, |hidden| hidden.count), "since": time(hidden.map(|hidden| hidden.since)),
        "first": time(hidden.and_then(|hidden| hidden.first)), "last": time(hidden.and_then(|hidden| hidden.last)),
        "idle": idle,
    })
}

/// The findings that are kept and that it hides, found again by its own pattern.
fn findings(suppression: &Suppression, snapshot: &store::Snapshot<'_>, limit: u64, talk: Talk) -> Outcome {
    let (mut after, mut shown) = (None, 0);
    let filter = FindingFilter::default();
    loop {
        let page = snapshot.findings(&filter, after, 200).map_err(store_failure)?;
        let hidden: Vec<String> = page
            .findings
            .into_iter()
            .filter_map(|finding| String::from_utf8(finding.body).ok())
            .filter(|json| FindingEvent::parse(json).is_ok_and(|event| suppression.hides(&event)))
            .collect();
        print(talk, |out| {
            for json in hidden {
                if shown < limit {
                    shown += 1;
                    writeln!(out, "{}", route::printable::json_line(&json))?;
                }
            }
            Ok(())
        })?;
        match page.next {
            Some(next) if shown < limit => after = Some(next),
            _ => break,
        }
    }
    if shown == 0 {
        talk.note("of the findings that are kept, it hides none");
    }
    Ok(Exit::Fine)
}

/// What the firing tests of rules would be told as, for [`hiding_tests`](configuration::Analysis::hiding_tests).
pub(super) fn firing_tests(
    rules: &rules::RuleSet,
    context: &context::Context,
    files: &dyn rules::Files,
) -> Vec<(Box<str>, Box<str>, FindingEvent)> {
    let mut all = Vec::new();
    for rule in rules.iter().filter(|rule| !rule.allow.contains(&Check::SuppressedTest)) {
        for test in &rule.tests {
            for finding in decide::test_findings(rules, rule, test, context, files) {
                let event =
                    serde_json::to_string(&finding).ok().and_then(|json| FindingEvent::parse(&json).ok());
                all.extend(event.map(|event| (rule.id.as_str().into(), test.name.clone(), event)));
            }
        }
    }
    all
}
