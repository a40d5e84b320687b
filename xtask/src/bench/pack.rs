//! The rules that a measured scan runs: those of the built-in pack that a scan runs by itself, or of them those that look at one event at a time.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::data;

/// Which rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pack {
    /// As a scan has them unless it is told otherwise.
    Default,
    /// Without those that count, remember or wait.
    Single,
}

impl Pack {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Pack::Default => "the rules of the pack",
            Pack::Single => "the single-event rules of the pack",
        }
    }

    /// What a scan is told to run them.
    pub(super) fn arguments(self) -> io::Result<Vec<PathBuf>> {
        match self {
            Pack::Default => Ok(Vec::new()),
            Pack::Single => Ok(vec![PathBuf::from("--rules"), single()?]),
        }
    }
}

/// Top-level fields of a rule that decides over time.
const OVER_TIME: [&str; 5] = ["threshold:", "sequence:", "first_seen:", "absent:", "alarm:"];

/// Writes the documents of the pack that decide about each event by itself into a folder of their own.
fn single() -> io::Result<PathBuf> {
    let folder = data::target().join("single-event-rules");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(&folder)?,
    }
    let pack = data::root().join("rules/aws");
    for file in super::files(&pack)? {
        let Some(name) = file.strip_prefix(&pack).ok().filter(|name| is_scanned(name)) else { continue };
        let documents = single_of(&fs::read_to_string(&file)?);
        if !documents.is_empty() {
            fs::write(folder.join(name.to_string_lossy().replace('/', "-")), documents)?;
        }
    }
    Ok(folder)
}

/// The rules over most events are run by those only who ask for them.
fn is_scanned(name: &Path) -> bool {
    name.extension().is_some_and(|extension| extension == "yaml") && !name.starts_with("baseline")
}

fn single_of(documents: &str) -> String {
    let is_single =
        |document: &&str| !document.lines().any(|line| OVER_TIME.iter().any(|field| line.starts_with(field)));
    documents.split("\n---\n").filter(is_single).collect::<Vec<_>>().join("\n---\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_over_time_are_left_out() {
        let documents = "id: a\nthreshold: { count: 3 }\n---\nid: b\ntests:\n  - threshold: no field of the rule\n---\nid: c\nfirst_seen:\n  of: [account]\n";
        assert_eq!(single_of(documents), "id: b\ntests:\n  - threshold: no field of the rule");
    }

    #[test]
    fn the_pack_has_rules_of_both_kinds() {
        let folder = single().unwrap();
        let written =
            fs::read_dir(&folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
        let rules =
            written.map(|text| text.lines().filter(|line| line.starts_with("id: ")).count()).sum::<usize>();
        let pack = super::super::files(&data::root().join("rules/aws")).unwrap();
        let texts = pack.iter().filter(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        let all = texts
            .map(|file| {
                fs::read_to_string(file).unwrap().lines().filter(|line| line.starts_with("id: ")).count()
            })
            .sum::<usize>();
        assert!(rules > all / 2 && rules < all, "{rules} of {all}");
    }
}
