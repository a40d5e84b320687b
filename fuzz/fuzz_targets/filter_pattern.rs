//! A filter and a message, apart by a NUL byte: whatever they are, nothing panics, and `explain` says what `matches` says.
#![no_main]

use filter_pattern::Filter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (filter, message) = text.split_once('\0').unwrap_or((text, "{}"));
    let Ok(filter) = Filter::parse(filter) else { return };
    let matches = filter.matches(message);
    assert_eq!(matches, filter.explain(message).reason.is_satisfied());
    assert_eq!(matches, filter.extract(message).is_some());
    let _ = filter.lints();
});
