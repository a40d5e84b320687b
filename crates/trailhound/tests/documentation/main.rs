//! Holds the manual to the program: links lead somewhere, examples run and print what the pages say, generated pages are up to date.
//!
//! What a program can write (the command line, the checks, the built-in rules, outputs of examples) is rewritten with
//! `TRAILHOUND_UPDATE_SCHEMA=1`; look at the difference before you commit it.

#![cfg(unix)] // examples are run by a shell
#![expect(clippy::unwrap_used, reason = "tests")]

mod book;
mod command_line;
mod costs;
mod coverage;
mod examples;
mod links;
mod rule_pack;
mod schemas;
mod sessions;

use std::fs;
use std::process::Command;

/// Rewrites what is generated instead of comparing it.
fn updates() -> bool {
    std::env::var_os("TRAILHOUND_UPDATE_SCHEMA").is_some()
}

/// A file of the repository is what the program would write.
fn is_up_to_date(path: &str, generated: &str) {
    let file = book::root().join(path);
    if updates() {
        book::rewrite(&file, generated);
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == generated,
        "{path} differs from the program: set TRAILHOUND_UPDATE_SCHEMA=1 to rewrite it"
    );
}

/// What the program prints, without a terminal.
fn trailhound(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_trailhound"))
        .args(arguments)
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "trailhound {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
