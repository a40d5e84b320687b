//! `trailhound match`: one pattern or filter against events.
//!
//! Here the languages' reference matchers are asked, which also explain; a scan asks the index made of all rules.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use cloudtrail::{Decoder, Event, Item};
use event_pattern::Pattern;
use filter_pattern::Filter;

use crate::arguments::{Language, Match};
use crate::exit_code::{Exit, Failure, Outcome};
use crate::inputs::{self, Input};
use crate::output::{plain, plain_lines, print};
use crate::talk::Talk;

/// What is tried.
enum Selector {
    Pattern(Pattern),
    Filter(Filter),
}

/// An event as the two languages see it.
struct Seen {
    /// As EventBridge delivers it.
    envelope: String,
    /// The compact CloudTrail record, if it is one.
    record: Option<String>,
    /// Where it was.
    place: String,
}

pub(crate) fn run(arguments: &Match, talk: Talk) -> Outcome {
    let selector = selector(&arguments.pattern, arguments.language)?;
    let inputs = inputs::find(&arguments.events);
    for error in &inputs.errors {
        talk.error(plain(&error.to_string()));
    }
    let (mut events, mut matched, mut failed) = (0_u64, 0_u64, !inputs.errors.is_empty());
    print(talk, |out| {
        let mut result = Ok(());
        for input in &inputs.found {
            let read = each(input, talk, |seen| {
                if result.is_err() {
                    return;
                }
                events += 1;
                let matches = selector.matches(&seen);
                matched += u64::from(matches);
                if arguments.explain {
                    result = selector.explain(&seen, matches, out);
                } else if arguments.print && matches {
                    result = writeln!(out, "{}", selector.text(&seen));
                }
            });
            failed |= !read;
        }
        result?;
        if !arguments.print {
            writeln!(out, "{matched} of {events} matched")?;
        }
        Ok(())
    })?;
    if arguments.print {
        talk.note(format_args!("{matched} of {events} matched"));
    }
    Ok(if failed {
        Exit::Input
    } else if matched == 0 {
        Exit::Found
    } else {
        Exit::Fine
    })
}

impl Selector {
    /// What it looks at.
    fn text<'s>(&self, seen: &'s Seen) -> &'s str {
        match self {
            Selector::Pattern(_) => &seen.envelope,
            Selector::Filter(_) => seen.record.as_deref().unwrap_or(&seen.envelope),
        }
    }

    fn matches(&self, seen: &Seen) -> bool {
        match self {
            Selector::Pattern(pattern) => event_pattern::Event::parse(seen.envelope.as_bytes())
                .is_ok_and(|event| pattern.matches(&event)),
            Selector::Filter(filter) => filter.matches(self.text(seen)),
        }
    }

    fn explain(&self, seen: &Seen, matches: bool, out: &mut dyn Write) -> io::Result<()> {
        let verdict = if matches { "matches" } else { "does not match" };
        writeln!(out, "{} {verdict}", seen.place)?;
        match self {
            Selector::Pattern(pattern) => match event_pattern::Event::parse(seen.envelope.as_bytes()) {
                Ok(event) => writeln!(out, "{}", plain_lines(&pattern.explain(&event).to_string())),
                Err(error) => writeln!(out, "  {error}"),
            },
            Selector::Filter(filter) => {
                writeln!(out, "{}", plain_lines(&filter.explain(self.text(seen)).to_string()))
            }
        }
    }
}

/// Reads what was typed: the text itself, or a file that holds it.
fn selector(typed: &OsStr, language: Option<Language>) -> Result<Selector, Failure> {
    let path = Path::new(typed);
    let text = if path.is_file() {
        fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?
    } else {
        let text = typed.to_str().ok_or_else(|| {
            Failure::usage(format!("{}: no such file, and a pattern is UTF-8 text", path.display()))
        })?;
        text.to_owned()
    };
    match language.unwrap_or_else(|| language_of(&text)) {
        Language::Pattern => Pattern::parse(&text).map(Selector::Pattern).map_err(|errors| {
            let said: Vec<String> = errors
                .iter()
                .map(|error| {
                    described(error.span.line, error.span.column, &error.message, error.hint.as_deref())
                })
                .collect();
            Failure::new(Exit::Rules, format!("the event pattern is not valid\n{}", said.join("\n")))
        }),
        Language::Filter => Filter::parse(&text).map(Selector::Filter).map_err(|errors| {
            let said: Vec<String> = errors.iter().map(|error| format!("  {error}")).collect();
            let failure =
                Failure::new(Exit::Rules, format!("the filter pattern is not valid\n{}", said.join("\n")));
            if looks_like_a_file(&typed.to_string_lossy()) {
                failure.hint(format!(
                    "there is no file `{}`, so this was read as a filter pattern",
                    path.display()
                ))
            } else {
                failure
            }
        }),
    }
}

/// Whether somebody meant a file that is not there.
fn looks_like_a_file(typed: &str) -> bool {
    let name = Path::new(typed);
    !name.is_file()
        && !typed.contains(char::is_whitespace)
        && (name.extension().is_some() || typed.contains('/'))
}

fn described(line: u32, column: u32, message: &str, hint: Option<&str>) -> String {
    let hint = hint.map_or(String::new(), |hint| format!("\n    hint: {hint}"));
    format!("  line {line}, column {column}: {message}{hint}")
}

/// Both languages begin with a brace, but only JSON has a name in quotes behind it (or nothing).
fn language_of(text: &str) -> Language {
    let text = text.trim_start();
    let inside = text.strip_prefix('{').map(str::trim_start);
    if inside.is_some_and(|inside| inside.starts_with(['"', '}'])) {
        Language::Pattern
    } else {
        Language::Filter
    }
}

/// Hands over each event of an input; false if it could not be read to its end.
///
/// A file that holds one JSON object of any other kind is an event too: people try patterns on pieces of events.
fn each(input: &Input, talk: Talk, mut take: impl FnMut(Seen)) -> bool {
    let bytes = match input.read() {
        Ok(bytes) => bytes,
        Err(error) => {
            talk.error(format_args!("{input}: {error}"));
            return false;
        }
    };
    if let Some(object) = any_object(&bytes) {
        take(Seen { envelope: object, record: None, place: input.to_string() });
        return true;
    }
    let decoded = Decoder::default().decode(&bytes, None, |item| match item {
        Item::Event(event) => take(seen(&event, input)),
        Item::Rejected { offset, error } => {
            talk.warn(format_args!("{input}, byte {offset}: {error}"));
        }
        Item::Digest(_) | Item::Skipped { .. } => {}
    });
    if let Some(trouble) = &decoded.trouble {
        talk.error(format_args!("{input}: {trouble}"));
    }
    decoded.trouble.is_none()
}

fn seen(event: &Event<'_>, input: &Input) -> Seen {
    let mut envelope = Vec::new();
    cloudtrail::eventbridge::write_envelope(event, &mut envelope);
    let record = event.record().map(|record| {
        let mut text = Vec::new();
        record.json.write_compact(&mut text);
        // The decoder has checked that it is UTF-8.
        String::from_utf8_lossy(&text).into_owned()
    });
    let place = format!("{input}, byte {}, event {}", event.offset, plain(&event.id().to_string()));
    Seen { envelope: String::from_utf8_lossy(&envelope).into_owned(), record, place }
}

/// The text, if it is one JSON object that is neither an event nor holds some.
fn any_object(bytes: &[u8]) -> Option<String> {
    let value: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes).ok()?;
    let mut is_known = false;
    let decoded =
        Decoder::default().decode(bytes, None, |item| is_known |= !matches!(item, Item::Rejected { .. }));
    let is_empty_batch = ["Records", "Events", "logEvents"].iter().any(|name| value.contains_key(*name));
    if is_known || is_empty_batch || decoded.trouble.is_some() {
        return None;
    }
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_told_from_a_pattern() {
        for (typed, is_file) in [
            ("pattern.json", true),
            ("./patterns", true),
            ("{ $.a = 1.5 }", false),
            ("ERROR", false),
            ("", false),
        ] {
            assert_eq!(looks_like_a_file(typed), is_file, "{typed}");
        }
    }

    #[test]
    fn the_first_characters_tell_the_language() {
        for (text, is_pattern) in [
            (r#"{"source":["aws.iam"]}"#, true),
            ("{\n  \"a\": [1]}", true),
            ("{}", true),
            ("{ $.eventName = ConsoleLogin }", false),
            ("[ip, user]", false),
            ("ERROR -debug", false),
            ("", false),
        ] {
            assert_eq!(language_of(text) == Language::Pattern, is_pattern, "{text}");
        }
    }
}
