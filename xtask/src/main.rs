//! Developer commands. `cargo xtask test` is what a contributor and the build machine run.

mod bench;
mod conformance;
mod corpus;
mod data;
mod http;
mod soak;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of Trailhound", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check and test everything, installing what the tests need on a Debian machine
    Test(test::Arguments),
    /// Run a file of conformance cases; the last line is `N passed, M failed`
    Conformance(conformance::Arguments),
    /// Write a folder of generated log files in delivery form
    Corpus(corpus::Arguments),
    /// Kill the service at random moments and compare with a run that nobody disturbed
    Soak(soak::Arguments),
    /// Measure a scan of a generated corpus against inflating it
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(arguments) => test::run(&arguments),
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Corpus(arguments) => corpus::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a developer command ends with: an exit code, or a sentence for the developer.
type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;
