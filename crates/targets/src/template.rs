//! MiniJinja templates over a finding.
//!
//! What a template writes is the operator's, what it fills in is written by whoever made the call, perhaps an attacker. So each value is
//! escaped by the [format](Format) of the text, always: there is no `safe` filter, and no `autoescape` block turns it off. A template
//! cannot include another, runs a bounded number of steps and writes a bounded text. What is not there is an error, not nothing: write
//! `x | default("?")` or `if x is defined` where it may be missing.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Output, UndefinedBehavior};
use route::message::{Body, Message};
use route::printable::{is_hidden, json_line, line};

use crate::Delivery;

/// How many steps a template may run.
const FUEL: u64 = 100_000;
/// The longest text a template may write, in bytes.
const WRITTEN_MAX: usize = 256 * 1024;
/// The longest template, in bytes.
const SOURCE_MAX: usize = 64 * 1024;
/// What a template may name.
const ROOTS: [&str; 10] =
    ["account", "detail", "id", "key", "message", "region", "resources", "source", "time", "version"];

const NAME: &str = "template";

/// What a template's text is, and so how values are escaped in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON: each value is written as JSON, a text with its quotes. What comes out has to be JSON.
    Json,
    /// Plain text: characters that act on a terminal become visible.
    Text,
}

/// A template over a finding: its fields, and `message`, what a person is told of it.
///
/// ```
/// use route::{FindingEvent, TargetName};
/// use targets::{Delivery, Format, Template};
///
/// let template = Template::parse(r#"{"text": {{ detail.severity ~ ": " ~ message.summary }}}"#, Format::Json)?;
/// let finding = r#"{"id": "8f2c", "source": "trailhound", "detail-type": "Trailhound Finding",
///     "detail": {"severity": "high", "reason": "say \"hi\""}}"#;
/// let delivery = Delivery::new(TargetName::new("siem").unwrap(), FindingEvent::parse(finding)?);
/// assert_eq!(template.render(&delivery)?, r#"{"text": "high: say \"hi\""}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Template {
    source: Arc<str>,
    environment: Arc<Environment<'static>>,
    format: Format,
}

/// Why a text is no template, or a template made nothing of a finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// It cannot be read.
    #[error("this is no template: {0}")]
    Syntax(String),
    /// It is too long.
    #[error("a template has at most {SOURCE_MAX} bytes")]
    TooLong,
    /// It names what a finding does not have.
    #[error("a template cannot name `{name}`: it has {}", ROOTS.join(", "))]
    UnknownName {
        /// What.
        name: String,
    },
    /// It failed on this finding.
    #[error("the template failed: {0}")]
    Failed(String),
    /// What it wrote is no JSON.
    #[error("INVALID_JSON: the template made no JSON of this finding: {0}")]
    NoJson(String),
    /// The finding is nested too deep for templates.
    #[error("the finding is nested too deep for a template")]
    TooDeep,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// If it is none, or names what a finding does not have.
    pub fn parse(source: &str, format: Format) -> Result<Self, TemplateError> {
        if source.len() > SOURCE_MAX {
            return Err(TemplateError::TooLong);
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(64);
        environment.remove_filter("safe");
        environment.remove_filter("escape");
        environment.remove_filter("e");
        let name = match format {
            Format::Json => "json",
            Format::Text => "text",
        };
        // Custom, so that nothing but the formatter below knows how to write a value.
        environment.set_auto_escape_callback(move |_| AutoEscape::Custom(name.into()));
        environment.set_formatter(move |out, state, value| {
            if value.is_undefined() {
                // A strict environment refuses it, with the name.
                return minijinja::escape_formatter(out, state, value);
            }
            write(out, format, value)
        });
        let syntax = |error: minijinja::Error| TemplateError::Syntax(told(&error));
        environment.add_template_owned(NAME, source.to_owned()).map_err(syntax)?;
        let template = environment.get_template(NAME).map_err(syntax)?;
        let globals: Vec<String> = environment.globals().map(|(name, _)| name.to_owned()).collect();
        let mut unknown: Vec<String> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !ROOTS.contains(&name.as_str()) && !globals.contains(name))
            .collect();
        unknown.sort();
        if let Some(name) = unknown.into_iter().next() {
            return Err(TemplateError::UnknownName { name: line(&name, 80) });
        }
        refuse_unknown_filters(&environment)?;
        Ok(Template { source: source.into(), environment: Arc::new(environment), format })
    }

    /// The template as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it makes of a finding. The same finding makes the same text.
    ///
    /// # Errors
    ///
    /// If it names what this finding does not have, runs or writes too long, or makes no JSON where it has to.
    pub fn render(&self, delivery: &Delivery) -> Result<String, TemplateError> {
        let json = delivery.finding().json();
        let mut finding: serde_json::Value =
            serde_json::from_str(json).map_err(|_| TemplateError::TooDeep)?;
        if let Some(fields) = finding.as_object_mut() {
            fields.insert("key".to_owned(), delivery.key().into());
            fields.insert("message".to_owned(), message(delivery.message()));
        }
        let failed = |error: minijinja::Error| TemplateError::Failed(told(&error));
        let template = self.environment.get_template(NAME).map_err(failed)?;
        let mut written = Bounded(Vec::new());
        template.render_captured_to(Serde(&finding), &mut written).map_err(failed)?;
        let text = String::from_utf8_lossy(&written.0).into_owned();
        if self.format == Format::Json {
            serde_json::from_str::<serde::de::IgnoredAny>(&text)
                .map_err(|error| TemplateError::NoJson(line(&error.to_string(), 200)))?;
        }
        Ok(text)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.format == other.format
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Template")
            .field("source", &self.source)
            .field("format", &self.format)
            .finish()
    }
}

/// Filters, tests and functions are looked up while a template runs. So it runs once over nothing, as far as that leads.
fn refuse_unknown_filters(environment: &Environment<'static>) -> Result<(), TemplateError> {
    use minijinja::ErrorKind::{UnknownFilter, UnknownFunction, UnknownTest};
    let mut trial = environment.clone();
    trial.set_undefined_behavior(UndefinedBehavior::Chainable);
    trial.set_formatter(|_, _, _| Ok(()));
    let ran = trial
        .get_template(NAME)
        .and_then(|template| template.render_captured_to((), &mut Bounded(Vec::new())).map(|_| ()));
    match ran {
        Err(error) if matches!(error.kind(), UnknownFilter | UnknownFunction | UnknownTest) => {
            Err(TemplateError::Syntax(told(&error)))
        }
        _ => Ok(()),
    }
}

/// What a person is told, as a template names it.
fn message(message: &Message) -> serde_json::Value {
    let facts: serde_json::Map<String, serde_json::Value> =
        message.facts.iter().map(|fact| (fact.label.to_owned(), fact.value.clone().into())).collect();
    let sections: serde_json::Map<String, serde_json::Value> = message
        .sections
        .iter()
        .map(|section| {
            let (Body::Prose(text) | Body::Yaml(text) | Body::Text(text)) = &section.body;
            (section.title.to_owned(), text.clone().into())
        })
        .collect();
    let links: Vec<_> = message
        .links
        .iter()
        .map(|link| serde_json::json!({ "label": link.label, "url": link.url }))
        .collect();
    serde_json::json!({
        "headline": message.headline,
        "summary": message.summary,
        "facts": facts,
        "sections": sections,
        "checks": message.checks,
        "links": links,
        "text": message.to_string(),
    })
}

/// Writes a value so that it stays a value.
fn write(out: &mut Output<'_>, format: Format, value: &Value) -> Result<(), minijinja::Error> {
    let structured = matches!(value.kind(), ValueKind::Map | ValueKind::Seq | ValueKind::Iterable);
    // What a block captured was escaped when it was written.
    let text = if value.is_safe() {
        value.to_string()
    } else if format == Format::Json || structured {
        json_line(&json(value)?)
    } else if value.is_none() {
        String::new()
    } else {
        visible(&value.to_string())
    };
    Ok(out.write_str(&text)?)
}

fn json(value: &Value) -> Result<String, minijinja::Error> {
    serde_json::to_string(value).map_err(|error| {
        minijinja::Error::new(minijinja::ErrorKind::BadSerialization, line(&error.to_string(), 200))
    })
}

/// Several lines may be wanted; nothing else that is hidden.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            _ if is_hidden(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    out
}

/// What went wrong and on which line, without the values.
fn told(error: &minijinja::Error) -> String {
    let what = error
        .detail()
        .map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    let what = line(&what, 200);
    error.line().map_or(what.clone(), |number| format!("{what} (line {number})"))
}

/// Takes as much as may be written and refuses the rest.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > WRITTEN_MAX {
            return Err(std::io::Error::other("the text is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use route::{FindingEvent, TargetName};

    use super::*;

    fn delivery(detail: &serde_json::Value) -> Delivery {
        let finding = serde_json::json!({
            "id": "a", "source": "trailhound", "detail-type": "Trailhound Finding", "detail": detail
        });
        Delivery::new(TargetName::new("t").unwrap(), FindingEvent::parse(&finding.to_string()).unwrap())
    }

    fn rendered(template: &str, format: Format, detail: &serde_json::Value) -> Result<String, String> {
        let template = Template::parse(template, format).map_err(|error| error.to_string())?;
        template.render(&delivery(detail)).map_err(|error| error.to_string())
    }

    #[test]
    fn templates_and_what_they_make() {
        let detail =
            serde_json::json!({ "title": "say \"hi\"\u{1b}[2J", "count": 3, "n": null, "tags": ["a", "b"] });
        for (format, template, expected) in [
            (Format::Json, "{{ detail.title }}", Ok("\"say \\\"hi\\\"\\u001b[2J\"")),
            (
                Format::Json,
                "[{{ detail.count }}, {{ detail.n }}, {{ detail.tags }}]",
                Ok("[3, null, [\"a\",\"b\"]]"),
            ),
            (
                Format::Json,
                "[{% for tag in detail.tags %}{{ tag }}{% if not loop.last %},{% endif %}{% endfor %}]",
                Ok("[\"a\",\"b\"]"),
            ),
            (Format::Json, "{{ detail.title ~ '!' }}", Ok("\"say \\\"hi\\\"\\u001b[2J!\"")),
            (
                Format::Json,
                "{% autoescape false %}{{ detail.title }}{% endautoescape %}",
                Ok("\"say \\\"hi\\\"\\u001b[2J\""),
            ),
            (Format::Json, "{{ key }}", Ok("\"a:0:t\"")),
            (Format::Json, "{{ detail.owner | default('nobody') }}", Ok("\"nobody\"")),
            (
                Format::Json,
                "{ \"a\": x{{ detail.title }} }",
                Err(
                    "INVALID_JSON: the template made no JSON of this finding: expected value at line 1 column 8",
                ),
            ),
            (Format::Json, "{{ detail.owner }}", Err("the template failed: undefined value (line 1)")),
            (
                Format::Text,
                "{{ detail.title }} {{ detail.n }}{{ detail.tags }}",
                Ok("say \"hi\"\\u{1b}[2J [\"a\",\"b\"]"),
            ),
            (Format::Text, "{{ message.headline }}", Ok("[info] say \"hi\"\\u{1b}[2J")),
            (
                Format::Text,
                "{{ detail.title | safe }}",
                Err("this is no template: unknown filter: filter safe is unknown (line 1)"),
            ),
            (
                Format::Text,
                "{{ severity }}",
                Err(
                    "a template cannot name `severity`: it has account, detail, id, key, message, region, resources, source, time, version",
                ),
            ),
            (
                Format::Text,
                "{% if %}",
                Err("this is no template: syntax error: unexpected end of block (line 1)"),
            ),
            (
                Format::Text,
                "{% include 'x' %}",
                Err("this is no template: syntax error: unknown statement include (line 1)"),
            ),
        ] {
            let made = rendered(template, format, &detail);
            assert_eq!(made.as_deref().map_err(String::as_str), expected, "{template}");
        }
    }

    #[test]
    fn steps_and_output_are_bounded() {
        let many = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        assert_eq!(
            rendered(many, Format::Text, &serde_json::json!({})).unwrap_err(),
            "the template failed: engine ran out of fuel (line 1)"
        );
        let long = "{% for a in range(9000) %}{{ detail.title }}{% endfor %}";
        let error =
            rendered(long, Format::Text, &serde_json::json!({ "title": "x".repeat(10_000) })).unwrap_err();
        assert!(error.starts_with("the template failed"), "{error}");
        assert!(matches!(
            Template::parse(&"x".repeat(SOURCE_MAX + 1), Format::Text),
            Err(TemplateError::TooLong)
        ));
    }

    proptest! {
        #[test]
        fn a_value_in_json_stays_that_value(text in any::<String>()) {
            let made = rendered("{\"x\": {{ detail.title }}}", Format::Json, &serde_json::json!({ "title": text })).unwrap();
            let read: serde_json::Value = serde_json::from_str(&made).unwrap();
            prop_assert_eq!(&read["x"], &serde_json::json!(text));
            prop_assert!(!made.chars().any(is_hidden));
        }

        #[test]
        fn no_template_panics(source in "(\\{\\{|\\}\\}|\\{%|%\\}|for|in|if|detail|\\.|\\||[a-z0-9 '\"~*+()]){0,20}") {
            let _ = rendered(&source, Format::Text, &serde_json::json!({ "title": "t" }));
        }
    }
}
