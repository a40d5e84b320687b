//! The short answers: who, from where, in which account, when.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{FACTS_MAX, Fact, PROSE_MAX, text_at};
use crate::finding::{Place, Principal, Told};
use crate::printable::line;
use crate::{Kind, Telling};

pub(super) fn of(
    told: &Told,
    record: Option<&Value>,
    telling: &Telling,
    zone: Option<&TimeZone>,
) -> Vec<Fact> {
    let detail = &told.detail;
    let mut facts = Vec::new();
    let mut add = |label: &'static str, value: Option<String>| {
        let value = value.map(|value| line(&value, PROSE_MAX)).filter(|value| !value.is_empty());
        facts.extend(value.map(|value| Fact { label, value }));
    };
    let principal = detail.principal.as_ref();
    // A later message begins with these.
    let is_first = telling.kind == Kind::First;
    add("Note", telling.note.clone().filter(|_| telling.kind != Kind::Closing));
    add("Findings", findings(telling).filter(|_| is_first));
    add("Who", principal.and_then(who));
    add("Identity", principal.and_then(|principal| principal.arn.clone()).filter(|_| is_first));
    add("From", from(detail.source_ip.as_deref(), detail.source.as_ref(), record));
    add("Account", account(told));
    add("Region", Some(told.region.clone()));
    add("When", when(told, zone));
    add("Call", call(record));
    add("Refused with", text_at(record, "/errorCode").map(str::to_owned));
    add("Events", (is_first && detail.count > 1).then(|| detail.count.to_string()));
    let key = detail.key.iter().flatten().map(|(path, value)| format!("{path} = {value}"));
    add("In common", Some(key.collect::<Vec<_>>().join(", ")));
    add("Rule", Some(detail.rule.clone()));
    add("Owner", detail.owner.clone());
    add("Tags", detail.tags.as_ref().map(|tags| tags.join(", ")).filter(|_| is_first));
    add("Finding", Some(told.id.clone()));
    facts.truncate(FACTS_MAX);
    facts
}

/// How many findings the message stands for, if it is not one.
fn findings(telling: &Telling) -> Option<String> {
    let since = telling.since.map(|since| format!(" since {since:.0}")).unwrap_or_default();
    (telling.findings > 1).then(|| format!("{}{since}; this is the newest", telling.findings))
}

/// The person if the event tells, else the identity: `alice@example.com (role deploy, session alice@example.com)`.
fn who(principal: &Principal) -> Option<String> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (name, human) = (given(&principal.name), given(&principal.human));
    let kind = given(&principal.kind).filter(|kind| kind != "unknown").unwrap_or_default();
    let session = given(&principal.session).map(|session| format!("session {session}"));
    let identity = match &name {
        Some(name) if *name != kind => format!("{kind} {name}").trim().to_owned(),
        _ => kind,
    };
    let first = human.or_else(|| (!identity.is_empty()).then(|| identity.clone()))?;
    let more: Vec<String> = [Some(identity), session]
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty() && *text != first)
        .collect();
    Some(if more.is_empty() { first } else { format!("{first} ({})", more.join(", ")) })
}

/// `203.0.113.7 (Frankfurt am Main, DE, AS64500 Example) with aws-cli/2.31.0`.
fn from(source_ip: Option<&str>, place: Option<&Place>, record: Option<&Value>) -> Option<String> {
    let agent = text_at(record, "/userAgent").map(|agent| format!("with {}", line(agent, 200)));
    let place = place.map(|place| {
        let system = place.asn.map(|number| format!("AS{number}"));
        let system: Vec<String> = system.into_iter().chain(place.org.clone()).collect();
        let parts = place.city.clone().into_iter().chain(place.country.clone());
        parts.chain((!system.is_empty()).then(|| system.join(" "))).collect::<Vec<_>>().join(", ")
    });
    let place = place.filter(|place| !place.is_empty()).map(|place| format!("({place})"));
    let parts: Vec<String> = source_ip.map(str::to_owned).into_iter().chain(place).chain(agent).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// `payments-prod (111122223333), Workloads/Prod`.
fn account(told: &Told) -> Option<String> {
    let known = told.detail.account.as_ref();
    let given = |text: Option<&String>| text.filter(|text| !text.is_empty()).cloned();
    let number = &told.account;
    let account = match given(known.and_then(|account| account.name.as_ref())) {
        Some(name) if number.is_empty() => name,
        Some(name) => format!("{name} ({number})"),
        None => number.clone(),
    };
    let unit = given(known.and_then(|account| account.ou.as_ref()));
    Some(unit.map_or(account.clone(), |unit| format!("{account}, {unit}")))
}

fn when(told: &Told, zone: Option<&TimeZone>) -> Option<String> {
    let first = told.detail.first_time.clone().unwrap_or_else(|| told.time.clone());
    let last = told.detail.last_time.clone().filter(|last| *last != first);
    let with_zone = |time: String| match local(&time, zone) {
        Some(local) => format!("{time} ({local})"),
        None => time,
    };
    let first = with_zone(first);
    Some(match last {
        Some(last) => format!("{first} to {}", with_zone(last)),
        None => first,
    })
}

/// `03:41 CET`, with the day where it is another one.
fn local(time: &str, zone: Option<&TimeZone>) -> Option<String> {
    let time: Timestamp = time.parse().ok()?;
    let there = time.to_zoned(zone?.clone());
    let same_day = there.date() == time.to_zoned(TimeZone::UTC).date();
    let form = if same_day { "%H:%M %Z" } else { "%a %Y-%m-%d %H:%M %Z" };
    Some(there.strftime(form).to_string())
}

/// `StopLogging of cloudtrail.amazonaws.com`.
fn call(record: Option<&Value>) -> Option<String> {
    let name = text_at(record, "/eventName")?;
    Some(match text_at(record, "/eventSource") {
        Some(source) => format!("{name} of {source}"),
        None => name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_somewhere_and_somebodys() {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (country, city, asn, org, expected) in [
            ("DE", "Berlin", Some(64500), "Example", "203.0.113.7 (Berlin, DE, AS64500 Example) with x"),
            ("DE", "", None, "", "203.0.113.7 (DE) with x"),
            ("", "", Some(64500), "", "203.0.113.7 (AS64500) with x"),
            ("", "", None, "", "203.0.113.7 with x"),
        ] {
            let place = Place { country: some(country), city: some(city), asn, org: some(org) };
            let record = serde_json::json!({ "userAgent": "x" });
            assert_eq!(from(Some("203.0.113.7"), Some(&place), Some(&record)).as_deref(), Some(expected));
        }
        assert_eq!(from(None, None, None), None);
    }

    #[test]
    fn the_person_comes_first() {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (kind, name, session, human, expected) in [
            ("user", "alice", "", "alice", Some("alice (user alice)")),
            (
                "role",
                "deploy",
                "bob@example.com",
                "bob@example.com",
                Some("bob@example.com (role deploy, session bob@example.com)"),
            ),
            ("role", "deploy", "i-0abc", "", Some("role deploy (session i-0abc)")),
            ("root", "root", "", "", Some("root")),
            ("service", "", "", "", Some("service")),
            ("unknown", "", "", "", None),
            ("", "", "", "", None),
        ] {
            let principal = Principal {
                kind: some(kind),
                name: some(name),
                arn: None,
                session: some(session),
                human: some(human),
            };
            assert_eq!(who(&principal).as_deref(), expected, "{kind} {name}");
        }
    }
}
