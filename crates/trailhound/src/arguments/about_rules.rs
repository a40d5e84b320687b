//! Commands about rules, with no logs or a single event: `check`, `test`, `match`, `explain`, `rules`, `schema`.

use super::{Known, RuleChoice, TextOrJson, severity};
use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CoverageBy {
    /// Techniques of ATT&CK's cloud matrix, by tactic
    Technique,
    /// Controls of the CIS AWS Foundations Benchmark
    Control,
    /// AWS services
    Service,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Rule files or folders, or a configuration [default: the built-in pack]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Also look up the secrets that the configuration refers to, as the service would
    #[arg(long)]
    pub(crate) secrets: bool,

    /// Warnings count as failures
    #[arg(long)]
    pub(crate) strict: bool,

    /// How to print what is wrong
    #[arg(short, long, default_value = "text")]
    pub(crate) format: TextOrJson,

    #[command(flatten)]
    pub(crate) known: Known,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Rule files or folders [default: the built-in pack, or those of --config]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Also write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Only rules whose id matches this glob pattern
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Option<String>,

    #[command(flatten)]
    pub(crate) known: Known,
}

#[derive(Debug, Args)]
pub(crate) struct Match {
    /// An event pattern (JSON) or a filter pattern, or a file that holds one
    #[arg(value_name = "PATTERN")]
    pub(crate) pattern: OsString,

    /// Files of events; `-` is standard input
    #[arg(required = true, value_name = "EVENT")]
    pub(crate) events: Vec<OsString>,

    /// Print the events that match, one a line
    #[arg(short, long)]
    pub(crate) print: bool,

    /// Say for each event why it matches or not
    #[arg(short, long)]
    pub(crate) explain: bool,

    /// What PATTERN is, where its first characters do not tell
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) language: Option<Language>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// An EventBridge event pattern
    Pattern,
    /// A CloudWatch Logs filter pattern
    Filter,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The id of a rule
    pub(crate) rule: String,

    /// A file with one event, or log files together with --event-id; `-` is standard input
    #[arg(required = true, value_name = "EVENT")]
    pub(crate) events: Vec<OsString>,

    /// Which event, where there are several
    #[arg(long, value_name = "ID")]
    pub(crate) event_id: Option<String>,

    #[command(flatten)]
    pub(crate) choice: RuleChoice,

    /// How to print the explanation
    #[arg(short, long, default_value = "text")]
    pub(crate) format: TextOrJson,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// One line a rule: severity, id, title, tags
    #[command(after_help = "Examples:
  trailhound rules list
  trailhound rules list --tag 'attack.*' --severity high
  trailhound rules list --format json")]
    List {
        #[command(flatten)]
        choice: RuleChoice,

        /// Only rules with a tag that matches this glob pattern
        #[arg(long, value_name = "GLOB")]
        tag: Option<String>,

        /// Only rules of this severity or above
        #[arg(short, long, value_name = "SEVERITY", value_parser = severity)]
        severity: Option<rules::Severity>,

        /// How to print them
        #[arg(short, long, default_value = "text")]
        format: TextOrJson,
    },
    /// What the rules are about, and what they are not: ATT&CK techniques, CIS controls, AWS services
    #[command(after_help = "Examples:
  trailhound rules coverage
  trailhound rules coverage --by control
  trailhound rules coverage --rules ./rules --format json")]
    Coverage {
        /// What to list
        #[arg(long, default_value = "technique")]
        by: CoverageBy,

        #[command(flatten)]
        choice: RuleChoice,

        /// How to print it
        #[arg(short, long, default_value = "text")]
        format: TextOrJson,
    },
    /// One rule: what it is for, what it costs, what to check first, and its document
    #[command(after_help = "Example:
  trailhound rules show root-console-login")]
    Show {
        /// The id of a rule
        id: String,

        #[command(flatten)]
        choice: RuleChoice,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Schema {
    /// Rule documents
    Rule,
    /// The configuration
    Configuration,
    /// Findings
    Finding,
}
