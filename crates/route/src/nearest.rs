//! The target somebody may have meant who named one that does not exist.

use crate::TargetName;

/// The known name with the fewest edits, if they are at most a third of what was written (and one is always allowed).
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a TargetName>,
) -> Option<&'a TargetName> {
    let written: Vec<char> = written.to_lowercase().chars().take(TargetName::LENGTH_MAX).collect();
    let allowed = (written.len() / 3).max(1);
    known
        .into_iter()
        .map(|name| (edits(&written, &name.as_str().to_lowercase()), name))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// How many characters must be inserted, removed or replaced.
fn edits(from: &[char], to: &str) -> usize {
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (index, wanted) in to.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, written) in row.iter_mut().skip(1).zip(from) {
            let replaced = diagonal + usize::from(*written != wanted);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let known = ["oncall", "security", "lake"].map(|name| TargetName::new(name).unwrap());
        for (written, meant) in [
            ("on-call", Some("oncall")),
            ("Oncall", Some("oncall")),
            ("secruity", Some("security")),
            ("lak", Some("lake")),
            ("pagerduty", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, &known).map(TargetName::as_str), meant, "{written:?}");
        }
    }
}
