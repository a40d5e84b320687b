//! Calendars, held against python-dateutil.

#![expect(clippy::unwrap_used, reason = "a test")]

mod recurrence;
mod zones;

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Numbers that are the same at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % sides as u64).unwrap()
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn some(&mut self, most: usize, mut one: impl FnMut(&mut Dice) -> String) -> String {
        let count = 1 + self.below(most);
        let mut all: Vec<String> = (0..count).map(|_| one(self)).collect();
        all.dedup();
        all.join(",")
    }
}

/// What a script says that asks python-dateutil; `None` if that is not there.
fn asked(script: &str, input: &str) -> Option<String> {
    let python = std::env::var("TRAILHOUND_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = format!("{}/tests/calendars/{script}", env!("CARGO_MANIFEST_DIR"));
    let there = Command::new(&python).args(["-c", "import dateutil.rrule"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none(),
            "python-dateutil is needed: name a Python that has it in TRAILHOUND_PYTHON"
        );
        eprintln!("left out: there is no python-dateutil");
        return None;
    }
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "python-dateutil cannot read what it was asked");
    Some(String::from_utf8(output.stdout).unwrap())
}
