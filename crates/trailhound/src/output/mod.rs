//! Findings as text, in the format asked for. One file a format.

mod csv;
mod json;
mod ndjson;
mod table;
mod text;

use std::io::{self, Write};

use decide::Finding;

use crate::exit_code::Failure;
use crate::talk::Talk;

pub(crate) use csv::Csv;
pub(crate) use json::Json;
pub(crate) use ndjson::Ndjson;
pub(crate) use table::Table;
pub(crate) use text::{Styles, filled, fit, line_width, plain, plain_lines};

/// Where findings go, one after the other, in the order of time.
pub(crate) trait Output {
    /// Prints one.
    fn finding(&mut self, finding: &Finding) -> io::Result<()>;

    /// Prints what comes after the last.
    fn finish(&mut self) -> io::Result<()>;
}

/// Writes to standard output, to the last byte; a reader that has seen enough is no failure.
///
/// `trailhound scan logs | head` closes the pipe, and the process then has nothing left to do.
pub(crate) fn print(talk: Talk, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = talk.out();
    written(write(&mut out).and_then(|()| out.flush()))
}

/// Turns the result of writing to standard output into an outcome.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::broken_pipe()),
        Err(error) => Err(Failure::input(format!("cannot write to standard output: {error}"))),
    }
}
