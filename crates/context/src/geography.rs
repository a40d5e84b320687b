//! Where an address is and whose: a database of countries and cities, and one of networks, in MaxMind's format.
//!
//! Whoever owns the files reads them and hands in their bytes; nothing is looked up anywhere else. Databases say where an address was
//! thought to be when they were made, so a new one is a new snapshot.

use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// The databases of one snapshot.
#[derive(Default)]
pub struct Geography {
    places: Option<Reader<Vec<u8>>>,
    networks: Option<Reader<Vec<u8>>>,
    /// What is stated of single addresses: the tests of rules state them.
    stated: BTreeMap<IpAddr, Place>,
}

/// What is known of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The country's code of two letters, as ISO 3166-1 has it.
    pub country: Option<Box<str>>,
    /// The city, in English.
    pub city: Option<Box<str>>,
    /// The number of the autonomous system the address belongs to.
    pub asn: Option<u32>,
    /// Who runs that system.
    pub org: Option<Box<str>>,
}

/// Bytes that are no database of that kind.
#[derive(Debug, thiserror::Error)]
pub enum NotADatabase {
    /// They are none at all.
    #[error("it is no database in MaxMind's format: {0}")]
    Format(#[from] MaxMindDbError),
    /// They are one of something else.
    #[error("it is a database of `{0}`, which has no {1}")]
    Kind(String, &'static str),
}

#[derive(Deserialize)]
struct PlaceRecord<'a> {
    #[serde(borrow)]
    country: Option<CountryRecord<'a>>,
    #[serde(borrow)]
    city: Option<CityRecord<'a>>,
}

#[derive(Deserialize)]
struct CountryRecord<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize)]
struct CityRecord<'a> {
    #[serde(borrow)]
    names: Option<NamesRecord<'a>>,
}

#[derive(Deserialize)]
struct NamesRecord<'a> {
    en: Option<&'a str>,
}

#[derive(Deserialize)]
struct NetworkRecord<'a> {
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
}

impl Geography {
    /// The same with a database of countries or cities, such as GeoLite2 City.
    ///
    /// # Errors
    ///
    /// Bytes that are no such database.
    pub fn with_places(self, bytes: Vec<u8>) -> Result<Self, NotADatabase> {
        let places = open(bytes, &["City", "Country", "Enterprise"], "countries")?;
        Ok(Geography { places: Some(places), ..self })
    }

    /// The same with a database of networks, such as GeoLite2 ASN.
    ///
    /// # Errors
    ///
    /// Bytes that are no such database.
    pub fn with_networks(self, bytes: Vec<u8>) -> Result<Self, NotADatabase> {
        let networks = open(bytes, &["ASN", "ISP", "Enterprise"], "networks")?;
        Ok(Geography { networks: Some(networks), ..self })
    }

    /// What is stated of these addresses, and nothing of any other: the geography of a test, which must not depend on
    /// the databases that somebody happens to have.
    ///
    /// ```
    /// use context::{Geography, Place};
    /// let paris = Place { country: Some("FR".into()), ..Place::default() };
    /// let geography = Geography::stating([("198.51.100.9".parse().unwrap(), paris.clone())]);
    /// assert_eq!(geography.of("198.51.100.9"), paris);
    /// assert!(geography.of("203.0.113.1").is_unknown());
    /// ```
    #[must_use]
    pub fn stating(places: impl IntoIterator<Item = (IpAddr, Place)>) -> Self {
        Geography { stated: places.into_iter().collect(), ..Self::default() }
    }

    /// What is known of an address, by its text; nothing of what is no address, such as the name of an AWS service.
    #[must_use]
    pub fn of(&self, address: &str) -> Place {
        let Ok(address) = address.parse::<IpAddr>() else { return Place::default() };
        if let Some(place) = self.stated.get(&address) {
            return place.clone();
        }
        let place = self
            .places
            .as_ref()
            .and_then(|places| places.lookup(address).ok()?.decode::<PlaceRecord<'_>>().ok()?);
        let network = self
            .networks
            .as_ref()
            .and_then(|networks| networks.lookup(address).ok()?.decode::<NetworkRecord<'_>>().ok()?);
        let (country, city) = place.map(|place| (place.country, place.city)).unwrap_or_default();
        let city = city.and_then(|city| city.names).and_then(|names| names.en);
        Place {
            country: country.and_then(|country| country.iso_code).map(Box::from),
            city: city.map(Box::from),
            asn: network.as_ref().and_then(|network| network.autonomous_system_number),
            org: network.and_then(|network| network.autonomous_system_organization).map(Box::from),
        }
    }
}

impl Place {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Place::default()
    }
}

/// Who has the wrong file should hear of it at the start and not wonder why nothing is ever known.
fn open(bytes: Vec<u8>, kinds: &[&str], lacks: &'static str) -> Result<Reader<Vec<u8>>, NotADatabase> {
    let reader = Reader::from_source(bytes)?;
    let kind = &reader.metadata().database_type;
    if kinds.iter().any(|known| kind.contains(known)) {
        return Ok(reader);
    }
    Err(NotADatabase::Kind(kind.chars().take(60).collect(), lacks))
}

impl fmt::Debug for Geography {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = |reader: &Option<Reader<Vec<u8>>>| {
            reader.as_ref().map(|reader| reader.metadata().database_type.clone())
        };
        f.debug_struct("Geography")
            .field("places", &kind(&self.places))
            .field("networks", &kind(&self.networks))
            .field("stated", &self.stated)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmdb::{Data, database};

    fn geography() -> Geography {
        let berlin = Data::map([
            ("country", Data::map([("iso_code", Data::text("DE"))])),
            (
                "city",
                Data::map([(
                    "names",
                    Data::map([("de", Data::text("Berlin")), ("en", Data::text("Berlin"))]),
                )]),
            ),
        ]);
        let nowhere = Data::map([("country", Data::map([("iso_code", Data::text("SC"))]))]);
        let network = Data::map([
            ("autonomous_system_number", Data::Number(64500)),
            ("autonomous_system_organization", Data::text("Example Carrier")),
        ]);
        let places = [("203.0.113.0/24", berlin), ("2001:db8:1::/48", nowhere)];
        Geography::default()
            .with_places(database("GeoLite2-City", &places))
            .unwrap()
            .with_networks(database("GeoLite2-ASN", &[("203.0.113.128/25", network)]))
            .unwrap()
    }

    #[test]
    fn addresses_are_looked_up() {
        let geography = geography();
        let place = |country: &str, city: Option<&str>, asn: Option<u32>| Place {
            country: Some(country.into()),
            city: city.map(Box::from),
            asn,
            org: asn.map(|_| "Example Carrier".into()),
        };
        for (address, expected) in [
            ("203.0.113.9", place("DE", Some("Berlin"), None)),
            ("203.0.113.200", place("DE", Some("Berlin"), Some(64500))),
            ("2001:db8:1::7", place("SC", None, None)),
            ("198.51.100.1", Place::default()),
            ("2001:db8:2::7", Place::default()),
            ("cloudtrail.amazonaws.com", Place::default()),
            ("", Place::default()),
        ] {
            assert_eq!(geography.of(address), expected, "{address}");
            assert_eq!(geography.of(address).is_unknown(), expected == Place::default());
        }
        assert!(Geography::default().of("203.0.113.9").is_unknown());
    }

    #[test]
    fn the_wrong_file_is_told_at_once() {
        let said = |result: Result<Geography, NotADatabase>| result.unwrap_err().to_string();
        let asn = database("GeoLite2-ASN", &[]);
        assert_eq!(
            said(Geography::default().with_places(asn)),
            "it is a database of `GeoLite2-ASN`, which has no countries"
        );
        assert!(
            said(Geography::default().with_networks(b"<html>".to_vec()))
                .starts_with("it is no database in MaxMind's format")
        );
        // However it is cut, it is refused or answers.
        let whole = database(
            "GeoLite2-City",
            &[("203.0.113.0/24", Data::map([("country", Data::map([("iso_code", Data::text("DE"))]))]))],
        );
        for length in 0..whole.len() {
            for cut in [whole[..length].to_vec(), whole[length..].to_vec()] {
                if let Ok(geography) = Geography::default().with_places(cut) {
                    let _ = geography.of("203.0.113.9");
                }
            }
        }
    }
}
