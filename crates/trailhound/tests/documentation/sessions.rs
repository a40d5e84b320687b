//! What a page shows at a prompt is run, and prints what the page says.
//!
//! A `console` block holds commands behind `$ ` and what they print. Blocks with `file=NAME` are written first, in the order of the page.
//! Each page has a folder of its own, in which `examples` and `rules` are the repository's. `[…]` stands for what was left out.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::book::{Block, Page, everything, rewrite, root};
use crate::updates;

/// One command and what it should print.
struct Step {
    command: String,
    prints: String,
}

fn steps(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.to_owned(), prints: String::new() }),
            (None, Some(step)) => step.prints.push_str(&format!("{line}\n")),
            (None, None) => panic!("a console block begins with `$ `: {line}"),
        }
    }
    steps
}

#[test]
fn commands_print_what_the_pages_say() {
    let mut ran = 0;
    let mut wrong = Vec::new();
    for page in everything().into_iter().filter(|page| !page.is_generated()) {
        ran += run(&page, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(ran > 20, "only {ran} commands were run");
}

fn run(page: &Page, wrong: &mut Vec<String>) -> usize {
    let folder = tempfile::tempdir().unwrap();
    for name in ["examples", "rules"] {
        std::os::unix::fs::symlink(root().join(name), folder.path().join(name)).unwrap();
    }
    let mut text = page.text.clone();
    let (mut ran, mut code) = (0, 0);
    for block in page.blocks() {
        if let Some(file) = &block.file {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &block.text).unwrap();
        }
        if block.language != "console" {
            continue;
        }
        let mut session = String::new();
        for step in steps(&block) {
            session.push_str(&format!("$ {}\n", step.command));
            let Some(printed) = output(&step.command, folder.path(), &mut code) else {
                eprintln!("left out, as it needs a program that is not installed: {}", step.command);
                session.push_str(&step.prints);
                continue;
            };
            ran += 1;
            if is(&step.prints, &printed) {
                session.push_str(&step.prints);
            } else if updates() && !step.prints.contains("[…]") {
                session.push_str(&printed);
            } else {
                let place = format!("{}:{}: $ {}", page.path, block.line, step.command);
                wrong.push(format!("{place}\n--- the page says\n{}--- it prints\n{printed}", step.prints));
                session.push_str(&step.prints);
            }
        }
        if session != block.text {
            text =
                text.replace(&format!("```console\n{}```", block.text), &format!("```console\n{session}```"));
        }
    }
    if updates() && text != page.text {
        rewrite(&root().join(&page.path), &text);
    }
    ran
}

/// What a reader at a terminal sees of it; none if a program it needs is missing.
fn output(command: &str, folder: &Path, code: &mut i32) -> Option<String> {
    if command == "echo $?" {
        return Some(format!("{code}\n"));
    }
    if command.contains("jq") && Command::new("jq").arg("--version").output().is_err() {
        return None;
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_trailhound")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    // The reader has a terminal, where the table is the default.
    let to_terminal = command.starts_with("trailhound scan ") && !command.contains(['|', '>']);
    let table = if to_terminal && !command.contains("--format") { " --format table" } else { "" };
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}{table}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("COLUMNS", "100")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    *code = output.status.code().unwrap_or(-1);
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| format!("{}\n", without_time(line).trim_end())).collect())
}

/// How long it took is another in every run.
fn without_time(line: &str) -> String {
    let seconds = line.strip_suffix(" s").and_then(|line| line.rsplit_once(" in "));
    match seconds {
        Some((before, number)) if number.parse::<f64>().is_ok() => format!("{before} in 0.1 s"),
        _ => line.to_owned(),
    }
}

/// Whether `printed` is what the page says, where `[…]` stands for any text.
fn is(says: &str, printed: &str) -> bool {
    let parts: Vec<&str> = says.split("[…]").collect();
    let [first, middle @ .., last] = &parts[..] else { return says == printed };
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    // A line of its own may stand for no line at all.
    rest.ends_with(last)
}

#[test]
fn what_is_left_out_may_be_anything() {
    for (says, printed, expected) in [
        ("a\n", "a\n", true),
        ("a\n", "b\n", false),
        ("a\n[…]\nd\n", "a\nb\nc\nd\n", true),
        ("a […] d\n", "a b c d\n", true),
        ("a […] d\n", "a b c e\n", false),
        ("[…]b[…]c\n", "a b c\n", true),
        ("[…]c[…]b\n", "a b c\n", false),
        ("", "a\n", false),
    ] {
        assert_eq!(is(says, printed), expected, "{says:?} {printed:?}");
    }
}
