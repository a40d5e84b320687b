//! event-ruler in a virtual machine of its own, which is asked over its standard input (`EventRuler.java`).

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Outcome;
use crate::measure::Run;

/// Names the class path: event-ruler's archive and those it needs.
pub(crate) const CLASS_PATH: &str = "TRAILHOUND_EVENT_RULER";

pub(crate) struct EventRuler {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl EventRuler {
    /// Starts it with the first `count` events; why not, if it does not start.
    pub(crate) fn start(events: &Path, count: usize) -> Result<Self, String> {
        let Some(class_path) = std::env::var_os(CLASS_PATH) else {
            return Err(format!("not run: {CLASS_PATH} names no class path"));
        };
        let spawned = Command::new("java")
            .args(["-Xmx3g", "-XX:+UseSerialGC", "-cp"])
            .arg(class_path)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/EventRuler.java"))
            .arg(events)
            .arg(count.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|error| format!("java does not run: {error}"))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(orders), Some(answers)) => {
                Ok(EventRuler { child, orders, answers: BufReader::new(answers) })
            }
            _ => Err("java has no pipes".to_owned()),
        }
    }

    /// Gives it rules and time to get used to them.
    pub(crate) fn take(&mut self, patterns: &[String]) -> Outcome<()> {
        let answer = self.ask(&format!("rules {}", serde_json::to_string(patterns)?))?;
        if answer == "ready" { Ok(()) } else { Err(format!("event-ruler: {answer}").into()) }
    }

    /// Asks it all events.
    pub(crate) fn run(&mut self) -> Outcome<Run> {
        let answer = self.ask("run")?;
        let mut numbers = answer.split(' ').map(str::parse);
        let cpu_ns = numbers.next().ok_or("event-ruler says nothing")??;
        Ok(Run { verdicts: numbers.collect::<Result<_, _>>()?, cpu_ns: Some(cpu_ns) })
    }

    fn ask(&mut self, order: &str) -> Outcome<String> {
        writeln!(self.orders, "{order}")?;
        self.orders.flush()?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer)? == 0 {
            return Err("event-ruler ended; what it said stands above".into());
        }
        Ok(answer.trim_end().to_owned())
    }
}

impl Drop for EventRuler {
    fn drop(&mut self) {
        // It waits for orders and has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
