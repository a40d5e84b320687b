//! A database of every released version is opened, brought up to date and shows what it always showed.
//!
//! The files under `tests/golden/` were written by the version they are named after (`examples/golden_database.rs`) and are never
//! written again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls too")]

mod sample;

use std::fmt::Write as _;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use sample::open;
use store::{AuditCheck, DeliveryState, FindingFilter, SCHEMA_VERSION, Snapshot};

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn show(snapshot: &Snapshot<'_>) -> String {
    let mut shown = String::new();
    for row in snapshot.checkpoints().unwrap() {
        writeln!(shown, "checkpoint {} {} {}", row.source, row.partition, text(&row.position)).unwrap();
    }
    for namespace in snapshot.namespaces().unwrap() {
        writeln!(shown, "namespace {} {}", namespace.name(), namespace.meaning()[0]).unwrap();
        let walk = snapshot.scan_state(&namespace, .., |row| {
            writeln!(shown, "  state {:?} v{} {}", text(row.key), row.version, text(row.value)).unwrap();
            ControlFlow::Continue(())
        });
        walk.unwrap();
        let walk = snapshot.scan_seen(&namespace, |event, expires_ms| {
            writeln!(shown, "  seen {} until {expires_ms}", text(event)).unwrap();
            ControlFlow::Continue(())
        });
        walk.unwrap();
    }
    let filter = FindingFilter { replaced: true, ..FindingFilter::default() };
    for finding in snapshot.findings(&filter, None, 100).unwrap().findings {
        let body = text(&finding.body);
        let store::Finding { id, revision, rule, severity, state, account, region, time_ms, .. } = &finding;
        let line = format!("{id} {revision} {rule} {severity:?} {state} {account} {region} {time_ms} {body}");
        writeln!(shown, "finding {line}").unwrap();
        if let (Some(outcome), of) = (finding.outcome, finding.outcome_of) {
            writeln!(shown, "  {outcome} {}", of.unwrap_or_default()).unwrap();
        }
    }
    for state in DeliveryState::ALL {
        for entry in snapshot.deliveries(state, 0, 100).unwrap() {
            let (payload, receipt) = (entry.payload.as_deref().map(text), entry.receipt.as_deref().map(text));
            let times = (entry.created_ms, entry.changed_ms, entry.due_ms);
            let attempts = (entry.attempts, entry.attempts_in_round);
            let key = entry.key;
            writeln!(
                shown,
                "{} {key} {times:?} {attempts:?} {payload:?} {receipt:?} {:?}",
                state.name(),
                entry.error
            )
            .unwrap();
            if let Some(handle) = entry.handle {
                writeln!(shown, "  is {handle}").unwrap();
            }
        }
    }
    for (name, value) in snapshot.counters().unwrap() {
        writeln!(shown, "counter {name} {value}").unwrap();
    }
    for row in snapshot.audit(0, 100).unwrap() {
        let entry = row.entry;
        let line = format!("{} {} {} {} {}", row.seq, entry.at_ms, entry.actor, entry.action, entry.subject);
        writeln!(shown, "audit {line} {}", text(&entry.detail)).unwrap();
    }
    writeln!(shown, "audit head {}", snapshot.audit_head().unwrap()).unwrap();
    shown
}

#[test]
fn every_released_version_can_be_opened() {
    for version in 1..=SCHEMA_VERSION {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{version}.db"));
        let folder = tempfile::tempdir().unwrap();
        fs::copy(&golden, folder.path().join("state.db")).unwrap();
        let store = open(folder.path());
        assert_eq!(store.interrupted(), 1, "one delivery was under way");
        let mut reader = store.reader().unwrap();
        let snapshot = reader.snapshot().unwrap();
        assert_eq!(snapshot.status().unwrap().schema, SCHEMA_VERSION);
        assert!(
            snapshot.status().unwrap().deliveries.balanced()
                && snapshot.status().unwrap().findings.balanced()
        );
        assert!(matches!(snapshot.verify_audit(None).unwrap(), AuditCheck::Whole(_)));
        insta::assert_snapshot!(format!("v{version}"), show(&snapshot));
    }
}
