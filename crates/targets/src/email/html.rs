//! A message as HTML, for mails.
//!
//! Mail programs know little of CSS, and nothing of what stands in another place: so it is tables, with the style at each element. Every
//! value is escaped by the template engine.

use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use route::message::{Body, Message};
use route::{Severity, State};

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    #[expect(clippy::expect_used, reason = "a constant, which the tests render")]
    environment.add_template("message.html", include_str!("message.html")).expect("the template is one");
    environment
});

/// The whole page; of an alarm with CloudWatch's text of it.
pub(super) fn render(message: &Message, alarm: Option<&str>) -> String {
    let facts: Vec<_> = message.facts.iter().map(|fact| (fact.label, &fact.value)).collect();
    let sections: Vec<_> = message
        .sections
        .iter()
        .map(|section| match &section.body {
            Body::Prose(text) => (section.title, "prose", text),
            Body::Yaml(text) => (section.title, "code", text),
            Body::Text(text) => (section.title, "text", text),
        })
        .collect();
    let links: Vec<_> = message.links.iter().map(|link| (&link.url, &link.label)).collect();
    let values = serde_json::json!({
        "headline": message.headline,
        "summary": message.summary,
        "colour": colour(message),
        "facts": facts,
        "checks": message.checks,
        "sections": sections,
        "links": links,
        "rule": message.rule,
        "finding": message.finding,
        "alarm": alarm,
        "revision": message.revision,
    });
    let rendered =
        ENVIRONMENT.get_template("message.html").and_then(|template| template.render(Serde(values)));
    // It has no way to fail that a message could choose; the text beside it says the same.
    rendered.unwrap_or_default()
}

fn colour(message: &Message) -> &'static str {
    match (message.state, message.severity) {
        (State::Resolved, _) => "#2e7d32",
        (State::Unknown, _) => "#78828f",
        (State::Firing, Severity::Critical) => "#b3001b",
        (State::Firing, Severity::High) => "#d9480f",
        (State::Firing, Severity::Medium) => "#e69500",
        (State::Firing, Severity::Low) => "#b59f00",
        (State::Firing, Severity::Info) => "#2b6cb0",
    }
}
