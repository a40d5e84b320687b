//! The CloudWatch Logs filter-pattern language: parse, match, extract, explain.
