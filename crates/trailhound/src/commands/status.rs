//! `trailhound status`: what the state folder holds, and how the service on it is.

use std::path::Path;

use route::Standing;
use serde_json::json;
use service::control::{self, Request, Response};
use service::{severity_name, unbalanced};
use store::{Reader, Severity, Snapshot};

use crate::arguments::{Status, TextOrJson};
use crate::exit_code::{Exit, Failure, Outcome};
use crate::output::{Styles, plain, print};
use crate::talk::Talk;

pub(crate) fn run(arguments: &Status, talk: Talk) -> Outcome {
    let folder = super::state::folder(&arguments.state)?;
    let mut reader = open(&folder)?;
    let snapshot = reader.snapshot().map_err(store_failure)?;
    let status = snapshot.status().map_err(store_failure)?;
    let counters = snapshot.counters().map_err(store_failure)?;
    let live = control::ask(&folder, &Request::Health)
        .map_err(|error| Failure::input(format!("the service does not answer: {error}")))?;
    let mut wrong = unbalanced(&counters);
    if !status.findings.balanced() {
        wrong.push("findings in the store do not add up".to_owned());
    }
    if !status.deliveries.balanced() {
        wrong.push("deliveries in the store do not add up".to_owned());
    }
    let deliveries = status.deliveries;
    let undelivered = snapshot.undelivered().map_err(store_failure)?;
    let conversations = Conversations::of(&snapshot, &counters)?;
    if arguments.format == TextOrJson::Json {
        let service = match &live {
            Some(Response::Health { ready, parts, since, version }) => json!({
                "running": true, "ready": ready, "since": since, "version": version,
                "parts": parts.iter().map(|(part, state)| json!({ "part": part, "state": state })).collect::<Vec<_>>(),
            }),
            _ => json!({ "running": false }),
        };
        let findings = Severity::ALL.into_iter().zip(status.findings.latest);
        let document = json!({
            "service": service,
            "findings": findings.map(|(severity, count)| (severity_name(severity).to_owned(), count.into())).collect::<serde_json::Map<_, _>>(),
            "deliveries": {
                "pending": deliveries.pending, "sending": deliveries.sending, "delivered": deliveries.delivered,
                "dead": deliveries.dead, "discarded": deliveries.discarded, "created": deliveries.created, "pruned": deliveries.pruned,
            },
            "undelivered": { "held": conversations.held_findings, "pending": undelivered.pending, "failed": undelivered.failed },
            "conversations": {
                "open": conversations.open, "unanswered": conversations.unanswered, "held": conversations.held,
                "given_up": conversations.given_up,
            },
            "counters": counters.iter().map(|(name, value)| (name.clone(), (*value).into())).collect::<serde_json::Map<_, _>>(),
            "store": { "bytes": status.bytes, "commits": status.commit, "runs": status.run, "schema": status.schema },
            "unaccounted": wrong,
        });
        print(talk, |out| writeln!(out, "{document:#}"))?;
    } else {
        print(talk, |out| {
            let bold = Styles::BOLD;
            match &live {
                Some(Response::Health { ready, parts, since, version }) => {
                    let ready = if *ready { "ready" } else { "not ready" };
                    writeln!(out, "{bold}service{bold:#}     {ready}, version {version}, since {since:.0}")?;
                    for (part, state) in parts {
                        writeln!(out, "            {}: {}", plain(part), plain(state))?;
                    }
                }
                _ => writeln!(out, "{bold}service{bold:#}     not running on {}", folder.display())?,
            }
            let sum = |ending: &str| -> u64 {
                let of = counters
                    .iter()
                    .filter(|(name, _)| name.starts_with("records/") && name.ends_with(ending));
                of.map(|(_, value)| value).sum()
            };
            let records: Vec<String> = ["received", "matched", "unmatched", "duplicate", "rejected"]
                .iter()
                .map(|outcome| format!("{} {outcome}", sum(&format!("/{outcome}"))))
                .collect();
            writeln!(out, "{bold}records{bold:#}     {}", records.join(", "))?;
            let given_up: Vec<String> = counters
                .iter()
                .filter_map(|(name, count)| {
                    Some(format!("{} {count}", plain(name.strip_prefix("given-up/")?)))
                })
                .collect();
            if !given_up.is_empty() {
                writeln!(
                    out,
                    "{bold}given up{bold:#}    keys and events of rules that had too many: {}",
                    given_up.join(", ")
                )?;
            }
            let findings: Vec<String> = Severity::ALL
                .into_iter()
                .zip(status.findings.latest)
                .rev()
                .map(|(severity, count)| format!("{count} {}", severity_name(severity)))
                .collect();
            writeln!(out, "{bold}findings{bold:#}    {}", findings.join(", "))?;
            writeln!(
                out,
                "{bold}deliveries{bold:#}  {} pending, {} being sent, {} delivered, {} dead, {} discarded",
                deliveries.pending,
                deliveries.sending,
                deliveries.delivered,
                deliveries.dead,
                deliveries.discarded
            )?;
            writeln!(
                out,
                "{bold}undelivered{bold:#} {} held, {} pending, {} failed",
                conversations.held_findings, undelivered.pending, undelivered.failed
            )?;
            write!(
                out,
                "{bold}told{bold:#}        {} conversations open, {} wait for an answer, {} held",
                conversations.open, conversations.unanswered, conversations.held
            )?;
            if conversations.given_up > 0 {
                write!(out, ", {} given up because there were too many", conversations.given_up)?;
            }
            match conversations.without_finding {
                0 => writeln!(out)?,
                count => writeln!(out, ", {count} ended because their findings are no longer kept")?,
            }
            writeln!(
                out,
                "{bold}store{bold:#}       {:.1} MB, {} commits, started {} times",
                megabytes(status.bytes),
                status.commit,
                status.run
            )
        })?;
    }
    for sum in &wrong {
        talk.error(format_args!("{sum}: this is a defect, please report it"));
    }
    Ok(if wrong.is_empty() { Exit::Fine } else { Exit::Input })
}

/// Conversations that are not closed, by how they stand.
#[derive(Default)]
struct Conversations {
    open: u64,
    unanswered: u64,
    held: u64,
    held_findings: u64,
    given_up: u64,
    without_finding: u64,
}

impl Conversations {
    fn of(snapshot: &Snapshot<'_>, counters: &[(String, u64)]) -> Result<Self, Failure> {
        let mut all = Conversations::default();
        for one in service::kept(snapshot).map_err(Failure::input)?.conversations {
            match one.standing {
                Standing::Closed => {}
                Standing::Open => all.open += 1,
                Standing::Unanswered => all.unanswered += 1,
                Standing::Held => {
                    all.held += 1;
                    all.held_findings += one.findings;
                }
            }
        }
        let given_up = counters.iter().filter(|(name, _)| {
            let standing = name.strip_prefix("conversations/given-up/");
            standing.is_some_and(|standing| standing != Standing::Closed.name())
        });
        all.given_up = given_up.map(|(_, count)| count).sum();
        let gone = counters.iter().find(|(name, _)| name == "messages/without-finding");
        all.without_finding = gone.map_or(0, |(_, count)| *count);
        Ok(all)
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
pub(super) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Opens a state folder for reading; the service may be running on it.
pub(super) fn open(folder: &Path) -> Result<Reader, Failure> {
    Reader::open(folder).map_err(|error| match error {
        store::Error::Missing { .. } => Failure::usage(format!("there is no state in {}", folder.display()))
            .hint("name the folder that `state` has in the configuration, or the configuration itself"),
        error => store_failure(error),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn store_failure(error: store::Error) -> Failure {
    Failure::input(error.to_string()).hint(error.hint())
}
