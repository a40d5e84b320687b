//! One conversation: what has been heard, what of it has been said at one target, and when something is to be said next.
//!
//! ```text
//!   nothing ──told──▶ open ──quiet, or all resolved──▶ closed ──something new──▶ open, as another conversation
//!      │               ▲                                  │
//!      └──held──▶ held ┘ hours begin, or it repeats       └──remembered for a while, then forgotten──▶ nothing
//! ```
//!
//! Invariants: the messages of one conversation at one target are numbered without going back and without gaps, so no two have one key and
//! whoever reads them knows that none is missing; a closed conversation is remembered for longer than
//! findings are settled, so a late settling is not told as something new; what is remembered of one is bounded by [`KNOWN_MAX`].

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Acknowledged, Errand, FindingRef, Policy, Standing};
use crate::{FindingEvent, Held, Kind, Repeats, Severity, State, TargetName, Telling, Unanswered};

/// How many findings of a conversation are known by their ids. Beyond it they are counted.
const KNOWN_MAX: usize = 128;
/// How long a closed conversation is remembered: longer than any lateness.
pub(super) const REMEMBERED: SignedDuration = SignedDuration::from_hours(48);
/// A conversation of something that lasts is closed when nothing came for so long, though nobody said that it is over.
const LASTING_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A conversation at one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) target: String,
    pub(super) rule: String,
    pub(super) began: Timestamp,
    pub(super) heard: Timestamp,
    /// When something was last said; none while it is held.
    pub(super) said: Option<Timestamp>,
    /// The number of the next message.
    pub(super) number: u32,
    /// The number of the next message of this conversation at targets that know nothing of it any more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    elsewhere: BTreeMap<String, u32>,
    pub(super) findings: u64,
    pub(super) folded: u64,
    newest: FindingRef,
    pub(super) severity: Severity,
    said_severity: Severity,
    known: BTreeMap<String, Known>,
    /// Findings that are not among the known.
    beyond: u64,
    /// Whether something is to be said.
    news: bool,
    /// What it waits for to say anything.
    pub(super) hours: Option<Box<str>>,
    hold: Option<Hold>,
    waiting: Option<Waiting>,
    pub(super) acknowledged: Option<Acknowledged>,
    pub(super) closed: Option<Timestamp>,
}

/// What is known of one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    count: u64,
    severity: Severity,
    stands: bool,
    lasts: bool,
}

/// Until when something that is held waits for its hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hold {
    count: Option<u32>,
    severity: Option<Severity>,
    to: Vec<String>,
    heard: u32,
    /// Whether others have been told already.
    escalated: bool,
}

/// Who is told when nobody acknowledges, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    within_ms: i64,
    then: Vec<String>,
    /// How many of them have been told.
    told: usize,
    since: Timestamp,
}

/// What a finding is to a conversation that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing that was not said or is not going to be said.
    None,
    /// Something.
    Some,
    /// It is graver than anything that was said.
    Graver,
    /// Everything in it is resolved.
    Over,
}

/// What is to be done with a conversation.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) errands: Vec<Errand>,
    /// Others to be told of it, with the reason.
    pub(super) others: Vec<(TargetName, String)>,
    pub(super) forgotten: bool,
}

impl Conversation {
    /// A conversation that begins with a finding, and has said nothing yet.
    pub(super) fn begin(target: &TargetName, finding: &FindingEvent, now: Timestamp) -> Self {
        let mut conversation = Conversation {
            id: finding.id().to_owned(),
            target: target.as_str().to_owned(),
            rule: finding.rule().to_owned(),
            began: now,
            heard: now,
            said: None,
            // A later revision of a finding that is not remembered: beyond whatever was said of it then.
            number: finding.revision().saturating_mul(1_000),
            elsewhere: BTreeMap::new(),
            findings: 0,
            folded: 0,
            newest: FindingRef::of(finding),
            severity: Severity::Info,
            said_severity: Severity::Info,
            known: BTreeMap::new(),
            beyond: 0,
            news: true,
            hours: None,
            hold: None,
            waiting: None,
            acknowledged: None,
            closed: None,
        };
        conversation.hear(finding, now);
        conversation
    }

    /// Begins anew with a finding after having been closed, as another conversation if it is another finding.
    pub(super) fn begin_again(&mut self, finding: &FindingEvent, now: Timestamp) {
        if finding.id() == self.id {
            (self.closed, self.said, self.acknowledged, self.waiting) = (None, None, None, None);
            (self.severity, self.said_severity) = (finding.severity(), Severity::Info);
            self.news = true;
            self.hear(finding, now);
            return;
        }
        let known = std::mem::take(&mut self.known);
        let Some(target) = TargetName::new(&self.target) else { return };
        *self = Self::begin(&target, finding, now);
        // What is settled late is not new.
        if known.len() < KNOWN_MAX / 2 {
            self.known.extend(known.into_iter().map(|(id, one)| (id, Known { stands: false, ..one })));
        }
    }

    /// Takes note of a finding, and says what it means.
    pub(super) fn hear(&mut self, finding: &FindingEvent, now: Timestamp) -> News {
        self.heard = now;
        let (severity, stands) = (finding.severity(), finding.state() != State::Resolved);
        let one = Known { count: finding.count(), severity, stands, lasts: finding.lasts() };
        let changed = match self.known.get_mut(finding.id()) {
            Some(known) if *known == one => false,
            Some(known) => {
                *known = one;
                true
            }
            None if finding.revision() > 0 && self.beyond > 0 => severity > self.severity,
            None => {
                self.findings += 1;
                if self.known.len() < KNOWN_MAX {
                    self.known.insert(finding.id().to_owned(), one);
                } else {
                    self.beyond += 1;
                }
                true
            }
        };
        if !changed {
            // Another revision that says the same; if it is told later, then as the newest.
            if self.newest.id == finding.id() {
                self.newest = FindingRef::of(finding);
            }
            return News::None;
        }
        let over = self.is_over();
        if stands || over || self.newest.id == finding.id() {
            self.newest = FindingRef::of(finding);
        }
        self.news = true;
        let graver = severity > self.said_severity;
        self.severity = self.severity.max(severity);
        match (over, graver) {
            (true, _) => News::Over,
            (_, true) => News::Graver,
            _ => News::Some,
        }
    }

    /// Whether the finding is known to it and stands.
    pub(super) fn has_standing(&self, finding: &str) -> bool {
        self.known.get(finding).is_some_and(|known| known.stands)
    }

    /// Whether a revision says what is known already.
    pub(super) fn knows(&self, finding: &FindingEvent) -> bool {
        self.known.get(finding.id()).is_some_and(|known| {
            known.count == finding.count()
                && known.severity == finding.severity()
                && (finding.state() == State::Resolved || known.stands || self.closed.is_some())
        })
    }

    /// Whether the finding is in it.
    pub(super) fn has(&self, finding: &str) -> bool {
        self.id == finding || self.known.contains_key(finding)
    }

    fn is_over(&self) -> bool {
        self.beyond == 0 && !self.known.values().any(|known| known.stands)
    }

    /// Waits for hours; if nothing was said yet, until they begin or it repeats.
    pub(super) fn hold(&mut self, held: &Held) {
        self.hours = Some(held.hours.clone());
        if self.said.is_none() && self.hold.is_none() {
            let Repeats { count, severity, to } = &held.repeats;
            let to = to.iter().map(|target| target.as_str().to_owned()).collect();
            self.hold = Some(Hold { count: *count, severity: *severity, to, heard: 0, escalated: false });
        }
    }

    /// Who is to be told now that it has repeated while it is held: its own target (`None`), or others.
    pub(super) fn repeated(&mut self) -> Option<(Vec<TargetName>, String)> {
        let severity = self.severity;
        let hold = self.hold.as_mut().filter(|hold| !hold.escalated)?;
        hold.heard = hold.heard.saturating_add(1);
        let note = if hold.count.is_some_and(|count| hold.heard >= count) {
            format!("held, and told now because it came {} times", hold.heard)
        } else if hold.severity.is_some_and(|least| severity >= least) {
            format!("held, and told now because it is {}", severity.name())
        } else {
            return None;
        };
        hold.escalated = true;
        Some((hold.to.iter().filter_map(|name| TargetName::new(name)).collect(), note))
    }

    /// Waits for somebody to acknowledge from the first message on.
    pub(super) fn expect_answer(&mut self, unanswered: &Unanswered<TargetName>) {
        let within_ms = i64::try_from(unanswered.within.as_millis()).unwrap_or(i64::MAX);
        let then = unanswered.then.iter().map(|target| target.as_str().to_owned()).collect();
        self.waiting = Some(Waiting { within_ms, then, told: 0, since: self.began });
    }

    /// Waits for somebody to acknowledge from now on.
    pub(super) fn began_waiting(&mut self, unanswered: &Unanswered<TargetName>, now: Timestamp) {
        self.expect_answer(unanswered);
        if let Some(waiting) = &mut self.waiting {
            waiting.since = now;
        }
    }

    /// The same conversation at another target, where nothing of it was said yet.
    /// `before` is what was said there of this or another conversation.
    pub(super) fn at(&self, target: &TargetName, before: Option<&Self>, now: Timestamp) -> Self {
        let there = before.filter(|before| before.id == self.id).map(|before| before.number);
        let there = there.or_else(|| self.elsewhere.get(target.as_str()).copied());
        Conversation {
            target: target.as_str().to_owned(),
            // Where nothing was said yet, from the number on that this one has: a message says how far the conversation is.
            number: there.unwrap_or(self.number),
            heard: now,
            said: None,
            said_severity: Severity::Info,
            folded: 0,
            hours: None,
            hold: None,
            waiting: None,
            closed: None,
            ..self.clone()
        }
    }

    /// Takes note of how far this conversation got at another target, where it is forgotten.
    pub(super) fn was_told(&mut self, target: &str, next: u32) {
        self.elsewhere.insert(target.to_owned(), next);
    }

    /// Whether another update may be said.
    pub(super) fn may_speak(&self, policy: &Policy, now: Timestamp) -> bool {
        self.next_word(policy).is_some_and(|word| word <= now)
    }

    /// Somebody has it in hand.
    pub(super) fn acknowledge(&mut self, by: &Acknowledged) {
        self.acknowledged = Some(by.clone());
        self.waiting = None;
    }

    /// Says what there is to say now.
    pub(super) fn say(&mut self, note: Option<String>, now: Timestamp) -> Option<Errand> {
        let target = TargetName::new(&self.target)?;
        let over = self.is_over();
        let kind = match (self.said, over) {
            (None, _) => Kind::First,
            (Some(_), true) => Kind::Closing,
            (Some(_), false) => Kind::Update,
        };
        let mut note = note;
        if self.said.is_none()
            && let Some(waiting) = &mut self.waiting
        {
            waiting.since = now;
            if let Some(next) = waiting.then.first() {
                let answer = format!(
                    "{next} is told unless somebody acknowledges within {} (trailhound ack STATE {})",
                    span(waiting.within_ms),
                    self.id
                );
                note = Some(note.map_or(answer.clone(), |note| format!("{note}; {answer}")));
            }
        }
        if over {
            self.closed = Some(now);
        }
        Some(self.errand(target, kind, note, now))
    }

    fn errand(&mut self, target: TargetName, kind: Kind, note: Option<String>, now: Timestamp) -> Errand {
        let telling = Telling {
            conversation: self.id.clone(),
            number: self.number,
            kind,
            findings: self.findings,
            folded: self.folded,
            since: (self.findings > 1).then_some(self.began),
            note,
            acknowledged: false,
        };
        self.number = self.number.saturating_add(1);
        self.said = Some(now);
        self.said_severity = self.severity;
        self.news = false;
        self.hold = None;
        Errand { target, telling, finding: self.newest.clone() }
    }

    /// What the time asks for.
    pub(super) fn due(&mut self, policy: &Policy, now: Timestamp) -> Due {
        let mut due = Due::default();
        if let Some(closed) = self.closed {
            due.forgotten = now >= after(closed, REMEMBERED);
            return due;
        }
        let may_speak = self.opens(policy, now).is_none_or(|opens| opens <= now);
        if self.news && may_speak && self.next_word(policy).is_some_and(|word| word <= now) {
            let note = (self.said.is_none()).then(|| self.held_note()).flatten();
            self.hours = None;
            due.errands.extend(self.say(note, now));
        }
        if self.said.is_some()
            && let Some(waiting) = &mut self.waiting
            && now >= waiting.next()
        {
            if let Some(next) = waiting.then.get(waiting.told).and_then(|name| TargetName::new(name)) {
                let within = span(waiting.within_ms);
                let whom = match waiting.told.checked_sub(1).and_then(|index| waiting.then.get(index)) {
                    Some(before) => before.as_str(),
                    None => &self.target,
                };
                due.others.push((next, format!("not acknowledged at {whom} within {within}")));
            }
            waiting.told += 1;
            if waiting.told >= waiting.then.len() {
                self.waiting = None;
            }
        }
        if self.closed.is_none() && self.said.is_some() && !self.news && now >= self.ends(policy) {
            // Whoever has heard of one finding once needs not hear that there was no other.
            if self.findings > 1 || self.number > 1 {
                let note = Some("nothing more came; what comes later begins anew".to_owned());
                if let Some(target) = TargetName::new(&self.target) {
                    due.errands.push(self.errand(target, Kind::Closing, note, now));
                }
            }
            self.closed = Some(now);
        }
        due
    }

    /// When the time next asks for something.
    pub(super) fn next(&self, policy: &Policy, now: Timestamp) -> Timestamp {
        if let Some(closed) = self.closed {
            return after(closed, REMEMBERED);
        }
        let word = self.news.then(|| self.next_word(policy)).flatten().map(|word| {
            let opens = self.opens(policy, word.max(now)).unwrap_or(word);
            word.max(opens)
        });
        let answer = self.waiting.as_ref().filter(|_| self.said.is_some()).map(Waiting::next);
        let end = (self.said.is_some() && !self.news).then(|| self.ends(policy));
        [word, answer, end].into_iter().flatten().min().unwrap_or(Timestamp::MAX)
    }

    /// When news may be said, as far as their frequency goes.
    fn next_word(&self, policy: &Policy) -> Option<Timestamp> {
        match self.said {
            Some(said) => Some(after_std(said, policy.fold.pace(&self.target))),
            None => Some(self.began),
        }
    }

    /// When the hours begin that it waits for; hours that no route speaks of any more are not waited for.
    fn opens(&self, policy: &Policy, from: Timestamp) -> Option<Timestamp> {
        let schedule = policy.routes.hours(self.hours.as_deref()?)?;
        Some(schedule.next_opening(from).unwrap_or(Timestamp::MAX))
    }

    /// When it is closed if nothing more comes.
    fn ends(&self, policy: &Policy) -> Timestamp {
        if self.waiting.is_some() {
            return Timestamp::MAX;
        }
        let last = self.said.map_or(self.heard, |said| said.max(self.heard));
        if self.stands() {
            return after(last, LASTING_MAX);
        }
        after_std(last, policy.fold.quiet)
    }

    /// Whether something in it lasts and is not over.
    pub(super) fn stands(&self) -> bool {
        self.known.values().any(|known| known.stands && known.lasts)
    }

    fn held_note(&self) -> Option<String> {
        let hold = self.hold.as_ref()?;
        let hours = self.hours.as_deref().unwrap_or("its hours");
        let began = self.began;
        let escalated = if hold.escalated { ", others have been told" } else { "" };
        Some(format!("held since {began:.0} for the hours `{hours}`{escalated}"))
    }

    /// What is to be said of it before it is given up: whatever was not said yet.
    pub(super) fn last_word(&mut self, now: Timestamp) -> Option<Errand> {
        if self.closed.is_some() || !self.news {
            return None;
        }
        let crowded = "there are too many conversations: what comes later begins anew";
        let note = match self.held_note() {
            Some(held) => format!("{held}; told now because {crowded}"),
            None => crowded.to_owned(),
        };
        let kind = if self.said.is_none() { Kind::First } else { Kind::Closing };
        Some(self.errand(TargetName::new(&self.target)?, kind, Some(note), now))
    }

    /// The finding that its next message shows.
    pub(super) fn shows(&self) -> &str {
        &self.newest.id
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        match self {
            _ if self.closed.is_some() => Standing::Closed,
            _ if self.said.is_none() => Standing::Held,
            _ if self.waiting.is_some() => Standing::Unanswered,
            _ => Standing::Open,
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.said.is_none() && self.closed.is_none()
    }
}

impl Waiting {
    fn next(&self) -> Timestamp {
        let times = i64::try_from(self.told).unwrap_or(i64::MAX).saturating_add(1);
        after(self.since, SignedDuration::from_millis(self.within_ms.saturating_mul(times)))
    }
}

/// `15 minutes`, `90 seconds`.
fn span(millis: i64) -> String {
    let (count, unit) = match millis / 1_000 {
        seconds if seconds % 3_600 == 0 => (seconds / 3_600, "hour"),
        seconds if seconds % 60 == 0 => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn after(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

fn after_std(time: Timestamp, span: Duration) -> Timestamp {
    after(time, SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX))
}
