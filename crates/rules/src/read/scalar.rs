//! Single values: numbers, truths, lengths of time.

use super::{Reader, parse_duration, shown};
use crate::catalogue::Check;
use crate::yaml::{Node, Value};
use std::ops::RangeInclusive;
use std::time::Duration;

impl Reader<'_, '_> {
    /// A whole number within bounds.
    pub(super) fn whole_number(
        &mut self,
        node: &Node,
        what: &str,
        bounds: RangeInclusive<usize>,
    ) -> Option<usize> {
        let Value::Number(written) = &node.value else {
            return self.no_number(node, what);
        };
        let number = written.parse().ok().filter(|number| bounds.contains(number));
        if number.is_none() {
            let message = format!("{what} is a whole number from {} to {}", bounds.start(), bounds.end());
            self.complaints.add(Check::InvalidValue, node.range.clone(), message);
        }
        number
    }

    /// Any finite number.
    pub(super) fn number(&mut self, node: &Node, what: &str) -> Option<f64> {
        let Value::Number(written) = &node.value else {
            return self.no_number(node, what);
        };
        let number = written.parse().ok().filter(|number: &f64| number.is_finite());
        if number.is_none() {
            self.complaints.add(Check::InvalidValue, node.range.clone(), format!("{what} is out of range"));
        }
        number
    }

    fn no_number<T>(&mut self, node: &Node, what: &str) -> Option<T> {
        let message = format!("{what} is a number, not {}", node.kind());
        let mut diagnostic = self.complaints.diagnostic(Check::WrongType, node.range.clone(), message);
        if let Some(text) = node.as_text().map(str::trim).filter(|text| text.parse::<f64>().is_ok()) {
            diagnostic = diagnostic.help("leave out the quotes").replace_with(text);
        }
        self.complaints.push(diagnostic);
        None
    }

    /// `true` or `false`.
    pub(super) fn yes_or_no(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        self.wrong_type(node, &format!("{what} is true or false"));
        None
    }

    /// A length of time: `30s`, `10m`, `1h`, `2d`.
    pub(super) fn span(&mut self, node: &Node, longest: Duration) -> Option<Duration> {
        let duration = node.as_text().and_then(parse_duration);
        let message = match duration {
            Some(duration) if duration <= longest => return Some(duration),
            Some(_) => format!("this is longer than {}", in_days(longest)),
            None => {
                let written = self.complaints.text().get(node.range.clone()).unwrap_or_default();
                format!("`{}` is not a length of time", shown(written))
            }
        };
        let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
        self.complaints.push(diagnostic.help("write it as `30s`, `10m`, `1h` or `2d`"));
        None
    }
}

fn in_days(duration: Duration) -> String {
    format!("{}d", duration.as_secs() / (24 * 60 * 60))
}
