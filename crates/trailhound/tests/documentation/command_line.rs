//! The reference of the command line is what `--help` prints, and every command line in the manual is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::book::{everything, prose};
use crate::{is_up_to_date, trailhound};

/// All commands with what their `--help` says, in its order: `[]` is the program itself.
fn helps() -> Vec<(Vec<String>, String)> {
    let mut helps = Vec::new();
    let mut open = vec![Vec::new()];
    while let Some(command) = open.pop() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help: String =
            trailhound(&arguments).lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
        let names =
            listed.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
        let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
        for name in names.into_iter().filter(|name| *name != "help").rev() {
            open.push([command.clone(), vec![name.to_owned()]].concat());
        }
        helps.push((command, help));
    }
    assert!(helps.len() > 8, "the commands were found");
    helps
}

#[test]
fn the_reference_is_what_help_prints() {
    let mut page = "<!-- Generated from `--help`: TRAILHOUND_UPDATE_SCHEMA=1 cargo test -p trailhound --test documentation -->\n\
        # Command line\n\n\
        Data goes to standard output, everything else to standard error. This is what `--help` prints; `-h` is shorter.\n"
        .to_owned();
    for (command, help) in helps() {
        let name = [vec!["trailhound".to_owned()], command.clone()].concat().join(" ");
        write!(
            page,
            "\n{} {name}\n\n```text\n{}\n```\n",
            "#".repeat(2 + command.len().saturating_sub(1)),
            help.trim_end()
        )
        .unwrap();
    }
    is_up_to_date("docs/src/reference/command-line.md", &page);
}

/// The words of each simple command in a line of shell, as far as examples go: quotes, pipes, lists, redirections.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '|' | ';' | '&' | '(' | ')') => {
                commands.last_mut().unwrap().extend(word.take());
                commands.push(Vec::new());
            }
            (None, _) if c.is_whitespace() => commands.last_mut().unwrap().extend(word.take()),
            (None, '#') if word.is_none() => break,
            (Some(_) | None, _) => word.get_or_insert_default().push(c),
        }
    }
    commands.last_mut().unwrap().extend(word.take());
    commands.retain(|command| !command.is_empty());
    commands
}

/// What a page tells its reader to type.
fn typed() -> Vec<(String, String)> {
    let mut typed = Vec::new();
    for page in everything().into_iter().filter(|page| !page.is_generated()) {
        for block in page.blocks() {
            let joined = block.text.replace("\\\n", " ");
            for line in joined.lines() {
                // A step of a pipeline's definition: `- trailhound …`, `- run: trailhound …`.
                let step = line.trim_start().trim_start_matches("- ").trim_start_matches("run: ");
                let line = match block.language.as_str() {
                    "sh" => Some(line),
                    "console" => line.strip_prefix("$ "),
                    "yaml" => Some(step).filter(|step| step.starts_with("trailhound ")),
                    _ => None,
                };
                typed.extend(line.map(|line| (page.path.clone(), line.to_owned())));
            }
        }
        for line in prose(&page.text) {
            let inline = line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("trailhound "));
            typed.extend(inline.map(|code| (page.path.clone(), code.to_owned())));
        }
    }
    typed
}

#[test]
fn commands_and_flags_in_the_manual_exist() {
    let helps: BTreeMap<String, String> =
        helps().into_iter().map(|(command, help)| (command.join(" "), help)).collect();
    let flags = |help: &str| -> BTreeSet<String> {
        let options = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        let words = options.flat_map(|line| line.split_whitespace().take_while(|word| word.starts_with('-')));
        words.map(|word| word.trim_end_matches(',').to_owned()).collect()
    };
    let mut looked_at = 0;
    let mut wrong = Vec::new();
    for (page, line) in typed() {
        for mut words in commands(&line) {
            if words.starts_with(&["cargo".to_owned(), "run".to_owned()]) {
                words = words.split(|word| word == "--").nth(1).unwrap_or_default().to_vec();
                words.insert(0, "trailhound".to_owned());
            }
            if words[0] != "trailhound" || words.len() == 1 {
                continue;
            }
            looked_at += 1;
            let two = words.iter().skip(1).take(2).cloned().collect::<Vec<_>>().join(" ");
            let known =
                helps.get(&two).or_else(|| helps.get(&words[1]).filter(|_| !words[1].starts_with('-')));
            let Some(help) = known.or_else(|| helps.get("").filter(|_| words[1].starts_with('-'))) else {
                wrong.push(format!("{page}: there is no command `{}`: {line}", words[1]));
                continue;
            };
            let flags = flags(help);
            let given = words.iter().filter(|word| word.len() > 1 && word.starts_with('-'));
            for flag in given.map(|word| word.split('=').next().unwrap().to_owned()) {
                if !flags.contains(&flag) {
                    wrong.push(format!("{page}: `{}` has no `{flag}`: {line}", words[1]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(looked_at > 30, "only {looked_at} command lines were found");
}
