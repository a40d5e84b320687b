//! The service and what it keeps: `serve`, `status`, `findings`, `deliveries`, `audit`, `backup`, `restore`.

use super::{TextOrJson, delivery_state, severity, threads, time};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", required_unless_present = "demo", conflicts_with = "demo")]
    pub(crate) config: Option<PathBuf>,

    /// Watch a made-up organization with the built-in rules; needs no configuration
    #[arg(long)]
    pub(crate) demo: bool,

    /// End the demonstration after so many seconds
    #[arg(long = "for", value_name = "SECONDS", requires = "demo")]
    pub(crate) seconds: Option<u64>,

    /// How much is logged on standard error: error, warn, info, debug [default: what the configuration says]
    #[arg(long, value_name = "LEVEL", value_parser = crate::commands::serve::level)]
    pub(crate) log: Option<service::Level>,

    /// How many threads decode and match [default: one per core]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<std::num::NonZero<usize>>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The state folder, or the configuration that names it
    #[arg(value_name = "STATE")]
    pub(crate) state: PathBuf,

    /// How to print it
    #[arg(short, long, default_value = "text")]
    pub(crate) format: TextOrJson,
}

#[derive(Debug, Args)]
pub(crate) struct StoredFindings {
    /// The state folder, or the configuration that names it
    #[arg(value_name = "STATE")]
    pub(crate) state: PathBuf,

    /// Only findings of this rule
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Option<String>,

    /// Only findings of this severity or above
    #[arg(short, long, value_name = "SEVERITY", value_parser = severity)]
    pub(crate) severity: Option<rules::Severity>,

    /// Only findings in this account
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,

    /// Only findings of this time or later (2026-11-03, or 2026-11-03T02:15:00Z)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<cloudtrail::EventTime>,

    /// Only findings before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<cloudtrail::EventTime>,

    /// Also revisions that a later one replaced
    #[arg(long)]
    pub(crate) revisions: bool,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u64,

    /// How to print them [default: table on a terminal, else ndjson]
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<FindingsFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingsFormat {
    /// For people: three lines a finding
    Table,
    /// One finding a line, each an EventBridge-shaped event
    Ndjson,
    /// One array of findings
    Json,
    /// What became of each: one JSON object a line, with the messages it was told in
    Outcomes,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Deliveries {
    /// What is owed: dead letters, what is being sent, what is pending
    #[command(after_help = "Examples:
  trailhound deliveries list /var/lib/trailhound
  trailhound deliveries list trailhound.yaml --state dead --target oncall --format json")]
    List {
        /// The state folder, or the configuration that names it
        #[arg(value_name = "STATE")]
        state: PathBuf,

        /// Only those in one state: pending, sending, delivered, dead, discarded
        #[arg(long = "state", value_name = "NAME", value_parser = delivery_state)]
        only: Option<store::DeliveryState>,

        /// Only those of one target
        #[arg(long, value_name = "NAME")]
        target: Option<String>,

        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,

        /// How to print them
        #[arg(short, long, default_value = "text")]
        format: TextOrJson,
    },
    /// Send dead letters again: by key, or all of a target; works while the service runs
    #[command(after_help = "Examples:
  trailhound deliveries retry /var/lib/trailhound 8f2c…:0:oncall
  trailhound deliveries retry trailhound.yaml --target oncall")]
    Retry {
        /// The state folder, or the configuration that names it
        #[arg(value_name = "STATE")]
        state: PathBuf,

        /// Dead letters, as `id:revision:target`
        #[arg(value_name = "KEY")]
        keys: Vec<String>,

        /// All dead letters of this target
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// The newest rows: responses to findings, dead letters sent again, input set aside
    #[command(after_help = "Examples:
  trailhound audit list /var/lib/trailhound
  trailhound audit list trailhound.yaml --limit 1000 --format json")]
    List {
        /// The state folder, or the configuration that names it
        #[arg(value_name = "STATE")]
        state: PathBuf,

        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,

        /// How to print them
        #[arg(short, long, default_value = "text")]
        format: TextOrJson,
    },
    /// Follow the chain of hashes, and print its end to be noted elsewhere
    #[command(after_help = "Exits 1 if a link is broken.

Examples:
  trailhound audit verify /var/lib/trailhound
  trailhound audit verify trailhound.yaml --head 12:3f0c…")]
    Verify {
        /// The state folder, or the configuration that names it
        #[arg(value_name = "STATE")]
        state: PathBuf,

        /// An end that was noted earlier: the list has to go through it
        #[arg(long, value_name = "SEQ:HASH")]
        head: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The state folder, or the configuration that names it
    #[arg(value_name = "STATE")]
    pub(crate) state: PathBuf,

    /// The copy: a file that is not there yet
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The state folder, which is made if need be, or the configuration that names it
    #[arg(value_name = "STATE")]
    pub(crate) state: PathBuf,
}
