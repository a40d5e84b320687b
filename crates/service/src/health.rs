//! How the service is, as `/readyz`, `/metrics` and `trailhound status` tell it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// How one part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It has not worked yet.
    Starting,
    /// It works.
    Healthy,
    /// It does not, and goes on trying.
    Unhealthy {
        /// What is wrong: one line, without secrets.
        reason: String,
        /// What to do about it.
        next_step: String,
        /// Since when.
        since: Timestamp,
    },
    /// Its input is over.
    Ended,
}

impl State {
    /// Whether the service is as it should be as far as this part goes.
    #[must_use]
    pub fn is_well(&self) -> bool {
        matches!(self, State::Healthy | State::Ended)
    }
}

/// How all parts are. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Health {
    parts: Arc<Mutex<Parts>>,
}

#[derive(Debug, Default)]
struct Parts {
    sources: BTreeMap<String, State>,
    store: Option<State>,
    /// Why the last reload was refused.
    reload: Option<State>,
    /// Why events cannot be forwarded as fast as they come.
    forward: Option<State>,
    stopping: bool,
}

impl Health {
    /// Of a service that is about to begin these sources. They are known before anything runs: whoever asks while the store already writes
    /// and a source does not listen yet is told to wait.
    pub(crate) fn starting<'a>(sources: impl IntoIterator<Item = &'a str>) -> Self {
        let sources = sources.into_iter().map(|name| (name.to_owned(), State::Starting)).collect();
        Health { parts: Arc::new(Mutex::new(Parts { sources, ..Parts::default() })) }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Parts) -> R) -> R {
        act(&mut self.parts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn source(&self, name: &str, state: State) {
        self.with(|parts| parts.sources.insert(name.to_owned(), state));
    }

    pub(crate) fn forget_source(&self, name: &str) {
        self.with(|parts| parts.sources.remove(name));
    }

    pub(crate) fn store(&self, state: State) {
        self.with(|parts| parts.store = Some(state));
    }

    pub(crate) fn reload(&self, state: State) {
        self.with(|parts| parts.reload = Some(state));
    }

    pub(crate) fn forward(&self, state: Option<State>) {
        self.with(|parts| parts.forward = state);
    }

    pub(crate) fn stopping(&self) {
        self.with(|parts| parts.stopping = true);
    }

    /// The sources, by name.
    #[must_use]
    pub fn sources(&self) -> BTreeMap<String, State> {
        self.with(|parts| parts.sources.clone())
    }

    /// The parts by name, and whether the service should be sent work: the store writes, all sources work, and it is not stopping. A
    /// refused reload is told but is no reason: the old rules go on.
    #[must_use]
    pub fn told(&self) -> (bool, Vec<(String, State)>) {
        self.with(|parts| {
            let store = parts.store.clone().unwrap_or(State::Starting);
            let mut ready = !parts.stopping && store.is_well();
            let mut told = vec![("store".to_owned(), store)];
            for (name, state) in &parts.sources {
                ready &= state.is_well();
                told.push((format!("source {name}"), state.clone()));
            }
            if let Some(state) = &parts.forward {
                ready &= state.is_well();
                told.push(("forward".to_owned(), state.clone()));
            }
            told.extend(parts.reload.clone().map(|state| ("reload".to_owned(), state)));
            (ready, told)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_ready_before_each_source_was_heard_of() {
        let health = Health::starting(["queue", "push"]);
        assert!(!health.told().0, "nothing works yet");
        health.store(State::Healthy);
        assert!(!health.told().0, "it could write, but nobody listens");
        health.source("push", State::Healthy);
        assert!(!health.told().0, "the queue has not been asked");
        health.source("queue", State::Healthy);
        assert!(health.told().0);
        let parts: Vec<String> = health.told().1.into_iter().map(|(name, _)| name).collect();
        assert_eq!(parts, ["store", "source push", "source queue"]);
    }
}
