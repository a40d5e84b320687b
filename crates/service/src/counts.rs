//! The counters that are kept in the store, by name: they move in the transaction of what they count, so their sums hold after a
//! crash as before it.
//!
//! | name | counts |
//! |---|---|
//! | `records/CLASS/received` | records that came in |
//! | `records/CLASS/OUTCOME` | what became of them: `matched`, `unmatched`, `duplicate`, `skipped/REASON`, `rejected` |
//! | `records/CLASS/undated` | records without a readable time; each of them is counted by its outcome too |
//! | `signals/received`, `signals/OUTCOME` | rules that wanted an event, and what became of that |
//! | `findings/received`, `findings/OUTCOME` | revisions of findings, and what became of them: [`FindingOutcome`](route::FindingOutcome); of earlier versions also `routed` |
//! | `hidden/suppression/ID`, `hidden/silence/ID` | revisions of findings by what hid them |
//! | `messages/first`, `messages/update`, `messages/closing` | messages that were put into the outbox, by their place in the conversation |
//! | `messages/without-finding` | those of them that ended a conversation because what it is about is no longer kept |
//! | `conversations/given-up/STANDING` | conversations that were given up because there were too many, by how they stood |
//! | `drills/delivered`, `drills/failed` | messages of drills |
//! | `enrich/answered`, `enrich/failed`, `enrich/left-out` | findings that somebody was to be asked about: with an answer, without, and not asked because nobody answered lately |
//! | `forward/TARGET/queued`, `…/delivered`, `…/given-up`, `…/too-large`, `…/left-out` | events that go on as they are: put into the outbox, arrived, dead letters, larger than the target takes, and left out because too much waited |
//! | `built-in-words/TARGET` | messages of which the target's own template made nothing |
//! | `forgotten` | events that rules took in and had to forget before anything came of them |
//! | `given-up/ID` | keys and events that a rule gave up because it had too many, whether or not anything was lost with them |
//! | `rules/ID` | revisions of findings by rule |
//! | `sources/NAME/batches`, `…/set-aside`, `…/unreadable` | input by source |

use std::collections::BTreeMap;

use cloudtrail::outcome::{SkipReason, Tally};
use decide::{SignalOutcome, SignalTally, SourceClass};

/// The name of a class in counters, metrics and messages.
pub(crate) fn class_name(class: SourceClass) -> &'static str {
    match class {
        SourceClass::EventBridge => "eventbridge",
        SourceClass::Logs => "logs",
        SourceClass::S3 => "s3",
    }
}

/// The name of a reason in counters and metrics.
fn skip_name(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Digest => "digest",
        SkipReason::Notification => "notification",
        SkipReason::ControlMessage => "control-message",
        SkipReason::Future => "future",
        SkipReason::OutOfRange => "out-of-range",
    }
}

/// Adds what became of records of one class.
pub(crate) fn records(batch: &mut store::Batch, class: SourceClass, tally: &Tally) {
    let class = class_name(class);
    let Tally { records, matched, unmatched, duplicate, skipped, rejected, undated } = tally;
    let mut add = |name: &str, count: u64| {
        if count > 0 {
            batch.count(&format!("records/{class}/{name}"), count);
        }
    };
    add("received", *records);
    add("matched", *matched);
    add("unmatched", *unmatched);
    add("duplicate", *duplicate);
    add("rejected", *rejected);
    add("undated", *undated);
    for (reason, count) in SkipReason::ALL.into_iter().zip(skipped) {
        add(&format!("skipped/{}", skip_name(reason)), *count);
    }
}

/// Adds what became of signals.
pub(crate) fn signals(batch: &mut store::Batch, tally: &SignalTally) {
    if tally.seen() > 0 {
        batch.count("signals/received", tally.seen());
    }
    for outcome in SignalOutcome::ALL {
        let count = tally.count(outcome);
        if count > 0 {
            batch.count(&format!("signals/{}", outcome.name()), count);
        }
    }
}

/// Sums that do not add up; none if all is well. What came in must be what came out, at every commit.
#[must_use]
pub fn unbalanced(counters: &[(String, u64)]) -> Vec<String> {
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (name, value) in counters {
        let mut parts = name.splitn(3, '/');
        let (kind, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let (group, outcome) = match (kind, second, third) {
            ("records", Some(class), Some(outcome)) => (format!("records of {class}"), outcome),
            ("signals" | "findings", Some(outcome), _) => (kind.to_owned(), outcome),
            _ => continue,
        };
        let (received, ended) = sums.entry(group).or_default();
        match outcome {
            "received" => *received += value,
            "undated" => {}
            _ => *ended += value,
        }
    }
    let wrong = sums.into_iter().filter(|(_, (received, ended))| received != ended);
    wrong
        .map(|(what, (received, ended))| format!("{what}: {received} received, {ended} accounted for"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_do_not_add_up_are_named() {
        let counters = |values: &[(&str, u64)]| -> Vec<(String, u64)> {
            values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
        };
        let whole = counters(&[
            ("records/s3/received", 7),
            ("records/s3/matched", 1),
            ("records/s3/skipped/future", 2),
            ("records/s3/unmatched", 4),
            ("records/s3/undated", 3),
            ("signals/received", 1),
            ("signals/fired", 1),
            ("sources/http/batches", 9),
        ]);
        assert_eq!(unbalanced(&whole), Vec::<String>::new());
        let broken = counters(&[("records/logs/received", 2), ("records/logs/rejected", 1)]);
        assert_eq!(unbalanced(&broken), ["records of logs: 2 received, 1 accounted for"]);
    }
}
