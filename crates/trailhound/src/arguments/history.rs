//! Commands that read what is already there: `scan`, `rehearse`, `learn`.

use super::{RuleChoice, TextOrJson, severity, threads, time};
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Which log files are read, and what of them.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Log files, folders, glob patterns, s3://BUCKET/PREFIX; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,

    /// Only events from this time on (2026-11-03, or 2026-11-03T02:15:00Z)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<cloudtrail::EventTime>,

    /// Only events before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<cloudtrail::EventTime>,

    /// How many threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<std::num::NonZero<usize>>,
}

#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    #[command(flatten)]
    pub(crate) history: History,

    #[command(flatten)]
    pub(crate) choice: RuleChoice,

    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: RehearseFormat,

    /// Count only findings of this severity or above
    #[arg(short, long, value_name = "SEVERITY", default_value = "low", value_parser = severity)]
    pub(crate) severity: rules::Severity,
}

#[derive(Debug, Args)]
pub(crate) struct Learn {
    #[command(flatten)]
    pub(crate) history: History,

    #[command(flatten)]
    pub(crate) choice: RuleChoice,

    /// The service's state folder [default: the one of --config]
    #[arg(long, value_name = "FOLDER", required_unless_present = "config")]
    pub(crate) state: Option<PathBuf>,

    /// How to print what was learned
    #[arg(short, long, default_value = "text")]
    pub(crate) format: TextOrJson,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RehearseFormat {
    /// For people: a line for each rule and account, then the proposals
    Table,
    /// All of it as one document
    Json,
    /// The proposals alone, as an `override:` of the configuration
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) history: History,

    #[command(flatten)]
    pub(crate) choice: RuleChoice,

    /// How to print findings [default: table on a terminal, else ndjson]
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,

    /// Print only findings of this severity or above
    #[arg(short, long, value_name = "SEVERITY", default_value = "info", value_parser = severity)]
    pub(crate) severity: rules::Severity,

    /// Leave with exit code 1 if a finding has this severity or above
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub(crate) fail_on: Option<rules::Severity>,

    /// Write counts of everything that was read, matched and rejected, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) stats: Option<PathBuf>,

    /// Write every event id of every finding, as NDJSON
    #[arg(long, value_name = "FILE")]
    pub(crate) ids: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: grouped by rule
    Table,
    /// One finding a line, each an EventBridge-shaped event
    Ndjson,
    /// One array of findings
    Json,
    /// For spreadsheets: one row a finding
    Csv,
}
