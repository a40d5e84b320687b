//! Links lead somewhere, and the table of contents has every page.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use crate::book::{Page, everything, pages, prose, root};

/// `](target)` outside code, with images.
fn targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for line in prose(text) {
        // What stands between backticks is code and no link.
        let outside: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for rest in outside.split("](").skip(1) {
            targets.extend(rest.split(')').next().map(str::to_owned));
        }
    }
    targets
}

#[test]
fn relative_links_lead_somewhere() {
    let book = root().join("docs/src");
    let mut anchors: HashMap<PathBuf, HashSet<String>> = HashMap::new();
    let mut looked_at = 0;
    let mut dead = Vec::new();
    for page in everything() {
        let in_book = page.path.starts_with("docs/src");
        for target in targets(&page.whole()) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            looked_at += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target.as_str(), ""));
            let path = if file.is_empty() { root().join(&page.path) } else { page.folder().join(file) };
            let Ok(path) = path.canonicalize() else {
                dead.push(format!("{}: {target}: no such file", page.path));
                continue;
            };
            if in_book && !path.starts_with(&book) {
                dead.push(format!("{}: {target} leads out of the book", page.path));
            }
            if !anchor.is_empty() {
                let there = anchors.entry(path).or_insert_with_key(|path| {
                    Page::read(path.strip_prefix(root()).unwrap().to_str().unwrap()).anchors()
                });
                if !there.contains(anchor) {
                    dead.push(format!("{}: {target}: no such heading", page.path));
                }
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    assert!(looked_at > 50, "only {looked_at} links were found");
}

#[test]
fn the_table_of_contents_has_every_page() {
    let summary = Page::read("docs/src/SUMMARY.md");
    let listed = targets(&summary.text);
    let distinct: BTreeSet<String> = listed.iter().map(|target| format!("docs/src/{target}")).collect();
    assert_eq!(distinct.len(), listed.len(), "a page is listed twice");
    let written: BTreeSet<String> =
        pages().into_iter().map(|page| page.path).filter(|path| !path.ends_with("SUMMARY.md")).collect();
    assert_eq!(distinct, written);
}
