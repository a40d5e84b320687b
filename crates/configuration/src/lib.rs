//! The configuration file: its keys, its diagnostics, its secrets.
//!
//! ```text
//!   text, files ──▶ Analysis       what is decided: rules, overrides, accounts, lists, hours
//!   + secrets   ──▶ Configuration  and what runs: state, sources, targets, routes, listeners
//! ```
//!
//! A [`Configuration`] that exists can be run: every address, duration, pattern and name in it was read, every route leads somewhere, every
//! secret was found. What cannot be known here (whether a queue exists, whether a folder may be written) is for those who open it.
//!
//! Nothing is opened here: files and secrets are asked for through [`Files`] and [`Secrets`], which are handed in. Reading answers with
//! every [`Diagnostic`] there is to give, in one pass.
//!
//! Invariant: no secret is in a `Debug`, a diagnostic, or a picture of the file: a diagnostic is rendered from [`Read::shown`], in which
//! whatever may be a secret is blotted out.
//!
//! ```
//! use configuration::{Configuration, MemorySecrets, Read};
//! use rules::{Colour, MemoryFiles};
//!
//! let mut files = MemoryFiles::default();
//! files.insert("trailhound.yaml", r#"
//! state: /var/lib/trailhound
//! sources: [{ directory: { path: ./logs } }]
//! targets: { security: { slack: { webhook: "${SLACK_WEBHOOK}" } } }
//! routes: [{ to: [security] }]
//! "#);
//! let secrets = MemorySecrets::from([("SLACK_WEBHOOK", "https://hooks.slack.com/services/T0/B0/x")]);
//!
//! let Read { value, .. } = Configuration::read("trailhound.yaml", &files, &secrets);
//! let configuration = value.unwrap();
//! assert_eq!(configuration.targets[0].name.as_str(), "security");
//! assert!(!format!("{configuration:?}").contains("T0/B0"));
//!
//! let read = Configuration::read("trailhound.yaml", &files, &MemorySecrets::default());
//! assert_eq!(
//!     read.diagnostics[0].to_string(),
//!     "trailhound.yaml:4:43: error[missing-secret]: the variable `SLACK_WEBHOOK` is not set"
//! );
//! # let _ = read.diagnostics[0].render(&read.shown(&files), Colour::Plain);
//! ```
//!
//! [`Diagnostic`]: rules::Diagnostic
//! [`Files`]: rules::Files

#![deny(missing_docs)]

mod accounts;
mod analysis;
mod aws_target;
mod fold;
mod forward;
mod geoip;
mod lateness;
mod listener;
mod log;
mod masked;
mod message_target;
mod outside;
mod read;
mod respond;
mod role;
mod routing;
mod scalar;
pub mod schema;
mod secret;
mod shape;
mod source;
mod state;
mod suppression;
mod target;

pub use accounts::Organizations;
pub use analysis::{Analysis, RulesFrom};
pub use forward::Forward;
pub use geoip::GeoIp;
pub use lateness::Lateness;
pub use listener::Listener;
pub use log::LogLevel;
pub use masked::Shown;
pub use outside::Heartbeat;
pub use read::{Read, looks_like_one};
pub use respond::{Response, ResponseAction};
pub use secret::{MemorySecrets, NoSecret, Secrets};
pub use source::{DirectorySource, HttpSource, Queue, S3Source, Source, SourceClass, SourceKind, SqsSource};
pub use state::{Retention, State};
pub use target::{Target, TargetKind};

use route::{Fold, Policy, Routes};
use rules::Files;

/// Everything the service needs to run.
#[derive(Debug)]
pub struct Configuration {
    /// What is decided.
    pub analysis: Analysis,
    /// What is remembered, and how long.
    pub state: State,
    /// Where events come from: at least one, with distinct names.
    pub sources: Vec<Source>,
    /// How late events may be.
    pub lateness: Lateness,
    /// Who is asked for more about findings, in order.
    pub enrich: Vec<targets::EnricherAt>,
    /// Events that go on as they are.
    pub forwards: Vec<Forward>,
    /// Where findings go: at least one, with distinct names, each reached by a route or fed with events.
    pub targets: Vec<Target>,
    /// Which finding goes where.
    pub routes: Routes,
    /// What makes many findings one conversation, and which targets are told of conversations.
    pub fold: Fold,
    /// What is done about findings beside telling somebody.
    pub responses: Vec<Response>,
    /// Who is told that the service lives.
    pub heartbeat: Option<Heartbeat>,
    /// Where the service itself answers, with metrics and health. Nowhere, if it is not said.
    pub http: Option<Listener>,
    /// How much the service says.
    pub log: LogLevel,
}

impl Configuration {
    /// Reads the configuration that `files` have at `path`, and looks up its secrets.
    #[must_use]
    pub fn read(path: &str, files: &dyn Files, secrets: &dyn Secrets) -> Read<Self> {
        read::configuration(path, files, secrets)
    }

    /// What is told, to whom, and when.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let suppressions = self.analysis.suppressions().cloned().collect();
        Policy { routes: self.routes.clone(), suppressions, fold: self.fold.clone() }
    }
}

/// Reads what is told, to whom and when, from the configuration that `files` have at `path`, for somebody who only wants to know that. No
/// secret is looked up.
#[must_use]
pub fn read_policy(path: &str, files: &dyn Files) -> Read<Policy> {
    read::policy(path, files)
}

impl State {
    /// Reads where the state is from the configuration that `files` have at `path`, for somebody who looks into it beside the service.
    /// No secret is looked up, and what is wrong elsewhere in the file is told and does not hinder.
    #[must_use]
    pub fn read(path: &str, files: &dyn Files) -> Read<Self> {
        read::state(path, files)
    }
}

impl Analysis {
    /// Reads the configuration that `files` have at `path` for somebody who only analyses: nothing that only the service needs has to be
    /// there, and no secret is looked up. What is there has to be right all the same.
    #[must_use]
    pub fn read(path: &str, files: &dyn Files) -> Read<Self> {
        read::analysis(path, files)
    }

    /// Reads the configuration that `files` have at `path` as the service would, for somebody who wants to know what is wrong with it.
    /// Without `secrets` none is looked up, and what depends on them is not checked. A configuration that has nothing of what only
    /// the service needs is taken for one that is meant for analysis alone.
    ///
    /// The value is there if what it is about could be read, even where something else is wrong: so the rules can be checked too.
    #[must_use]
    pub fn check(path: &str, files: &dyn Files, secrets: Option<&dyn Secrets>) -> Read<Self> {
        read::check(path, files, secrets)
    }
}
