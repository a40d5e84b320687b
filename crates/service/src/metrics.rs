//! `/metrics`, in Prometheus's text form.
//!
//! Counters come out of one snapshot of the store, so they hold across restarts and add up whenever they are asked for:
//!
//! * `trailhound_records_total{outcome}` over all outcomes = `trailhound_records_received_total`, by class;
//! * `trailhound_signals_total{outcome}` over all outcomes = `trailhound_signals_received_total`;
//! * `trailhound_findings_total{outcome}` over all outcomes = `trailhound_findings_received_total`;
//! * `trailhound_deliveries{state}` over all states + `trailhound_deliveries_pruned_total` = `trailhound_deliveries_created_total`.
//!
//! `trailhound_unaccounted` is how many of these do not hold, and is always 0.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use route::{Count, Standing};
use store::{Activity, Severity, Status, Undelivered};

use crate::counts::unbalanced;
use crate::health::State;
use crate::latency::Latencies;

/// What the text is made of.
pub(crate) struct Shown<'a> {
    pub(crate) counters: &'a [(String, u64)],
    pub(crate) status: &'a Status,
    pub(crate) standings: [(Standing, Count); 4],
    pub(crate) undelivered: Undelivered,
    pub(crate) activity: Activity,
    pub(crate) parts: &'a [(String, State)],
    pub(crate) ready: bool,
    pub(crate) latencies: &'a Latencies,
    pub(crate) version: &'a str,
}

/// A family of metrics: name, kind, help, and samples as labels with a value.
type Families = BTreeMap<&'static str, (&'static str, &'static str, Vec<(String, u64)>)>;

pub(crate) fn render(shown: &Shown<'_>) -> String {
    let mut families = Families::new();
    let mut add = |name, kind, help, labels: String, value| {
        families.entry(name).or_insert_with(|| (kind, help, Vec::new())).2.push((labels, value));
    };
    for (name, value) in shown.counters {
        let mut parts = name.splitn(3, '/');
        let (kind, second, third) =
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
        match (kind, second, third) {
            ("records", class, Some("received")) => {
                add(
                    "trailhound_records_received_total",
                    "counter",
                    "Records that came in.",
                    label("class", class),
                    *value,
                );
            }
            ("records", class, Some("undated")) => {
                add(
                    "trailhound_records_undated_total",
                    "counter",
                    "Records without a readable time.",
                    label("class", class),
                    *value,
                );
            }
            ("records", class, Some(outcome)) => {
                let (outcome, reason) = outcome.split_once('/').unwrap_or((outcome, ""));
                let mut labels = format!("{},{}", label("class", class), label("outcome", outcome));
                if !reason.is_empty() {
                    labels = format!("{labels},{}", label("reason", reason));
                }
                add("trailhound_records_total", "counter", "What became of records.", labels, *value);
            }
            ("signals", "received", _) => {
                add(
                    "trailhound_signals_received_total",
                    "counter",
                    "Rules that wanted an event.",
                    String::new(),
                    *value,
                );
            }
            ("signals", outcome, _) => {
                add(
                    "trailhound_signals_total",
                    "counter",
                    "What became of signals.",
                    label("outcome", outcome),
                    *value,
                );
            }
            ("findings", "received", _) => {
                add(
                    "trailhound_findings_received_total",
                    "counter",
                    "Revisions of findings.",
                    String::new(),
                    *value,
                );
            }
            ("findings", outcome, _) => {
                add(
                    "trailhound_findings_total",
                    "counter",
                    "What became of revisions of findings.",
                    label("outcome", outcome),
                    *value,
                );
            }
            ("hidden", by, Some(id)) => {
                let labels = format!("{},{}", label("by", by), label("id", id));
                add(
                    "trailhound_hidden_findings_total",
                    "counter",
                    "Revisions of findings that a suppression or a silence hid.",
                    labels,
                    *value,
                );
            }
            ("messages", kind, _) => {
                add(
                    "trailhound_messages_total",
                    "counter",
                    "Messages put into the outbox, by their place in the conversation.",
                    label("kind", kind),
                    *value,
                );
            }
            ("conversations", "given-up", Some(standing)) => {
                add(
                    "trailhound_conversations_given_up_total",
                    "counter",
                    "Conversations that were given up because there were too many, by how they stood.",
                    label("standing", standing),
                    *value,
                );
            }
            ("drills", outcome, _) => {
                add(
                    "trailhound_drill_messages_total",
                    "counter",
                    "Messages of drills, which are counted nowhere else.",
                    label("outcome", outcome),
                    *value,
                );
            }
            ("enrich", outcome, _) => {
                add(
                    "trailhound_enriched_findings_total",
                    "counter",
                    "Findings that somebody was to be asked about, by what came of it.",
                    label("outcome", outcome),
                    *value,
                );
            }
            ("forgotten", ..) => {
                add(
                    "trailhound_forgotten_total",
                    "counter",
                    "Events that rules took in and had to forget, because they had too many keys or events.",
                    String::new(),
                    *value,
                );
            }
            ("given-up", rule, _) => {
                add(
                    "trailhound_given_up_total",
                    "counter",
                    "Keys and events that a rule gave up because it had too many.",
                    label("rule", rule),
                    *value,
                );
            }
            ("rules", rule, _) => {
                add(
                    "trailhound_rule_findings_total",
                    "counter",
                    "Revisions of findings by rule.",
                    label("rule", rule),
                    *value,
                );
            }
            ("built-in-words", target, _) => {
                add(
                    "trailhound_messages_in_built_in_words_total",
                    "counter",
                    "Messages of which the target's own template made nothing.",
                    label("target", target),
                    *value,
                );
            }
            ("forward", ..) => {
                let (target, outcome) =
                    name.trim_start_matches("forward/").rsplit_once('/').unwrap_or_default();
                let labels = format!("{},{}", label("target", target), label("outcome", outcome));
                add(
                    "trailhound_forwarded_events_total",
                    "counter",
                    "Events that go on as they are, by target and what became of them.",
                    labels,
                    *value,
                );
            }
            ("sources", _, Some(_)) => {
                // A source's name may hold anything but ends before the last slash.
                let (source, what) = name.trim_start_matches("sources/").rsplit_once('/').unwrap_or_default();
                let labels = format!("{},{}", label("source", source), label("what", what));
                add(
                    "trailhound_source_inputs_total",
                    "counter",
                    "Batches of a source, and input it set aside or could not read.",
                    labels,
                    *value,
                );
            }
            _ => {}
        }
    }
    let deliveries = &shown.status.deliveries;
    for (state, count) in [
        ("pending", deliveries.pending),
        ("sending", deliveries.sending),
        ("delivered", deliveries.delivered),
        ("dead", deliveries.dead),
        ("discarded", deliveries.discarded),
    ] {
        add("trailhound_deliveries", "gauge", "Outbox entries by state.", label("state", state), count);
    }
    let plain = String::new;
    add(
        "trailhound_deliveries_created_total",
        "counter",
        "Outbox entries ever created.",
        plain(),
        deliveries.created,
    );
    add(
        "trailhound_deliveries_pruned_total",
        "counter",
        "Outbox entries deleted by retention.",
        plain(),
        deliveries.pruned,
    );
    for (severity, count) in Severity::ALL.into_iter().zip(shown.status.findings.latest) {
        add(
            "trailhound_findings_kept",
            "gauge",
            "Findings in the store, by severity.",
            label("severity", severity_name(severity)),
            count,
        );
    }
    let mut held = 0;
    for (standing, Count { conversations, findings }) in shown.standings {
        add(
            "trailhound_conversations",
            "gauge",
            "Conversations that are remembered, by how they stand.",
            label("standing", standing.name()),
            conversations,
        );
        held += if standing == Standing::Held { findings } else { 0 };
    }
    let Undelivered { pending, failed } = shown.undelivered;
    for (state, count) in [("held", held), ("pending", pending), ("failed", failed)] {
        add(
            "trailhound_findings_undelivered",
            "gauge",
            "Findings of which somebody is still to hear, or did not hear.",
            label("state", state),
            count,
        );
    }
    add("trailhound_store_bytes", "gauge", "Size of the database file.", plain(), shown.status.bytes);
    add(
        "trailhound_store_commits_total",
        "counter",
        "Commits that reached the disk since the start.",
        plain(),
        shown.activity.commits,
    );
    add(
        "trailhound_store_transactions_total",
        "counter",
        "Transactions in those commits.",
        plain(),
        shown.activity.transactions,
    );
    add(
        "trailhound_store_refused_total",
        "counter",
        "Transactions of which nothing was kept.",
        plain(),
        shown.activity.refused,
    );
    for (part, state) in shown.parts {
        if let Some(source) = part.strip_prefix("source ") {
            add(
                "trailhound_source_up",
                "gauge",
                "Whether a source works.",
                label("source", source),
                u64::from(state.is_well()),
            );
        }
    }
    add("trailhound_ready", "gauge", "Whether /readyz says yes.", plain(), u64::from(shown.ready));
    let wrong = unbalanced(shown.counters).len()
        + usize::from(!shown.status.findings.balanced())
        + usize::from(!deliveries.balanced());
    add("trailhound_unaccounted", "gauge", "Sums that do not add up: always 0.", plain(), wrong as u64);
    add("trailhound_build_info", "gauge", "The version that runs.", label("version", shown.version), 1);

    let mut out = String::new();
    // Writing to a String cannot fail.
    for (name, (kind, help, samples)) in families {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    }
    shown.latencies.write(&mut out);
    out
}

fn label(name: &str, value: &str) -> String {
    let mut out = format!("{name}=\"");
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            c if route::printable::is_hidden(c) => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The name of a severity in metrics and messages.
#[must_use]
pub fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}
