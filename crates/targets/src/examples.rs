//! Deliveries that tests look at, one of each kind of finding.

use route::{FindingEvent, Kind, TargetName, Telling};

use crate::Delivery;

/// The findings of the crate `route`, by name, as first messages; of some also a later message and a last one.
pub(crate) fn deliveries() -> Vec<(String, Delivery)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../route/tests/findings");
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let json = std::fs::read_to_string(&path).unwrap();
        let kinds: &[Kind] = match name.as_str() {
            "group" | "alarm" => &[Kind::First, Kind::Update, Kind::Closing],
            _ => &[Kind::First],
        };
        for (kind, number) in kinds.iter().zip([0, 3, 7]) {
            let finding = FindingEvent::parse(&json).unwrap();
            let alone = Telling::alone(&finding);
            let telling = match kind {
                Kind::First => Telling { kind: Kind::First, number, ..alone },
                kind => Telling {
                    number,
                    kind: *kind,
                    findings: 13,
                    folded: 12,
                    since: Some("2026-11-03T02:41:00Z".parse().unwrap()),
                    note: (*kind == Kind::Closing).then(|| "quiet for 1 h".to_owned()),
                    ..alone
                },
            };
            let name = match kind {
                Kind::First => name.clone(),
                Kind::Update => format!("{name}_update"),
                Kind::Closing => format!("{name}_closing"),
            };
            let target = TargetName::new("oncall").unwrap();
            all.push((name, Delivery::told(target, finding, telling, None)));
        }
    }
    assert!(all.len() > 12);
    all
}
