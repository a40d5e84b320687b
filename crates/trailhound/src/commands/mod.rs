//! One file a command. Each resolves its arguments, calls the crates below, and prints.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod coverage;
pub(crate) mod deliveries;
pub(crate) mod drill;
pub(crate) mod explain;
pub(crate) mod findings;
pub(crate) mod learn;
pub(crate) mod matching;
pub(crate) mod orders;
pub(crate) mod rehearse;
pub(crate) mod route;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod serve;
mod state;
pub(crate) mod status;
pub(crate) mod suppressions;
pub(crate) mod test;
