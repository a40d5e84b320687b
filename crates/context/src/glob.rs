//! Globs over names: `*` stands for any run of characters, `?` for exactly one, everything else for itself.
//!
//! There is no escape and no character class: names in AWS hold neither `*` nor `?`, and a list is read by people
//! who should not have to learn a third wildcard language. Case matters, as in AWS.

/// Whether `text` as a whole matches `glob`.
///
/// Takes O(|glob| × |text|) steps at worst and no memory: only the last `*` is ever returned to, since a longer
/// run for an earlier star cannot make a match that a longer run for the last one does not.
///
/// ```
/// use context::glob_matches;
/// assert!(glob_matches("deploy-*", "deploy-prod"));
/// assert!(glob_matches("app-?", "app-é"));
/// assert!(!glob_matches("deploy-*", "my-deploy-prod"));
/// ```
#[must_use]
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let mut pattern = glob.chars();
    let mut rest = text.chars();
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let mut ahead = pattern.clone();
        match ahead.next() {
            Some('*') => {
                retry = Some((ahead.clone(), rest.clone()));
                pattern = ahead;
                continue;
            }
            Some(expected) => {
                let mut next = rest.clone();
                if next.next().is_some_and(|found| expected == '?' || expected == found) {
                    pattern = ahead;
                    rest = next;
                    continue;
                }
            }
            None if rest.as_str().is_empty() => return true,
            None => {}
        }
        let Some((after_star, from)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        pattern = after_star.clone();
        rest = from.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cases() {
        for (glob, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything/at:all", true),
            ("?", "", false),
            ("?", "é", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbb", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("**", "x", true),
            ("a?c*", "abcdef", true),
            ("Deploy", "deploy", false),
            ("*.prod", "a.prod.prod", true),
            ("[ab]", "a", false),
            ("[ab]", "[ab]", true),
        ] {
            assert_eq!(glob_matches(glob, text), expected, "{glob} against {text}");
        }
    }

    /// The obvious exponential definition.
    fn by_definition(glob: &[char], text: &[char]) -> bool {
        match (glob.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => {
                by_definition(rest, text) || text.split_first().is_some_and(|(_, t)| by_definition(glob, t))
            }
            (Some((p, rest)), Some((c, text))) => (*p == '?' || p == c) && by_definition(rest, text),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn equals_the_definition(glob in "[ab*?é]{0,8}", text in "[abé]{0,10}") {
            let chars: (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
            prop_assert_eq!(glob_matches(&glob, &text), by_definition(&chars.0, &chars.1));
        }
    }
}
