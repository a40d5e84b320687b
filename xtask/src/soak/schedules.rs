//! Many random schedules of delay, outage, clock and restart through the engine: no absence is false, and none is missed; and a
//! tenth as many random events of every kind of rule, which any order of arrival and any stop leaves as they are.
//!
//! The schedules are the property tests of `decide`, with more cases than the whole test has time for.

use std::process::{Command, ExitCode};

use crate::Outcome;

/// Runs so many, in an optimized build.
pub(super) fn run(schedules: u32) -> Outcome {
    println!(
        "{schedules} schedules of delay and outage, and {} of every kind of rule",
        schedules.div_ceil(10)
    );
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--release", "--locked", "--package", "decide", "--test", "engine", "--"])
        .args(["absences::", "properties::", "--nocapture"])
        .env("TRAILHOUND_SCHEDULES", schedules.to_string())
        .status()?;
    if !status.success() {
        return Err(
            "a schedule fails: it is printed above, and kept under crates/decide/tests/proptest-regressions"
                .into(),
        );
    }
    Ok(ExitCode::SUCCESS)
}
