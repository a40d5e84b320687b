//! The nearest of some known names to one that is not known: what the user probably meant.

/// The known name with the fewest edits to `name`, if it is near enough to be meant: at most a third of its length,
/// and at least one edit is always allowed. Letter case and the choice of `-`, `_` and no separator cost nothing.
///
/// ```
/// assert_eq!(rules::nearest("web-hook", ["slack", "webhook"]), Some("webhook"));
/// assert_eq!(rules::nearest("pager", ["slack", "webhook"]), None);
/// ```
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LENGTH_MAX: usize = 64;
    let folded = fold(name);
    if folded.is_empty() || folded.len() > LENGTH_MAX {
        return None;
    }
    let allowed = (folded.len() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(&folded, &fold(candidate)), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

fn fold(name: &str) -> Vec<char> {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours (restricted Damerau-Levenshtein).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut least =
                (at(&last, j) + usize::from(from != to)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_was_meant() {
        let keys = ["severity", "escalate", "first_checks", "except", "pattern", "id"];
        for (typed, expected) in [
            ("sevrity", Some("severity")),
            ("Severity", Some("severity")),
            ("firstChecks", Some("first_checks")),
            ("first-check", Some("first_checks")),
            ("patern", Some("pattern")),
            ("pattren", Some("pattern")),
            ("exclude", None),
            ("di", Some("id")),
            ("", None),
            ("zzzz", None),
        ] {
            assert_eq!(nearest(typed, keys), expected, "{typed}");
        }
    }
}
