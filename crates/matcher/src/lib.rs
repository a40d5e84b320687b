//! Many patterns and filters compiled into one index over raw JSON bytes.
mod affixes;
mod entry;
mod index;
mod leaves;
mod matcher;
mod selectors;
mod stamps;
mod trie;
mod values;
mod view;
mod walk;
mod witness;

pub use matcher::{Builder, Matcher, RuleId, Scratch};
