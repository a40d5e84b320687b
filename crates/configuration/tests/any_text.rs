//! Any text is read without a panic, and no secret in it is ever shown.

use configuration::{Configuration, MemorySecrets};
use proptest::prelude::*;
use rules::{Colour, MemoryFiles};

const GOOD: &str = include_str!("../../../examples/configuration/trailhound.yaml");

fn read(text: &str) -> String {
    let mut files = MemoryFiles::default();
    files.insert("t.yaml", text);
    files.insert("accounts.yaml", "");
    let secrets = MemorySecrets::from([("A", "hunter2hunter2hunter2")]);
    let read = Configuration::read("t.yaml", &files, &secrets);
    let shown = read.shown(&files);
    let told: Vec<_> =
        read.diagnostics.iter().map(|diagnostic| diagnostic.render(&shown, Colour::Plain)).collect();
    format!("{:?}\n{}", read.value, told.join("\n"))
}

/// Words a configuration is made of, and some it is not.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "state",
        "sources",
        "targets",
        "routes",
        "http",
        "s3",
        "queue",
        "listen",
        "keys",
        "slack",
        "webhook",
        "url",
        "signing_keys",
        "headers",
        "retry",
        "delay",
        "to",
        "match",
        "detail",
        "severity",
        "override",
        "id",
        "except",
        "accounts",
        "file",
        "lists",
        "hours",
        "0.0.0.0:1",
        "1h",
        "${A}",
        "${",
        "$$",
        "${file:a}",
        "null",
        "1",
        "~",
        "&a",
        "*a",
        "é",
        "\"",
        "'",
        "\u{0}",
        "!!str",
        "builtin",
        "a/b",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn soup() -> impl Strategy<Value = String> {
    let mark = prop::sample::select(vec![
        ": ", "\n", "\n  ", "\n    ", ", ", "{ ", " }", "[", "]", "- ", "\n- ", " ",
    ]);
    prop::collection::vec((word(), mark), 0..60)
        .prop_map(|parts| parts.into_iter().map(|(word, mark)| word + mark).collect())
}

proptest! {
    #[test]
    fn any_text_is_read(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn any_soup_of_words_is_read(text in soup()) {
        read(&text);
    }

    #[test]
    fn a_good_file_with_a_piece_gone_is_read(start in 0..GOOD.len(), length in 0..200_usize) {
        let end = (start + length).min(GOOD.len());
        if let (Some(before), Some(after)) = (GOOD.get(..start), GOOD.get(end..)) {
            read(&format!("{before}{after}"));
        }
    }

    /// Whatever its key is called: no line of a diagnostic shows what is written below a target, but for keys that are known to be harmless.
    #[test]
    fn what_is_written_below_a_target_is_not_shown(key in "[a-z_]{4,12}", kind in "[a-z]{1,10}", good in any::<bool>()) {
        prop_assume!(!["path", "name", "allow", "class", "delay", "fsync", "listen", "queue", "region", "settle", "tries", "watch"].contains(&key.as_str()));
        let kind = if good { "slack" } else { kind.as_str() };
        let text = format!("targets:\n  a: {{ {kind}: {{ {key}: hunter2hunter2, {key}: [hunter2hunter2] }} }}\n");
        let told = read(&text);
        prop_assert!(!told.contains("hunter2"), "{told}");
    }
}
