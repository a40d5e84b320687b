//! A batch on its way into the store: what is acknowledged when it is there, and what is done when the store refuses it.

use std::time::Duration;

use jiff::Timestamp;
use sources::Acknowledge;
use store::Refused;

use super::open::Open;
use super::{Answer, Input, Run};
use crate::health::State;

/// A batch that is on its way or waits to be tried again.
pub(super) struct Flying {
    acknowledges: Vec<Acknowledge>,
    answers: Vec<Answer>,
    deliveries: u64,
    pub(super) refused: Option<Box<store::Batch>>,
}

impl Run {
    pub(super) fn committed(&mut self) {
        let Some(flying) = self.flying.take() else { return };
        self.decider.deliberation.committed();
        self.decider.desk.committed();
        flying.answers.into_iter().for_each(|answer| drop(answer.send(Ok(()))));
        flying.acknowledges.into_iter().for_each(Acknowledge::committed);
        if flying.deliveries > 0 {
            self.decider.outbox.notify_one();
        }
        if self.full {
            self.full = false;
            self.decider.journal.info("the store writes again").done();
            self.decider.health.store(State::Healthy);
        }
    }

    /// Keeps the work if the reason may pass; ends if nobody knows any more what is on the disk.
    pub(super) fn refused(&mut self, refused: Refused<store::Batch>) -> Result<(), store::Error> {
        let Refused { work, error } = refused;
        let passes = matches!(error, store::Error::Full { .. } | store::Error::Busy { .. });
        let (Some(work), true, Some(flying)) = (work, passes, &mut self.flying) else {
            let flying = self.flying.take();
            let acknowledges = flying.into_iter().flat_map(|flying| flying.acknowledges);
            acknowledges.for_each(|acknowledge| acknowledge.refused("the store cannot write"));
            return Err(error);
        };
        flying.refused = Some(work);
        if !self.full {
            self.full = true;
            let journal = &self.decider.journal;
            journal
                .error("the store refuses to write; input waits")
                .with("reason", &error)
                .with("hint", error.hint())
                .done();
            self.decider.health.store(State::Unhealthy {
                reason: error.to_string(),
                next_step: error.hint().to_owned(),
                since: (self.decider.clock)(),
            });
        }
        Ok(())
    }

    pub(super) fn try_again(&mut self) {
        if let Some(flying) = &mut self.flying
            && let Some(work) = flying.refused.take()
        {
            self.send(*work);
        }
    }

    pub(super) fn submit(&mut self, now: Timestamp) {
        let put = self.open.gathered.flush(now, &mut self.open.batch);
        self.open.deliveries += put.deliveries;
        let Open { batch, acknowledges, answers, deliveries, .. } =
            std::mem::replace(&mut self.open, Open::new(now));
        self.flying = Some(Flying { acknowledges, answers, deliveries, refused: None });
        self.decider.deliberation.submitted();
        self.decider.desk.submitted();
        self.send(batch);
    }

    fn send(&mut self, batch: store::Batch) {
        let answers = self.decider.answers.clone();
        let mut parts = (batch, move |outcome| drop(answers.send(Input::Outcome(outcome))));
        // The queue has room for thousands, and only this thread and the sender of messages write.
        while let Err(back) = self.decider.store.try_submit_then(parts.0, parts.1) {
            parts = back;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
