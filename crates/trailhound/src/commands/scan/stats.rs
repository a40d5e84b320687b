//! The counts of a scan: `--stats FILE`, and the sentence at its end.

use std::collections::BTreeMap;
use std::time::Duration;

use decide::SignalOutcome;
use serde::Serialize;

use super::collect::Counts;
use super::findings::Told;
use crate::inputs::Input;

#[derive(Debug, Serialize)]
pub(super) struct Stats {
    files: u64,
    bytes_compressed: u64,
    bytes: u64,
    records: u64,
    outcomes: Outcomes,
    rejected: Vec<Rejected>,
    /// What became of the signals: one rule that wanted one event each.
    signals: BTreeMap<&'static str, u64>,
    findings: BTreeMap<String, u64>,
    /// Findings that are known to be good, by suppression; not among `findings`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    suppressed: BTreeMap<String, u64>,
    seconds: f64,
}

/// Every record is in exactly one of these.
#[derive(Debug, Serialize)]
struct Outcomes {
    matched: u64,
    unmatched: u64,
    duplicate: u64,
    skipped: u64,
    rejected: u64,
}

#[derive(Debug, Serialize)]
struct Rejected {
    file: String,
    offset: u64,
    error: String,
}

impl Stats {
    pub(super) fn new(counts: &Counts, inputs: &[Input], told: &Told, took: Duration) -> Self {
        let records = &counts.records;
        let name = |input: usize| inputs.get(input).map_or_else(String::new, Input::name);
        // Judged before the order of time was known, and decided after: a signal is in one of the two, except that
        // what was decided had come in as fired.
        let signals = SignalOutcome::ALL
            .into_iter()
            .map(|outcome| (outcome.name(), counts.signals.count(outcome) + told.signals.count(outcome)));
        Stats {
            files: counts.files,
            bytes_compressed: counts.bytes_compressed,
            bytes: counts.bytes,
            records: records.records,
            outcomes: Outcomes {
                matched: records.matched,
                unmatched: records.unmatched,
                duplicate: records.duplicate,
                skipped: records.skipped(),
                rejected: records.rejected,
            },
            rejected: counts
                .rejected
                .iter()
                .map(|(input, offset, error)| Rejected {
                    file: name(*input),
                    offset: *offset,
                    error: error.to_string(),
                })
                .collect(),
            signals: signals.collect(),
            findings: told.findings.clone(),
            suppressed: told.suppressed.clone(),
            seconds: took.as_secs_f64(),
        }
    }

    /// What a person wants to know at the end.
    pub(super) fn sentence(&self) -> String {
        let plural = |count: u64, one: &str, many: &str| {
            format!("{} {}", grouped(count), if count == 1 { one } else { many })
        };
        let findings: u64 = self.findings.values().sum();
        let mut sentence = format!(
            "{} in {}: {} matched",
            plural(self.records, "record", "records"),
            plural(self.files, "file", "files"),
            grouped(self.outcomes.matched)
        );
        let others = [
            ("duplicate", self.outcomes.duplicate),
            ("skipped", self.outcomes.skipped),
            ("rejected", self.outcomes.rejected),
        ];
        for (name, count) in others.into_iter().filter(|(_, count)| *count > 0) {
            sentence.push_str(&format!(", {} {name}", grouped(count)));
        }
        let rules = plural(self.findings.len() as u64, "rule", "rules");
        format!("{sentence}; {} of {rules} in {:.1} s", plural(findings, "finding", "findings"), self.seconds)
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_told_apart() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
