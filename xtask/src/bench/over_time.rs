//! `cargo xtask bench over-time`: rsigma-eval's correlation engine and Trailhound's engine over the same signals, in one run.
//!
//! The program is one of those in `xtask/peers`, a workspace of its own. It fails where one of the two finds something else than plain
//! counting does, so a figure stands only beside the right findings.

use std::process::{Command, ExitCode};

use crate::{Outcome, data};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// How often each figure is taken; the median is printed
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// Prints a table.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let manifest = data::root().join("xtask/peers/Cargo.toml");
    let status = Command::new(env!("CARGO"))
        .args(["run", "--release", "--locked", "--bin", "over-time", "--manifest-path"])
        .arg(&manifest)
        .arg("--")
        .arg(arguments.runs.to_string())
        .env("CARGO_TARGET_DIR", data::target().join("peers"))
        .status()?;
    if !status.success() {
        return Err(format!("over-time: {status}").into());
    }
    Ok(ExitCode::SUCCESS)
}
