//! What a record costs from its file to what the rules say of it, beside inflating that file alone.
//!
//! ```text
//! cargo run --release -p decide --example hot_path -- FOLDER [single|default|all|nothing] [--once]
//! ```
//!
//! `FOLDER` holds compressed log files (`cargo xtask corpus FOLDER`), whatever else lies beside them. The rules are those of the pack that decide about each event by itself, those a
//! scan runs unless it is told otherwise, all, or none. Everything runs on one thread and is timed by the processor time that Linux
//! accounts to it, three times in turn; with `--once` the records are walked once and nothing is timed, which is what
//! an instruction counter wants to see.

use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use cloudtrail::{Decoder, Event, EventId, Item};
use context::Context;
use decide::{Judgement, is_delivered, judge};
use foldhash::fast::RandomState;
use matcher::{Builder, Matcher, RuleId, Scratch};
use rules::{BuiltIn, Decision, EventInPlace, RuleSet, Selector};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder of log files?")?;
    let rest: Vec<String> = arguments.collect();
    let which = rest.iter().find(|word| !word.starts_with('-')).map_or("single", String::as_str);
    let files = files(Path::new(&folder))?;
    let path = HotPath::new(which)?;
    if rest.iter().any(|word| word == "--once") {
        println!("{:?}", path.run(&files)?);
        return Ok(());
    }
    let mut ratios = Vec::new();
    for _ in 0..3 {
        let begun = cpu_ns()?;
        let bytes = inflate(&files)?;
        let inflated = cpu_ns()?;
        let counts = path.run(&files)?;
        let (floor, whole) = (inflated - begun, cpu_ns()? - inflated);
        let events = counts.events.max(1) as f64;
        ratios.push(whole as f64 / floor as f64);
        println!(
            "inflate {:.0} ns, with everything {:.0} ns an event of {:.0} bytes: {:.2} times; {counts:?}",
            floor as f64 / events,
            whole as f64 / events,
            bytes as f64 / events,
            whole as f64 / floor as f64
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!("{:.2} times inflating, the median", ratios.get(1).copied().unwrap_or_default());
    Ok(())
}

/// What came of a walk.
#[derive(Debug, Default)]
struct Counts {
    events: u64,
    duplicates: u64,
    rejected: u64,
    /// Pairs of selector and event.
    matched: u64,
    fired: u64,
}

struct HotPath {
    rules: RuleSet,
    matcher: Matcher,
    context: Context,
}

impl HotPath {
    fn new(which: &str) -> Outcome<Self> {
        let context = Context::empty();
        let baseline: Vec<&str> = BuiltIn.baseline().collect();
        let paths = BuiltIn.rules().filter(|path| which == "all" || !baseline.contains(path));
        let loaded = RuleSet::load(paths, &BuiltIn, &context).rules;
        let rules = loaded.filtered(|rule| match which {
            "single" => matches!(rule.decision, Decision::Each),
            "nothing" => false,
            _ => true,
        });
        let mut builder = Builder::new();
        for (number, &selection) in (0..).zip(rules.selections()) {
            match rules.selector(selection) {
                Some(Selector::Pattern(pattern)) => builder.add_pattern(RuleId(number), pattern),
                Some(Selector::Filter(filter)) => builder.add_filter(RuleId(number), filter),
                None => {}
            }
        }
        Ok(HotPath { matcher: builder.build(), rules, context })
    }

    fn run(&self, files: &[PathBuf]) -> Outcome<Counts> {
        let (mut decoder, mut scratch) = (Decoder::default(), Scratch::new());
        let mut seen: HashSet<u128, RandomState> = HashSet::default();
        let mut counts = Counts::default();
        let mut ids = Vec::new();
        for file in files {
            let bytes = fs::read(file)?;
            let decoded = decoder.decode(&bytes, None, |item| match item {
                Item::Event(event) => self.take(&event, &mut scratch, &mut ids, &mut counts),
                Item::Rejected { .. } => counts.rejected += 1,
                _ => {}
            });
            if let Some(trouble) = decoded.trouble {
                return Err(trouble.into());
            }
            // As a scan does: file by file.
            counts.duplicates += ids.drain(..).map(|id| u64::from(!seen.insert(id))).sum::<u64>();
        }
        Ok(counts)
    }

    fn take(&self, event: &Event<'_>, scratch: &mut Scratch, ids: &mut Vec<u128>, counts: &mut Counts) {
        let Ok(matched) = self.matcher.matches(event, scratch) else {
            counts.rejected += 1;
            return;
        };
        counts.events += 1;
        counts.matched += matched.len() as u64;
        if !matched.is_empty() {
            let in_place = EventInPlace::new(event);
            let selections = self.rules.selections();
            for selection in matched.iter().filter_map(|id| selections.get(usize::try_from(id.0).ok()?)) {
                let Some(rule) = self.rules.at(selection.rule as usize) else { continue };
                if is_delivered(rule, selection.step, event)
                    && let Judgement::Fires { .. } = judge(rule, selection.step, &in_place, &self.context)
                {
                    counts.fired += 1;
                }
            }
        }
        if let EventId::Uuid(id) = event.id() {
            ids.push(id);
        }
    }
}

/// The floor: reads each file and inflates it, nothing else.
fn inflate(files: &[PathBuf]) -> Outcome<u64> {
    let mut inflater = libdeflater::Decompressor::new();
    let (mut out, mut bytes) = (Vec::new(), 0);
    for file in files {
        let compressed = fs::read(file)?;
        let size = compressed.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size)) as usize;
        if out.len() < size {
            out.resize(size, 0);
        }
        bytes += inflater.gzip_decompress(&compressed, &mut out)? as u64;
    }
    Ok(bytes)
}

fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Nanoseconds this thread has spent on a processor.
fn cpu_ns() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("no schedstat")?.parse()?)
}
