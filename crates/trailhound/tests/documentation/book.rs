//! The manual as text: its pages, their includes, and the blocks of code in them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Puts a new text in a file's place at once: other tests may be reading it.
pub(crate) fn rewrite(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, file).unwrap();
}

/// One file of Markdown.
pub(crate) struct Page {
    /// From the repository's root, such as `docs/src/introduction.md`.
    pub(crate) path: String,
    /// As it stands in the file.
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Page { path: path.to_owned(), text }
    }

    /// The folder it is in.
    pub(crate) fn folder(&self) -> PathBuf {
        root().join(&self.path).parent().unwrap().to_owned()
    }

    /// Its text with what it includes.
    pub(crate) fn whole(&self) -> String {
        let lines = self.text.lines().map(|line| {
            let included = line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}"));
            included
                .map_or_else(|| line.to_owned(), |file| fs::read_to_string(self.folder().join(file)).unwrap())
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Whether a program writes it.
    pub(crate) fn is_generated(&self) -> bool {
        ["command-line.md", "checks.md", "rule-pack.md"].iter().any(|name| self.path.ends_with(name))
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        blocks(&self.text)
    }

    /// The names by which links reach its headings and anchors.
    pub(crate) fn anchors(&self) -> HashSet<String> {
        let whole = self.whole();
        let prose = prose(&whole);
        let headings = prose
            .iter()
            .filter(|line| line.starts_with('#'))
            .map(|line| slug(line.trim_start_matches('#').trim()));
        let named = prose
            .iter()
            .flat_map(|line| line.split("<a id=\"").skip(1))
            .filter_map(|rest| rest.split('"').next());
        headings.chain(named.map(str::to_owned)).collect()
    }
}

/// As mdBook and GitHub name headings.
fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// All pages of the book, by path.
pub(crate) fn pages() -> Vec<Page> {
    let mut paths: Vec<String> = walkdir::WalkDir::new(root().join("docs/src"))
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned())
        .collect();
    paths.sort();
    assert!(paths.len() > 10, "the book has pages");
    paths.iter().map(|path| Page::read(path)).collect()
}

/// The pages of the book, and the Markdown at the repository's root.
pub(crate) fn everything() -> Vec<Page> {
    let mut all = pages();
    all.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(Page::read));
    all
}

/// A fenced block of code.
pub(crate) struct Block {
    /// The first word behind the fence.
    pub(crate) language: String,
    /// Of `file=NAME` behind the fence: the file that the reader is told to write.
    pub(crate) file: Option<String>,
    pub(crate) text: String,
    /// The number of the line that opens it, from 1.
    pub(crate) line: usize,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize, usize)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let content = line.trim_start();
        let fence = content.len() - content.trim_start_matches('`').len();
        match &mut open {
            Some((_, _, ticks)) if fence >= *ticks && content.len() == fence => {
                blocks.extend(open.take().map(|(block, _, _)| block));
            }
            Some((block, indent, _)) => {
                block.text.push_str(line.get(*indent..).unwrap_or_default());
                block.text.push('\n');
            }
            None if fence >= 3 => {
                let mut words = content.get(fence..).unwrap_or_default().split_whitespace();
                let language = words.next().unwrap_or_default().to_owned();
                let file = words.find_map(|word| word.strip_prefix("file=")).map(str::to_owned);
                let block = Block { language, file, text: String::new(), line: number };
                open = Some((block, line.len() - content.len(), fence));
            }
            None => {}
        }
    }
    assert!(open.is_none(), "a block of code is not closed");
    blocks
}

/// The lines outside blocks of code.
pub(crate) fn prose(text: &str) -> Vec<&str> {
    let mut inside = 0;
    text.lines()
        .filter(|line| {
            let content = line.trim_start();
            let fence = content.len() - content.trim_start_matches('`').len();
            let was_inside = inside > 0;
            if !was_inside && fence >= 3 {
                inside = fence;
                return false;
            }
            if was_inside && fence >= inside && content.len() == fence {
                inside = 0;
            }
            !was_inside
        })
        .collect()
}
