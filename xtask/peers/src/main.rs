//! `peers CITYLOTS RULES COUNTS RECORDS SIGMA [RUNS]`: other people's tools and Trailhound's parts, each doing the same work on one thread.
//!
//! | argument | is |
//! |---|---|
//! | `CITYLOTS` | events, one a line |
//! | `RULES`, `COUNTS` | sets of patterns for them, and how many events each pattern matches |
//! | `RECORDS` | a folder of inflated CloudTrail log files |
//! | `SIGMA` | a folder of Sigma rules |
//!
//! Every tool says how many verdicts it gave, and a figure counts only beside equal verdicts. Tools run in turn, so that whatever else the
//! machine does meets all of them; each run is timed by the processor time of its thread. One line of JSON per tool and work goes to
//! standard output: `cargo xtask bench --peers` makes a page of them.

mod citylots;
mod measure;
mod records;
mod sigma;

use std::error::Error;
use std::path::PathBuf;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [citylots, rules, counts, logs, sigma, rest @ ..] = arguments.as_slice() else {
        return Err("usage: peers CITYLOTS RULES COUNTS RECORDS SIGMA [RUNS]".into());
    };
    let runs = rest.first().map_or(Ok(5), |runs| runs.parse())?;
    citylots::run(&PathBuf::from(citylots), &PathBuf::from(rules), &PathBuf::from(counts), runs)?;
    let logs = records::read(&PathBuf::from(logs))?;
    records::run(&logs, runs)?;
    sigma::run(&logs, &PathBuf::from(sigma), runs)
}
