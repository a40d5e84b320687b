//! Files of cases, one JSON object a line: each is checked, what fails or is left out is printed, and both outcomes are counted.
//!
//! Some cases are contradicted on purpose. They stand in a list beside the tests of the crate they are about, with reasons, and count neither as passed
//! nor as failed; a listed case that holds is no divergence and fails, so that the list cannot outlive its reasons.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What came of a case.
pub(crate) enum Verdict {
    Holds,
    /// It says nothing either way, for this reason.
    LeftOut(String),
    Fails(String),
}

impl From<Result<(), String>> for Verdict {
    fn from(checked: Result<(), String>) -> Self {
        checked.map_or_else(Verdict::Fails, |()| Verdict::Holds)
    }
}

/// Checks the cases of a file and counts those that hold and those that fail. `check` is given a case with the number of its line, and says what to call it.
///
/// # Errors
///
/// If the file cannot be read or a line is no case.
pub(crate) fn run<C: DeserializeOwned>(
    path: &Path,
    check: impl Fn(usize, &C) -> (String, Verdict),
) -> io::Result<(usize, usize)> {
    let (mut passed, mut failed) = (0, 0);
    for (index, line) in io::BufReader::new(std::fs::File::open(path)?).lines().enumerate() {
        let (number, line) = (index + 1, line?);
        if line.trim().is_empty() {
            continue;
        }
        let case = serde_json::from_str(&line)
            .map_err(|error| io::Error::other(format!("line {number}: {error}")))?;
        let (name, verdict) = check(number, &case);
        match verdict {
            Verdict::Holds => passed += 1,
            Verdict::LeftOut(reason) => println!("{name} is left out: {reason}"),
            Verdict::Fails(reason) => {
                failed += 1;
                println!("{name}: {reason}");
            }
        }
    }
    Ok((passed, failed))
}

/// Cases that are contradicted on purpose, by name, with reasons.
pub(crate) struct Divergences(HashMap<String, String>);

impl Divergences {
    /// The list of this text, one JSON object a line.
    ///
    /// # Errors
    ///
    /// If a line is none.
    pub(crate) fn of(text: &str) -> io::Result<Self> {
        #[derive(Deserialize)]
        struct Divergence {
            name: String,
            reason: String,
        }
        let listed = text.lines().map(|line| {
            let Divergence { name, reason } = serde_json::from_str(line)?;
            Ok((name, reason))
        });
        listed.collect::<io::Result<_>>().map(Divergences)
    }

    /// What a case came to, if it may be contradicted.
    pub(crate) fn judge(&self, name: &str, checked: Result<(), String>) -> Verdict {
        match (self.0.get(name), checked) {
            (Some(reason), Err(_)) => Verdict::LeftOut(format!("it is contradicted on purpose: {reason}")),
            (Some(_), Ok(())) => Verdict::Fails("listed as a divergence, but there is none".to_owned()),
            (None, checked) => checked.into(),
        }
    }
}
