//! Runs files of conformance cases against the language crates: `cargo xtask conformance KIND FILE`.

mod alarm;
mod cases;
mod composite_alarm;
mod event_pattern;
mod filter_pattern;
mod input_transformer;
mod statistics;

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
    Alarm,
    Statistics,
    CompositeAlarm,
    InputTransformer,
}

impl Kind {
    pub(crate) const ALL: [Kind; 6] = [
        Kind::EventPattern,
        Kind::FilterPattern,
        Kind::Alarm,
        Kind::Statistics,
        Kind::CompositeAlarm,
        Kind::InputTransformer,
    ];

    /// The name on the command line and of the shared file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::EventPattern => "event-pattern",
            Kind::FilterPattern => "filter-pattern",
            Kind::Alarm => "alarm",
            Kind::Statistics => "statistics",
            Kind::CompositeAlarm => "composite-alarm",
            Kind::InputTransformer => "input-transformer",
        }
    }

    fn cases(self, file: &Path) -> io::Result<(usize, usize)> {
        match self {
            Kind::EventPattern => event_pattern::run(file),
            Kind::FilterPattern => filter_pattern::run(file),
            Kind::Alarm => alarm::run(file),
            Kind::Statistics => statistics::run(file),
            Kind::CompositeAlarm => composite_alarm::run(file),
            Kind::InputTransformer => input_transformer::run(file),
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
