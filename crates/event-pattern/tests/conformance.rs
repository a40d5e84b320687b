//! Every recorded verdict there is. The cases are kept outside of the project: without them this says so and passes.

use std::path::PathBuf;

#[path = "../../../xtask/src/conformance/cases.rs"]
mod cases;
#[path = "../../../xtask/src/conformance/event_pattern.rs"]
mod event_pattern_cases;

#[test]
fn recorded_verdicts() {
    let data = std::env::var_os("TRAILHOUND_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let file = data.join("conformance/event-pattern.jsonl");
    if !file.exists() {
        assert!(
            std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none_or(|required| required != "1"),
            "{} is missing",
            file.display()
        );
        println!("left out: no {}", file.display());
        return;
    }
    let (passed, failed) = event_pattern_cases::run(&file).expect("the cases can be read");
    println!("{passed} passed, {failed} failed");
    assert!(passed > 0 && failed == 0, "{passed} passed, {failed} failed");
}
