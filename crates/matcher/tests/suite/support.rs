//! What every test of this crate needs: events from text, the reference's answers, the shared data.

use std::path::PathBuf;
use std::sync::Arc;

use cloudtrail::{Body, Event, EventTime, Record, eventbridge};
use event_pattern::Pattern;
use filter_pattern::Filter;
use json_scan::{Malformed, Object, Scanner};
use matcher::{Builder, Matcher, RuleId, Scratch};

/// Rules of both languages, and the matcher of all of them.
pub(crate) struct Rules {
    pub(crate) patterns: Vec<Arc<Pattern>>,
    pub(crate) filters: Vec<Arc<Filter>>,
    pub(crate) matcher: Matcher,
}

impl Rules {
    /// Patterns have the numbers from 0, filters those behind.
    pub(crate) fn new(patterns: Vec<Arc<Pattern>>, filters: Vec<Arc<Filter>>) -> Self {
        let mut builder = Builder::new();
        let mut ids = (0..).map(RuleId);
        for pattern in &patterns {
            builder.add_pattern(ids.next().unwrap(), pattern);
        }
        for filter in &filters {
            builder.add_filter(ids.next().unwrap(), filter);
        }
        Rules { patterns, filters, matcher: builder.build() }
    }

    pub(crate) fn of_patterns(texts: &[&str]) -> Self {
        let parse = |text: &&str| Arc::new(Pattern::parse(text).unwrap());
        Rules::new(texts.iter().map(parse).collect(), Vec::new())
    }

    pub(crate) fn of_filters(texts: &[&str]) -> Self {
        let parse = |text: &&str| Arc::new(Filter::parse(text).unwrap());
        Rules::new(Vec::new(), texts.iter().map(parse).collect())
    }

    /// What the languages' own matchers say of the event.
    pub(crate) fn reference(&self, event: &Event<'_>) -> Vec<RuleId> {
        let mut envelope = Vec::new();
        eventbridge::write_envelope(event, &mut envelope);
        let envelope = event_pattern::Event::parse(&envelope).unwrap();
        let message = event.record().map(|record| {
            let mut compact = Vec::new();
            record.json.write_compact(&mut compact);
            String::from_utf8(compact).unwrap()
        });
        let patterns = self.patterns.iter().map(|pattern| pattern.matches(&envelope));
        let filters = self
            .filters
            .iter()
            .map(|filter| message.as_deref().is_some_and(|message| filter.matches(message)));
        numbers(patterns.chain(filters))
    }

    /// What the languages' own matchers say of an object as it stands.
    pub(crate) fn reference_of_object(&self, text: &str) -> Vec<RuleId> {
        let event = event_pattern::Event::parse(text).unwrap();
        numbers(self.patterns.iter().map(|pattern| pattern.matches(&event)))
    }

    pub(crate) fn matches(&self, event: &Event<'_>, scratch: &mut Scratch) -> Vec<RuleId> {
        self.matcher.matches(event, scratch).unwrap().to_vec()
    }

    pub(crate) fn matches_object(&self, text: &str, scratch: &mut Scratch) -> Result<Vec<RuleId>, Malformed> {
        with_object(text, |object| self.matcher.matches_object(object, scratch).map(<[_]>::to_vec))
    }
}

fn numbers(matches: impl Iterator<Item = bool>) -> Vec<RuleId> {
    (0..).map(RuleId).zip(matches).filter(|(_, matches)| *matches).map(|(rule, _)| rule).collect()
}

pub(crate) fn with_object<R>(text: &str, look: impl FnOnce(Object<'_>) -> R) -> R {
    let mut scanner = Scanner::new(text.as_bytes()).unwrap();
    look(scanner.object().unwrap())
}

/// A bare record as an event.
pub(crate) fn record(json: Object<'_>) -> Result<Event<'_>, Malformed> {
    let body = Body::Record(Record::read(json)?);
    Ok(Event {
        body,
        offset: 0,
        time: EventTime::from_micros(0),
        undated: true,
        logged: EventTime::from_micros(0),
    })
}

/// A file or folder of the shared test data; `None`, and a word about it, where that is absent.
pub(crate) fn shared_data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TRAILHOUND_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none_or(|required| required != "1"),
        "{} is required and absent",
        path.display()
    );
    eprintln!("left out: {} is absent", path.display());
    None
}

/// The lines of a JSON Lines file of the shared data.
pub(crate) fn shared_lines(name: &str) -> Vec<serde_json::Value> {
    let Some(path) = shared_data(name) else { return Vec::new() };
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
