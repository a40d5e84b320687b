//! Every recorded verdict there is, and cases of our own beside them in `cases`, which follow from what was recorded or documented: rules and their refusals,
//! the order of suppression; statistics worked out from the bins, and evaluations, by programs that share nothing with this crate. The recorded ones are kept outside of the
//! project: without them this says so and passes.

use std::io;
use std::path::{Path, PathBuf};

#[path = "../../../xtask/src/conformance/alarm.rs"]
mod alarm_cases;
#[path = "../../../xtask/src/conformance/cases.rs"]
mod cases;
#[path = "../../../xtask/src/conformance/composite_alarm.rs"]
mod composite_alarm_cases;
#[path = "../../../xtask/src/conformance/statistics.rs"]
mod statistics_cases;

fn check(name: &str, run: fn(&Path) -> io::Result<(usize, usize)>) -> io::Result<()> {
    let data = std::env::var_os("TRAILHOUND_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let file = data.join("conformance").join(name);
    if !file.exists() {
        assert!(
            std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none_or(|required| required != "1"),
            "{} is missing",
            file.display()
        );
        println!("left out: no {}", file.display());
        return Ok(());
    }
    hold(&file, run)
}

/// Cases of our own.
fn check_own(name: &str, run: fn(&Path) -> io::Result<(usize, usize)>) -> io::Result<()> {
    hold(&Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases")).join(name), run)
}

fn hold(file: &Path, run: fn(&Path) -> io::Result<(usize, usize)>) -> io::Result<()> {
    let (passed, failed) = run(file)?;
    println!("{passed} passed, {failed} failed");
    assert!(passed > 0 && failed == 0, "{passed} passed, {failed} failed");
    Ok(())
}

#[test]
fn recorded_evaluations() -> io::Result<()> {
    check("alarm.jsonl", alarm_cases::run)
}

#[test]
fn recorded_statistics() -> io::Result<()> {
    check("statistics.jsonl", statistics_cases::run)
}

#[test]
fn recorded_composite_alarms() -> io::Result<()> {
    check("composite-alarm.jsonl", composite_alarm_cases::run)
}

#[test]
fn evaluations_worked_out_apart() -> io::Result<()> {
    check_own("alarm.jsonl", alarm_cases::run)
}

#[test]
fn statistics_worked_out_from_the_bins() -> io::Result<()> {
    check_own("statistics.jsonl", statistics_cases::run)
}

#[test]
fn rules_and_suppression() -> io::Result<()> {
    check_own("composite-alarm.jsonl", composite_alarm_cases::run)
}
