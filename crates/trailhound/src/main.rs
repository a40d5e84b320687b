//! Trailhound's command line: read the arguments, run the command, leave with its exit code.

mod arguments;
mod clock;
mod commands;
mod exit_code;
mod geography;
mod inputs;
mod loading;
mod output;
mod remote;
mod talk;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, Route, Rules};
use exit_code::Exit;
use talk::Talk;

// Rust's default on musl is several times slower, and glibc's keeps more memory with many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let talk = Talk::new(&arguments.talk);
    let outcome = match arguments.command {
        Command::Scan(arguments) => commands::scan::run(&arguments, talk),
        Command::Check(arguments) => commands::check::run(&arguments, talk),
        Command::Test(arguments) => commands::test::run(&arguments, talk),
        Command::Match(arguments) => commands::matching::run(&arguments, talk),
        Command::Explain(arguments) => commands::explain::run(&arguments, talk),
        Command::Rules(Rules::List { choice, tag, severity, format }) => {
            commands::rules::list(&choice, tag.as_deref(), severity, format, talk)
        }
        Command::Rules(Rules::Coverage { by, choice, format }) => {
            commands::coverage::run(by, &choice, format, talk)
        }
        Command::Rehearse(arguments) => commands::rehearse::run(*arguments, talk),
        Command::Rules(Rules::Show { id, choice }) => commands::rules::show(&id, &choice, talk),
        Command::Learn(arguments) => commands::learn::run(&arguments, talk),
        Command::Serve(arguments) => commands::serve::run(&arguments, talk),
        Command::Status(arguments) => commands::status::run(&arguments, talk),
        Command::Findings(arguments) => commands::findings::run(&arguments, talk),
        Command::Deliveries(arguments) => commands::deliveries::run(&arguments, talk),
        Command::Audit(arguments) => commands::audit::run(&arguments, talk),
        Command::Route(Route::Test(arguments)) => commands::route::test(&arguments, talk),
        Command::Suppressions(arguments) => commands::suppressions::run(&arguments, talk),
        Command::Silence(arguments) => commands::orders::silences(&arguments, talk),
        Command::Ack(arguments) => commands::orders::acknowledge(&arguments, talk),
        Command::Drill(arguments) => commands::drill::run(&arguments, talk),
        Command::Backup(arguments) => commands::backup::backup(&arguments, talk),
        Command::Restore(arguments) => commands::backup::restore(&arguments, talk),
        Command::Schema { of } => commands::schema::run(of, talk),
        Command::Completions { shell } => commands::completions::run(shell, talk),
    };
    let exit = outcome.unwrap_or_else(|failure| {
        if !failure.silent {
            talk.error(&failure);
        }
        failure.exit
    });
    exit.into()
}

/// `--help` and `--version` are fine; everything else that clap refuses is a usage error.
fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is no reason to fail.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() }
}
