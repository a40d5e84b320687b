//! Keys of the objects CloudTrail writes to S3.
//!
//! ```text
//! [prefix/]AWSLogs/[o-ORGID/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz
//! [prefix/]AWSLogs/[o-ORGID/]ACCOUNT/CloudTrail-Digest/REGION/YYYY/MM/DD/
//!                          ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_YYYYMMDDTHHmmssZ.json.gz
//! ```
//!
//! All but the prefix and the organization is in the file's name, so a file that somebody copied out of its folders is still recognised.
//! The stamp is the time of delivery, in steps of five minutes rounded up; it says little about the times of the records inside.

use std::fmt;
use std::str::FromStr;

use crate::account::AccountId;
use crate::region::Region;
use crate::time::EventTime;

/// What a key, or a local path that was made from one, says of the file.
///
/// ```
/// use cloudtrail::{FileKind, LogKey};
///
/// let key: LogKey = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/13/\
///     111122223333_CloudTrail_us-east-1_20260913T2215Z_1I4wpcUeudY53hG1.json.gz".parse()?;
/// assert!(matches!(key.kind, FileKind::CloudTrail { .. }));
/// assert_eq!(key.delivered.to_string(), "2026-09-13T22:15:00Z");
/// # Ok::<(), cloudtrail::NotALogKey>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogKey {
    /// What stands before `AWSLogs`, without a slash at its end: the prefix set on the trail, or local folders.
    pub prefix: Option<String>,
    /// `o-…`, of organization trails.
    pub organization: Option<String>,
    /// The account whose events these are; of a digest, the one that owns the trail.
    pub account: AccountId,
    /// The region whose events these are.
    pub region: Region,
    /// The stamp: when it was delivered.
    pub delivered: EventTime,
    /// Which sort of file it is, with the rest of its name.
    pub kind: FileKind,
}

/// The sorts of files, each with what only its names have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Management and data events.
    CloudTrail {
        /// Sixteen letters and digits that keep files apart.
        unique: String,
    },
    /// Insight events.
    Insight {
        /// As for `CloudTrail`.
        unique: String,
    },
    /// Network activity events.
    NetworkActivity {
        /// As for `CloudTrail`.
        unique: String,
    },
    /// A digest.
    Digest {
        /// The trail's name.
        trail: String,
        /// The region the trail was made in.
        home_region: Region,
    },
}

/// A key or path that is not one of CloudTrail's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is not the name of a CloudTrail log or digest file")]
pub struct NotALogKey {
    key: String,
}

impl FileKind {
    /// As it stands in folders and names.
    pub fn as_str(&self) -> &'static str {
        match self {
            FileKind::CloudTrail { .. } => "CloudTrail",
            FileKind::Insight { .. } => "CloudTrail-Insight",
            FileKind::NetworkActivity { .. } => "CloudTrail-NetworkActivity",
            FileKind::Digest { .. } => "CloudTrail-Digest",
        }
    }
}

impl FromStr for LogKey {
    type Err = NotALogKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        parse(key).ok_or_else(|| NotALogKey { key: key.to_owned() })
    }
}

/// The key as CloudTrail writes it.
impl fmt::Display for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogKey { prefix, organization, account, region, delivered, kind } = self;
        let kind_name = kind.as_str();
        if let Some(prefix) = prefix {
            write!(f, "{prefix}/")?;
        }
        f.write_str("AWSLogs/")?;
        if let Some(organization) = organization {
            write!(f, "{organization}/")?;
        }
        let at = delivered.timestamp().to_zoned(jiff::tz::TimeZone::UTC);
        let (date, day) = (at.strftime("%Y/%m/%d"), at.strftime("%Y%m%d"));
        write!(f, "{account}/{kind_name}/{region}/{date}/{account}_{kind_name}_{region}_")?;
        match kind {
            FileKind::CloudTrail { unique }
            | FileKind::Insight { unique }
            | FileKind::NetworkActivity { unique } => {
                write!(f, "{day}T{}Z_{unique}.json.gz", at.strftime("%H%M"))
            }
            FileKind::Digest { trail, home_region } => {
                write!(f, "{trail}_{home_region}_{day}T{}Z.json.gz", at.strftime("%H%M%S"))
            }
        }
    }
}

fn parse(key: &str) -> Option<LogKey> {
    // Local paths may have either slash.
    let (folders, name) = key.rsplit_once(['/', '\\']).unwrap_or(("", key));
    let stem = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".json")?;
    let (account, rest) = stem.split_once('_')?;
    let (kind, rest) = rest.split_once('_')?;
    let (region, rest) = rest.split_once('_')?;
    let (before, last) = rest.rsplit_once('_')?;
    let unique = || {
        (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| last.to_owned())
    };
    let (kind, delivered) = match kind {
        "CloudTrail" => (FileKind::CloudTrail { unique: unique()? }, before),
        "CloudTrail-Insight" => (FileKind::Insight { unique: unique()? }, before),
        "CloudTrail-NetworkActivity" => (FileKind::NetworkActivity { unique: unique()? }, before),
        "CloudTrail-Digest" => {
            // A trail's name may have underscores; a region's has none.
            let (trail, home_region) = before.rsplit_once('_')?;
            (FileKind::Digest { trail: trail.to_owned(), home_region: home_region.parse().ok()? }, last)
        }
        _ => return None,
    };
    let (prefix, organization) = place(folders);
    Some(LogKey {
        prefix,
        organization,
        account: account.parse().ok()?,
        region: region.parse().ok()?,
        delivered: stamp(delivered)?,
        kind,
    })
}

/// Prefix and organization: what stands before `AWSLogs`, and `o-…` behind it.
fn place(folders: &str) -> (Option<String>, Option<String>) {
    let parts: Vec<&str> = folders.split(['/', '\\']).collect();
    let Some(at) = parts.iter().rposition(|part| *part == "AWSLogs") else { return (None, None) };
    let (prefix, behind) = parts.split_at(at);
    let organization = behind.get(1).filter(|part| part.starts_with("o-"));
    let prefix = (!prefix.is_empty()).then(|| prefix.join("/"));
    (prefix, organization.map(|part| (*part).to_owned()))
}

/// `20260913T2215Z`, with or without seconds.
fn stamp(text: &str) -> Option<EventTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if date.len() != 8 || !matches!(time.len(), 4 | 6) || !all_digits(date) || !all_digits(time) {
        return None;
    }
    let part = |text: &str, from: usize| text.get(from..from + 2).unwrap_or("00").to_owned();
    let written = format!(
        "{}-{}-{}T{}:{}:{}Z",
        date.get(..4)?,
        part(date, 4),
        part(date, 6),
        part(time, 0),
        part(time, 2),
        part(time, 4)
    );
    EventTime::from_bytes(written.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys as the service writes them: each is read and written back.
    const KEYS: &[&str] = &[
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/13/111122223333_CloudTrail_us-east-1_20260913T2215Z_1I4wpcUeudY53hG1.json.gz",
        "a/b/AWSLogs/o-exampleorgid/111122223333/CloudTrail/eu-central-1/2026/01/02/111122223333_CloudTrail_eu-central-1_20260102T0000Z_AAAAAAAAAAAAAAAA.json.gz",
        "AWSLogs/111122223333/CloudTrail-Insight/us-east-1/2026/09/13/111122223333_CloudTrail-Insight_us-east-1_20260913T2215Z_1I4wpcUeudY53hG1.json.gz",
        "AWSLogs/111122223333/CloudTrail-NetworkActivity/us-east-1/2026/09/13/111122223333_CloudTrail-NetworkActivity_us-east-1_20260913T2215Z_1I4wpcUeudY53hG1.json.gz",
        "AWSLogs/111122223333/CloudTrail-Digest/us-west-2/2026/09/13/111122223333_CloudTrail-Digest_us-west-2_my_own_trail_us-east-1_20260913T221507Z.json.gz",
        "prefix/AWSLogs/o-exampleorgid/111122223333/CloudTrail-Digest/us-east-1/2026/12/31/111122223333_CloudTrail-Digest_us-east-1_all_us-east-1_20261231T235959Z.json.gz",
    ];

    #[test]
    fn keys_are_read_and_written() {
        for text in KEYS {
            assert_eq!(text.parse::<LogKey>().map(|key| key.to_string()).as_deref(), Ok(*text));
        }
    }

    #[test]
    fn the_parts_of_a_digest_key() {
        let key: LogKey = KEYS[4].parse().unwrap();
        let home_region = "us-east-1".parse().unwrap();
        assert_eq!(key.kind, FileKind::Digest { trail: "my_own_trail".to_owned(), home_region });
        assert_eq!(key.delivered.to_string(), "2026-09-13T22:15:07Z");
        assert_eq!(key.region.as_str(), "us-west-2");
    }

    #[test]
    fn local_paths_are_read_too() {
        let name = "111122223333_CloudTrail_us-east-1_20260913T2215Z_1I4wpcUeudY53hG1.json";
        for path in [
            name.to_owned(),
            format!("{name}.gz"),
            format!("downloads/{name}"),
            format!("/var/logs/AWSLogs/o-x/111122223333/CloudTrail/us-east-1/2026/09/13/{name}"),
            format!(r"C:\logs\AWSLogs\111122223333\CloudTrail\us-east-1\2026\09\13\{name}"),
        ] {
            let key: LogKey = path.parse().unwrap();
            assert_eq!(
                (key.account.to_string().as_str(), key.region.as_str()),
                ("111122223333", "us-east-1"),
                "{path}"
            );
        }
        let key: LogKey = format!(r"C:\logs\AWSLogs\o-x\111122223333\CloudTrail\{name}").parse().unwrap();
        assert_eq!((key.prefix.as_deref(), key.organization.as_deref()), (Some("C:/logs"), Some("o-x")));
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "",
            "AWSLogs/111122223333/CloudTrail/",
            "AWSLogs/111122223333/Config/us-east-1/2026/1/1/ConfigHistory/111122223333_Config_us-east-1_x_20260913T221500Z_1.json.gz",
            "111122223333_vpcflowlogs_us-east-1_fl-1_20260913T2215Z_abc.log.gz",
            "11112222333_CloudTrail_us-east-1_20260913T2215Z_1I4wpcUeudY53hG1.json.gz",
            "111122223333_CloudTrail_us-east-1_20261313T2215Z_1I4wpcUeudY53hG1.json.gz",
            "111122223333_CloudTrail_us-east-1_2026091xT2215Z_1I4wpcUeudY53hG1.json.gz",
            "111122223333_CloudTrail_us-east-1_20260913T2215Z_.json.gz",
            "111122223333_CloudTrail_us-east-1_20260913T2215Z_ünïqué.json.gz",
        ] {
            assert!(name.parse::<LogKey>().is_err(), "{name}");
        }
    }
}
