//! What every kind of window must keep, asked of each through its public doors only.

mod absent;
mod first_seen;
mod harness;
mod sequence;
mod threshold;
