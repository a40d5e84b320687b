//! Who is behind which credentials, as the store keeps it: what was heard is committed with the batch in which it came.
//!
//! A finding of a single event is told at once, and the call that gave out its caller's credentials may come a moment later, from
//! another region or account. Such findings [wait](crate::waiting) until the watermark has passed them, and are told once more when the
//! person becomes known or turns out to be another one.

use std::ops::ControlFlow;
use std::time::Duration;

use cloudtrail::{Decoder, EventTime, Principal};
use context::{Answer, Behind, Caller, Handover, Known, People, Session};
use decide::Incident;
use serde::{Deserialize, Serialize};
use store::{Batch, Namespace, Snapshot};

use crate::Program;
use crate::records::Record;
use crate::waiting::{Waiting, WaitingFindings};

/// The namespace's name: with a full stop in it, as no rule's id has.
const NAME: &str = "trailhound.people";
/// The format of a row.
const VERSION: u32 = 1;
/// How long credentials are remembered: they last for a day and a half at most, and windows are told about after they have passed.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// What the key of a row begins with that is a finding which waits; those of handovers begin otherwise.
const WAITS: u8 = b'w';

/// The people behind credentials, and findings that wait for them.
#[derive(Debug)]
pub(crate) struct StoredPeople {
    people: People,
    namespace: Namespace,
    waiting: WaitingFindings,
    /// Whether anything is known that was not when the waiting were last looked at.
    news: bool,
}

/// A row: when, and who.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Row {
    time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    /// Whether it is nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    nobody: bool,
    /// The caller's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The caller's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// The call, as the caller's account tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shared: Option<String>,
    /// What the caller calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named: Option<String>,
    /// The key of the session that this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
}

impl StoredPeople {
    /// Those that are in the store.
    pub(crate) fn open(snapshot: &Snapshot<'_>, program: &Program) -> Result<Self, store::Error> {
        let namespace = Namespace::new(NAME, [0; 32]);
        let mut people = People::default();
        let mut waiting = WaitingFindings::default();
        let mut decoder = Decoder::default();
        snapshot.scan_state(&namespace, .., |row| {
            if let Some((&WAITS, id)) = row.key.split_first() {
                waiting.restore(&String::from_utf8_lossy(id), row.value, program, |record| {
                    let time = EventTime::from_micros(record.time);
                    let (view, _) = decide::take_apart(&mut decoder, &record.text, time);
                    Some(view?.principal().clone())
                });
            } else if let Some(handover) = read(row.key, row.value) {
                people.take(handover);
            }
            ControlFlow::Continue(())
        })?;
        // What was heard may have been stored without those that wait for it having been told.
        Ok(StoredPeople { people, namespace, waiting, news: true })
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Takes what events tell; says whether there was anything new.
    pub(crate) fn take(&mut self, handovers: Vec<Handover>, batch: &mut Batch) -> bool {
        let mut changed = false;
        for handover in handovers {
            let taken = self.people.take(handover);
            if let Some(news) = &taken.news {
                batch.put(&self.namespace, &key(&news.of), VERSION, &value(news));
                changed = true;
            }
            if let Some(forgotten) = taken.forgotten {
                batch.delete(&self.namespace, &self::key(&forgotten));
            }
        }
        self.news |= changed;
        changed
    }

    /// The person behind a caller.
    pub(crate) fn behind(&self, principal: &Principal) -> Answer {
        self.people.behind(principal)
    }

    /// Keeps a finding of a rule whose person may become known, or turn out to be another than was `told`.
    pub(crate) fn wait(
        &mut self,
        principal: &Principal,
        told: Option<&str>,
        rule: &str,
        incident: &Incident,
        records: Vec<Record>,
    ) {
        let temporary = principal.access_key.as_deref().is_some_and(|key| key.starts_with("ASIA"));
        if temporary {
            let (principal, incident) = (principal.clone(), incident.clone());
            let told = told.map(str::to_owned);
            self.waiting.wait(rule, Waiting { principal, told, incident, records });
        }
    }

    /// The findings whose person is another now than was told.
    pub(crate) fn become_known(&mut self) -> Vec<Waiting> {
        if !std::mem::take(&mut self.news) {
            return Vec::new();
        }
        let people = &self.people;
        self.waiting
            .take(|waiting| people.behind(&waiting.principal).person.as_deref() != waiting.told.as_deref())
    }

    /// Other rules hold from here on: what waits was told by the old ones, and stays as it was told.
    pub(crate) fn let_be(&mut self) {
        self.waiting.take(|_| true);
    }

    /// Forgets what the watermark has left behind, some at a time, and writes down what waits; says whether there was anything.
    pub(crate) fn save(&mut self, watermark: EventTime, batch: &mut Batch) -> bool {
        self.waiting.take(|waiting| waiting.incident.time < watermark);
        let changes = self.waiting.changes();
        let changed = !changes.is_empty();
        for (id, row) in changes {
            let key = [&[WAITS], id.as_bytes()].concat();
            match row {
                Some(row) => batch.put(&self.namespace, &key, VERSION, &row),
                None => batch.delete(&self.namespace, &key),
            };
        }
        let kept = i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX);
        let before = EventTime::from_micros(watermark.as_micros().saturating_sub(kept));
        let forgotten = self.people.forget(before, 1_000);
        for of in &forgotten {
            batch.delete(&self.namespace, &key(of));
        }
        changed || !forgotten.is_empty()
    }
}

fn key(of: &Known) -> Vec<u8> {
    let (kind, text) = match of {
        Known::Key(key) => (b'k', &**key),
        Known::Shared(call) => (b's', &**call),
        Known::Session(session) => (b'n', session.as_str()),
        Known::Switch(session) => (b'c', session.as_str()),
    };
    [&[kind], text.as_bytes()].concat()
}

fn value(handover: &Handover) -> Vec<u8> {
    let owned = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    let mut row = Row { time: handover.time.as_micros(), ..Row::default() };
    match &handover.behind {
        Behind::Person(person) => row.person = Some(person.to_string()),
        Behind::Nobody => row.nobody = true,
        Behind::Caller(Caller { key, session, shared, named }) => {
            (row.key, row.shared) = (owned(key), owned(shared));
            row.session = session.as_ref().map(|session| session.as_str().to_owned());
            row.named = named.as_deref().map(str::to_owned);
        }
        Behind::Holder(key) => row.holder = Some(key.to_string()),
    }
    // A map of numbers and texts.
    serde_json::to_vec(&row).unwrap_or_default()
}

fn read(key: &[u8], value: &[u8]) -> Option<Handover> {
    let (kind, text) = key.split_first()?;
    let text = std::str::from_utf8(text).ok()?;
    let of = match kind {
        b'k' => Known::Key(text.into()),
        b's' => Known::Shared(text.into()),
        b'n' => Known::Session(Session::written(text)),
        b'c' => Known::Switch(Session::written(text)),
        _ => return None,
    };
    let Row { time, person, nobody, key, session, shared, named, holder } =
        serde_json::from_slice(value).ok()?;
    let boxed = |text: Option<String>| text.map(String::into_boxed_str);
    let caller = Caller {
        key: boxed(key),
        session: session.as_deref().map(Session::written),
        shared: boxed(shared),
        named: named.map(Into::into),
    };
    let behind = match (person, holder) {
        (Some(person), _) => Behind::Person(person.into()),
        (None, Some(key)) => Behind::Holder(key.into()),
        (None, None) if nobody => Behind::Nobody,
        (None, None) if caller == Caller::default() => return None,
        (None, None) => Behind::Caller(caller),
    };
    Some(Handover { of, behind, time: EventTime::from_micros(time) })
}

#[cfg(test)]
mod tests {
    use super::{key as row_key, *};

    #[test]
    fn rows_are_read_as_they_were_written() {
        let session = || Session::written("1783000000 arn:aws:sts::111122223333:assumed-role/r/s");
        let (key, shared, named) = (Some("ASIA0".into()), Some("x".into()), Some("dora@example.com".into()));
        for (of, behind) in [
            (Known::Key("ASIA1".into()), Behind::Person("alice".into())),
            (Known::Key("ASIA1".into()), Behind::Nobody),
            (Known::Key("ASIA1".into()), Behind::Caller(Caller { key, ..Caller::default() })),
            (Known::Shared("d488".into()), Behind::Caller(Caller { shared, named, ..Caller::default() })),
            (Known::Session(session()), Behind::Holder("ASIA1".into())),
            (
                Known::Switch(session()),
                Behind::Caller(Caller { session: Some(session()), ..Caller::default() }),
            ),
        ] {
            let handover = Handover { of, behind, time: EventTime::from_micros(7) };
            assert_eq!(read(&row_key(&handover.of), &value(&handover)), Some(handover));
        }
        assert_eq!(read(b"x", b"{}"), None);
        assert_eq!(read(b"kASIA1", b"{\"time\":1}"), None);
    }
}
