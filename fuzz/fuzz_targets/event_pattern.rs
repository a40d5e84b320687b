//! A pattern and an event, apart by a NUL byte: whatever they are, nothing panics, and `explain` says what `matches` says.
#![no_main]

use event_pattern::{Event, Pattern};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (pattern, event) = text.split_once('\0').unwrap_or((text, "{}"));
    let (Ok(pattern), Ok(event)) = (Pattern::parse(pattern), Event::parse(event)) else { return };
    let matches = pattern.matches(&event);
    let explanation = pattern.explain(&event);
    assert_eq!(matches, explanation.stopped_by().is_none(), "{explanation}");
    let _ = pattern.lints();
});
