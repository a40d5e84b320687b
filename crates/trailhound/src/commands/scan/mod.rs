//! `trailhound scan`: rules over log files.
//!
//! ```text
//!  files ─▶ workers: inflate, decode, match, judge ─▶ collector, in the order of the files: duplicates, spool
//!                                                        │ when the last file was read
//!                                                        ▼
//!                         output ◀─ findings ◀─ groups ◀─ signals by time
//! ```
//!
//! Workers share nothing but the number of the next file, and hand over one batch a file. One of them is the collector as well, between two
//! files. It takes batches in the order of the files, whatever the order in which they come, so any number of threads prints the same bytes.

mod batch;
mod collect;
mod findings;
mod history;
mod reach;
mod seen;
mod spool;
mod stats;
mod workers;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZero;

use cloudtrail::EventTime;
use decide::Signal;
use rules::Severity;

use crate::arguments::{Format, History, Scan};
use crate::clock::Stopwatch;
use crate::exit_code::{Exit, Failure, Outcome};
use crate::inputs::{self, Input};
use crate::loading::{self, Loaded};
use crate::output::{self, Csv, Json, Ndjson, Output, Table, plain};
use crate::talk::Talk;

use collect::Collector;
use stats::Stats;

pub(crate) fn run(arguments: &Scan, talk: Talk) -> Outcome {
    let format =
        arguments.format.unwrap_or(if Talk::out_is_terminal() { Format::Table } else { Format::Ndjson });
    let mut output: Box<dyn Output> = match format {
        Format::Table => Box::new(Table::new(talk.out(), output::line_width())),
        Format::Ndjson => Box::new(Ndjson::new(Talk::out_for_programs())),
        Format::Json => Box::new(Json::new(Talk::out_for_programs())),
        Format::Csv => Box::new(Csv::new(Talk::out_for_programs())),
    };
    through(arguments, &mut *output, talk).map(|scanned| scanned.exit)
}

/// How a scan went.
pub(crate) struct Scanned {
    pub(crate) exit: Exit,
    /// From the first event to the last, if there was one.
    pub(crate) span: Option<(EventTime, EventTime)>,
}

/// Scans, and hands what is found to `output`.
pub(crate) fn through(arguments: &Scan, output: &mut dyn Output, talk: Talk) -> Result<Scanned, Failure> {
    let stopwatch = Stopwatch::start();
    let span = Span::of(&arguments.history)?;
    let loaded = loading::load(&arguments.choice, talk)?;
    let inputs = inputs::find(&arguments.history.paths);
    for error in &inputs.errors {
        talk.error(plain(&error.to_string()));
    }
    let (ids, stats_file) = (create(arguments.ids.as_deref())?, create(arguments.stats.as_deref())?);
    let mut collector = Collector::new(&inputs.found);
    workers::run(
        &inputs.found,
        &loaded,
        span,
        threads(arguments.history.threads, &inputs.found),
        talk,
        &mut collector,
    )?;
    let read = collector.finish()?;
    read.report(&loaded, talk);

    let span = read.history.reach.span();
    let told =
        findings::tell(read.history, read.spool, &read.people, &loaded, arguments.severity, ids, output)?;

    told.report(&loaded, talk);
    let stats = Stats::new(&read.counts, &inputs.found, &told, stopwatch.elapsed());
    if let Some(mut file) = stats_file {
        let text = serde_json::to_string_pretty(&stats).unwrap_or_default();
        writeln!(file, "{text}")
            .and_then(|()| file.flush())
            .map_err(|error| Failure::input(format!("cannot write the statistics: {error}")))?;
    }
    match told.printed {
        // Whoever reads the first lines only still wants counts and the exit code of the whole.
        Err(failure) if !failure.silent => return Err(failure),
        _ => talk.note(stats.sentence()),
    }
    let exit = exit(&read.counts, told.worst, arguments, !inputs.errors.is_empty());
    Ok(Scanned { exit, span })
}

/// What a walk over a history has read.
pub(crate) struct Walked {
    pub(crate) exit: Exit,
    /// From the first event to the last, if there was one.
    pub(crate) span: Option<(EventTime, EventTime)>,
    pub(crate) events: u64,
}

/// Reads a history as a scan does, and hands every signal to `each` instead of deciding: each event once, in the order of the files.
pub(crate) fn signals(
    history: &History,
    loaded: &Loaded,
    talk: Talk,
    each: &mut dyn FnMut(Signal),
) -> Result<Walked, Failure> {
    let span = Span::of(history)?;
    let inputs = inputs::find(&history.paths);
    for error in &inputs.errors {
        talk.error(plain(&error.to_string()));
    }
    let mut collector = Collector::handing_on(&inputs.found, each);
    let threads = threads(history.threads, &inputs.found);
    workers::run(&inputs.found, loaded, span, threads, talk, &mut collector)?;
    let read = collector.finish()?;
    read.report(loaded, talk);
    let failed = !inputs.errors.is_empty() || read.counts.troubles > 0;
    Ok(Walked {
        exit: if failed { Exit::Input } else { Exit::Fine },
        span: read.history.reach.span(),
        events: read.counts.records.matched + read.counts.records.unmatched,
    })
}

/// The span of event time that was asked for: `from` is in it, `to` is not.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Option<EventTime>,
    to: Option<EventTime>,
}

impl Span {
    fn of(history: &History) -> Result<Self, Failure> {
        let (from, to) = (history.from, history.to);
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(Failure::usage("--from is not before --to, so no event can be between them"));
        }
        Ok(Span { from, to })
    }

    fn holds(self, time: EventTime) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }
}

/// Input that failed weighs more than what was found: the findings are not all there are.
fn exit(counts: &collect::Counts, worst: Option<Severity>, arguments: &Scan, inputs_failed: bool) -> Exit {
    let found = arguments.fail_on.is_some_and(|least| worst.is_some_and(|worst| worst >= least));
    if inputs_failed || counts.troubles > 0 {
        Exit::Input
    } else if found {
        Exit::Found
    } else {
        Exit::Fine
    }
}

/// How many objects are fetched at once if nobody says otherwise: they wait for the network, not for a processor.
const FETCHES: usize = 16;

fn threads(asked: Option<NonZero<usize>>, inputs: &[Input]) -> usize {
    let least = if inputs.iter().any(|input| matches!(input, Input::Remote(_))) { FETCHES } else { 1 };
    let processors = || std::thread::available_parallelism().map_or(1, NonZero::get).max(least);
    asked.map_or_else(processors, NonZero::get)
}

/// Creates a file to write to later; now, so that a bad path is told before the work is done.
fn create(path: Option<&std::path::Path>) -> Result<Option<BufWriter<File>>, Failure> {
    path.map(|path| {
        File::create(path)
            .map(BufWriter::new)
            .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))
    })
    .transpose()
}
