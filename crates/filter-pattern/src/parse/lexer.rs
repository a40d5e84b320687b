//! Tokens of JSON and space-delimited patterns, and the two kinds of literal (`"…"`, `%…%`) that terms have too.
//!
//! A stretch that is no token is complained about once and stands in the list as [`Token::Bad`], so that the parser
//! goes on behind it and does not complain a second time.

use std::ops::Range;

use super::{ERRORS_MAX, REGEXES_MAX, is_space};
use crate::error::{Error, ErrorKind};
use crate::regex::{Regex, illegal_character};
use crate::selector::{Selector, Step, is_key_character};
use crate::span::Span;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    OpenParenthesis,
    CloseParenthesis,
    /// `}` or `]`: the end of the pattern.
    CloseKind,
    Comma,
    And,
    Or,
    Operator(Operator),
    Selector(Selector),
    /// A bare word, a keyword or a number.
    Word(String),
    Quoted(String),
    Regex(Regex),
    /// Already complained about.
    Bad,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equals,
    NotEquals,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// As it is written in a pattern.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equals => "=",
            Self::NotEquals => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// Which of the two bracketed grammars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    Json,
    Fields,
}

pub(super) struct Lexed {
    pub(super) tokens: Vec<(Token, Range<usize>)>,
    pub(super) errors: Vec<Error>,
    /// Where regular expressions stand. Those beyond what AWS allows are not compiled, and [`Token::Bad`].
    pub(super) regexes: Vec<Range<usize>>,
}

/// Cuts `text[start..]` into tokens.
pub(super) fn lex(text: &str, start: usize, grammar: Grammar) -> Lexed {
    let mut lexer = Lexer { text, at: start, grammar, errors: Vec::new(), regexes: Vec::new() };
    let mut tokens = Vec::new();
    while lexer.errors.len() < ERRORS_MAX {
        lexer.at += lexer.rest().len() - lexer.rest().trim_start_matches(is_space).len();
        let begin = lexer.at;
        let Some(first) = lexer.peek() else { break };
        let token = lexer.token(first);
        // Each token takes at least its first character, so this ends.
        lexer.at = lexer.at.max(begin + first.len_utf8());
        tokens.push((token, begin..lexer.at));
    }
    Lexed { tokens, errors: lexer.errors, regexes: lexer.regexes }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    grammar: Grammar,
    errors: Vec<Error>,
    regexes: Vec<Range<usize>>,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    fn token(&mut self, first: char) -> Token {
        const FIXED: [(&str, Token); 11] = [
            ("(", Token::OpenParenthesis),
            (")", Token::CloseParenthesis),
            ("&&", Token::And),
            ("||", Token::Or),
            ("!=", Token::Operator(Operator::NotEquals)),
            ("<=", Token::Operator(Operator::LessOrEqual)),
            (">=", Token::Operator(Operator::GreaterOrEqual)),
            ("=", Token::Operator(Operator::Equals)),
            ("<", Token::Operator(Operator::Less)),
            (">", Token::Operator(Operator::Greater)),
            ("}", Token::CloseKind),
        ];
        for (symbol, token) in FIXED {
            let closes_other_kind = token == Token::CloseKind && self.grammar == Grammar::Fields;
            if !closes_other_kind && self.take(symbol) {
                return token;
            }
        }
        match first {
            ']' if self.grammar == Grammar::Fields && self.take("]") => Token::CloseKind,
            ',' if self.grammar == Grammar::Fields && self.take(",") => Token::Comma,
            '$' if self.grammar == Grammar::Json => self.selector(),
            '"' => self.quoted_literal(),
            '%' => self.regex_literal(),
            _ if is_word_character(first) => self.word(),
            _ => self.stray(first),
        }
    }

    fn word(&mut self) -> Token {
        let begin = self.at;
        let length = self.rest().find(|c| !is_word_character(c)).unwrap_or(self.rest().len());
        self.at += length;
        let word = self.text.get(begin..self.at).unwrap_or("");
        match self.peek() {
            Some(next) if !self.may_follow_word(next) => {
                // `10.0.0.0/8`, `arn:aws:…`: one complaint for the whole run.
                let end = self.skip_run();
                let whole = self.text.get(begin..end).unwrap_or("");
                let error = self
                    .error(
                        ErrorKind::InvalidTerm(next.to_string()),
                        begin..end,
                        format!("`{next}` cannot stand in a bare word"),
                    )
                    .hint(hint_for_word(whole, next));
                self.errors.push(error);
                Token::Bad
            }
            _ => Token::Word(word.to_owned()),
        }
    }

    fn may_follow_word(&self, next: char) -> bool {
        let always =
            next.is_whitespace() || matches!(next, '(' | ')' | '&' | '|' | '=' | '!' | '<' | '>' | '"' | '%');
        always
            || match self.grammar {
                Grammar::Json => matches!(next, '}' | '$'),
                Grammar::Fields => matches!(next, ']' | ','),
            }
    }

    /// Moves behind everything up to the next character that may end a word.
    fn skip_run(&mut self) -> usize {
        let length = self.rest().find(|c| self.may_follow_word(c)).unwrap_or(self.rest().len());
        self.at += length;
        self.at
    }

    fn stray(&mut self, first: char) -> Token {
        let begin = self.at;
        self.at += first.len_utf8();
        if !matches!(first, '!' | '&' | '|') && !first.is_whitespace() {
            self.skip_run();
        }
        let (detail, hint) = match first {
            '!' => ("there is no negation in filter patterns".to_owned(), Some(NO_NEGATION)),
            '&' => ("a single `&` joins nothing".to_owned(), Some("write `&&`")),
            '|' => ("a single `|` joins nothing".to_owned(), Some("write `||`")),
            '\'' => ("texts are not quoted with `'`".to_owned(), Some("use double quotes: `\"…\"`")),
            '“' | '”' | '„' | '«' | '»' | '‘' | '’' => {
                (format!("`{first}` is a typographic quote"), Some("use the straight double quote: `\"…\"`"))
            }
            '[' | ']' | ',' => (format!("`{first}` cannot stand here"), Some(LISTS)),
            _ if first.is_whitespace() => (
                format!("this is no plain space, but U+{:04X}", u32::from(first)),
                Some("replace it by a space"),
            ),
            '~' => ("there is no `~` operator".to_owned(), Some("write `= %regular expression%`")),
            _ => (
                format!("`{}` cannot stand here", shown(first)),
                (!first.is_ascii() || first == '/' || first == ':')
                    .then_some("put texts in double quotes: `\"…\"`"),
            ),
        };
        let mut error = self.error(ErrorKind::InvalidTerm(first.to_string()), begin..self.at, detail);
        error.hint = hint.map(str::to_owned);
        self.errors.push(error);
        Token::Bad
    }

    fn quoted_literal(&mut self) -> Token {
        let (result, end) = quoted(self.text, self.at);
        self.at = end;
        self.keep(result.map(Token::Quoted))
    }

    fn regex_literal(&mut self) -> Token {
        let begin = self.at;
        let (result, end) = regex(self.text, begin, self.regexes.len() < REGEXES_MAX);
        self.at = end;
        self.regexes.push(begin..end);
        self.keep(result.map(|regex| regex.map_or(Token::Bad, Token::Regex)))
    }

    fn selector(&mut self) -> Token {
        let begin = self.at;
        let result = self.selector_steps();
        if let Ok(selector) = &result
            && let Some(next) = self.peek()
            && !self.may_follow_word(next)
        {
            // `$.a:b`, `$.@timestamp`: the selector ends, and what follows is no token.
            let key_begin = self.at;
            let end = self.skip_run();
            let run = self.text.get(key_begin..end).unwrap_or("");
            let last_key = match selector.steps.last() {
                Some(Step::Key(key)) => key.as_str(),
                _ => "",
            };
            let error = self
                .error(
                    ErrorKind::InvalidTerm(next.to_string()),
                    begin..end,
                    format!("`{}` cannot stand in a selector", shown(next)),
                )
                .hint(format!("write keys with other characters as `.['{last_key}{run}']`"));
            self.errors.push(error);
            return Token::Bad;
        }
        if result.is_err() {
            self.skip_run();
        }
        self.keep(result.map(Token::Selector))
    }

    /// `$.` step, then steps.
    fn selector_steps(&mut self) -> Result<Selector, Error> {
        let begin = self.at;
        self.at += 1;
        if !self.take(".") {
            let hint = match self.peek() {
                Some('[') => "write a dot before the bracket: `$.['key']`",
                _ => "a selector begins with `$.`, such as `$.eventName`",
            };
            return Err(self.illegal_from(begin, "a selector does not go on like this").hint(hint));
        }
        let mut steps = vec![self.dotted_step(begin)?];
        loop {
            let dot = self.at;
            if self.take(".") {
                steps.push(self.dotted_step(dot)?);
            } else if self.peek() == Some('[') {
                steps.push(self.bracket()?);
            } else {
                return Ok(Selector { steps });
            }
        }
    }

    /// What follows a dot; `begin` is where the term starts for AWS's message.
    fn dotted_step(&mut self, begin: usize) -> Result<Step, Error> {
        if self.peek() == Some('[') {
            return self.bracket();
        }
        if self.take("*") {
            return Ok(Step::AnyChild);
        }
        let length = self.rest().find(|c| !is_key_character(c)).unwrap_or(self.rest().len());
        if length == 0 {
            let error = self.illegal_from(begin, "a key, `*` or a bracket is missing after the dot");
            return Err(match self.peek() {
                Some('.') => error.hint("there is no `..`: name every step"),
                Some(other) if !other.is_whitespace() => {
                    error.hint("write keys with other characters as `.['the key']`")
                }
                _ => error,
            });
        }
        let key = self.rest().get(..length).unwrap_or("").to_owned();
        self.at += length;
        Ok(Step::Key(key))
    }

    /// `[n]`, `[*]`, `['key']`, `["key"]`.
    fn bracket(&mut self) -> Result<Step, Error> {
        let begin = self.at;
        self.at += 1;
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::AnyChild
            }
            Some('"' | '\'') => {
                let (key, end) = quoted(self.text, self.at);
                self.at = end;
                Step::Key(key?)
            }
            _ => {
                let length = self.rest().find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest().len());
                let digits = self.rest().get(..length).unwrap_or("");
                self.at += length;
                match digits.parse() {
                    Ok(index) => Step::Index(index),
                    Err(_) if digits.is_empty() => {
                        return Err(self.illegal_from(begin, "an index is a number counted from 0, or `*`").hint(
                            "negative indexes do not exist: `[0]` is the first element, `[*]` any element; keys are quoted: `['key']`",
                        ));
                    }
                    Err(_) => {
                        let span = begin..self.at;
                        return Err(self.error(
                            ErrorKind::InvalidPattern,
                            span,
                            "no array has so many elements",
                        ));
                    }
                }
            }
        };
        if self.take("]") {
            return Ok(step);
        }
        Err(self
            .illegal_from(begin, "the bracket is not closed")
            .hint("slices do not exist: `[0]` is one element, `[*]` any element"))
    }

    /// An error for the term from `begin` through the character the lexer stands at, which it takes.
    fn illegal_from(&mut self, begin: usize, detail: &str) -> Error {
        let end = self.at + self.peek().map_or(0, char::len_utf8);
        let term = self.text.get(begin..end).unwrap_or("").trim_end().to_owned();
        self.error(ErrorKind::InvalidTerm(term), begin..end, detail)
    }

    fn keep(&mut self, result: Result<Token, Error>) -> Token {
        result.unwrap_or_else(|error| {
            self.errors.push(error);
            Token::Bad
        })
    }

    fn error(&self, kind: ErrorKind, range: Range<usize>, detail: impl Into<String>) -> Error {
        Error::new(kind, Span::new(self.text, range.start, range.end), detail)
    }
}

/// What to do without a negation.
pub(super) const NO_NEGATION: &str =
    "nothing can be negated; turn the comparison round: `!=` for `=`, `>=` for `<`, and `||` for `&&`";
const LISTS: &str = "lists of values do not exist: join comparisons with `||`";

fn is_word_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '*' | '+' | '-')
}

fn hint_for_word(whole: &str, next: char) -> String {
    if matches!(next, '[' | ']' | ',') {
        return LISTS.to_owned();
    }
    match whole.split_once('/') {
        Some((address, bits)) if next == '/' && is_cidr(address, bits) => {
            format!(
                "ranges of addresses do not exist; `*` stands for any text, as in `{}`",
                first_octets(address, bits)
            )
        }
        _ => format!("put the value in double quotes: `\"{whole}\"`"),
    }
}

/// A character as a message can show it.
pub(super) fn shown(character: char) -> String {
    if character.is_control() || character.is_whitespace() {
        format!("U+{:04X}", u32::from(character))
    } else {
        character.to_string()
    }
}

/// Whether `address/bits` reads as an IPv4 range.
pub(crate) fn is_cidr(address: &str, bits: &str) -> bool {
    let octets: Vec<&str> = address.split('.').collect();
    octets.len() == 4
        && octets.iter().all(|octet| octet.parse::<u8>().is_ok())
        && bits.parse::<u8>().is_ok_and(|bits| bits <= 32)
}

/// The whole octets of an IPv4 range, with a star for the others: the nearest thing the language has.
pub(crate) fn first_octets(address: &str, bits: &str) -> String {
    let whole = usize::from(bits.parse::<u8>().unwrap_or(0) / 8).min(4);
    let kept: Vec<&str> = address.split('.').take(whole).collect();
    match whole {
        0 => "*".to_owned(),
        4 => address.to_owned(),
        _ => format!("{}.*", kept.join(".")),
    }
}

/// Reads the quoted text that opens at `begin`, and returns where it ends. The quote itself and `\` can be escaped with
/// `\`; before any other character a backslash is itself.
pub(super) fn quoted(text: &str, begin: usize) -> (Result<String, Error>, usize) {
    let mut characters = text.get(begin..).unwrap_or("").char_indices().peekable();
    let quote = characters.next().map_or('"', |(_, quote)| quote);
    let mut content = String::new();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return (Ok(content), begin + at + quote.len_utf8());
        }
        let escaped = (character == '\\')
            .then(|| characters.next_if(|&(_, next)| next == quote || next == '\\'))
            .flatten();
        content.push(escaped.map_or(character, |(_, next)| next));
    }
    let term = text.get(begin..).unwrap_or("").trim_end().to_owned();
    let span = Span::new(text, begin, begin + term.len());
    let error = Error::new(ErrorKind::InvalidTerm(term), span, "the quoted text is not closed")
        .hint(format!("close it with `{quote}`; a quote inside is written `\\{quote}`"));
    (Err(error), text.len())
}

/// Reads the regular expression that opens with `%` at `begin`, and returns where it ends. `None` if it is not to be
/// compiled.
pub(super) fn regex(text: &str, begin: usize, compile: bool) -> (Result<Option<Regex>, Error>, usize) {
    let inside = text.get(begin + 1..).unwrap_or("");
    let closer = inside.find('%');
    let source = inside.get(..closer.unwrap_or(inside.len())).unwrap_or("");
    let end = begin + 1 + source.len() + usize::from(closer.is_some());
    // An escaped percent sign is no escape of the dialect: the backslash before the closer is reported below.
    if let Some(illegal) = illegal_character(source) {
        let through = begin + 1 + illegal.end;
        let term = text.get(begin..through).unwrap_or("").to_owned();
        let character = source.get(illegal.clone()).unwrap_or("");
        let at = Span::new(text, begin + 1 + illegal.start, through);
        let escaped = source.get(..illegal.start).is_some_and(|before| before.ends_with('\\'));
        let detail = match character {
            "(" | ")" if !escaped => {
                "groups do not exist in the regular expressions of filter patterns".to_owned()
            }
            _ if escaped => format!("`\\{character}` is no escape of filter patterns"),
            _ => format!(
                "`{}` cannot stand in a regular expression of a filter pattern",
                character.chars().next().map(shown).unwrap_or_default()
            ),
        };
        let hint = match character.chars().next().map(u32::from) {
            Some(code @ (0x28 | 0x29)) => {
                format!("write alternatives as `%a|b%`; the character itself is `\\x{code:02x}`")
            }
            Some(code) if escaped && code < 0x80 => {
                format!("write `{character}` alone if that is allowed, or `\\x{code:02x}`")
            }
            Some(code) if code < 0x80 => format!("the character itself is `\\x{code:02x}`"),
            _ => "only ASCII is allowed; `.` matches any character".to_owned(),
        };
        return (Err(Error::new(ErrorKind::InvalidTerm(term), at, detail).hint(hint)), end);
    }
    if closer.is_none() {
        let term = text.get(begin..end).unwrap_or("").trim_end().to_owned();
        let error = Error::new(
            ErrorKind::InvalidTerm(term),
            Span::new(text, begin, end),
            "the regular expression is not closed",
        );
        return (Err(error.hint("close it with `%`; a percent sign inside is `\\x25`")), end);
    }
    let span = Span::new(text, begin, end);
    if source.is_empty() {
        return (Err(Error::new(ErrorKind::Regex, span, "the regular expression is empty")), end);
    }
    if !compile {
        return (Ok(None), end);
    }
    (Regex::compile(source).map(Some).map_err(|detail| Error::new(ErrorKind::Regex, span, detail)), end)
}
