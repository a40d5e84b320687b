//! Tests in steps: events at times, progress, and what must have been said by then.

use super::{Fields, Reader, optional, parse_duration, shown};
use crate::catalogue::Check;
use crate::rule_test::{Action, ExpectedFinding, ExpectedState, KnownBy, ProgressStep, TestStep, Timeline};
use crate::yaml::{Node, Value};
use cloudtrail::EventTime;
use std::time::Duration;

/// The longest a test may last.
const TEST_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// The most repetitions of one event.
const TIMES_MAX: u32 = 100_000;

/// What the keys of a rule's findings are named by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// Paths into the event.
    Paths,
    /// The dimensions of a metric.
    Dimensions,
}

const STEP_HELP: &str = "a step is `{ at: +5m, event: … }`, `{ progress: +20m }` or `{ expect: firing }`";

impl Reader<'_, '_> {
    pub(super) fn timeline(&mut self, test: &Fields<'_>, node: &Node, keys: Keys) -> Option<Timeline> {
        let mut good = true;
        let instead = [
            ("event", "put the event into a step"),
            ("with", "put it into the step of its event"),
            ("without", "put it into the step of its event"),
            ("fires", "write a step `expect: firing`, or `expect: nothing`"),
            ("counts", "write a step `expect: firing`, or `expect: nothing`"),
            ("because", "ask it of a test of one event"),
            ("severity", "write a step `expect: { severity: … }`"),
        ];
        for (key, help) in instead {
            if let Some(node) = test.get(key) {
                let message = format!("`{key}` is for a test of one event, and this one has `steps`");
                let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
                self.complaints.push(diagnostic.help(help));
                good = false;
            }
        }
        let start = optional(test.get("start").map(|node| self.start(node)));
        let lateness = optional(test.get("lateness").map(|node| self.span(node, TEST_MAX)));
        let steps = self.each(Some(node), |reader, node| reader.test_step(node, keys));
        let (steps, start, lateness) = (steps?, start?, lateness?);
        if !steps.iter().any(|step| matches!(step.action, Action::Expect(_))) {
            let message = "the test expects nothing, so it cannot fail";
            let diagnostic = self.complaints.diagnostic(Check::MissingKey, node.range.clone(), message);
            self.complaints
                .push(diagnostic.help("add a step `{ expect: firing }`, or `{ expect: nothing }`"));
            return None;
        }
        good.then_some(Timeline {
            start: start.unwrap_or(EventTime::from_micros(Timeline::START_MICROS)),
            lateness: lateness.unwrap_or_default(),
            steps,
        })
    }

    fn start(&mut self, node: &Node) -> Option<EventTime> {
        let time = node.as_text().and_then(|text| text.parse::<EventTime>().ok());
        if time.is_none() {
            let message = "`start` is a time in UTC, as in `2026-01-31T09:00:00Z`";
            self.complaints.add(Check::InvalidValue, node.range.clone(), message);
        }
        time
    }

    fn test_step(&mut self, node: &Node, key_names: Keys) -> Option<TestStep> {
        let keys = ["at", "event", "repeat", "with", "without", "progress", "expect"];
        let fields = Fields::read(self.complaints, node, "a step", &keys, &[])?;
        let kinds: Vec<&str> =
            ["event", "progress", "expect"].into_iter().filter(|key| fields.get(key).is_some()).collect();
        let [kind] = kinds[..] else {
            let message = match &kinds[..] {
                [] => "this step does nothing".to_owned(),
                kinds => format!("a step does one thing, and this one has `{}`", kinds.join("` and `")),
            };
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
            self.complaints.push(diagnostic.help(STEP_HELP));
            return None;
        };
        let mut good = true;
        for key in ["at", "repeat", "with", "without"] {
            if let Some(node) = fields.get(key).filter(|_| kind != "event") {
                let message = format!("`{key}` is for events, and this step is `{kind}`");
                let help = if key == "at" {
                    "let time pass with a step `progress: +5m` before it"
                } else {
                    "put it into the step of an event"
                };
                let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
                self.complaints.push(diagnostic.help(help));
                good = false;
            }
        }
        let action = match (kind, fields.get(kind)) {
            ("progress", Some(node)) => self.progress(node).map(Action::Progress),
            ("expect", Some(node)) => self.expectations(node, key_names).map(Action::Expect),
            _ => self.event_step(&fields),
        };
        let action = action.filter(|_| good)?;
        Some(TestStep { action, source: self.source(node.range.clone()) })
    }

    fn event_step(&mut self, fields: &Fields<'_>) -> Option<Action> {
        let event = self.test_event(fields);
        let at = optional(fields.get("at").map(|node| self.offset(node)));
        let repeat = fields.get("repeat").map_or(Some((1, Duration::ZERO)), |node| self.repeat(node));
        let (times, every) = repeat?;
        Some(Action::Event { event: event?, at: at?, times, every })
    }

    /// `x33 every 5s`.
    fn repeat(&mut self, node: &Node) -> Option<(u32, Duration)> {
        let read = node.as_text().and_then(|text| {
            let (times, every) = text.strip_prefix('x')?.split_once(" every ")?;
            let times = times.trim().parse().ok().filter(|times| (2..=TIMES_MAX).contains(times))?;
            Some((times, parse_lengths(every.trim())?))
        });
        if read.is_none() {
            let message = "`repeat` says how often and how long after each other";
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
            let help = format!("write `repeat: x5 every 30s`; 2 to {TIMES_MAX} times");
            self.complaints.push(diagnostic.help(help));
        }
        read
    }

    /// `+5m`, `+1h30m`, `+0s`: after the test's start.
    fn offset(&mut self, node: &Node) -> Option<Duration> {
        let written = self.complaints.text().get(node.range.clone()).unwrap_or_default();
        let read = node.as_text().and_then(|text| parse_lengths(text.strip_prefix('+')?));
        let read = read.filter(|offset| *offset <= TEST_MAX);
        if read.is_none() {
            let message = format!("`{}` is no time of a test", shown(written));
            let mut diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
            diagnostic = diagnostic.help("write how long after its start: `+0s`, `+5m`, `+1h30m`");
            if node.as_text().is_some_and(|text| parse_lengths(text).is_some()) {
                diagnostic = diagnostic.replace_with(format!("+{written}"));
            }
            self.complaints.push(diagnostic);
        }
        read
    }

    fn progress(&mut self, node: &Node) -> Option<ProgressStep> {
        if !matches!(node.value, Value::Mapping(_)) {
            let to = self.offset(node)?;
            return Some(ProgressStep { to, by: KnownBy::default(), account: None, region: None });
        }
        let fields =
            Fields::read(self.complaints, node, "progress", &["to", "by", "account", "region"], &[])?;
        let to = fields.required(self.complaints, "to").and_then(|node| self.offset(node));
        let by = fields.get("by").map_or(Some(KnownBy::default()), |node| {
            let found = KnownBy::ALL.iter().find(|(word, _)| node.as_text() == Some(word));
            if found.is_none() {
                self.complaints.one_of(node, "evidence", KnownBy::ALL.map(|(word, _)| word));
            }
            found.map(|(_, by)| *by)
        });
        let account = optional(fields.get("account").map(|node| self.text(node)));
        let region = optional(fields.get("region").map(|node| self.text(node)));
        Some(ProgressStep { to: to?, by: by?, account: account?, region: region? })
    }

    /// `nothing`, one finding, or several.
    fn expectations(&mut self, node: &Node, keys: Keys) -> Option<Vec<ExpectedFinding>> {
        match &node.value {
            Value::Text(text) if &*text.text == "nothing" => Some(Vec::new()),
            Value::Sequence(items) if items.is_empty() => {
                let diagnostic = self.complaints.diagnostic(
                    Check::InvalidValue,
                    node.range.clone(),
                    "this expects nothing",
                );
                self.complaints.push(diagnostic.help("say so").replace_with("nothing"));
                None
            }
            Value::Sequence(_) => self.each(Some(node), |reader, node| reader.expected(node, keys)),
            _ => self.expected(node, keys).map(|expected| vec![expected]),
        }
    }

    fn expected(&mut self, node: &Node, key_names: Keys) -> Option<ExpectedFinding> {
        if node.as_text().is_some() {
            let state = self.expected_state(node, true)?;
            return Some(ExpectedFinding { state: Some(state), ..ExpectedFinding::default() });
        }
        let keys = ["state", "severity", "title", "reason", "count", "settled", "revision", "key"];
        let fields = Fields::read(self.complaints, node, "an expectation", &keys, &[])?;
        let state = optional(fields.get("state").map(|node| self.expected_state(node, false)));
        let severity = optional(fields.get("severity").map(|node| self.severity(node)));
        let title = optional(fields.get("title").map(|node| self.text(node)));
        let reason = optional(fields.get("reason").map(|node| self.text(node)));
        let count = fields.get("count").map(|node| self.whole_number(node, "`count`", 0..=usize::MAX));
        let settled = optional(fields.get("settled").map(|node| self.yes_or_no(node, "`settled`")));
        let revision =
            fields.get("revision").map(|node| self.whole_number(node, "`revision`", 0..=1_000_000));
        let key = fields.get("key").map_or(Some(Vec::new()), |node| self.expected_values(node, key_names));
        Some(ExpectedFinding {
            state: state?,
            severity: severity?,
            title: title?,
            reason: reason?,
            count: optional(count)?.and_then(|count| u64::try_from(count).ok()),
            settled: settled?,
            revision: optional(revision)?.and_then(|revision| u32::try_from(revision).ok()),
            key: key?,
        })
    }

    fn expected_state(&mut self, node: &Node, alone: bool) -> Option<ExpectedState> {
        let states = ExpectedState::ALL;
        let found = states.into_iter().find(|state| node.as_text() == Some(state.as_str()));
        if found.is_none() {
            let words = states.map(ExpectedState::as_str).into_iter().chain(alone.then_some("nothing"));
            self.complaints.one_of(node, "expectation", words);
        }
        found
    }

    fn expected_values(&mut self, node: &Node, keys: Keys) -> Option<Vec<(Box<str>, Box<str>)>> {
        let Value::Mapping(entries) = &node.value else {
            self.wrong_type(node, "`key` is a mapping of paths to values");
            return None;
        };
        let read = entries.iter().map(|entry| {
            let name = match keys {
                // Findings write paths in their one canonical way.
                Keys::Paths => {
                    self.parse_path(&entry.key, entry.key_range.clone())?.to_string().into_boxed_str()
                }
                Keys::Dimensions => entry.key.clone(),
            };
            let value = self.scalar_text(&entry.value, "a value of a key")?;
            Some((name, value.into()))
        });
        let read: Vec<_> = read.collect();
        read.into_iter().collect()
    }
}

/// Lengths of time one after the other: `1h30m`, `90s`, `0s`.
fn parse_lengths(mut text: &str) -> Option<Duration> {
    if text == "0s" {
        return Some(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit())? + 1;
        let (length, rest) = text.split_at_checked(end)?;
        total = total.checked_add(parse_duration(length)?)?;
        text = rest;
    }
    (!total.is_zero()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::parse_lengths;

    #[test]
    fn lengths_add_up() {
        let seconds = |text| parse_lengths(text).map(|length| length.as_secs());
        for (text, expected) in [
            ("0s", Some(0)),
            ("5m", Some(300)),
            ("1h30m", Some(5400)),
            ("2d3s", Some(172_803)),
            ("", None),
            ("5", None),
            ("m", None),
            ("5é", None),
            ("1h 30m", None),
            ("-5m", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
