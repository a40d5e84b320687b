//! Places of addresses, in conditions and findings.
mod kit;
#[expect(clippy::unwrap_used, reason = "networks are written by the test")]
#[path = "../../context/src/mmdb.rs"]
mod mmdb;

use kit::{folder, log_file, run, stop_logging};
use mmdb::{Data, database};

const RULE: &str = "id: stopped\ntitle: stopped\nseverity: high\npattern: { detail: { eventName: [StopLogging] } }\n\
    where: source.country == 'DE' && source.asn == 64500 && source.org.startsWith('Example') && !has(source.city) && source == 'aws.cloudtrail'\n";

#[test]
fn a_scan_knows_where_addresses_are() {
    let log = log_file(&[stop_logging("e-1", "2026-11-03T02:15:00Z")]);
    let address = serde_json::from_slice::<serde_json::Value>(&log).unwrap()["Records"][0]["sourceIPAddress"]
        .as_str()
        .unwrap()
        .to_owned();
    let network = format!("{address}/32");
    let place = Data::map([("country", Data::map([("iso_code", Data::text("DE"))]))]);
    let carrier = Data::map([
        ("autonomous_system_number", Data::Number(64500)),
        ("autonomous_system_organization", Data::text("Example Carrier")),
    ]);
    let folder = folder(&[
        ("log.json", &log),
        ("rule.yaml", RULE.as_bytes()),
        ("city.mmdb", &database("GeoLite2-City", &[(&network, place)])),
        ("asn.mmdb", &database("GeoLite2-ASN", &[(&network, carrier)])),
        ("trailhound.yaml", b"rules: [rule.yaml]\ngeoip: { city: city.mmdb, asn: asn.mmdb }\n"),
        ("wrong.yaml", b"rules: [rule.yaml]\ngeoip: { city: asn.mmdb }\n"),
    ]);
    let seen = run(folder.path(), &["scan", "log.json", "-c", "trailhound.yaml"]);
    let [finding] = &seen.findings()[..] else { panic!("{seen}") };
    let source = serde_json::json!({ "country": "DE", "city": null, "asn": 64500, "org": "Example Carrier" });
    assert_eq!(finding["detail"]["source"], source);

    let seen = run(folder.path(), &["scan", "log.json", "--rules", "rule.yaml"]);
    assert!(seen.findings().is_empty(), "without databases nothing is known: {seen}");

    let seen = run(folder.path(), &["scan", "log.json", "-c", "wrong.yaml"]);
    assert_eq!(seen.code, 3, "{seen}");
    assert!(seen.stderr.contains("it is a database of `GeoLite2-ASN`, which has no countries"), "{seen}");
}
