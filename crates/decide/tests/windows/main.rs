//! What every kind of window must keep, asked of each through its public doors only.

mod harness;
mod threshold;
