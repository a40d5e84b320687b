//! Single values: texts, paths, numbers, lengths of time, sizes, networks.

use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use rules::yaml::{Node, Value};
use rules::{Check, Fields, shown};

use crate::read::Reader;

impl Reader<'_, '_> {
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        keys: &[&'static str],
        tolerated: &[&'static str],
    ) -> Option<Fields<'n>> {
        Fields::read(self.complaints, node, what, keys, tolerated)
    }

    /// Where a stretch of a text's value stands in the file.
    pub(crate) fn part(&self, node: &Node, part: Range<usize>) -> Range<usize> {
        node.part(self.complaints.text(), part)
    }

    pub(crate) fn wrong(
        &mut self,
        check: Check,
        node: &Node,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let diagnostic = self.complaints.diagnostic(check, node.range.clone(), message);
        self.complaints.push(diagnostic.help(help));
    }

    /// Text that is not empty and refers to no secret.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let Some(text) = node.as_text().map(str::trim) else {
            let message = format!("{what} is text, not {}", node.kind());
            match node.value {
                Value::Number(_) | Value::Bool(_) => {
                    self.wrong(Check::WrongType, node, message, "put it in quotes");
                }
                _ => self.complaints.add(Check::WrongType, node.range.clone(), message),
            }
            return None;
        };
        if text.is_empty() {
            self.complaints.add(Check::InvalidValue, node.range.clone(), format!("{what} is empty"));
            return None;
        }
        if text.contains("${") {
            let help = "references are replaced only in keys, tokens and the addresses of targets";
            self.wrong(Check::InvalidSecret, node, format!("{what} cannot be taken from a secret"), help);
            return None;
        }
        Some(text)
    }

    /// A path on this machine; a relative one begins at the configuration's own folder.
    pub(crate) fn path(&mut self, node: &Node, what: &str) -> Option<PathBuf> {
        let text = self.text(node, what)?;
        if text.starts_with('~') {
            let message = format!("{what} begins with `~`, which only a shell replaces");
            self.wrong(Check::InvalidValue, node, message, "write the folder out");
            return None;
        }
        Some(PathBuf::from(rules::resolve(self.complaints.file(), text)))
    }

    pub(crate) fn truth(&mut self, node: &Node, key: &str) -> Option<bool> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        let message = format!("`{key}` is true or false, not {}", node.kind());
        self.complaints.add(Check::WrongType, node.range.clone(), message);
        None
    }

    /// A whole number.
    pub(crate) fn count(&mut self, node: &Node, key: &str, allowed: RangeInclusive<u32>) -> Option<u32> {
        let number = match &node.value {
            Value::Number(number) => number.parse().ok().filter(|number| allowed.contains(number)),
            _ => None,
        };
        if number.is_none() {
            let (least, most) = (allowed.start(), allowed.end());
            let message = format!("`{key}` is a whole number from {least} to {most}");
            self.complaints.add(Check::InvalidValue, node.range.clone(), message);
        }
        number
    }

    /// A length of time.
    pub(crate) fn duration(&mut self, node: &Node, key: &str, max: Duration) -> Option<Duration> {
        let duration = node.as_text().and_then(parse_duration);
        let help = "write it as `500ms`, `30s`, `10m`, `1h` or `2d`";
        match duration {
            None => {
                self.wrong(Check::InvalidValue, node, format!("`{key}` is not a length of time"), help);
                None
            }
            Some(duration) if duration > max => {
                let message = format!("`{key}` is at most {}", length(max));
                self.wrong(Check::InvalidValue, node, message, help);
                None
            }
            Some(duration) => Some(duration),
        }
    }

    /// A number of bytes.
    pub(crate) fn size(&mut self, node: &Node, key: &str, allowed: RangeInclusive<u64>) -> Option<u64> {
        let size = node.as_text().and_then(parse_size);
        let help = "write it as `64KiB`, `16MiB` or `20GiB`";
        match size {
            None => self.wrong(Check::InvalidValue, node, format!("`{key}` is not a size"), help),
            Some(size) if size < *allowed.start() => {
                self.wrong(
                    Check::InvalidValue,
                    node,
                    format!("`{key}` is at least {}", bytes(*allowed.start())),
                    help,
                );
            }
            Some(size) if size > *allowed.end() => {
                self.wrong(
                    Check::InvalidValue,
                    node,
                    format!("`{key}` is at most {}", bytes(*allowed.end())),
                    help,
                );
            }
            Some(size) => return Some(size),
        }
        None
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let found = words.iter().find(|(word, _)| node.as_text() == Some(*word));
        if found.is_none() {
            self.complaints.one_of(node, what, words.iter().map(|(word, _)| *word));
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// Reads each item of a list.
    pub(crate) fn each<T>(
        &mut self,
        node: &Node,
        what: &str,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Sequence(items) = &node.value else {
            let message = format!("{what} is a list, not {}", node.kind());
            self.wrong(Check::WrongType, node, message, "put it in brackets: `[…]`");
            return None;
        };
        let read: Vec<Option<T>> = items.iter().map(|item| read(self, item)).collect();
        read.into_iter().collect()
    }

    /// `10.0.0.0/8`, or an address alone.
    pub(crate) fn network(&mut self, node: &Node) -> Option<IpNet> {
        let text = self.text(node, "a network")?;
        let network = text
            .parse()
            .ok()
            .or_else(|| text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address)));
        if network.is_none() {
            let message = format!("`{}` is not a network", shown(text));
            self.wrong(Check::InvalidValue, node, message, "write it as `10.1.0.0/16` or `fd00::/8`");
        }
        network
    }

    /// Says that something of the design is not there yet.
    pub(crate) fn not_supported(&mut self, range: Range<usize>, what: &str, meanwhile: &str) {
        let diagnostic =
            self.complaints.diagnostic(Check::NotSupported, range, format!("{what} is not supported yet"));
        self.complaints.push(diagnostic.help(meanwhile));
    }
}

/// What rules call a length of time, and milliseconds.
fn parse_duration(text: &str) -> Option<Duration> {
    let Some(number) = text.strip_suffix("ms") else { return rules::parse_duration(text) };
    let number: u64 = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
    (number > 0).then(|| Duration::from_millis(number))
}

const UNITS: [(&str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

/// `64KiB`, `16MiB`, `20GiB`, `1TiB`: a whole number and one unit, not zero.
fn parse_size(text: &str) -> Option<u64> {
    let (number, shift) =
        UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?.trim_end(), shift)))?;
    let number: u64 = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
    number.checked_mul(1 << shift).filter(|size| *size > 0)
}

/// A size as people write it.
fn bytes(size: u64) -> String {
    let unit = UNITS.iter().rev().find(|(_, shift)| size >> shift > 0);
    unit.map_or_else(|| format!("{size} bytes"), |(unit, shift)| format!("{}{unit}", size >> shift))
}

/// A length of time as people write it.
fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("d", 24 * 3600), ("h", 3600), ("m", 60)];
    let unit = units.iter().find(|(_, unit)| seconds >= *unit && seconds.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{seconds}s"), |(name, unit)| format!("{}{name}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("64KiB", Some(64 << 10)),
            ("16 MiB", Some(16 << 20)),
            ("1TiB", Some(1 << 40)),
            ("0MiB", None),
            ("16MB", None),
            ("16", None),
            ("-1MiB", None),
            ("1.5GiB", None),
            ("99999999999TiB", None),
            ("MiB", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text}");
        }
        assert_eq!((bytes(64 << 10), bytes(5)), ("64KiB".to_owned(), "5 bytes".to_owned()));
    }

    #[test]
    fn lengths_of_time() {
        for (text, expected) in [
            ("500ms", Some(Duration::from_millis(500))),
            ("2m", Some(Duration::from_secs(120))),
            ("0ms", None),
            ("ms", None),
            ("+5ms", None),
        ] {
            assert_eq!(parse_duration(text), expected, "{text}");
        }
        for (seconds, expected) in [(90, "90s"), (120, "2m"), (7200, "2h"), (86_400 * 3, "3d")] {
            assert_eq!(length(Duration::from_secs(seconds)), expected);
        }
    }
}
