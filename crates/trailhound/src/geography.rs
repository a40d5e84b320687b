//! Reads the databases of addresses that a configuration names.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use configuration::GeoIp;
use context::{Geography, NotADatabase};

/// The databases; an error says which file cannot be used, and why.
pub(crate) fn open(geoip: &GeoIp) -> Result<Arc<Geography>, String> {
    let mut geography = Geography::default();
    if let Some(path) = &geoip.city {
        geography = with(geography, path, Geography::with_places)?;
    }
    if let Some(path) = &geoip.asn {
        geography = with(geography, path, Geography::with_networks)?;
    }
    Ok(Arc::new(geography))
}

/// The files it names, for whoever watches them.
pub(crate) fn files(geoip: &GeoIp) -> impl Iterator<Item = PathBuf> {
    geoip.city.iter().chain(&geoip.asn).cloned()
}

fn with(
    geography: Geography,
    path: &Path,
    add: impl FnOnce(Geography, Vec<u8>) -> Result<Geography, NotADatabase>,
) -> Result<Geography, String> {
    let bytes =
        fs::read(path).map_err(|error| format!("`geoip`: cannot read {}: {error}", path.display()))?;
    add(geography, bytes).map_err(|error| format!("`geoip`: {}: {error}", path.display()))
}
