//! Region names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Room for a name: the longest in use, such as `ap-southeast-7` or `us-isob-east-1`, have 14 letters.
const CAPACITY: usize = 23;

/// A region's name, such as `eu-central-1`: lower-case letters, digits and hyphens.
///
/// Which regions exist changes by the month, so any well-formed name is one. Held inline and `Copy`.
///
/// ```
/// let region: cloudtrail::Region = "eu-central-1".parse()?;
/// assert_eq!(region.as_str(), "eu-central-1");
/// assert!("Frankfurt".parse::<cloudtrail::Region>().is_err());
/// # Ok::<(), cloudtrail::NotARegion>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Region {
    /// Zeros behind the name, so that comparing the bytes compares the names.
    bytes: [u8; CAPACITY],
    len: u8,
}

/// Text that cannot be a region's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a region: a name such as us-east-1 is wanted")]
pub struct NotARegion {
    text: String,
}

impl Region {
    /// Reads a name; `None` if it is empty, too long, or has other than lower-case letters, digits and hyphens.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; CAPACITY];
        let valid = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        if text.is_empty() || !text.iter().all(valid) {
            return None;
        }
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Region { bytes, len: u8::try_from(text.len()).ok()? })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let name = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }
}

impl FromStr for Region {
    type Err = NotARegion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Region::from_bytes(text.as_bytes()).ok_or_else(|| NotARegion { text: text.to_owned() })
    }
}

impl TryFrom<String> for Region {
    type Error = NotARegion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.as_str().to_owned()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_ordered_as_text() {
        let mut names =
            ["us-east-1", "eu-central-1", "us-gov-east-1", "a"].map(|n| n.parse::<Region>().unwrap());
        names.sort();
        assert_eq!(names.map(|name| name.to_string()), ["a", "eu-central-1", "us-east-1", "us-gov-east-1"]);
        for bad in ["", "US-EAST-1", "us east 1", "us_east_1", "a-name-longer-than-any-region"] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
    }
}
