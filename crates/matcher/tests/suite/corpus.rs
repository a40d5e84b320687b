//! Every real event of the shared corpus against every rule found in the wild, all in one index.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::{Rules, record, shared_data};
use event_pattern::Pattern;
use filter_pattern::Filter;
use json_scan::Scanner;
use matcher::Scratch;

#[test]
fn real_rules_on_real_events() {
    let (Some(corpus), Some(rules)) = (shared_data("corpus_real"), rules_in_the_wild()) else { return };
    let mut files = Vec::new();
    add_files(&corpus, &mut files);
    let parts: Vec<&[PathBuf]> = files.chunks(files.len().div_ceil(2)).collect();
    let counts: Vec<(usize, usize)> = std::thread::scope(|scope| {
        let threads: Vec<_> = parts.iter().map(|files| scope.spawn(|| compare(files, &rules))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (events, matches) = counts.into_iter().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    println!("{events} events, {matches} matches");
    assert!(events > 20_000 && matches > 1_000, "{events} events, {matches} matches");
}

/// How many events were compared, and how many matches both found.
fn compare(files: &[PathBuf], rules: &Rules) -> (usize, usize) {
    let mut scratch = Scratch::new();
    let (mut events, mut matches) = (0, 0);
    for path in files {
        let text = inflate(path);
        let mut scanner = Scanner::new(&text).unwrap();
        // `{"Records":[` has three marks before the first record.
        (0..3).for_each(|_| scanner.bump());
        while let Some(mark) = scanner.peek() {
            if mark.byte != b'{' {
                scanner.bump();
                continue;
            }
            let event = record(scanner.object().unwrap()).unwrap();
            let matched = rules.matches(&event, &mut scratch);
            assert_eq!(matched, rules.reference(&event), "{} at {}", path.display(), mark.offset);
            events += 1;
            matches += matched.len();
        }
    }
    (events, matches)
}

fn rules_in_the_wild() -> Option<Rules> {
    let texts = |name: &str| -> Option<Vec<String>> {
        let text = std::fs::read_to_string(shared_data(name)?).unwrap();
        let list: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let pattern = |rule: serde_json::Value| match &rule["pattern"] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some(list.into_iter().map(pattern).collect())
    };
    let patterns = texts("event_patterns.json")?
        .iter()
        .filter_map(|text| Pattern::parse(text).ok())
        .map(Arc::new)
        .collect();
    let mut filters: Vec<Arc<Filter>> = Vec::new();
    for text in texts("metric_filters.json")? {
        // Many are copies of the same few, and the reference is slow.
        let Ok(filter) = Filter::parse(&text) else { continue };
        if !filters.iter().any(|known| known.kind() == filter.kind()) {
            filters.push(Arc::new(filter));
        }
    }
    Some(Rules::new(patterns, filters))
}

fn add_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_files(&path, files);
        } else if path.to_string_lossy().ends_with(".json.gz") {
            files.push(path);
        }
    }
}

fn inflate(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
    text
}
