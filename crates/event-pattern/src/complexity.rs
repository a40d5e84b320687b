//! The service's limit on wildcards.
//!
//! The service builds one automaton per field out of all wildcards that can be asked there, and refuses the pattern if some input could
//! keep too many of them alive at once: the sum, over the states alive together, of the distinct wildcard patterns still reachable from
//! each, is more than [`LIVE_MAX`] (10 accepted, 11 refused: recorded on the service, September 2026). How much two wildcards share
//! depends on how the automaton is put together, so it is put together here in the same way:
//!
//! ```text
//!          ____
//!     *   | *  |        a star leads to a state that stays on every byte; the character after the star
//! A ────▶ B ◀──┘        leads on from there and, for the empty run, from the state before the star
//! │ b   b │
//! └─▶ C ◀─┘
//! ```
//!
//! Invariant: a transition leads to its own state (the loop) or to one made later, so states in reverse order are a topological order.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::fold::IgnoreCase;
use crate::pattern::{Alternative, Path};
use crate::term::{AnythingBut, Term};
use crate::wildcard::Wildcard;

/// The most wildcards that may be alive at once.
const LIVE_MAX: usize = 10;
/// What is given up on: sets of live states looked at in one automaton, and steps taken to put all of them together. Patterns of
/// the service's size stay far below.
const SETS_MAX: usize = 50_000;
const STEPS_MAX: usize = 200_000;

/// Whether the service would take these wildcards.
pub(crate) fn acceptable(alternatives: &[Alternative]) -> bool {
    let has_wildcard =
        |term: &Term| matches!(term, Term::Wildcard(_) | Term::AnythingBut(AnythingBut::Wildcards(_)));
    let any =
        alternatives.iter().flat_map(Alternative::fields).any(|field| field.terms().iter().any(has_wildcard));
    if !any {
        return true;
    }
    let mut machine = Machine::default();
    let start = machine.state();
    for alternative in alternatives {
        if !machine.add(start, alternative) {
            return false;
        }
    }
    machine.acceptable(start)
}

/// The states between fields. After a field the machine is in a state that depends on which term was satisfied; combinations of
/// `$or` branches that begin alike share states, and so share the automata of the fields behind them.
#[derive(Default)]
struct Machine {
    states: Vec<BTreeMap<Path, Values>>,
    steps: usize,
}

#[derive(Default)]
struct Values {
    /// Which state follows on a term, by the identity of the term. The wildcards are in the automaton.
    terms: HashMap<String, usize>,
    absent: Option<usize>,
    automaton: Automaton,
}

impl Machine {
    fn state(&mut self) -> usize {
        self.states.push(BTreeMap::new());
        self.states.len() - 1
    }

    fn add(&mut self, start: usize, alternative: &Alternative) -> bool {
        let mut open = vec![(start, 0)];
        while let Some((state, index)) = open.pop() {
            self.steps += 1;
            let Some(field) = alternative.fields().get(index) else { continue };
            if self.steps > STEPS_MAX {
                return false;
            }
            let mut fresh = self.states.len();
            let Some(values) = self.states.get_mut(state) else { continue };
            let values = values.entry(field.path().clone()).or_default();
            // Terms lead where the term before led, unless they are known to lead elsewhere.
            let mut last = None;
            let mut follow = BTreeSet::new();
            for term in field.terms() {
                for identity in identities(term) {
                    let candidate = last.unwrap_or(fresh);
                    let next = match (term, wildcards(term)) {
                        (Term::Absent, _) => *values.absent.get_or_insert(candidate),
                        (_, Some(wildcards)) => {
                            match values.automaton.add(&identity, wildcards, last, &mut fresh) {
                                Some(next) => next,
                                None => return false,
                            }
                        }
                        _ => *values.terms.entry(identity).or_insert(candidate),
                    };
                    fresh = fresh.max(next + 1);
                    last = Some(next);
                    follow.insert(next);
                }
            }
            self.states.resize_with(fresh.max(self.states.len()), BTreeMap::new);
            open.extend(follow.into_iter().map(|next| (next, index + 1)));
        }
        true
    }

    /// Whether all automata that can be reached by satisfying values are small enough. Behind an absence nobody looks.
    fn acceptable(&self, start: usize) -> bool {
        let mut seen = HashSet::from([start]);
        let mut open = vec![start];
        while let Some(state) = open.pop().and_then(|state| self.states.get(state)) {
            for values in state.values() {
                if !values.automaton.acceptable() {
                    return false;
                }
                let next = values.terms.values().copied().chain(values.automaton.next_states());
                open.extend(next.filter(|next| seen.insert(*next)));
            }
        }
        true
    }
}

fn wildcards(term: &Term) -> Option<&[Wildcard]> {
    match term {
        Term::Wildcard(wildcard) => Some(std::slice::from_ref(wildcard)),
        Term::AnythingBut(AnythingBut::Wildcards(wildcards)) => Some(wildcards),
        _ => None,
    }
}

/// What the service knows a term by. A number is two terms there: its value and its text.
fn identities(term: &Term) -> Vec<String> {
    fn set<'a>(kind: &str, texts: impl Iterator<Item = &'a str>) -> String {
        let texts: BTreeSet<&str> = texts.collect();
        format!("{kind} {texts:?}")
    }
    let identity = match term {
        Term::Number(number) => {
            let value = number.value().map(|value| format!("value {value:?}"));
            return value.into_iter().chain([format!("text {}", number.text())]).collect();
        }
        Term::Address(range) | Term::Cidr(range) => format!("range {:?} {:?}", range.low(), range.high()),
        Term::AnythingBut(AnythingBut::Strings(texts)) => set("not", texts.iter().map(|text| &**text)),
        Term::AnythingBut(AnythingBut::Prefixes(texts)) => {
            set("not prefix", texts.iter().map(|text| &**text))
        }
        Term::AnythingBut(AnythingBut::Suffixes(texts)) => {
            set("not suffix", texts.iter().map(|text| &**text))
        }
        Term::AnythingBut(AnythingBut::IgnoreCase(texts)) => {
            set("not fold", texts.iter().map(IgnoreCase::text))
        }
        Term::AnythingBut(AnythingBut::Wildcards(texts)) => set("not like", texts.iter().map(Wildcard::text)),
        Term::AnythingBut(AnythingBut::Numbers(numbers)) => {
            let numbers: BTreeSet<u64> = numbers.iter().map(|number| number.to_bits()).collect();
            format!("not value {numbers:?}")
        }
        other => format!("{other:?}"),
    };
    vec![identity]
}

/// A bit for each distinct wildcard pattern of an automaton; there are never more than [`LIVE_MAX`].
type Patterns = u16;

/// The automaton of the wildcards of one field.
struct Automaton {
    states: Vec<State>,
    patterns: Vec<String>,
}

#[derive(Default)]
struct State {
    bytes: BTreeMap<u8, Vec<Target>>,
    /// States that follow on every byte.
    every: Vec<usize>,
    /// Whether different texts can lead here: such a state must not be shared carelessly.
    indeterminate: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Target {
    State(usize),
    /// A pattern has fitted; then comes a state of the [`Machine`].
    Match {
        pattern: usize,
        next: usize,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Input {
    Byte(u8),
    Star,
}

impl Default for Automaton {
    fn default() -> Automaton {
        Automaton { states: vec![State::default()], patterns: Vec::new() }
    }
}

impl Automaton {
    /// Adds the wildcards of one term and gives the state of the machine that follows. `None` if there are too many.
    fn add(
        &mut self,
        identity: &str,
        wildcards: &[Wildcard],
        last: Option<usize>,
        fresh: &mut usize,
    ) -> Option<usize> {
        let known = self.patterns.iter().position(|pattern| pattern == identity);
        let pattern = known.unwrap_or_else(|| {
            self.patterns.push(identity.to_owned());
            self.patterns.len() - 1
        });
        // All of them are reachable from the opening quote on.
        if pattern >= LIVE_MAX {
            return None;
        }
        let mut next = last;
        for wildcard in wildcards {
            let candidate = next.unwrap_or(*fresh);
            let found = self.insert(&inputs(wildcard), pattern, candidate);
            *fresh = (*fresh).max(found + 1);
            next = Some(found);
        }
        next
    }

    fn insert(&mut self, inputs: &[Input], pattern: usize, next: usize) -> usize {
        let (mut state, mut before, mut at) = (0, None, 0);
        let end = inputs.len() - 1;
        while at < end {
            let shared = self.targets(state, inputs[at]).into_iter().find_map(|target| match target {
                Target::State(to) if self.shareable(state, to, inputs, at) => Some(to),
                _ => None,
            });
            let Some(to) = shared else { break };
            before = Some(state);
            state = to;
            at += 1;
        }
        while at < end {
            let determinate = self.targets(state, inputs[at]).into_iter().find_map(|target| match target {
                Target::State(to) if !self.states[to].indeterminate => Some(to),
                _ => None,
            });
            let to = determinate.unwrap_or_else(|| self.grow(state, before, inputs, at));
            before = Some(state);
            state = to;
            at += 1;
        }
        self.finish(state, before, inputs, pattern, next)
    }

    /// Makes the state that follows on the input.
    fn grow(&mut self, state: usize, before: Option<usize>, inputs: &[Input], at: usize) -> usize {
        let to = self.states.len();
        self.states.push(State { indeterminate: self.states[state].indeterminate, ..State::default() });
        match inputs[at] {
            Input::Star => {
                self.states[to].indeterminate = true;
                self.states[to].every.push(to);
                self.states[state].every.push(to);
            }
            Input::Byte(byte) => {
                self.states[state].link(byte, Target::State(to));
                if let (Some(before), Some(Input::Star)) = (before, at.checked_sub(1).map(|at| inputs[at])) {
                    self.states[before].link(byte, Target::State(to));
                }
            }
        }
        to
    }

    /// Links the last input, the closing quote, to a match, unless that match is there.
    fn finish(
        &mut self,
        state: usize,
        before: Option<usize>,
        inputs: &[Input],
        pattern: usize,
        next: usize,
    ) -> usize {
        let end = inputs.len() - 1;
        let Input::Byte(byte) = inputs[end] else { return next };
        for target in self.targets(state, inputs[end]) {
            if let Target::Match { pattern: known, next } = target
                && known == pattern
            {
                return next;
            }
        }
        let target = Target::Match { pattern, next };
        self.states[state].link(byte, target);
        if let (Some(before), Some(Input::Star)) = (before, end.checked_sub(1).map(|at| inputs[at])) {
            self.states[before].link(byte, target);
        }
        next
    }

    /// Whether a pattern may go through a state that is there already.
    fn shareable(&self, from: usize, to: usize, inputs: &[Input], at: usize) -> bool {
        to != from && (!self.states[to].indeterminate || !self.converges(from, inputs, at))
    }

    /// Whether another way on the same character could lead to the same state: through a star that begins here, or through the other case
    /// of a letter. The service asks the latter of letters only, whether or not case matters in this automaton.
    fn converges(&self, from: usize, inputs: &[Input], at: usize) -> bool {
        let Input::Byte(first) = inputs[at] else { return false };
        if matches!(first, 0x80..=0xbf) {
            return false;
        }
        if self.states[from].every.iter().any(|to| *to != from) {
            return true;
        }
        let bytes: Vec<u8> = inputs[at..]
            .iter()
            .map_while(|input| if let Input::Byte(byte) = input { Some(*byte) } else { None })
            .take(match first {
                0..0x80 => 1,
                0x80..0xe0 => 2,
                _ => 3,
            })
            .collect();
        std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next()).is_some_and(|character| {
            character.to_lowercase().to_string() != character.to_uppercase().to_string()
        })
    }

    fn targets(&self, state: usize, input: Input) -> Vec<Target> {
        let state = &self.states[state];
        let every = state.every.iter().map(|to| Target::State(*to));
        match input {
            Input::Star => every.collect(),
            Input::Byte(byte) => state.bytes.get(&byte).into_iter().flatten().copied().chain(every).collect(),
        }
    }

    fn next_states(&self) -> impl Iterator<Item = usize> {
        self.states.iter().flat_map(|state| state.bytes.values().flatten()).filter_map(
            |target| match target {
                Target::Match { next, .. } => Some(*next),
                Target::State(_) => None,
            },
        )
    }

    /// Walks through every set of targets that one input can reach together.
    fn acceptable(&self) -> bool {
        let reachable = self.reachable();
        let patterns = |target: &Target| match target {
            Target::State(state) => reachable[*state],
            Target::Match { pattern, .. } => 1 << pattern,
        };
        let count = |target: &Target| patterns(target).count_ones() as usize;
        let mut seen: HashSet<BTreeSet<Target>> = HashSet::new();
        let mut open = self.following(&BTreeSet::from([Target::State(0)]));
        while let Some(set) = open.pop() {
            if seen.contains(&set) {
                continue;
            }
            let mut live: usize = set.iter().map(count).sum();
            for target in &set {
                let Target::State(state) = target else { continue };
                // Whoever has matched `foo` has matched `foo*` too.
                let stars = self.states[*state].every.iter().map(|to| Target::State(*to));
                live += stars.filter(|star| !set.contains(star)).map(|star| count(&star)).sum::<usize>();
            }
            if live > LIVE_MAX || seen.len() > SETS_MAX {
                return false;
            }
            open.extend(self.following(&set));
            seen.insert(set);
        }
        true
    }

    /// The sets of targets that can follow, one for each byte that makes a difference and one for all others.
    fn following(&self, set: &BTreeSet<Target>) -> Vec<BTreeSet<Target>> {
        let mut others = BTreeSet::new();
        let mut bytes: BTreeMap<u8, BTreeSet<Target>> = BTreeMap::new();
        for target in set {
            let Target::State(state) = target else { continue };
            let state = &self.states[*state];
            others.extend(state.every.iter().map(|to| Target::State(*to)));
            for (byte, targets) in &state.bytes {
                bytes.entry(*byte).or_default().extend(targets);
            }
        }
        let mut sets: Vec<BTreeSet<Target>> = bytes
            .into_values()
            .map(|mut targets| {
                targets.extend(&others);
                targets
            })
            .collect();
        if !others.is_empty() {
            sets.push(others);
        }
        sets
    }

    /// The patterns that can still fit, for each state.
    fn reachable(&self) -> Vec<Patterns> {
        let mut reachable = vec![0; self.states.len()];
        for (index, state) in self.states.iter().enumerate().rev() {
            let mut patterns = 0;
            for target in state.bytes.values().flatten() {
                patterns |= match target {
                    Target::State(to) => reachable[*to],
                    Target::Match { pattern, .. } => 1 << pattern,
                };
            }
            for to in &state.every {
                patterns |= reachable[*to];
            }
            reachable[index] = patterns;
        }
        reachable
    }
}

impl State {
    fn link(&mut self, byte: u8, target: Target) {
        let targets = self.bytes.entry(byte).or_default();
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
}

/// What the automaton reads for a wildcard: its bytes between quotes. The quotes make the ends ordinary characters.
fn inputs(wildcard: &Wildcard) -> Vec<Input> {
    let mut inputs = vec![Input::Byte(b'"')];
    for (index, piece) in wildcard.pieces().iter().enumerate() {
        if index > 0 {
            inputs.push(Input::Star);
        }
        inputs.extend(piece.bytes().map(Input::Byte));
    }
    inputs.push(Input::Byte(b'"'));
    inputs
}
