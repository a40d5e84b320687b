//! One condition on each record, from compressed log files: what a person would type who has no Trailhound.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use cloudtrail::Decoder;
use libdeflater::Decompressor;
use matcher::Scratch;

use crate::Outcome;
use crate::logs;
use crate::measure::{Run, Tool, in_turn, unable};
use crate::records::{self, NAME};

/// How many files they are given: the slowest takes a second for four of them.
const FILES_MAX: usize = 40;

pub(crate) fn run(paths: &[PathBuf], runs: usize) -> Outcome<()> {
    let work = "one condition on each record, from compressed files";
    let paths = paths.get(..FILES_MAX).unwrap_or(paths);
    let texts = logs::read(paths)?;
    let bytes = texts.iter().map(Vec::len).sum();
    let events = texts.iter().map(|text| occurrences(text, b"\"eventVersion\":\"")).sum();
    drop(texts);
    let matcher = records::matcher()?;
    let (mut decoder, mut scratch) = (Decoder::default(), Scratch::new());
    let (mut inflater, mut text) = (Decompressor::new(), Vec::new());
    let mut tools = vec![Tool::new("Trailhound", move || {
        let mut count = 0;
        for path in paths {
            logs::inflate(&mut inflater, path, &mut text)?;
            count += records::count(&matcher, &text, &mut decoder, &mut scratch)?;
        }
        Ok(vec![count])
    })];
    let jq = format!("gzip -dc \"$@\" | jq '[.Records[] | select(.eventName == \"{NAME}\")] | length'");
    let rg = format!("rg --search-zip --count-matches --no-filename '\"eventName\":\"{NAME}\"' \"$@\"");
    let duckdb = format!(
        "for file; do list=\"$list,'$file'\"; done; duckdb -noheader -list -c \"select count(*) from \
         (select unnest(Records) as record from read_json([${{list#,}}], columns = {{Records: 'STRUCT(eventName VARCHAR)[]'}}, \
         maximum_object_size = 67108864)) where record.eventName = '{NAME}'\""
    );
    for (name, program, line) in
        [("gzip and jq", "jq", jq), ("ripgrep", "rg", rg), ("DuckDB", "duckdb", duckdb)]
    {
        let is_installed = Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
        if is_installed {
            tools.push(Tool::elsewhere(name, move || shell(&line, paths)));
        } else {
            unable(work, name, "not installed");
        }
    }
    in_turn(work, (events, bytes), None, runs, tools)
}

/// The sum of the numbers that a line of shell prints, each on a line of its own.
fn shell(line: &str, paths: &[PathBuf]) -> Outcome<Run> {
    let before = children_ticks()?;
    let output = Command::new("sh").args(["-c", line, "sh"]).args(paths).stderr(Stdio::inherit()).output()?;
    let ticks = children_ticks()? - before;
    if !output.status.success() {
        return Err(format!("ends with {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let sum = text.lines().map(|line| line.trim().parse::<u64>()).sum::<Result<u64, _>>()?;
    Ok(Run { verdicts: vec![sum], cpu_ns: Some(ticks * 10_000_000) })
}

fn occurrences(text: &[u8], wanted: &[u8]) -> usize {
    text.windows(wanted.len()).filter(|window| *window == wanted).count()
}

/// Processor time of children that have ended, theirs included, in hundredths of a second: fields 16 and 17 of `stat` (proc(5)).
fn children_ticks() -> Outcome<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    Ok(fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum())
}
