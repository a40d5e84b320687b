//! What can be typed. Nothing here touches the machine: arguments are read, commands resolve them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

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
    pub(crate) format: CheckFormat,
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
        format: CheckFormat,
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
        format: CheckFormat,
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
    pub(crate) format: CheckFormat,
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
    pub(crate) format: CheckFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Silences {
    /// Tell of nothing that is like a finding, of a rule, an account and a principal, or that a pattern matches
    #[command(after_help = "Examples:
  trailhound silence add trailhound.yaml --finding 8f2c… --for 1h --reason 'I am on it'
  trailhound silence add /var/lib/trailhound --rule root-use --account 111122223333 --for 2d --reason 'setting up'
  trailhound silence add trailhound.yaml --pattern '{\"detail\": {\"severity\": [\"low\"]}}' --until 2026-11-04T09:00:00Z --reason 'release night'")]
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
        format: CheckFormat,
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

    /// Findings that an event pattern matches
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["rule", "account", "principal"])]
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
    pub(crate) format: CheckFormat,
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

#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    /// Log files, folders, glob patterns; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,

    #[command(flatten)]
    pub(crate) choice: RuleChoice,

    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: RehearseFormat,

    /// Count only findings of this severity or above
    #[arg(short, long, value_name = "SEVERITY", default_value = "low", value_parser = severity)]
    pub(crate) severity: rules::Severity,

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
pub(crate) struct Learn {
    /// Log files, folders, glob patterns, s3://BUCKET/PREFIX; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,

    #[command(flatten)]
    pub(crate) choice: RuleChoice,

    /// The service's state folder [default: the one of --config]
    #[arg(long, value_name = "FOLDER", required_unless_present = "config")]
    pub(crate) state: Option<PathBuf>,

    /// How to print what was learned
    #[arg(short, long, default_value = "text")]
    pub(crate) format: CheckFormat,

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

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RehearseFormat {
    /// For people: a line for each rule and account, then the proposals
    Table,
    /// All of it as one document
    Json,
    /// The proposals alone, as an `override:` of the configuration
    Yaml,
}

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
pub(crate) struct Scan {
    /// Log files, folders, glob patterns, s3://BUCKET/PREFIX; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,

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

    /// Only events from this time on (2026-11-03, or 2026-11-03T02:15:00Z)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<cloudtrail::EventTime>,

    /// Only events before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<cloudtrail::EventTime>,

    /// Write counts of everything that was read, matched and rejected, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) stats: Option<PathBuf>,

    /// Write every event id of every finding, as NDJSON
    #[arg(long, value_name = "FILE")]
    pub(crate) ids: Option<PathBuf>,

    /// How many threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<std::num::NonZero<usize>>,
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
    pub(crate) format: CheckFormat,

    #[command(flatten)]
    pub(crate) known: Known,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people: the line, underlined
    Text,
    /// One diagnostic a line
    Json,
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
    pub(crate) format: CheckFormat,
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
        format: CheckFormat,
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
        format: CheckFormat,
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
