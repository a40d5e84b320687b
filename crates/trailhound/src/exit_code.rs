//! Every exit code of the binary, and the one kind of error that leads to it.

use std::fmt;
use std::process::ExitCode;

/// How a command ended.
///
/// The numbers are a promise to scripts: they do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// All is fine.
    Fine = 0,
    /// Findings at or over `--fail-on`, nothing matched (`match`), failed tests, warnings under `--strict`.
    Found = 1,
    /// A rule or test file is wrong.
    Rules = 2,
    /// The command line or the configuration is wrong.
    Usage = 3,
    /// Input or network failed; what could be done was done first.
    Input = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error for the person at the terminal: what failed, why, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    hint: Option<String>,
    /// Whoever read our output has gone: leave without a word.
    pub(crate) silent: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into(), hint: None, silent: false }
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The command line or configuration is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, message)
    }

    /// The reader of standard output has seen enough, which is fine.
    pub(crate) fn broken_pipe() -> Self {
        Failure { silent: true, ..Failure::new(Exit::Fine, "the reader has gone") }
    }

    /// Input or output failed.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Failure::new(Exit::Input, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// What a command returns.
pub(crate) type Outcome = Result<Exit, Failure>;
