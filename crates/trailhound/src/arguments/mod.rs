//! What can be typed. Nothing here touches the machine: arguments are read, commands resolve them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

mod about_rules;
mod history;
mod running;
mod telling;

pub(crate) use about_rules::{Check, CoverageBy, Explain, Language, Match, Rules, Schema, Test};
pub(crate) use history::{Format, History, Learn, Rehearse, RehearseFormat, Scan};
pub(crate) use running::{Audit, Backup, Deliveries, FindingsFormat, Restore, Serve, Status, StoredFindings};
pub(crate) use telling::{Acknowledge, Drill, Route, RouteTest, SilenceAdd, Silences, Suppressions};

/// Reads the CloudTrail of a whole AWS organization, decides what matters, and tells you.
#[derive(Debug, Parser)]
#[command(name = "trailhound", version, max_term_width = 100, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) talk: Talk,
}

const EXIT_CODES: &str = "Exit codes:
  0  fine
  1  findings at or over --fail-on; nothing matched (match); failed tests; warnings under --strict
  2  a rule or test file is wrong
  3  the command line or the configuration is wrong
  4  input or network failed (after finishing what could be done)";

/// How much is said, and how it looks.
#[derive(Debug, Clone, Args)]
pub(crate) struct Talk {
    /// Say nothing but errors on standard error
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Colours: always, never, or only on a terminal (NO_COLOR is honoured)
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run rules over CloudTrail log files and print what they find
    #[command(after_help = "Examples:
  trailhound scan logs/                          the built-in rules over a folder, as a table
  trailhound scan 'AWSLogs/*/CloudTrail/**/*.gz' --severity medium
  trailhound scan logs/ --rules builtin --rules ./rules --format ndjson | jq .detail.title
  trailhound scan logs/ -c trailhound.yaml       the rules, accounts and lists of the service
  aws cloudtrail lookup-events | trailhound scan -
  trailhound scan logs/ --fail-on high           exit code 1 if anything high or critical is found")]
    Scan(Box<Scan>),

    /// Count what rules would tell day by day over log files, and propose exceptions
    #[command(after_help = "Examples:
  trailhound rehearse logs/                      findings per day, by rule and account
  trailhound rehearse logs/ --severity medium --format yaml >> trailhound.yaml
  trailhound rehearse logs/ -c trailhound.yaml   with what is excepted already")]
    Rehearse(Box<Rehearse>),

    /// Read rule files and the configuration, and say everything that is wrong or doubtful in them
    #[command(after_help = "Examples:
  trailhound check                               the built-in rules
  trailhound check rules/ --strict               warnings count as failures
  trailhound check -c trailhound.yaml            the configuration, its rules and its routes
  trailhound check -c trailhound.yaml --secrets  and whether its secrets are there: where the service runs
  trailhound check rules/mine.yaml --format json")]
    Check(Check),

    /// Run the tests inside rule files
    #[command(after_help = "Examples:
  trailhound test rules/
  trailhound test rules/mine.yaml --junit results.xml")]
    Test(Test),

    /// Try one pattern or filter against events
    #[command(after_help = "Examples:
  trailhound match '{\"detail\":{\"eventName\":[\"StopLogging\"]}}' logs/
  trailhound match '{ $.errorCode = \"AccessDenied*\" }' logs/ --print
  trailhound match pattern.json event.json --explain")]
    Match(Match),

    /// Say why a rule fired on an event or did not: one reason per leaf
    #[command(after_help = "Examples:
  trailhound explain root-console-login event.json
  trailhound explain cloudtrail-logging-stopped logs/ --event-id 26fe8e0e-382c-4865-9f5b-0818a1c0b904
  trailhound explain my-rule event.json --rules ./rules")]
    Explain(Explain),

    /// List the rules, or show one
    #[command(subcommand)]
    Rules(Rules),

    /// Run as a service: read events as they come, decide, tell, until it is told to end
    #[command(after_help = "Examples:
  trailhound serve --demo                        see it work: nothing to set up, nothing leaves the machine
  trailhound serve -c trailhound.yaml
  kill -HUP $(pidof trailhound)                  load the configuration again; so does a change of its files")]
    Serve(Serve),

    /// Teach a service's first-seen rules what is known, from log files, before it starts
    #[command(after_help = "Examples:
  trailhound learn logs/ -c trailhound.yaml      the month before, so that the service knows who does what from the start
  trailhound learn 'AWSLogs/*/CloudTrail/**/*.gz' -c trailhound.yaml --from 2026-10-01
  trailhound learn logs/ --state /var/lib/trailhound --rules ./rules")]
    Learn(Box<Learn>),

    /// What a service has read, found and delivered, and how it is
    #[command(after_help = "Examples:
  trailhound status /var/lib/trailhound
  trailhound status trailhound.yaml --format json | jq .deliveries")]
    Status(Status),

    /// Findings of a service, newest first, and what became of them
    #[command(after_help = "Examples:
  trailhound findings /var/lib/trailhound --severity high
  trailhound findings trailhound.yaml --rule root-use --from 2026-11-01 --format ndjson
  trailhound findings /var/lib/trailhound --format outcomes | jq 'select(.outcome != \"sent\")'")]
    Findings(StoredFindings),

    /// What a service owes its targets, and dead letters to be sent again
    #[command(subcommand)]
    Deliveries(Deliveries),

    /// What was done and by whom, in a list that shows where it was tampered with
    #[command(subcommand)]
    Audit(Audit),

    /// Where a finding would go, and why
    #[command(subcommand)]
    Route(Route),

    /// What is known to be good, how much of it there was, and what nobody needs any more
    #[command(after_help = "Examples:
  trailhound suppressions trailhound.yaml
  trailhound suppressions trailhound.yaml backup-role | jq .detail.title   the findings that it hides")]
    Suppressions(Suppressions),

    /// Tell of nothing of a kind for a while; works while the service runs
    #[command(subcommand)]
    Silence(Silences),

    /// Say that somebody has a finding in hand, so that nobody else is told for want of an answer
    #[command(after_help = "Example:
  trailhound ack /var/lib/trailhound 8f2c… --by alice")]
    Ack(Acknowledge),

    /// Tell a rule's own firing test to the real targets, marked DRILL, to see that telling works
    ///
    /// The running service runs the test under the rules, lists and routes it has, and sends what comes of it once, past outbox, conversations and
    /// counts. Incidents that it opens (PagerDuty, OpsGenie) are closed after a while.
    #[command(after_help = "Examples:
  trailhound drill root-use -c trailhound.yaml
  trailhound drill root-use -c trailhound.yaml --dry-run              where it would go now; nothing is sent
  trailhound drill root-use -c trailhound.yaml --held --open-for 2m   also to those who would be told in the morning")]
    Drill(Drill),

    /// Copy a service's state to a file, also while it runs
    #[command(after_help = "Example:
  trailhound backup /var/lib/trailhound /backup/trailhound-monday.db")]
    Backup(Backup),

    /// Put a backup in the place of a service's state; the service must be stopped
    #[command(after_help = "Example:
  trailhound restore /backup/trailhound-monday.db /var/lib/trailhound")]
    Restore(Restore),

    /// Print the JSON Schema of rule documents, of the configuration or of findings
    #[command(after_help = "Example:
  trailhound schema rule > rule.schema.json")]
    Schema {
        /// Which schema
        of: Schema,
    },

    /// Print a completion script for a shell
    #[command(after_help = "Example:
  trailhound completions bash > /etc/bash_completion.d/trailhound")]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Which rules to use, and what they may ask about the organization.
#[derive(Debug, Clone, Args)]
pub(crate) struct RuleChoice {
    /// A rule file or folder, `builtin`, or `builtin-baseline` (built-in rules that look at most events); may be given more than once [default: builtin, or those of --config]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) known: Known,
}

/// What is known of the organization.
#[derive(Debug, Clone, Args)]
pub(crate) struct Known {
    /// A configuration: its rules, overrides, accounts, lists and hours; what is given beside it wins
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Account names, units, tags and owners, as YAML
    #[arg(long, value_name = "FILE")]
    pub(crate) accounts: Option<PathBuf>,

    /// Set a list that rules ask about; may be given more than once
    #[arg(long = "list", value_name = "NAME=GLOB,GLOB")]
    pub(crate) lists: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    /// For people
    Text,
    /// For programs
    Json,
}

fn delivery_state(text: &str) -> Result<store::DeliveryState, String> {
    let named = store::DeliveryState::ALL.into_iter().find(|state| state.name() == text);
    named.ok_or_else(|| "one of pending, sending, delivered, dead, discarded".to_owned())
}

fn threads(text: &str) -> Result<std::num::NonZero<usize>, String> {
    text.parse().map_err(|_| "a number from 1 on, or leave --threads out for one per core".to_owned())
}

fn severity(text: &str) -> Result<rules::Severity, String> {
    let named = rules::Severity::ALL.into_iter().find(|severity| severity.as_str() == text);
    named.ok_or_else(|| "one of info, low, medium, high, critical".to_owned())
}

/// A day, or an instant.
fn time(text: &str) -> Result<cloudtrail::EventTime, String> {
    let instant =
        if text.len() == "2026-11-03".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    instant.parse().map_err(|_| "a day like 2026-11-03 or an instant like 2026-11-03T02:15:00Z".to_owned())
}
