//! Whom the service tells, and whom it spares: `route`, `suppressions`, `silence`, `ack`, `drill`.

use super::{TextOrJson, time};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Route {
    /// Where a finding would go at a time, and why
    #[command(after_help = "Examples:
  trailhound route test trailhound.yaml root-use                        what the rule's own firing test would be told as
  trailhound route test trailhound.yaml root-use --at 2026-11-07T23:00:00Z
  trailhound findings trailhound.yaml --limit 1 --format ndjson > finding.json
  trailhound route test trailhound.yaml finding.json --format json | jq .to")]
    Test(RouteTest),
}

#[derive(Debug, Args)]
pub(crate) struct RouteTest {
    /// The configuration
    #[arg(value_name = "CONFIG")]
    pub(crate) config: PathBuf,

    /// A file with findings, or the id of a rule, whose own firing test is taken
    #[arg(value_name = "FINDING")]
    pub(crate) finding: String,

    /// When it would be told (2026-11-03, or 2026-11-03T02:15:00Z) [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<cloudtrail::EventTime>,

    /// How to print it
    #[arg(short, long, default_value = "text")]
    pub(crate) format: TextOrJson,
}

#[derive(Debug, Args)]
pub(crate) struct Suppressions {
    /// The configuration
    #[arg(value_name = "CONFIG")]
    pub(crate) config: PathBuf,

    /// Print the findings that this one hides, as NDJSON
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,

    /// At most so many findings
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u64,

    /// How to print them
    #[arg(short, long, default_value = "text")]
    pub(crate) format: TextOrJson,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Silences {
    /// Tell of nothing that is like a finding, of a rule, an account and a principal, or that a pattern matches
    #[command(after_help = "Examples:
  trailhound silence add trailhound.yaml --finding 8f2c… --for 1h --reason 'I am on it'
  trailhound silence add /var/lib/trailhound --rule root-use --account 111122223333 --for 2d --reason 'setting up'
  trailhound silence add trailhound.yaml --match '{\"detail\": {\"severity\": [\"low\"]}}' --until 2026-11-04T09:00:00Z --reason 'release night'")]
    Add(SilenceAdd),
    /// Silences, with how much they hid; those that are over for 30 days
    #[command(after_help = "Example:
  trailhound silence list trailhound.yaml")]
    List {
        /// The state folder, or the configuration that names it
        #[arg(value_name = "STATE")]
        state: PathBuf,

        /// How to print them
        #[arg(short, long, default_value = "text")]
        format: TextOrJson,
    },
    /// End a silence now
    #[command(after_help = "Example:
  trailhound silence remove trailhound.yaml 4be1c0d2")]
    Remove {
        /// The state folder, or the configuration that names it
        #[arg(value_name = "STATE")]
        state: PathBuf,

        /// Which
        #[arg(value_name = "ID")]
        id: String,

        /// Who wants it [default: $USER]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SilenceAdd {
    /// The state folder, or the configuration that names it
    #[arg(value_name = "STATE")]
    pub(crate) state: PathBuf,

    /// What is like this finding: of its rule, account and principal
    #[arg(long, value_name = "ID", conflicts_with_all = ["rule", "account", "principal", "pattern"])]
    pub(crate) finding: Option<String>,

    /// Findings of this rule
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Option<String>,

    /// Findings in this account
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,

    /// Findings about this principal: its ARN, its name, or the person behind it
    #[arg(long, value_name = "ARN")]
    pub(crate) principal: Option<String>,

    /// Findings that this event pattern over findings matches
    #[arg(long = "match", alias = "pattern", value_name = "PATTERN", conflicts_with_all = ["rule", "account", "principal"])]
    pub(crate) pattern: Option<String>,

    /// How long: 30m, 1h, 2d
    #[arg(long = "for", value_name = "TIME", value_parser = crate::commands::orders::length)]
    pub(crate) length: Option<jiff::SignedDuration>,

    /// Until when (2026-11-04, or 2026-11-04T09:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "length")]
    pub(crate) until: Option<cloudtrail::EventTime>,

    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,

    /// Who wants it [default: $USER]
    #[arg(long, visible_alias = "owner", value_name = "NAME")]
    pub(crate) by: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Acknowledge {
    /// The state folder, or the configuration that names it
    #[arg(value_name = "STATE")]
    pub(crate) state: PathBuf,

    /// The finding, or the conversation that began with it
    #[arg(value_name = "FINDING")]
    pub(crate) finding: String,

    /// Who has it in hand [default: $USER]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Drill {
    /// The rule
    #[arg(value_name = "RULE")]
    pub(crate) rule: String,

    /// The configuration of the service, which says where its state is
    #[arg(short, long, value_name = "FILE", required_unless_present = "state")]
    pub(crate) config: Option<PathBuf>,

    /// The service's state folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,

    /// Which of the rule's tests [default: the first that fires]
    #[arg(long, value_name = "NAME")]
    pub(crate) test: Option<String>,

    /// Send nothing; say where it would go
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Tell those too for whom such a finding would be held until their hours begin
    #[arg(long)]
    pub(crate) held: bool,

    /// How long incidents stay open before they are closed: 30s, 2m; at most 10m
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::commands::orders::length)]
    pub(crate) open_for: jiff::SignedDuration,

    /// Who wants it, for the audit list [default: $USER]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,

    /// How to print it
    #[arg(short, long, default_value = "text")]
    pub(crate) format: TextOrJson,
}
