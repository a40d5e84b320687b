//! A crate imports only crates below it, in the order of the table in ARCHITECTURE.md. The table is the rule and this is its
//! check, so neither can drift.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Crate names in the order of the table, top first.
fn table(architecture: &str) -> Vec<&str> {
    let house = architecture.split("## ").find(|section| section.starts_with("The house"));
    house
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name))
        .collect()
}

fn workspace() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    let names: Vec<String> = packages.iter().map(|package| text(&package["name"])).collect();
    let imports = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().unwrap();
        let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
        normal.map(|dependency| text(&dependency["name"])).filter(|name| names.contains(name)).collect()
    };
    packages.iter().map(|package| (text(&package["name"]), imports(package))).collect()
}

#[test]
fn crates_import_only_crates_below_them() {
    let architecture = include_str!("../../ARCHITECTURE.md");
    let order = table(architecture);
    let level = |name: &str| order.iter().position(|entry| *entry == name);
    let workspace = workspace();
    for (name, imports) in &workspace {
        if name == "xtask" {
            continue; // developer commands stand outside the house
        }
        let own = level(name).unwrap_or_else(|| panic!("ARCHITECTURE.md's table lacks `{name}`"));
        for import in imports {
            let theirs = level(import).unwrap();
            assert!(own < theirs, "`{name}` imports `{import}`, which stands above it in ARCHITECTURE.md");
        }
    }
    for name in order {
        assert!(workspace.contains_key(name), "ARCHITECTURE.md names `{name}`, which does not exist");
    }
}

#[test]
fn the_languages_stand_alone() {
    let workspace = workspace();
    for name in ["event-pattern", "filter-pattern", "input-transformer", "alarm", "json-scan"] {
        assert_eq!(workspace[name], Vec::<String>::new(), "`{name}` is useful to others by itself");
    }
}
