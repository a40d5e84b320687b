//! How it went on: what a later message of a conversation says instead of what the first one said.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::PROSE_MAX;
use crate::finding::Told;
use crate::printable::line;
use crate::{Kind, State, Telling};

/// What is new, in a line: `12 more since 02:41 UTC, 4,211 events so far`. Nothing for a first message.
pub(super) fn of(told: &Told, telling: &Telling) -> Option<String> {
    let events = told.detail.count;
    let note = telling.note.as_deref().map(|note| line(note, PROSE_MAX)).filter(|note| !note.is_empty());
    let since = telling.since.or_else(|| told.detail.first_time.as_deref()?.parse().ok());
    let counted = |so_far: &str| match (telling.findings, events) {
        (0 | 1, 0 | 1) => None,
        (0 | 1, events) => Some(format!("{} events{so_far}", grouped(events))),
        (findings, _) => Some(format!("{} findings{so_far}", grouped(findings))),
    };
    match telling.kind {
        Kind::First => None,
        Kind::Update => {
            let more = telling.findings.saturating_sub(1);
            let more = (more > 0).then(|| {
                let since = since.map(|since| format!(" since {}", clock(since, told))).unwrap_or_default();
                format!("{} more{since}", grouped(more))
            });
            let total = if more.is_some() {
                (events > 1).then(|| format!("{} events in the newest", grouped(events)))
            } else {
                counted(" so far")
            };
            let parts: Vec<String> = [more, total].into_iter().flatten().collect();
            Some(if parts.is_empty() { "more is known of it now".to_owned() } else { parts.join(", ") })
        }
        Kind::Closing => {
            let word = if told.detail.state == State::Resolved { "resolved" } else { "closed" };
            let span = since.zip(told.detail.last_time.as_deref().and_then(|last| last.parse().ok()));
            let span = span
                .filter(|(since, last): &(Timestamp, Timestamp)| since < last)
                .map(|(since, last)| format!("from {} to {}", clock(since, told), clock(last, told)));
            let parts: Vec<String> = [note, counted(""), span].into_iter().flatten().collect();
            Some(if parts.is_empty() { word.to_owned() } else { format!("{word}: {}", parts.join(", ")) })
        }
    }
}

/// `02:41 UTC`, with the day if it is not the finding's own.
fn clock(time: Timestamp, told: &Told) -> String {
    let zoned = time.to_zoned(TimeZone::UTC);
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    let own = told.time.parse().ok().map(day);
    let form = if own == Some(day(time)) { "%H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" };
    zoned.strftime(form).to_string()
}

/// `4,211`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::FindingEvent;

    #[test]
    fn how_it_went_on() {
        let finding = |detail: serde_json::Value| {
            let json = json!({
                "id": "a", "source": "trailhound", "detail-type": "Trailhound Finding",
                "time": "2026-11-03T02:41:09Z", "detail": detail,
            });
            FindingEvent::parse(&json.to_string()).unwrap()
        };
        let group = json!({ "count": 4211, "first_time": "2026-11-03T02:41:09Z", "last_time": "2026-11-03T03:55:00Z" });
        let resolved = json!({ "state": "resolved", "count": 1 });
        for (kind, detail, findings, since, note, expected) in [
            (Kind::First, &group, 1, None, None, None),
            (
                Kind::Update,
                &group,
                13,
                Some("2026-11-03T02:41:00Z"),
                None,
                Some("12 more since 02:41 UTC, 4,211 events in the newest"),
            ),
            (
                Kind::Update,
                &resolved,
                2,
                Some("2026-11-02T23:41:00Z"),
                None,
                Some("1 more since 2026-11-02 23:41 UTC"),
            ),
            (Kind::Update, &group, 1, None, None, Some("4,211 events so far")),
            (Kind::Update, &resolved, 1, None, None, Some("more is known of it now")),
            (
                Kind::Closing,
                &group,
                1,
                None,
                Some("quiet for 1 h"),
                Some("closed: quiet for 1 h, 4,211 events, from 02:41 UTC to 03:55 UTC"),
            ),
            (Kind::Closing, &resolved, 3, None, None, Some("resolved: 3 findings")),
            (Kind::Closing, &resolved, 1, None, None, Some("resolved")),
        ] {
            let telling = Telling {
                kind,
                findings,
                since: since.map(|since: &str| since.parse().unwrap()),
                note: note.map(str::to_owned),
                ..Telling::alone(&finding(detail.clone()))
            };
            assert_eq!(of(finding(detail.clone()).told(), &telling).as_deref(), expected);
        }
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
