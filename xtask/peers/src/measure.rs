//! Running tools in turn, and telling what came of it.

use crate::Outcome;

/// One tool with its work to do. Two tools have done the same work if their verdicts are equal.
pub(crate) struct Tool<'w> {
    name: &'static str,
    run: Box<dyn FnMut() -> Outcome<Run> + 'w>,
    /// A tool that is given a part of the events only: how many, their bytes, and what is to be found in them.
    share: Option<(usize, usize, Vec<u64>)>,
}

/// What a run gave.
pub(crate) struct Run {
    pub(crate) verdicts: Vec<u64>,
    /// Of whoever did the work, if that was not this thread.
    pub(crate) cpu_ns: Option<u64>,
}

impl<'w> Tool<'w> {
    /// A tool that works on this thread.
    pub(crate) fn new(name: &'static str, mut run: impl FnMut() -> Outcome<Vec<u64>> + 'w) -> Self {
        Tool { name, run: Box::new(move || Ok(Run { verdicts: run()?, cpu_ns: None })), share: None }
    }

    /// A tool that works elsewhere and tells how long it took.
    pub(crate) fn elsewhere(name: &'static str, run: impl FnMut() -> Outcome<Run> + 'w) -> Self {
        Tool { name, run: Box::new(run), share: None }
    }

    pub(crate) fn with_share(mut self, events: usize, bytes: usize, expected: Vec<u64>) -> Self {
        self.share = Some((events, bytes, expected));
        self
    }
}

/// Runs each tool `runs` times in turn and prints a line for each. `expected` is what they have to find; without it what the first one finds. A
/// tool that fails is named with its reason, unless it is the first.
pub(crate) fn in_turn(
    work: &str,
    (events, bytes): (usize, usize),
    expected: Option<Vec<u64>>,
    runs: usize,
    mut tools: Vec<Tool<'_>>,
) -> Outcome<()> {
    let mut taken: Vec<Vec<u64>> = vec![Vec::new(); tools.len()];
    let mut found: Vec<Outcome<Vec<u64>>> = tools.iter().map(|_| Ok(Vec::new())).collect();
    for _ in 0..runs.max(1) {
        for ((tool, taken), found) in tools.iter_mut().zip(&mut taken).zip(&mut found) {
            if found.is_err() {
                continue;
            }
            let begun = cpu_ns()?;
            let run = (tool.run)();
            let own = cpu_ns()? - begun;
            *found = run.map(|run| {
                taken.push(run.cpu_ns.unwrap_or(own));
                run.verdicts
            });
        }
    }
    let expected = match (expected, found.first_mut()) {
        (Some(expected), _) => expected,
        (None, Some(Ok(first))) => first.clone(),
        (None, _) => Vec::new(),
    };
    for (at, ((tool, taken), found)) in tools.iter().zip(taken).zip(found).enumerate() {
        let found = match found {
            Ok(found) => found,
            Err(error) if at == 0 => return Err(error),
            Err(error) => {
                unable(work, tool.name, &error.to_string());
                continue;
            }
        };
        let (events, bytes, expected) = match &tool.share {
            Some((events, bytes, expected)) => (*events, *bytes, expected),
            None => (events, bytes, &expected),
        };
        let line = serde_json::json!({
            "work": work, "tool": tool.name, "events": events, "bytes": bytes, "cpu_ns": taken,
            "verdicts": found.iter().sum::<u64>(), "agrees": found == *expected,
        });
        println!("{line}");
    }
    Ok(())
}

/// A tool that cannot do a work at all is named as well.
pub(crate) fn unable(work: &str, tool: &str, why: &str) {
    println!("{}", serde_json::json!({"work": work, "tool": tool, "unable": why}));
}

/// Nanoseconds this thread has spent on a processor. What `/proc` says of that is brought up to date a few hundred times a second only.
fn cpu_ns() -> Outcome<u64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Ok(u64::try_from(time.tv_sec)? * 1_000_000_000 + u64::try_from(time.tv_nsec)?)
}
