//! The `%regular expression%` dialect: a small alphabet, read by our own lexer and translated.
//!
//! AWS allows letters, digits, `: _ # = @ / ; , -`, the operators `^ $ ? [ ] { } | \ * + .` and a handful of escapes;
//! there are no groups. Everything read is written out again in a form that has one meaning only (every literal in
//! classes as `\x{..}`), so nothing of the regex engine's own richer syntax can be reached from a pattern.
//!
//! Invariant: a pattern is searched for anywhere in the text; `^` and `$` are the ends of the whole text, never of a
//! line; `.` and negated classes match line ends too; `\d`, `\s`, `\w` are ASCII.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use regex_automata::meta;
use regex_automata::util::syntax;

/// A compiled automaton may take this much memory; a pattern over it does not compile. AWS's longest pattern, 1,024
/// characters, stays far below unless it nests repetitions.
const AUTOMATON_BYTES_MAX: usize = 1 << 20;
/// What one search may take for its lazily built states.
const CACHE_BYTES_MAX: usize = 1 << 20;

/// A compiled `%regular expression%`.
#[derive(Clone)]
pub struct Regex {
    source: String,
    compiled: Arc<meta::Regex>,
}

impl Regex {
    /// Compiles the text between the percent signs, whose characters [`illegal_character`] has accepted. `Err` says in
    /// words what is wrong with it.
    pub(crate) fn compile(source: &str) -> Result<Self, String> {
        let translated = Translator { rest: source.chars().peekable() }.translate()?;
        let compiled = meta::Builder::new()
            .configure(
                meta::Config::new()
                    .nfa_size_limit(Some(AUTOMATON_BYTES_MAX))
                    .onepass_size_limit(Some(CACHE_BYTES_MAX))
                    .hybrid_cache_capacity(CACHE_BYTES_MAX)
                    .which_captures(regex_automata::nfa::thompson::WhichCaptures::Implicit),
            )
            .syntax(syntax::Config::new().dot_matches_new_line(true).nest_limit(64))
            .build(&translated)
            .map_err(|error| match error.size_limit() {
                Some(limit) => {
                    format!("the regular expression would take more than {limit} bytes when compiled")
                }
                None => "the regular expression repeats nothing, or repeats in an impossible way".to_owned(),
            })?;
        Ok(Self { source: source.to_owned(), compiled: Arc::new(compiled) })
    }

    /// The text between the percent signs, as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the expression is found anywhere in `text`.
    ///
    /// ```
    /// use filter_pattern::Filter;
    /// let filter = Filter::parse(r"%^ERROR\s[0-9]{3}$%").unwrap();
    /// assert!(filter.matches("ERROR\n500"));
    /// assert!(!filter.matches("xERROR 500"));
    /// ```
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }
}

impl PartialEq for Regex {
    /// Equal when written alike: the source decides everything else.
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Regex {}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Regex").field(&self.source).finish()
    }
}

impl fmt::Display for Regex {
    /// As in a pattern, between percent signs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}%", self.source)
    }
}

/// The byte range of the first character of `source` that the dialect does not know, if there is one.
pub(crate) fn illegal_character(source: &str) -> Option<std::ops::Range<usize>> {
    let mut characters = source.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character != '\\' {
            if !is_literal(character) && !is_operator(character) {
                return Some(at..at + character.len_utf8());
            }
            continue;
        }
        // A backslash at the very end has legal characters only; it fails to compile.
        let (escaped_at, escaped) = characters.next()?;
        if !is_operator(escaped) && !matches!(escaped, 'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'x') {
            return Some(escaped_at..escaped_at + escaped.len_utf8());
        }
    }
    None
}

fn is_literal(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, ':' | '_' | '#' | '=' | '@' | '/' | ';' | ',' | '-' | ' ')
}

fn is_operator(character: char) -> bool {
    matches!(character, '^' | '$' | '?' | '[' | ']' | '{' | '}' | '|' | '\\' | '*' | '+' | '.')
}

/// Rewrites the dialect into the syntax of the regex engine.
struct Translator<'s> {
    rest: std::iter::Peekable<std::str::Chars<'s>>,
}

/// One thing that can stand in a class or by itself.
enum Item {
    Literal(char),
    /// A class such as `\d`, already translated.
    Class(&'static str),
}

impl Translator<'_> {
    fn translate(mut self) -> Result<String, String> {
        let mut out = String::new();
        while let Some(character) = self.rest.next() {
            match character {
                '[' => self.class(&mut out)?,
                '{' => self.bounds(&mut out)?,
                '\\' => match self.escape()? {
                    Item::Literal(literal) => push_literal(&mut out, literal),
                    Item::Class(class) => out.push_str(class),
                },
                ']' | '}' => {
                    return Err(format!(
                        "`{character}` closes nothing; write `\\{character}` for the character itself"
                    ));
                }
                '^' | '$' | '?' | '|' | '*' | '+' | '.' => out.push(character),
                literal => push_literal(&mut out, literal),
            }
        }
        Ok(out)
    }

    fn escape(&mut self) -> Result<Item, String> {
        Ok(match self.rest.next() {
            Some('d') => Item::Class("[0-9]"),
            Some('D') => Item::Class("[^0-9]"),
            Some('s') => Item::Class(r"[\t\n\x0B\x0C\r ]"),
            Some('S') => Item::Class(r"[^\t\n\x0B\x0C\r ]"),
            Some('w') => Item::Class("[0-9A-Za-z_]"),
            Some('W') => Item::Class("[^0-9A-Za-z_]"),
            Some('x') => {
                let mut digit = || self.rest.next().and_then(|digit| digit.to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err("`\\x` needs two hexadecimal digits".to_owned());
                };
                Item::Literal(char::from_u32(high * 16 + low).unwrap_or_default())
            }
            Some(operator) => Item::Literal(operator),
            None => {
                return Err("the expression ends in a backslash; a percent sign inside is `\\x25`".to_owned());
            }
        })
    }

    /// After `[`: everything up to the next `]` that no backslash precedes.
    fn class(&mut self, out: &mut String) -> Result<(), String> {
        out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            out.push('^');
        }
        let mut empty = true;
        loop {
            let first = match self.class_item()? {
                None if empty => return Err("the class `[]` holds no character".to_owned()),
                None => break,
                Some(item) => item,
            };
            empty = false;
            let Item::Literal(low) = first else {
                push_item(out, &first);
                continue;
            };
            if self.range_follows() {
                self.rest.next();
                match self.class_item()? {
                    Some(Item::Literal(high)) if low <= high => {
                        push_literal(out, low);
                        out.push('-');
                        push_literal(out, high);
                    }
                    Some(Item::Literal(high)) => {
                        return Err(format!("the range `{low}-{high}` runs backwards"));
                    }
                    _ => return Err(format!("the range after `{low}-` has no end")),
                }
            } else {
                push_literal(out, low);
            }
        }
        out.push(']');
        Ok(())
    }

    /// The next character or escape of a class; `None` at its `]`.
    fn class_item(&mut self) -> Result<Option<Item>, String> {
        match self.rest.next() {
            None => Err("the class opened by `[` is not closed by `]`".to_owned()),
            Some(']') => Ok(None),
            Some('\\') => self.escape().map(Some),
            Some(literal) => Ok(Some(Item::Literal(literal))),
        }
    }

    /// Whether a `-` comes next that is not the last character of the class, where it means itself.
    fn range_follows(&self) -> bool {
        let mut ahead = self.rest.clone();
        ahead.next() == Some('-') && ahead.next().is_some_and(|after| after != ']')
    }

    /// After `{`: `m}`, `m,}`, `,n}` or `m,n}`.
    fn bounds(&mut self, out: &mut String) -> Result<(), String> {
        let malformed = || {
            "`{` opens a repetition such as `{3}` or `{1,5}`; write `\\{` for the character itself".to_owned()
        };
        let mut inside = String::new();
        loop {
            match self.rest.next() {
                Some('}') => break,
                Some(character) if character.is_ascii_digit() || character == ',' => inside.push(character),
                _ => return Err(malformed()),
            }
        }
        let (low, high) = inside.split_once(',').unwrap_or((&inside, &inside));
        if (low.is_empty() && high.is_empty()) || high.contains(',') {
            return Err(malformed());
        }
        let low = if low.is_empty() { "0" } else { low };
        let comma = if inside.contains(',') { "," } else { "" };
        let high = if comma.is_empty() { "" } else { high };
        out.push_str(&format!("{{{low}{comma}{high}}}"));
        Ok(())
    }
}

fn push_item(out: &mut String, item: &Item) {
    match item {
        Item::Literal(literal) => push_literal(out, *literal),
        Item::Class(class) => out.push_str(class),
    }
}

fn push_literal(out: &mut String, literal: char) {
    if literal.is_ascii_alphanumeric() {
        out.push(literal);
    } else {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\x{{{:X}}}", u32::from(literal));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str, text: &str) -> bool {
        assert_eq!(illegal_character(source), None, "{source}");
        Regex::compile(source).unwrap().is_match(text)
    }

    #[test]
    fn means_what_aws_documents() {
        let cases = [
            ("[hc]at$", "the cat", true),
            ("[hc]at$", "cats", false),
            ("colou?r", "color", true),
            ("a{3,5}", "aa", false),
            ("a{,2}b", "b", true),
            ("^a{,2}b", "aaab", false),
            ("^a{2,}$", "aaaa", true),
            ("^a{2}$", "aaa", false),
            ("gra|ey", "grey", true),
            (r"\[.\]", "value [7] here", true),
            (r"\x28x\x29", "f(x)", true),
            (r"\x25", "100%", true),
            ("INFO ERROR", "INFO ERROR", true),
            (r"^\d+$", "42", true),
            (r"^\d+$", "٤٢", false),
            (r"^\w+$", "ü", false),
            (r"^\W$", "ü", true),
            (r"\s", "a\u{a0}b", false),
            (r"a\sb", "a\nb", true),
            ("^b", "a\nb", false),
            ("a$", "a\nb", false),
            ("a$", "a\n", false),
            ("a.b", "a\nb", true),
            ("^.$", "ü", true),
            ("[^a]", "\n", true),
            ("", "anything", true),
        ];
        for (source, text, expected) in cases {
            assert_eq!(found(source, text), expected, "{source} on {text:?}");
        }
    }

    #[test]
    fn classes_hold_characters_and_ranges_only() {
        let cases = [
            // The regex engine below would read each of these in a richer way.
            ("^[[:alpha:]$", ":", true),
            ("^[a--c]$", ".", false),
            ("^[a[b]$", "[", true),
            ("^[a-c-]$", "-", true),
            ("^[-a]$", "-", true),
            (r"^[\w-]$", "-", true),
            (r"^[\d\s]$", "\t", true),
            (r"^[^\d]$", "5", false),
            (r"^[\]]$", "]", true),
            (r"^[\x28-\x2a]$", ")", true),
            ("^[.]$", "x", false),
            ("^[a^]$", "^", true),
        ];
        for (source, text, expected) in cases {
            let verdict = Regex::compile(source).map(|regex| regex.is_match(text));
            assert_eq!(verdict.unwrap_or(false), expected, "{source} on {text:?}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_compiled() {
        for source in [
            "[abc",
            "[]",
            "[^]",
            "[b-a]",
            r"[a-\d]",
            "]",
            "}",
            "a{",
            "a{x}",
            "a{,}",
            "a{1,2,3}",
            "a{2,1}",
            "*",
            "+a",
            "a|*",
            "{2}",
            r"a\",
            r"\x2",
            r"\xzz",
            "a{1000}{1000}{1000}",
            "a{99999999999}",
        ] {
            assert!(Regex::compile(source).is_err(), "{source}");
        }
    }

    #[test]
    fn names_the_first_character_outside_the_alphabet() {
        let cases = [
            ("^(a)", Some("(")),
            ("a!", Some("!")),
            ("caf\u{e9}", Some("\u{e9}")),
            (r"\/", Some("/")),
            (r"\(", Some("(")),
            (r"\b", Some("b")),
            ("a\tb", Some("\t")),
            ("a'b", Some("'")),
            (": _#=@/;,-", None),
            (r"^$?[]{}|\\*+.", None),
            (r"\d\D\s\S\w\W\x41\^\$\?\[\]\{\}\|\*\+\.", None),
        ];
        for (source, expected) in cases {
            assert_eq!(illegal_character(source).map(|range| &source[range]), expected, "{source}");
        }
    }
}
