//! Signals in, findings out: exceptions, conditions, groups, duplicates.
