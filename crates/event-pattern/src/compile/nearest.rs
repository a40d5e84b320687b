//! What somebody may have meant who wrote an operator that does not exist.

/// The operators the service knows, for "did you mean".
const OPERATORS: &[&str] = &[
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "numeric",
    "cidr",
    "equals-ignore-case",
    "wildcard",
    "exactly",
];

/// A hint for an operator that does not exist.
pub(super) fn nearest(unknown: &str) -> Option<String> {
    let lower = unknown.to_lowercase();
    let known = match lower.as_str() {
        "equals" | "eq" | "is" => return Some("an exact value needs no operator: `[\"value\"]`".to_owned()),
        "regex" | "regexp" | "matches" => {
            return Some("there are no regular expressions; use `wildcard`, `prefix` or `suffix`".to_owned());
        }
        "contains" => return Some("write `{\"wildcard\": \"*text*\"}`".to_owned()),
        "not" | "anything-but-prefix" | "ne" => "anything-but",
        "startswith" | "starts-with" | "begins-with" => "prefix",
        "endswith" | "ends-with" => "suffix",
        "ip-address" | "ip" => "cidr",
        "$or" | "or" => {
            return Some("`$or` stands beside fields, not inside their lists".to_owned());
        }
        _ => {
            let close = OPERATORS.iter().map(|known| (distance(&lower, known), *known)).min()?;
            if close.0 > 3 || close.0 * 2 > close.1.len() {
                return Some(
                    "a list holds values and operators; an object of fields stands outside of it".to_owned(),
                );
            }
            close.1
        }
    };
    Some(format!("did you mean `{known}`?"))
}

/// How many characters must be inserted, removed or changed.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, a) in left.chars().take(40).enumerate() {
        let mut previous = index;
        let mut left_of = index + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&right) {
            let changed = previous + usize::from(a != *b);
            previous = *cell;
            *cell = changed.min(*cell + 1).min(left_of + 1);
            left_of = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
