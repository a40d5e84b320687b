//! `peers PART RUNS ARGUMENTS…`: other people's tools and Trailhound's parts, each doing the same work on one thread.
//!
//! | part | arguments |
//! |---|---|
//! | `citylots` | events, one a line; sets of patterns for them; how many events each pattern matches |
//! | `records` | a folder of CloudTrail log files as they are delivered |
//! | `sigma` | such a folder, and a folder of Sigma rules |
//!
//! Every tool says how many verdicts it gave, and a figure counts only beside equal verdicts. Tools run in turn, so that whatever else the
//! machine does meets all of them; each run is timed by the processor time of its thread, or of its process where it has one of its own. One line of
//! JSON per tool and work goes to standard output: `cargo xtask bench --peers` makes a page of them.

mod citylots;
mod event_ruler;
mod files;
mod logs;
mod measure;
mod records;
mod sigma;

use std::error::Error;
use std::path::Path;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [part, runs, rest @ ..] = arguments.as_slice() else {
        return Err("usage: peers PART RUNS ARGUMENTS…".into());
    };
    let runs = runs.parse()?;
    match (*part, rest) {
        ("citylots", [events, rules, counts]) => {
            citylots::run(Path::new(events), Path::new(rules), Path::new(counts), runs)
        }
        ("records", [folder]) => {
            let paths = logs::paths(Path::new(folder))?;
            records::run(&logs::read(&paths)?, runs)?;
            files::run(&paths, runs)
        }
        ("sigma", [folder, rules]) => {
            let mut paths = logs::paths(Path::new(folder))?;
            paths.truncate(sigma::FILES_MAX);
            sigma::run(&logs::read(&paths)?, Path::new(rules), runs)
        }
        _ => Err(format!("no part `{part}` with these arguments").into()),
    }
}
