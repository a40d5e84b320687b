//! JSON as a row of tokens that know where they stand.
//!
//! Nothing here builds a tree, and nothing recurses: a nested value is a stretch of the row, and its first token knows its last. The
//! text stays as it was written, so a number comes out with the digits it came in with.
//!
//! Invariant: the places of a token lie inside the text it was scanned from, and every opening token has its closing one.

use std::borrow::Cow;

/// How deep objects and arrays may be nested; a deeper text is an error.
pub const DEPTH_MAX: usize = 1_000;

/// Why a text is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in UTF-16 units, counted from 1: where the service's parser stands when it complains, mostly behind the
    /// character it cannot use.
    pub column: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    StartObject,
    EndObject,
    StartArray,
    EndArray,
    /// The name of a member.
    Name,
    String,
    Number,
    /// `true`, `false` or `null`.
    Literal,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// The first byte.
    pub(crate) start: usize,
    /// The byte after the last.
    pub(crate) end: usize,
    /// The token a value ends with: the closing one of an object or array, else itself.
    pub(crate) last: usize,
}

/// How many values a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Roots {
    One,
    OneOrMore,
}

/// The tokens of a text.
pub(crate) fn scan(text: &str, roots: Roots) -> Result<Vec<Token>, SyntaxError> {
    let mut scanner = Scanner { text, at: 0, open: Vec::new(), tokens: Vec::new() };
    scanner.skip_space();
    if scanner.peek().is_none() {
        return Err(scanner.complain("there is no value"));
    }
    loop {
        scanner.value()?;
        while let Some((start, object)) = scanner.open.last().copied() {
            scanner.entry(start, object)?;
        }
        scanner.skip_space();
        if scanner.peek().is_none() {
            return Ok(scanner.tokens);
        }
        if roots == Roots::One {
            scanner.take();
            return Err(scanner.complain("unexpected text after the value"));
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The opening tokens of what is being read, and whether each is an object's.
    open: Vec<(usize, bool)>,
    tokens: Vec<Token>,
}

impl Scanner<'_> {
    /// Reads a member, an element, or the end of the innermost object or array.
    fn entry(&mut self, start: usize, object: bool) -> Result<(), SyntaxError> {
        self.skip_space();
        let (close, kind) = if object { (b'}', Kind::EndObject) } else { (b']', Kind::EndArray) };
        if self.peek() == Some(close) {
            let end = self.tokens.len();
            self.at += 1;
            self.push(kind, self.at - 1);
            if let Some(token) = self.tokens.get_mut(start) {
                token.last = end;
            }
            self.open.pop();
            return Ok(());
        }
        if self.tokens.len() > start + 1 {
            let wanted = if object { "expected `,` or `}`" } else { "expected `,` or `]`" };
            self.expect(b',', wanted)?;
            self.skip_space();
        }
        if object {
            let name = self.at;
            self.expect(b'"', "expected a name in double quotes")?;
            self.string()?;
            self.push(Kind::Name, name);
            self.skip_space();
            self.expect(b':', "expected `:`")?;
            self.skip_space();
        }
        self.value()
    }

    /// Reads the first token of a value; no white space stands before it.
    fn value(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        let Some(first) = self.peek() else { return Err(self.complain("the text ends too early")) };
        let kind = match first {
            b'{' | b'[' => {
                self.at += 1;
                if self.open.len() >= DEPTH_MAX {
                    return Err(self.complain(&format!("more than {DEPTH_MAX} levels of objects and arrays")));
                }
                let object = first == b'{';
                self.open.push((self.tokens.len(), object));
                if object { Kind::StartObject } else { Kind::StartArray }
            }
            b'"' => {
                self.at += 1;
                self.string()?;
                Kind::String
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Kind::Number
            }
            _ if is_word(first) => {
                while self.peek().is_some_and(is_word) {
                    self.at += 1;
                }
                if !matches!(self.text.get(start..self.at), Some("true" | "false" | "null")) {
                    return Err(self.complain("expected a value; text stands in double quotes"));
                }
                Kind::Literal
            }
            _ => {
                self.take();
                return Err(self.complain("expected a value"));
            }
        };
        self.push(kind, start);
        Ok(())
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let (from, first) = (self.at, self.peek());
        self.digits()?;
        if first == Some(b'0') && self.at > from + 1 {
            return Err(self.complain("a number does not begin with 0"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let ends = matches!(self.peek(), None | Some(b' ' | b'\t' | b'\r' | b'\n'));
        if self.open.is_empty() && !ends {
            self.take();
            return Err(self.complain("expected white space between values"));
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            self.take();
            return Err(self.complain("expected a digit"));
        }
        Ok(())
    }

    /// Reads a string up to and including its closing quote.
    fn string(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.peek() {
                None => return Err(self.complain("a string has no end")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                }
                Some(..b' ') => {
                    self.at += 1;
                    return Err(self.complain("a control character must be escaped in a string"));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    let hex = self.peek().is_some_and(|byte| byte.is_ascii_hexdigit());
                    self.take();
                    if !hex {
                        return Err(self.complain("expected four hexadecimal digits after `\\u`"));
                    }
                }
            }
            _ => {
                self.take();
                return Err(self.complain("unknown escape"));
            }
        }
        Ok(())
    }

    fn expect(&mut self, wanted: u8, message: &str) -> Result<(), SyntaxError> {
        match self.peek() {
            Some(byte) if byte == wanted => {
                self.at += 1;
                Ok(())
            }
            None => Err(self.complain("the text ends too early")),
            Some(_) => {
                self.take();
                Err(self.complain(message))
            }
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves behind the next character, whatever it is.
    fn take(&mut self) {
        self.at += self.text.get(self.at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.tokens.push(Token { kind, start, end: self.at, last: self.tokens.len() });
    }

    fn complain(&self, message: &str) -> SyntaxError {
        let (line, column) = position(self.text, self.at);
        SyntaxError { message: message.to_owned(), line, column }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// Line and column of a byte, both counted from 1; the column in UTF-16 units.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before: String = text.char_indices().take_while(|(at, _)| *at < offset).map(|(_, c)| c).collect();
    let before = before.replace("\r\n", "\n").replace('\r', "\n");
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.encode_utf16().count() + 1)
}

/// `[Source: (String)"…"; line: L, column: C]`, as the service writes it: at most 500 units of the text.
pub(crate) fn source_text(text: &str, error: &SyntaxError) -> String {
    const SHOWN_MAX: usize = 500;
    let mut length = 0;
    let mut shown = String::new();
    for character in text.chars() {
        length += character.len_utf16();
        if length <= SHOWN_MAX {
            shown.push(character);
        }
    }
    let rest = match length.saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        rest => format!("[truncated {rest} chars]"),
    };
    format!("[Source: (String)\"{shown}\"{rest}; line: {}, column: {}]", error.line, error.column)
}

/// The text a string stands for, given what is between its quotes. Half a surrogate pair becomes `?`, as it does on the service.
pub(crate) fn unescape(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let mut text = String::with_capacity(inside.len());
    // The first half of a surrogate pair, waiting for the second.
    let mut high: Option<u32> = None;
    let mut rest = inside.chars();
    while let Some(next) = rest.next() {
        let unit = match next {
            '\\' => match rest.next() {
                Some('b') => 8,
                Some('t') => 9,
                Some('n') => 10,
                Some('f') => 12,
                Some('r') => 13,
                Some('u') => (0..4).fold(0, |unit, _| {
                    unit * 16 + rest.next().and_then(|digit| digit.to_digit(16)).unwrap_or_default()
                }),
                same => same.map_or(u32::from('?'), u32::from),
            },
            _ => u32::from(next),
        };
        match (high.take(), unit) {
            (Some(first), 0xdc00..=0xdfff) => {
                let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (unit - 0xdc00);
                text.push(char::from_u32(scalar).unwrap_or('?'));
            }
            (before, unit) => {
                text.extend(before.map(|_| '?'));
                if matches!(unit, 0xd800..=0xdbff) {
                    high = Some(unit);
                } else {
                    text.push(char::from_u32(unit).unwrap_or('?'));
                }
            }
        }
    }
    text.extend(high.map(|_| '?'));
    Cow::Owned(text)
}

/// Writes a text as the inside of a JSON string, with no more escapes than JSON wants: quotes, backslashes and control characters.
pub(crate) fn escape_into(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..' ' => out.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_says_where() {
        let cases = [
            ("", "there is no value (line 1, column 1)"),
            ("env:dev", "expected a value; text stands in double quotes (line 1, column 4)"),
            ("{'env':'dev'}", "expected a name in double quotes (line 1, column 3)"),
            ("{\"a\": 1,}", "expected a name in double quotes (line 1, column 10)"),
            ("{\"a\"\n: 1,\n 2}", "expected a name in double quotes (line 3, column 3)"),
            ("[1 2]", "expected `,` or `]` (line 1, column 5)"),
            ("[1,]", "expected a value (line 1, column 5)"),
            ("[\"ä𝄞\" x", "expected `,` or `]` (line 1, column 9)"),
            ("{\"a\" 1}", "expected `:` (line 1, column 7)"),
            ("{\"a\":", "the text ends too early (line 1, column 6)"),
            ("[", "the text ends too early (line 1, column 2)"),
            ("]", "expected a value (line 1, column 2)"),
            ("[}", "expected a value (line 1, column 3)"),
            ("\"abc", "a string has no end (line 1, column 5)"),
            ("\"a\tb\"", "a control character must be escaped in a string (line 1, column 4)"),
            (r#""\x""#, "unknown escape (line 1, column 4)"),
            (r#""\u12g4""#, "expected four hexadecimal digits after `\\u` (line 1, column 7)"),
            ("01", "a number does not begin with 0 (line 1, column 3)"),
            ("-", "expected a digit (line 1, column 2)"),
            ("[1.]", "expected a digit (line 1, column 5)"),
            ("[1e+]", "expected a digit (line 1, column 6)"),
            ("1x", "expected white space between values (line 1, column 3)"),
            ("truex", "expected a value; text stands in double quotes (line 1, column 6)"),
            ("{} {}", "unexpected text after the value (line 1, column 5)"),
        ];
        for (text, wanted) in cases {
            assert_eq!(scan(text, Roots::One).unwrap_err().to_string(), wanted, "{text}");
        }
    }

    #[test]
    fn several_values_may_follow_each_other() {
        for text in ["\"a\"\n\"b\"", "\"a\"\"b\"", "1 2", "{}[] null", "0 -0.5e-3"] {
            assert!(scan(text, Roots::OneOrMore).is_ok(), "{text}");
        }
        assert!(scan("\"a\" b", Roots::OneOrMore).is_err());
    }

    #[test]
    fn depth_ends_with_an_error() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(scan(&deep(DEPTH_MAX), Roots::One).is_ok());
        for levels in [DEPTH_MAX + 1, 200_000] {
            let error = scan(&deep(levels), Roots::One).unwrap_err();
            assert_eq!(error.message, "more than 1000 levels of objects and arrays");
        }
    }

    #[test]
    fn strings_come_back() {
        for (inside, text) in [
            (r"a\n\t\b\f\r\/\\\u0041", "a\n\t\u{8}\u{c}\r/\\A"),
            (r"\ud834\udd1e \ud834 \udd1e \ud834", "𝄞 ? ? ?"),
            ("ä𝄞", "ä𝄞"),
        ] {
            assert_eq!(unescape(inside), text, "{inside}");
        }
        let mut out = String::new();
        escape_into(&mut out, "\"\\/\u{1f}\u{7f}ä\n");
        assert_eq!(out, "\\\"\\\\/\\u001F\u{7f}ä\\n");
    }
}
