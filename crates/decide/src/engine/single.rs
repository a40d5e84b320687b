//! Events that are findings by themselves, as they arrive: each is told once, for as long as copies of it may come.

use cloudtrail::EventId;

use crate::finding::State;
use crate::signal::Signal;
use crate::window::{
    Bounds, Due, Entry, Keys, Occurrence, RestoreError, StateChange, StoredRow, Subject, Taken,
};

/// A rule that tells each event by itself.
#[derive(Debug)]
pub(crate) struct Singles {
    rule: Box<str>,
    /// For how long a copy may follow, in microseconds.
    keep: i64,
    told: Keys<()>,
    watermark: i64,
}

impl Singles {
    pub(crate) fn restore<'r>(
        rule: &str,
        keep: i64,
        bounds: Bounds,
        rows: impl IntoIterator<Item = StoredRow<'r>>,
    ) -> Result<Self, RestoreError> {
        let (told, watermark) = Keys::restore(bounds.keys_max, bounds.durable, |()| 0, rows)?;
        Ok(Singles { rule: rule.into(), keep, told, watermark: watermark.unwrap_or(i64::MIN) })
    }

    /// However late an event comes, it is told.
    pub(crate) fn take(&mut self, signal: &Signal, said: &mut Vec<Occurrence>) -> Taken {
        let name = match &signal.event {
            EventId::Uuid(number) => number.to_be_bytes().to_vec(),
            other => other.to_string().into_bytes(),
        };
        if self.told.get(&name).is_some() {
            return Taken::Duplicate;
        }
        let time = signal.time.as_micros();
        let due = Due::By(time.max(self.watermark).saturating_add(self.keep));
        self.told.with(&name, || (), |()| ((), due));
        let entry = Entry::of(signal);
        let subject = Subject { rule: &self.rule, by: &[], key: "" };
        said.push(subject.occurrence(subject.mint(&entry), (time, time), State::Firing, [&entry]));
        Taken::Fired
    }

    pub(crate) fn advance(&mut self, watermark: i64) {
        if watermark > self.watermark {
            self.watermark = watermark;
            self.told.settle_due(watermark, |_, _, ()| Due::Never);
        }
    }

    pub(crate) fn keys(&self) -> usize {
        self.told.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.told.evicted()
    }

    pub(crate) fn changes(&mut self) -> Vec<StateChange> {
        self.told.changes(&self.watermark)
    }
}
