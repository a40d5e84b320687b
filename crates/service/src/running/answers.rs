//! What the running service answers to those who ask: other commands, and buttons in Slack.

use std::sync::{Arc, PoisonError};

use route::{Silence, TargetName};
use store::{Audit, DeadLetters};
use targets::Lane;
use targets::respond::AuditList;
use tokio::sync::oneshot;

use super::Running;
use crate::Program;
use crate::control::{Request, Response};
use crate::decider::Input;
use crate::desk::Order;
use crate::drill::{Drill, DrillOrder};
use crate::open_drills;
use crate::operations::describe;
use crate::respond::StoredList;
use crate::silencing::Acquaintances;

/// How many drills may be held at once.
const DRILLS_MAX: usize = 8;
/// Why there is no answer.
const ENDED: &str = "the service ended before it was done";

impl Running {
    /// Answers, at once or when it is done.
    pub(super) fn answer(&mut self, request: Request, answer: oneshot::Sender<Response>) {
        let response = match request {
            Request::Health => {
                let (ready, parts) = self.health.told();
                let parts = parts.iter().map(|(part, state)| (part.clone(), describe(state))).collect();
                Response::Health {
                    ready,
                    parts,
                    since: self.since,
                    version: self.settings.version.to_owned(),
                }
            }
            // Answered before it is done: whether it worked is told by `Health`.
            Request::Reload => Response::Reloading,
            Request::Retry { actor, keys, target } => {
                return self.retry(&actor, &keys, target.as_deref(), answer);
            }
            Request::Silence { silence } => return self.silence(silence, answer),
            Request::SilenceLike { finding, who, why, until } => {
                return self.order(Order::SilenceLike { finding, who, why, until }, answer);
            }
            Request::Drill { order } => return self.drill(order, answer),
            Request::DrillEnd { id } => return self.drill_end(&id, answer),
            Request::Note { finding, note } => {
                return self.order(Order::Note { finding, note, kept: None }, answer);
            }
            Request::Unsilence { id, who } => return self.order(Order::Unsilence { id, who }, answer),
            Request::Acknowledge { finding, by } => {
                return self.order(Order::Acknowledge { finding, by }, answer);
            }
        };
        let _ = answer.send(response);
    }

    /// Holds a drill beside everything else, and answers when its messages have been sent.
    fn drill(&mut self, order: DrillOrder, answer: oneshot::Sender<Response>) {
        while self.drills.try_join_next().is_some() {}
        if self.drills.len() >= DRILLS_MAX {
            let reason = format!("{DRILLS_MAX} drills are being held: wait until one is over");
            return drop(answer.send(Response::Refused { reason }));
        }
        let drill = Drill {
            order,
            program: self.program(),
            lanes: self.all_lanes(),
            store: Arc::clone(&self.store),
            journal: self.settings.journal.clone(),
            now: (self.clock)(),
            ends: self.stop_courier.subscribe(),
        };
        let (told, drilled) = oneshot::channel();
        let (closed, over) = oneshot::channel();
        while self.closed.len() >= DRILLS_MAX {
            self.closed.pop_first();
        }
        self.closed.insert(drill.id(), over);
        self.drills.spawn(drill.hold(told, closed));
        tokio::spawn(async move {
            let _ = answer.send(match drilled.await {
                Ok(Ok(drilled)) => Response::Drilled { drilled: Box::new(drilled) },
                Ok(Err(reason)) => Response::Refused { reason },
                Err(_) => Response::Refused { reason: ENDED.to_owned() },
            });
        });
    }

    /// Closes what drills of an earlier process left open, or what could not be closed before.
    pub(super) fn close_drills(&mut self, begins: bool) {
        let now = (self.clock)();
        let left = self
            .store
            .reader()
            .and_then(|mut reader| open_drills::left(&reader.snapshot()?, (!begins).then_some(now)));
        let journal = self.settings.journal.clone();
        match left {
            Ok(left) => {
                for (id, open) in left {
                    let close =
                        open.close(id, self.all_lanes(), Arc::clone(&self.store), journal.clone(), now);
                    self.drills.spawn(close);
                }
            }
            Err(error) => {
                journal.warn("it cannot be told which drills are open").with("reason", error).done();
            }
        }
    }

    fn all_lanes(&self) -> Vec<(TargetName, Lane)> {
        let list: Arc<dyn AuditList> =
            Arc::new(StoredList::new(Arc::clone(&self.store), self.to_decider.clone()));
        let lanes = Arc::clone(&self.lanes.borrow());
        lanes(&list)
    }

    fn program(&self) -> Arc<Program> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers when a drill is over.
    fn drill_end(&mut self, id: &str, answer: oneshot::Sender<Response>) {
        let Some(over) = self.closed.remove(id) else {
            return drop(answer.send(Response::Refused { reason: format!("there is no drill `{id}`") }));
        };
        tokio::spawn(async move {
            let _ = answer.send(match over.await {
                Ok(closed) => Response::DrillOver { closed },
                Err(_) => Response::Refused { reason: "the service ended before it was over".to_owned() },
            });
        });
    }

    /// Hands an order to the decider, and answers when it is in the store.
    fn order(&self, order: Order, answer: oneshot::Sender<Response>) {
        let (done, kept) = oneshot::channel();
        let _ = self.to_decider.send(Input::Order(order, done));
        tokio::spawn(async move {
            let _ = answer.send(match kept.await {
                Ok(Ok(())) => Response::Done,
                Ok(Err(reason)) => Response::Refused { reason },
                Err(_) => Response::Refused { reason: ENDED.to_owned() },
            });
        });
    }

    /// Keeps a silence, unless nobody can have meant it. Slack's button names nothing by hand and needs no such question.
    fn silence(&self, silence: Silence, answer: oneshot::Sender<Response>) {
        let (program, store) = (self.program(), Arc::clone(&self.store));
        let to_decider = self.to_decider.clone();
        tokio::spawn(async move {
            let pattern = silence.pattern.clone();
            let asked = tokio::task::spawn_blocking(move || {
                let acquaintances = Acquaintances {
                    rules: Some(program.rules()),
                    accounts: Some(program.context.accounts()),
                };
                let mut reader = store.reader().map_err(|error| error.to_string())?;
                acquaintances.doubts(&pattern, &reader.snapshot().map_err(|error| error.to_string())?)
            });
            let doubts = match asked.await {
                Ok(Ok(doubts)) => doubts,
                Ok(Err(reason)) => return drop(answer.send(Response::Refused { reason })),
                Err(_) => return drop(answer.send(Response::Refused { reason: ENDED.to_owned() })),
            };
            let (done, kept) = oneshot::channel();
            let _ = to_decider.send(Input::Order(Order::Silence(silence), done));
            let _ = answer.send(match kept.await {
                Ok(Ok(())) => Response::Silenced { doubts },
                Ok(Err(reason)) => Response::Refused { reason },
                Err(_) => Response::Refused { reason: ENDED.to_owned() },
            });
        });
    }

    fn retry(&self, actor: &str, keys: &[String], target: Option<&str>, answer: oneshot::Sender<Response>) {
        let now_ms = (self.clock)().as_millisecond();
        let letters = match dead_letters(actor, keys, target, now_ms) {
            Ok(letters) => letters,
            Err(reason) => return drop(answer.send(Response::Refused { reason })),
        };
        let then = move |outcome: Result<store::DeadLettersChanged, store::Refused<DeadLetters>>| {
            drop(answer.send(match outcome {
                Ok(changed) => Response::Retried { count: changed.retried },
                Err(refused) => Response::Refused { reason: refused.error.to_string() },
            }));
        };
        // Without room the answer is dropped, and whoever asked is told that there was none.
        let _ = self.store.try_submit_then(letters, then);
    }
}

/// Dead letters to send again, noted in the audit list.
///
/// # Errors
///
/// If a key is none.
pub fn dead_letters(
    actor: &str,
    keys: &[String],
    target: Option<&str>,
    now_ms: i64,
) -> Result<DeadLetters, String> {
    let mut letters = DeadLetters::new(Audit {
        at_ms: now_ms,
        actor: actor.to_owned(),
        action: "retry".to_owned(),
        subject: target
            .map_or_else(|| format!("{} dead letters", keys.len()), |target| format!("target {target}")),
        detail: keys.join("\n").into_bytes(),
    });
    for key in keys {
        letters.retry(key.parse().map_err(|error| format!("{key}: {error}"))?, now_ms);
    }
    if let Some(target) = target {
        letters.retry_target(target, now_ms);
    }
    Ok(letters)
}
