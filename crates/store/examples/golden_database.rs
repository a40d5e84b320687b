//! Writes a database of the present schema version with a row of every kind: run once when a version is released, and keep the
//! file under `tests/golden/`. Later versions must open it and show the same.
//!
//! ```sh
//! cargo run -p store --example golden_database -- crates/store/tests/golden/v1.db
//! ```

use std::error::Error;
use std::path::PathBuf;

use store::{
    Attempts, Audit, Batch, DeadLetters, DeliveryKey, Finding, Namespace, Options, Outcome, Prune, Receipts,
    Severity, Store,
};

fn main() -> Result<(), Box<dyn Error>> {
    let file: PathBuf = std::env::args_os().nth(1).ok_or("which file?")?.into();
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), &Options::default())?;

    let (alarm, first_seen) =
        (Namespace::new("console-failures", [1; 32]), Namespace::new("new-region", [2; 32]));
    let mut batch = Batch::new(1_000);
    batch.adopt(&alarm).adopt(&first_seen);
    batch.put(&alarm, b"user/alice", 1, b"\x00\x01\xff").put(&alarm, b"user/bob", 2, b"");
    batch.put(&first_seen, b"", 1, b"empty key");
    batch.seen(&alarm, b"event-1", 5_000).seen(&first_seen, b"event-1", 9_000);
    for (revision, state) in [(0, "firing"), (1, "resolved")] {
        batch.finding(finding("f-1", revision, Severity::Critical, state));
    }
    batch.finding(finding("f-2", 0, Severity::Info, "firing")).finding(finding(
        "f-3",
        0,
        Severity::Medium,
        "unknown",
    ));
    for (id, revision, target) in [
        ("f-1", 0, "oncall"),
        ("f-1", 1, "oncall"),
        ("f-1", 0, "team:blue"),
        ("f-2", 0, "mail"),
        ("f-3", 0, "mail"),
    ] {
        batch.deliver(
            DeliveryKey::new(id, revision, target)?,
            format!("{id} to {target}").into_bytes(),
            1_000,
        );
    }
    batch.count("records.matched", 3).count("records.unmatched", 997);
    batch.checkpoint("s3", "bucket", b"2026/09/21").checkpoint("kinesis", "shard-0", b"\x00\x01");
    batch.audit(audit(1_000, "start", "serve"));
    store.commit(batch)?;

    // One of each state: delivered and emptied, dead, discarded, waiting for a second attempt, pending, being sent.
    let outcomes = [
        (
            "f-1",
            0,
            "oncall",
            Outcome::Delivered { receipt: b"202".to_vec(), handle: Some("C1/17.42".to_owned()) },
        ),
        ("f-1", 0, "team:blue", Outcome::Dead { error: "no such channel".into() }),
        ("f-2", 0, "mail", Outcome::Dead { error: "mailbox full".into() }),
        ("f-3", 0, "mail", Outcome::Failed { error: "timed out".into(), due_ms: 3_000 }),
    ];
    let mut receipts = Receipts::new(1_500);
    for (id, revision, target, outcome) in outcomes {
        for attempt in store.commit(Attempts::new(1_200, [DeliveryKey::new(id, revision, target)?]))? {
            receipts.note(attempt?, outcome.clone());
        }
    }
    store.commit(receipts)?;
    store.commit(Prune { payloads_before_ms: Some(1_600), seen_before_ms: Some(0), ..Prune::default() })?;
    let mut discard = DeadLetters::new(audit(1_700, "discard", "f-1:0:team:blue"));
    discard.discard(DeliveryKey::new("f-1", 0, "team:blue")?);
    store.commit(discard)?;
    for attempt in store.commit(Attempts::new(1_800, [DeliveryKey::new("f-1", 1, "oncall")?]))? {
        attempt?;
    }
    store.backup(&file)?;
    println!("{}", file.display());
    Ok(())
}

fn finding(id: &str, revision: u32, severity: Severity, state: &str) -> Finding {
    Finding {
        id: id.into(),
        revision,
        rule: "console-failures".into(),
        severity,
        state: state.into(),
        account: "111122223333".into(),
        region: "eu-central-1".into(),
        time_ms: 900 + i64::from(revision),
        outcome: Some("sent".into()),
        outcome_of: None,
        body: format!("{{\"id\":\"{id}\"}}").into_bytes(),
    }
}

fn audit(at_ms: i64, action: &str, subject: &str) -> Audit {
    Audit {
        at_ms,
        actor: "kim".into(),
        action: action.into(),
        subject: subject.into(),
        detail: b"{}".to_vec(),
    }
}
