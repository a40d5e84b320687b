//! What drills leave open, kept in the store from before anybody is told until everybody is told that it is over. So a service that is killed
//! in between closes it when it next starts, and a target that cannot be reached is told again.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use route::{FindingEvent, TargetName};
use serde::{Deserialize, Serialize};
use store::{Batch, Namespace, Snapshot, Store};
use targets::Lane;

use crate::Journal;
use crate::drill::{Begun, DrillOutcome};

/// The namespace's name: with a full stop in it, as no rule's id has.
const NAME: &str = "drill.open";
/// The format of a row.
const VERSION: u32 = 1;
/// How long targets that cannot be reached are told again. An incident that is open for a day has been closed by hand.
const TRIED: SignedDuration = SignedDuration::from_hours(24);
/// How long after its end a drill of this process is left to itself.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// A drill that is not over everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenDrill {
    /// The finding, as JSON.
    pub(crate) finding: String,
    /// Where it is to be closed.
    pub(crate) targets: BTreeSet<String>,
    /// When it is to be closed.
    pub(crate) until: Timestamp,
}

/// Keeps a drill, or forgets it when it is over everywhere.
pub(crate) async fn keep(
    store: &Arc<Store>,
    id: &str,
    open: &OpenDrill,
    now: Timestamp,
) -> Result<(), String> {
    let namespace = Namespace::new(NAME, [0; 32]);
    let mut batch = Batch::new(now.as_millisecond());
    batch.adopt(&namespace);
    if open.targets.is_empty() {
        batch.delete(&namespace, id.as_bytes());
    } else {
        let value = serde_json::to_vec(open).map_err(|error| error.to_string())?;
        batch.put(&namespace, id.as_bytes(), VERSION, &value);
    }
    let store = Arc::clone(store);
    let kept =
        tokio::task::spawn_blocking(move || store.commit(batch).map_err(|refused| refused.error)).await;
    kept.map_err(|error| error.to_string())?.map(drop).map_err(|error| error.to_string())
}

/// Drills that are open, by id: all of them, or those whose time was over so long ago that nobody who runs is closing them.
pub(crate) fn left(
    snapshot: &Snapshot<'_>,
    now: Option<Timestamp>,
) -> Result<Vec<(String, OpenDrill)>, store::Error> {
    let mut left = Vec::new();
    snapshot.scan_state(&Namespace::new(NAME, [0; 32]), .., |row| {
        let id = String::from_utf8_lossy(row.key).into_owned();
        if let Ok(open) = serde_json::from_slice::<OpenDrill>(row.value)
            && now.is_none_or(|now| now.duration_since(open.until) > SLACK)
        {
            left.push((id, open));
        }
        ControlFlow::Continue(())
    })?;
    Ok(left)
}

impl OpenDrill {
    /// Says that it is over wherever it is open, and keeps those that could not be told.
    pub(crate) async fn close(
        mut self,
        id: String,
        lanes: Vec<(TargetName, Lane)>,
        store: Arc<Store>,
        journal: Journal,
        now: Timestamp,
    ) {
        let Ok(finding) = FindingEvent::parse(&self.finding) else {
            self.targets.clear();
            return drop(keep(&store, &id, &self, now).await);
        };
        let open = lanes.into_iter().filter(|(name, _)| self.targets.contains(name.as_str())).collect();
        let begun = Begun { finding: Arc::new(finding), open, open_for: Duration::ZERO };
        let mut unreached = self.targets.clone();
        for (target, outcome) in begun.end().await {
            if !matches!(outcome, DrillOutcome::Failed(_)) {
                unreached.remove(&target);
                let line = journal.info("a drill that was left open is over");
                line.with("id", &id).with("target", &target).done();
            }
        }
        if !unreached.is_empty() && now.duration_since(self.until) > TRIED {
            for target in std::mem::take(&mut unreached) {
                let line = journal.error("a drill cannot be closed; close it by hand");
                line.with("id", &id).with("target", target).done();
            }
        }
        self.targets = unreached;
        if let Err(error) = keep(&store, &id, &self, now).await {
            journal
                .warn("it cannot be noted that a drill is over")
                .with("id", &id)
                .with("reason", error)
                .done();
        }
    }
}
