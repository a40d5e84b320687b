//! A piece of input is decided: each of its records is counted, judged by its rules, and handed on where it is forwarded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cloudtrail::EventTime;
use cloudtrail::outcome::{Outcome, Tally};
use decide::{SignalTally, SourceClass};
use jiff::Timestamp;
use rules::MetricTime;

use super::{Decider, Run};
use crate::Program;
use crate::counts;
use crate::examine::{Hit, Part, Piece};
use crate::forward::{BACKLOG_MAX, Forwarded, target_of};
use crate::health::State;

impl Run {
    pub(super) fn decide(&mut self, piece: Piece) {
        let Piece { source, received, parts, proofs, checkpoints, set_aside, acknowledge, .. } = piece;
        self.open.empty = false;
        self.open.batch.count(&format!("sources/{source}/batches"), 1);
        for part in parts {
            self.decide_part(&source, part, received);
        }
        self.decider.deliberation.prove(&proofs, received);
        for aside in set_aside {
            self.open.batch.count(&format!("sources/{source}/set-aside"), 1);
            let journal = &self.decider.journal;
            let line = journal.warn("input was set aside: it cannot be used however often it comes");
            line.with("source", &source).with("origin", &aside.origin).with("reason", &aside.reason).done();
            self.open.batch.audit(store::Audit {
                at_ms: received.as_millisecond(),
                actor: format!("source {source}"),
                action: "set aside".to_owned(),
                subject: aside.origin,
                detail: [aside.reason.as_bytes(), b"\n", &aside.excerpt].concat(),
            });
        }
        for checkpoint in checkpoints {
            match checkpoint.position {
                Some(position) => self.open.batch.checkpoint(&source, &checkpoint.partition, &position),
                None => self.open.batch.forget_checkpoint(&source, &checkpoint.partition),
            };
        }
        self.open.acknowledges.push(acknowledge);
    }

    fn decide_part(&mut self, source: &str, part: Part, received: Timestamp) {
        let Part {
            origin,
            class,
            mut tally,
            events,
            minutes,
            hits,
            forwards,
            handovers,
            spans,
            rejected,
            trouble,
        } = part;
        let journal = &self.decider.journal;
        if let Some(trouble) = trouble {
            self.open.batch.count(&format!("sources/{source}/unreadable"), 1);
            let line = journal.warn("input could not be read to its end");
            line.with("source", source).with("origin", &origin).with("reason", trouble).done();
        }
        if let Some((offset, reason)) = rejected {
            let line = journal.warn("records could not be used");
            let line = line.with("source", source).with("origin", &origin).with("count", tally.rejected);
            line.with("first_at", offset).with("first", reason).done();
        }
        self.decider.deliberation.hear(class, &spans, received);
        self.decider.deliberation.hear_of_people(handovers, &mut self.open.batch);
        let mut hits = hits.into_iter().peekable();
        let mut forwards = forwards.into_iter().peekable();
        let mut signals = SignalTally::default();
        let mut unmatched = Unmatched::default();
        let program = Arc::clone(self.decider.deliberation.program());
        for (number, event) in events.into_iter().enumerate() {
            let hit = hits.next_if(|hit| hit.event == number);
            let first = self.recent.is_first(&event);
            tally.received();
            tally.ended(match (&hit, first) {
                (_, false) => Outcome::Duplicate,
                (Some(_), true) => Outcome::Matched,
                (None, true) => Outcome::Unmatched,
            });
            if let Some(minutes) = minutes.get(number).filter(|_| first) {
                unmatched.add(*minutes, hit.as_ref(), program.with_defaults());
            }
            if let Some(forwarded) = forwards.next_if(|forwarded| forwarded.event == number && first) {
                self.forward(&program, &forwarded, received);
            }
            forwards.next_if(|forwarded| forwarded.event == number);
            // A copy is asked too: only its rules know whether they have decided on it.
            if let Some(hit) = hit {
                let Decider { deliberation, .. } = &mut self.decider;
                deliberation.take(hit, &event, class, received, &mut self.open.batch, &mut signals);
            }
        }
        for ((minute, rule), records) in unmatched.0 {
            let time = EventTime::from_micros(minute.saturating_mul(60_000_000));
            self.decider.deliberation.take_unmatched(rule, time, records);
        }
        self.count(class, &tally, &signals);
        self.tell();
    }

    /// Puts an event into the outbox as it is. Where as much waits as may, it is left out if that was asked for; whoever is to wait waits before
    /// the next piece.
    fn forward(&mut self, program: &Program, forwarded: &Forwarded, now: Timestamp) {
        for lane in forwarded.lanes.iter().filter_map(|lane| program.forwards().lanes.get(*lane)) {
            if !lane.waits && self.full_lanes.contains(lane.name.as_str()) {
                let name = target_of(lane.name.as_str());
                self.open.batch.count(&format!("forward/{name}/left-out"), 1);
                continue;
            }
            let put = self.open.gathered.add(lane, &forwarded.text, now, &mut self.open.batch);
            self.open.deliveries += put.deliveries;
            self.open.bytes += put.bytes;
        }
    }

    /// Whether a target has so much waiting that its sources are to wait too. Said when it begins and when it is over.
    pub(super) fn must_wait(&mut self) -> Result<bool, store::Error> {
        let program = Arc::clone(self.decider.deliberation.program());
        if program.forwards().is_empty() && self.full_lanes.is_empty() {
            return Ok(false);
        }
        let now = (self.decider.clock)();
        let (mut full, mut waits) = (BTreeSet::new(), false);
        for lane in &program.forwards().lanes {
            if self.backlog.is_full(lane, now)? {
                full.insert(lane.name.to_string());
                waits |= lane.waits;
            }
        }
        if full != self.full_lanes {
            let journal = &self.decider.journal;
            for lane in full.difference(&self.full_lanes) {
                let its = program.forwards().lanes.iter().find(|one| one.name.as_str() == lane);
                let what =
                    if its.is_some_and(|one| one.waits) { "its sources wait" } else { "events are left out" };
                let line = journal
                    .error("too much waits for a target that events are forwarded to")
                    .with("target", target_of(lane));
                line.with("batches", BACKLOG_MAX).with("so", what).done();
            }
            for lane in self.full_lanes.difference(&full) {
                journal
                    .info("a target that events are forwarded to has caught up")
                    .with("target", target_of(lane))
                    .done();
            }
            self.decider.health.forward(full.first().map(|lane| State::Unhealthy {
                reason: format!("{BACKLOG_MAX} batches of events wait for {}", target_of(lane)),
                next_step: "`trailhound deliveries list` shows why it takes none".to_owned(),
                since: now,
            }));
            self.full_lanes = full;
        }
        Ok(waits)
    }

    fn count(&mut self, class: SourceClass, tally: &Tally, signals: &SignalTally) {
        if let Err(error) = tally.check() {
            self.decider.journal.error("records are not accounted for").with("reason", error).done();
        }
        if let Err(error) = signals.check() {
            self.decider.journal.error("signals are not accounted for").with("reason", error).done();
        }
        counts::records(&mut self.open.batch, class, tally);
        counts::signals(&mut self.open.batch, signals);
    }
}

/// By minute and rule, how many records a metric filter that counts those too did not match.
#[derive(Default)]
struct Unmatched(BTreeMap<(i64, u32), u64>);

impl Unmatched {
    /// With the minutes in which it happened and in which the log got it.
    fn add(&mut self, (happened, logged): (i64, i64), hit: Option<&Hit>, rules: &[(u32, MetricTime)]) {
        for (rule, time) in rules {
            let minute = if *time == MetricTime::Ingestion { logged } else { happened };
            let matched = hit.is_some_and(|hit| hit.judgements.iter().any(|(of, _)| of == rule));
            if !matched {
                *self.0.entry((minute, *rule)).or_default() += 1;
            }
        }
    }
}
