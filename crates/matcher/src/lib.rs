//! All rules' patterns and filters in one index over raw JSON bytes.
//!
//! Thousands of rules, millions of records, and almost no record matters. So the question is never "does this rule match?", asked ten
//! thousand times, but "whom could this record interest at all?", asked once. A [`Builder`] takes EventBridge event patterns and CloudWatch
//! Logs filter patterns, each with a rule's number; the [`Matcher`] it builds takes records and gives the numbers of those that match.
//!
//! ```text
//! record ──▶ walk ──▶ index ──▶ strike out ──▶ second walk ──▶ ask exactly ──▶ rules
//!            names    few       what the       only what       Term::accepts
//!            wanted   named     leaves deny    they ask        Test::holds
//! ```
//!
//! # Why the answer is exact
//!
//! The index works with *necessary conditions* and may name too many rules, never too few (the argument is in `witness`). Whoever
//! is named is asked exactly, and by the language itself: `event_pattern::Term::accepts` and `event_pattern::consistent` for
//! patterns, `filter_pattern::Test::holds` for filters. Where a condition says all that a term does (a text, a prefix, a range) and
//! nothing else is asked, having been found by it is the answer already; `witness` says which conditions those are. The
//! tests compare it with both languages' own matchers: on every recorded verdict, on generated rules and events, and with every rule
//! found in the wild on every event of a real corpus, one by one and all in one index.
//!
//! # Why it is fast
//!
//! - One walk over a record's marks looks at names only, and at the values of the few fields the index is filed by. Everything else is stepped
//!   over, whatever its size. No wildcard, negation or array in a rule changes that.
//! - A value finds its rules by looking itself up (hash maps, byte tries, one automaton), not by being held against each of theirs.
//! - A number's value is worked out once, however many rules compare it.
//! - Rules are filed under their most telling condition and refined below it, so what a record pays for is how many rules it
//!   *nearly* matches, not how many there are.
//! - Nothing is built: values stay where they are in the record and are unescaped only if they have to be. [`Scratch`] is kept
//!   from record to record and forgets in constant time; a record that matches nothing allocates nothing, and nothing is locked or counted.
//!
//! # What counts as malformed
//!
//! What a rule looks at must be JSON: a bad member on a level that is walked, a bad string that is compared, makes the record an error, and
//! then no rule matches it. What no rule looks at is not checked. Nothing outside the record's own brackets is ever considered. A
//! lone surrogate (`"\ud800"`), which JSON's grammar allows and text cannot hold, is an error where it is looked at.
//!
//! # Names twice, names with dots
//!
//! Of a repeated name, patterns see every value and filters the last, as recorded on the service; so no walk ends before its object does. For
//! patterns a name with dots is a path.

mod affixes;
mod by_shape;
mod entry;
mod index;
mod leaves;
mod matcher;
mod plan;
mod probe;
mod ranges;
mod selectors;
mod stamps;
mod trie;
mod unwanted;
mod values;
mod view;
mod walk;
mod witness;

pub use matcher::{Builder, Matcher, RuleId, Scratch};
