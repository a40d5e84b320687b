//! Running tools in turn, and telling what came of it.

use crate::Outcome;

/// One tool with its work to do. A run gives the verdicts; two tools have done the same work if they are equal.
pub(crate) struct Tool<'w> {
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn FnMut() -> Outcome<Vec<u64>> + 'w>,
}

impl<'w> Tool<'w> {
    pub(crate) fn new(name: &'static str, run: impl FnMut() -> Outcome<Vec<u64>> + 'w) -> Self {
        Tool { name, run: Box::new(run) }
    }
}

/// Runs each tool `runs` times in turn and prints a line for each. `expected` is what they have to find; without it what the first one finds.
pub(crate) fn in_turn(
    work: &str,
    (events, bytes): (usize, usize),
    expected: Option<Vec<u64>>,
    runs: usize,
    mut tools: Vec<Tool<'_>>,
) -> Outcome<()> {
    let mut taken: Vec<Vec<u64>> = vec![Vec::new(); tools.len()];
    let mut found: Vec<Vec<u64>> = vec![Vec::new(); tools.len()];
    for _ in 0..runs.max(1) {
        for ((tool, taken), found) in tools.iter_mut().zip(&mut taken).zip(&mut found) {
            let begun = cpu_ns()?;
            let verdicts = (tool.run)()?;
            taken.push(cpu_ns()? - begun);
            *found = verdicts;
        }
    }
    let expected = expected.or_else(|| found.first().cloned()).unwrap_or_default();
    for ((tool, taken), found) in tools.iter().zip(taken).zip(found) {
        let line = serde_json::json!({
            "work": work, "tool": tool.name, "events": events, "bytes": bytes, "cpu_ns": taken,
            "verdicts": found.iter().sum::<u64>(), "agrees": found == expected,
        });
        println!("{line}");
    }
    Ok(())
}

/// A tool that cannot do a work at all is named as well.
pub(crate) fn unable(work: &str, tool: &str, why: &str) {
    println!("{}", serde_json::json!({"work": work, "tool": tool, "unable": why}));
}

/// Nanoseconds this thread has spent on a processor.
fn cpu_ns() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("no schedstat")?.parse()?)
}
