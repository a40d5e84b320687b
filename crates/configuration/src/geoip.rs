//! Databases of addresses, by their files. They are read by whoever may open files.

use std::path::PathBuf;

use rules::yaml::Node;

use crate::read::Reader;

/// Files in MaxMind's format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GeoIp {
    /// Countries and cities.
    pub city: Option<PathBuf>,
    /// Autonomous systems.
    pub asn: Option<PathBuf>,
}

pub(crate) const KEYS: [&str; 2] = ["city", "asn"];

impl Reader<'_, '_> {
    pub(crate) fn geoip(&mut self, node: &Node) -> Option<GeoIp> {
        let fields = self.fields(node, "`geoip`", &KEYS, &[])?;
        let city = fields.get("city").map(|node| self.path(node, "`city`"));
        let asn = fields.get("asn").map(|node| self.path(node, "`asn`"));
        let named = |path: Option<Option<PathBuf>>| path.map_or(Some(None), |path| path.map(Some));
        Some(GeoIp { city: named(city)?, asn: named(asn)? })
    }
}
