//! Runs files of conformance cases against the language crates: `cargo xtask conformance KIND FILE`.

mod event_pattern;
mod filter_pattern;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::Outcome;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The language the cases are about
    kind: Kind,
    /// A file with one JSON case a line
    file: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Kind {
    EventPattern,
    FilterPattern,
}

impl Kind {
    pub(crate) const ALL: [Kind; 2] = [Kind::EventPattern, Kind::FilterPattern];

    /// The name on the command line and of the shared file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::EventPattern => "event-pattern",
            Kind::FilterPattern => "filter-pattern",
        }
    }

    fn cases(self, file: &Path) -> io::Result<(usize, usize)> {
        match self {
            Kind::EventPattern => event_pattern::run(file),
            Kind::FilterPattern => filter_pattern::run(file),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let (passed, failed) = arguments
        .kind
        .cases(&arguments.file)
        .map_err(|error| format!("cannot run the cases of {}: {error}", arguments.file.display()))?;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
