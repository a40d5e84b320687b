//! The EventBridge event-pattern language: parse, match, explain.
