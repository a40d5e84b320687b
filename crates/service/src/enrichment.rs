//! Asks those who know more about a finding, before it is routed.
//!
//! Invariants: an alert is held up for no longer than the timeouts add up to, whatever those who are asked do, and goes on without
//! their answers. Somebody who answers is asked once about a finding: the answer stands in it, is stored with it, and its later
//! revisions take it over. Who fails several times on end is left alone for a while.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use targets::Enricher;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::deliberation::Told;
use crate::{Journal, Program};

/// How many are asked at once.
const AT_ONCE: usize = 16;
/// How many answers are at hand for revisions that come before the finding can be read back.
const RECENT_MAX: usize = 1_000;
/// After so many rounds without a single answer nobody is asked for a while.
const FAILURES_MAX: u32 = 3;
const REST: SignedDuration = SignedDuration::from_secs(30);

/// An answer: all that is said about a finding.
pub(crate) type Answer = Map<String, Value>;

/// Whom to ask, and what they said lately.
pub(crate) struct Enrichment {
    runtime: Handle,
    recent: VecDeque<(String, Answer)>,
    failures: u32,
    resting_until: Option<Timestamp>,
}

impl Enrichment {
    pub(crate) fn new(runtime: Handle) -> Self {
        Enrichment { runtime, recent: VecDeque::new(), failures: 0, resting_until: None }
    }

    /// Adds to findings what is said about them. `earlier` finds what was said about an earlier revision of one.
    pub(crate) fn enrich(
        &mut self,
        told: &mut [Told],
        program: &Program,
        mut earlier: impl FnMut(&str) -> Option<Answer>,
        batch: &mut store::Batch,
        now: Timestamp,
        journal: &Journal,
    ) {
        if program.enrichers().is_empty() {
            return;
        }
        let mut open = Vec::new();
        for (place, told) in told.iter_mut().enumerate() {
            let finding = &mut told.finding;
            if finding.detail.revision > 0 {
                let recent = self.recent.iter().find(|(id, _)| *id == finding.id);
                finding.detail.context =
                    recent.map(|(_, answer)| answer.clone()).or_else(|| earlier(&finding.id));
            }
            if finding.detail.context.is_none() {
                open.push(place);
            }
        }
        if open.is_empty() {
            return;
        }
        if self.resting_until.is_some_and(|until| now < until) {
            batch.count("enrich/left-out", open.len() as u64);
            return;
        }
        let (answers, reason) = self.ask(&open, told, program.enrichers());
        let (asked, answered) = (open.len() as u64, answers.len() as u64);
        batch.count("enrich/answered", answered).count("enrich/failed", asked - answered);
        for (place, answer) in answers {
            let Some(told) = told.get_mut(place) else { continue };
            if self.recent.len() >= RECENT_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back((told.finding.id.clone(), answer.clone()));
            told.finding.detail.context = Some(answer);
        }
        if answered > 0 {
            (self.failures, self.resting_until) = (0, None);
        } else {
            self.failures = self.failures.saturating_add(1);
            self.resting_until =
                (self.failures >= FAILURES_MAX).then(|| now.saturating_add(REST).ok()).flatten();
        }
        if answered < asked {
            let line = journal.warn("a finding goes on without what enrichment would have added");
            let line = line.with("findings", asked - answered);
            line.with("reason", reason.unwrap_or_else(|| "no answer in time".to_owned())).done();
        }
    }

    /// The answers that came in time, and the first reason why one did not.
    fn ask(
        &self,
        open: &[usize],
        told: &[Told],
        enrichers: &[(Arc<Enricher>, Duration)],
    ) -> (Vec<(usize, Answer)>, Option<String>) {
        let wait: Duration = enrichers.iter().map(|(_, timeout)| *timeout).sum();
        let room = Arc::new(Semaphore::new(AT_ONCE));
        self.runtime.block_on(async {
            let mut asked = JoinSet::new();
            for place in open {
                let Some(told) = told.get(*place) else { continue };
                let Ok(json) = serde_json::to_value(&told.finding) else { continue };
                let (place, id, room) = (*place, told.finding.id.clone(), Arc::clone(&room));
                let enrichers: Vec<Arc<Enricher>> =
                    enrichers.iter().map(|(enricher, _)| Arc::clone(enricher)).collect();
                asked.spawn(async move {
                    let _turn = room.acquire_owned().await;
                    (place, all(&id, json, &enrichers).await)
                });
            }
            let (mut answers, mut reason) = (Vec::new(), None);
            let collect = async {
                while let Some(joined) = asked.join_next().await {
                    match joined {
                        Ok((place, (answer, failed))) => {
                            reason = reason.take().or(failed);
                            answers.extend(answer.map(|answer| (place, answer)));
                        }
                        Err(_) => reason = reason.take().or(Some("a defect of the program".to_owned())),
                    }
                }
            };
            let _ = tokio::time::timeout(wait, collect).await;
            answers.sort_by_key(|(place, _)| *place);
            (answers, reason)
        })
    }
}

/// Asks one after the other; each is shown what those before it said. Of somebody who fails nothing is added.
async fn all(id: &str, mut finding: Value, enrichers: &[Arc<Enricher>]) -> (Option<Answer>, Option<String>) {
    let (mut answer, mut reason): (Option<Answer>, Option<String>) = (None, None);
    for enricher in enrichers {
        match enricher.ask(id, finding.to_string().into_bytes()).await {
            Ok(said) => {
                let all = answer.get_or_insert_default();
                all.extend(said);
                if let Some(detail) = finding.get_mut("detail").and_then(Value::as_object_mut) {
                    detail.insert("context".to_owned(), Value::Object(all.clone()));
                }
            }
            Err(error) => reason = reason.or(Some(error.to_string())),
        }
    }
    (answer, reason)
}
