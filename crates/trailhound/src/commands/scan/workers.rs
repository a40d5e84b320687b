//! Threads that read files, each on its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};

use cloudtrail::outcome::{RejectReason, SkipReason};
use cloudtrail::{Decoded, Decoder, Event, Item, LogKey};
use context::Handover;
use decide::{Judge, Judgement};
use matcher::Scratch;
use rules::EventInPlace;

use super::Span;
use super::batch::{Batch, Hit};
use super::collect::Collector;
use crate::exit_code::Failure;
use crate::inputs::Input;
use crate::loading::Loaded;
use crate::talk::{Progress, Talk};

/// How many files a worker may be ahead of the collector. Bounds what waits in memory when one file takes long.
const AHEAD_MAX: usize = 64;

/// Files up to this size are read in one piece, which inflates fastest; CloudTrail's own are below 50 MB.
const WHOLE_MAX: u64 = 64 << 20;

/// Reads all inputs with `threads` threads, this one among them, and hands what they hold to `collector`, in the order of the inputs.
///
/// What is collected is little beside what is read, so nobody is there for it alone: one thread is one thread.
pub(super) fn run(
    inputs: &[Input],
    loaded: &Loaded,
    span: Span,
    threads: usize,
    talk: Talk,
    collector: &mut Collector<'_>,
) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let frontier = Frontier::default();
    let spare = Spare::default();
    let (sender, receiver) = mpsc::channel();
    let progress = talk.progress(inputs.iter().map(size).sum());
    std::thread::scope(|scope| {
        for _ in 1..threads.min(inputs.len()) {
            let (sender, next, frontier, spare) = (sender.clone(), &next, &frontier, &spare);
            scope.spawn(move || {
                let _leaving = Leaving(frontier);
                let mut worker = Worker::new(loaded, span);
                while let Some((number, input)) = take(inputs, next) {
                    if !frontier.wait_for(number)
                        || sender.send(worker.read(number, input, spare.batch())).is_err()
                    {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let _leaving = Leaving(&frontier);
        let mut worker = Worker::new(loaded, span);
        let mut line = Line {
            collector,
            progress: &progress,
            frontier: &frontier,
            spare: &spare,
            waiting: BTreeMap::new(),
            wanted: 0,
            events: 0,
        };
        let mut taken = None;
        loop {
            taken = taken.or_else(|| take(inputs, &next));
            let batch = match taken {
                Some((number, input)) if number < line.wanted.saturating_add(AHEAD_MAX) => {
                    taken = None;
                    worker.read(number, input, spare.batch())
                }
                // Somebody else has the one that is waited for, or all that are left.
                _ => match receiver.recv() {
                    Ok(batch) => batch,
                    Err(mpsc::RecvError) => break,
                },
            };
            line.add(batch)?;
            while let Ok(batch) = receiver.try_recv() {
                line.add(batch)?;
            }
        }
        progress.clear();
        Ok(())
    })
}

/// Batches on their way to the collector, in the order of the inputs.
struct Line<'w, 'c> {
    collector: &'w mut Collector<'c>,
    progress: &'w Progress,
    frontier: &'w Frontier,
    spare: &'w Spare,
    /// Those that came before their turn.
    waiting: BTreeMap<usize, Batch>,
    /// Whose turn it is.
    wanted: usize,
    events: u64,
}

impl Line<'_, '_> {
    fn add(&mut self, batch: Batch) -> Result<(), Failure> {
        self.waiting.insert(batch.input, batch);
        while let Some(mut batch) = self.waiting.remove(&self.wanted) {
            self.events += batch.events.len() as u64;
            self.progress.advance(batch.bytes_compressed, self.events);
            let kept = self.collector.take(&mut batch);
            self.spare.keep(batch);
            self.wanted += 1;
            self.frontier.moves_to(if kept.is_ok() { self.wanted } else { usize::MAX });
            kept?;
        }
        Ok(())
    }
}

fn take<'i>(inputs: &'i [Input], next: &AtomicUsize) -> Option<(usize, &'i Input)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    inputs.get(number).map(|input| (number, input))
}

fn size(input: &Input) -> u64 {
    match input {
        Input::Stdin => 0,
        Input::File(path) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
        Input::Remote(object) => object.size(),
    }
}

/// The number of the file the collector waits for; `usize::MAX` once it wants no more.
#[derive(Default)]
struct Frontier {
    wanted: Mutex<usize>,
    moved: Condvar,
}

impl Frontier {
    /// Waits until file `number` may be read; false if no more files are wanted.
    fn wait_for(&self, number: usize) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let far = |wanted: &mut usize| number >= wanted.saturating_add(AHEAD_MAX);
        let wanted = self.moved.wait_while(wanted, far).unwrap_or_else(PoisonError::into_inner);
        *wanted != usize::MAX
    }

    fn moves_to(&self, number: usize) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = number;
        self.moved.notify_all();
    }
}

/// Lets the others go should this thread panic: the file it had would be waited for in vain.
struct Leaving<'f>(&'f Frontier);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.moves_to(usize::MAX);
        }
    }
}

/// Batches that were taken, for the next files.
#[derive(Default)]
struct Spare(Mutex<Vec<Batch>>);

impl Spare {
    /// How many batches wait at most.
    const MAX: usize = 8;

    fn batch(&self) -> Batch {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn keep(&self, mut batch: Batch) {
        batch.reuse();
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < Self::MAX {
            spare.push(batch);
        }
    }
}

/// What one thread keeps from file to file.
struct Worker<'l> {
    loaded: &'l Loaded,
    span: Span,
    decoder: Decoder,
    scratch: Scratch,
    /// The file as it is read; kept, because asking the system for fresh memory costs as much as reading.
    file: Vec<u8>,
}

impl<'l> Worker<'l> {
    fn new(loaded: &'l Loaded, span: Span) -> Self {
        Worker { loaded, span, decoder: Decoder::default(), scratch: Scratch::new(), file: Vec::new() }
    }

    fn read(&mut self, number: usize, input: &Input, mut batch: Batch) -> Batch {
        (batch.input, batch.bytes_compressed) = (number, size(input));
        match self.decode(input, &mut batch) {
            Ok(decoded) => {
                batch.bytes = decoded.bytes;
                if *input == Input::Stdin && !decoded.compressed {
                    batch.bytes_compressed = decoded.bytes;
                }
                batch.trouble = decoded.trouble.map(|trouble| chain(&trouble));
            }
            Err(error) => batch.trouble = Some(error.to_string()),
        }
        batch
    }

    fn decode(&mut self, input: &Input, batch: &mut Batch) -> io::Result<Decoded> {
        let Worker { loaded, span, decoder, scratch, file } = self;
        let sink = |item: Item<'_>| match item {
            Item::Event(event) => take_event(&event, loaded, *span, scratch, batch),
            Item::Digest(digest) => {
                batch.skipped.push(SkipReason::Digest);
                batch.digests.push(*digest);
            }
            Item::Skipped { reason, .. } => batch.skipped.push(reason),
            Item::Rejected { offset, error } => batch.rejected.push((offset, error)),
        };
        match input {
            Input::Stdin => Ok(decoder.decode_stream(io::stdin().lock(), None, sink)),
            Input::File(path) => {
                let key = key(path);
                let whole = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= WHOLE_MAX);
                if whole {
                    file.clear();
                    File::open(path)?.read_to_end(file)?;
                    Ok(decoder.decode(file, key.as_ref(), sink))
                } else {
                    Ok(decoder.decode_stream(File::open(path)?, key.as_ref(), sink))
                }
            }
            Input::Remote(object) => object.decode(decoder, sink),
        }
    }
}

fn take_event(event: &Event<'_>, loaded: &Loaded, span: Span, scratch: &mut Scratch, batch: &mut Batch) {
    // What is told of may have begun before the time that is asked for.
    batch.handovers.extend(Handover::of(event));
    if !span.holds(event.time) {
        batch.skipped.push(SkipReason::OutOfRange);
        return;
    }
    let matched = match loaded.matcher.matches(event, scratch) {
        Ok(matched) => matched,
        Err(malformed) => {
            // Offsets of faults count from where the scanned text begins, those of events from where the input does.
            let within = malformed.offset.saturating_sub(event.json().offset());
            let reason =
                RejectReason::Malformed { reason: malformed.reason, at: event.offset + within as u64 };
            batch.rejected.push((event.offset, reason));
            return;
        }
    };
    let judge = Judge { rules: &loaded.rules, context: &loaded.context, known: None };
    let judgements = judge.judge(event, matched);
    let fires = judgements.iter().any(|(_, judgement)| matches!(judgement, Judgement::Fires { .. }));
    if fires && EventInPlace::new(event).check().is_err() {
        batch.rejected.push((event.offset, RejectReason::Unreadable));
        return;
    }
    batch.undated += u64::from(event.undated);
    batch.events.push(event.id());
    batch.reach.saw(event, loaded.watches_lanes());
    if loaded.counts_unmatched() {
        batch.minutes.push((minute(event.time), minute(event.logged)));
    }
    if judgements.is_empty() {
        return;
    }
    let start = batch.texts.len();
    if fires {
        event.json().write_compact(&mut batch.texts);
    }
    let (event_number, text) = (batch.events.len() - 1, start..batch.texts.len());
    let (time, logged) = (event.time, event.logged);
    batch.hits.push(Hit { event: event_number, time, logged, text, judgements });
}

/// The minute since 1970 that a time is in.
fn minute(time: cloudtrail::EventTime) -> i64 {
    time.as_seconds().div_euclid(60)
}

/// What the file's name says of it, if it is one of CloudTrail's.
fn key(path: &Path) -> Option<LogKey> {
    path.to_str()?.replace('\\', "/").parse().ok()
}

/// The error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
