//! Following credentials back to the person behind them.

use std::sync::Arc;

use cloudtrail::Principal;
use cloudtrail::principal::Kind;

use super::handover::person;
use super::{Behind, Caller, Known, People};

/// How many steps are followed back. AWS lets a chained session last an hour, and people chain two or three roles.
const STEPS_MAX: u32 = 48;

/// Who is behind a caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The person, as far as it is known.
    pub person: Option<Arc<str>>,
    /// Whether what comes later may say otherwise: nothing was found, or only what a caller calls itself, or a session, whose name another one
    /// may turn out to have.
    pub may_change: bool,
}

/// What following found.
enum Found {
    /// This person, by nothing but keys or also by sessions.
    Person(Arc<str>, Way),
    /// That it is no person.
    Nobody,
    /// Nothing, but what callers on the way call themselves; of those the first in time.
    Named(Option<Arc<str>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Keys,
    Sessions,
}

impl People {
    /// The person behind a caller: what AWS settles, then what the caller calls itself.
    ///
    /// Where the credentials lead to one person and the source identity says another, both are told: a source identity is set by whoever
    /// takes up the first role.
    #[must_use]
    pub fn behind(&self, principal: &Principal) -> Answer {
        let named: Option<Arc<str>> = principal.human.as_deref().map(Into::into);
        if principal.kind == Kind::Sso || person(principal).is_some() {
            return Answer { person: named, may_change: false };
        }
        let mut steps = STEPS_MAX;
        match self.follow(&Caller::of(principal, None), &mut steps) {
            Found::Person(person, way) => {
                let may_change = way == Way::Sessions;
                let source = named.filter(|name| !principal.human_is_claimed && !is_same(name, &person));
                let person =
                    source.map_or(person.clone(), |name| format!("{name} (credentials of {person})").into());
                Answer { person: Some(person), may_change }
            }
            Found::Nobody => {
                let person = named.filter(|_| !principal.human_is_claimed);
                Answer { person, may_change: false }
            }
            Found::Named(first) => Answer { person: first.or(named), may_change: true },
        }
    }

    fn follow(&self, caller: &Caller, steps: &mut u32) -> Found {
        let mut named = None;
        let key = caller.key.clone().map(Known::Key);
        // Where it is known who was given the key, the name of the session adds nothing that is sure.
        let session = caller
            .session
            .as_ref()
            .filter(|_| !key.as_ref().is_some_and(|key| self.by_known.contains_key(key)));
        let ways = [
            (key, Way::Keys),
            (session.cloned().map(Known::Session), Way::Sessions),
            (session.cloned().map(Known::Switch), Way::Sessions),
            (caller.shared.clone().map(Known::Shared), Way::Keys),
        ];
        for (known, way) in ways {
            let Some(known) = known else { continue };
            match self.step(&known, steps) {
                Found::Person(person, further) => {
                    let way = if way == Way::Keys { further } else { Way::Sessions };
                    return Found::Person(person, way);
                }
                Found::Nobody => return Found::Nobody,
                Found::Named(first) => named = named.or(first),
            }
        }
        Found::Named(named.or_else(|| caller.named.clone()))
    }

    fn step(&self, known: &Known, steps: &mut u32) -> Found {
        let Some(left) = steps.checked_sub(1) else { return Found::Named(None) };
        *steps = left;
        match self.by_known.get(known) {
            None => Found::Named(None),
            Some((_, Behind::Person(person))) => Found::Person(Arc::clone(person), Way::Keys),
            Some((_, Behind::Nobody)) => Found::Nobody,
            Some((_, Behind::Caller(caller))) => self.follow(caller, steps),
            Some((_, Behind::Holder(key))) => {
                let holder = Caller { key: Some(key.clone()), ..Caller::default() };
                self.follow(&holder, steps)
            }
        }
    }
}

/// Whether two names are one person's: `dora` and `dora@example.com`.
fn is_same(one: &str, other: &str) -> bool {
    let local = |name: &str| name.split('@').next().unwrap_or(name).to_lowercase();
    let is_address = |name: &str| name.contains('@');
    one == other || (is_address(one) != is_address(other) && local(one) == local(other))
}
