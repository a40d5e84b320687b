//! Many patterns and filters compiled into one index over raw JSON bytes.
