//! Which findings a pattern can match, as far as that is certain.
//!
//! A finding has three fields that are always the same and two with few values: severity and state. So every finding falls into
//! one of fifteen cells, and of a pattern two sets of cells are known without a finding: those it *may* match, and those it *surely*
//! matches, because it asks for nothing else. `may` is never too small and `surely` never too large: that is what the checks of [`Routes`] rest on.
//!
//! [`Routes`]: crate::Routes

use event_pattern::{Alternative, Leaf, Pattern};

use crate::finding::{DETAIL_TYPE, SOURCE, Severity, State};

/// A set of cells: one bit per severity and state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cells(u16);

/// What is known of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// No finding outside of these cells matches.
    pub(crate) may: Cells,
    /// Every finding in these cells matches.
    pub(crate) surely: Cells,
}

impl Cells {
    pub(crate) const NONE: Cells = Cells(0);
    pub(crate) const ALL: Cells = Cells((1 << (Severity::ALL.len() * State::ALL.len())) - 1);

    pub(crate) fn with(self, other: Cells) -> Cells {
        Cells(self.0 | other.0)
    }

    pub(crate) fn within(self, other: Cells) -> bool {
        self.0 & !other.0 == 0
    }

    /// The severities of which a cell is missing, least first.
    pub(crate) fn severities_missing(self) -> Vec<Severity> {
        let missing = |severity: &Severity| cells().any(|(s, _, bit)| s == *severity && self.0 & bit == 0);
        Severity::ALL.into_iter().filter(missing).collect()
    }
}

fn cells() -> impl Iterator<Item = (Severity, State, u16)> {
    let pairs = Severity::ALL.into_iter().flat_map(|severity| State::ALL.map(|state| (severity, state)));
    pairs.enumerate().map(|(index, (severity, state))| (severity, state, 1 << index))
}

impl Coverage {
    /// Of a route without a pattern.
    pub(crate) const EVERYTHING: Coverage = Coverage { may: Cells::ALL, surely: Cells::ALL };

    pub(crate) fn of(pattern: &Pattern) -> Coverage {
        let nothing = Coverage { may: Cells::NONE, surely: Cells::NONE };
        pattern.alternatives().iter().map(Self::of_alternative).fold(nothing, |sum, one| Coverage {
            may: sum.may.with(one.may),
            surely: sum.surely.with(one.surely),
        })
    }

    fn of_alternative(alternative: &Alternative) -> Coverage {
        let mut certain = true;
        let mut cells_left = Cells::NONE;
        for (severity, state, bit) in cells() {
            let mut may = true;
            for field in alternative.fields() {
                let value = match field.path().as_str() {
                    "version" => "0",
                    "source" => SOURCE,
                    "detail-type" => DETAIL_TYPE,
                    "detail.severity" => severity.name(),
                    "detail.state" => state.name(),
                    _ => {
                        certain = false;
                        continue;
                    }
                };
                may &= field.terms().iter().any(|term| term.accepts(Leaf::String(value)));
            }
            if may {
                cells_left = cells_left.with(Cells(bit));
            }
        }
        Coverage { may: cells_left, surely: if certain { cells_left } else { Cells::NONE } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_certain_of_a_pattern() {
        let all = Cells::ALL;
        let none = Cells::NONE;
        let severities = |names: &[Severity]| {
            cells().filter(|(s, _, _)| names.contains(s)).fold(none, |sum, (_, _, bit)| sum.with(Cells(bit)))
        };
        let critical = severities(&[Severity::Critical]);
        for (pattern, may, surely) in [
            (r#"{"source": ["trailhound"]}"#, all, all),
            (r#"{"source": ["aws.ec2"]}"#, none, none),
            (r#"{"source": ["aws.ec2"], "detail": {"rule": ["x"]}}"#, none, none),
            (r#"{"detail": {"rule": ["x"]}}"#, all, none),
            (r#"{"detail": {"severity": ["critical"]}}"#, critical, critical),
            (r#"{"detail": {"severity": ["CRITICAL"]}}"#, none, none),
            (r#"{"detail": {"severity": [{"equals-ignore-case": "CRITICAL"}]}}"#, critical, critical),
            (r#"{"detail": {"severity": ["critical"], "rule": ["x"]}}"#, critical, none),
            (r#"{"detail": {"severity": [{"exists": true}]}}"#, all, all),
            (r#"{"detail": {"severity": [{"exists": false}]}}"#, none, none),
            (
                r#"{"$or": [{"detail": {"severity": ["critical"]}}, {"account": ["111122223333"]}]}"#,
                all,
                critical,
            ),
        ] {
            let coverage = Coverage::of(&Pattern::parse(pattern).unwrap());
            assert_eq!(coverage, Coverage { may, surely }, "{pattern}");
        }
        assert_eq!(severities(&[Severity::Low]).severities_missing().len(), 4);
        assert!(all.severities_missing().is_empty());
    }
}
