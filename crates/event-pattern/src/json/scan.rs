//! Text → tokens.
//!
//! Each token knows, beside its own place, the position the service's parser reports while it stands on that token: that is what
//! the `line: L, column: C` of its messages means. The parser there reads a field name together with the first token of its value, and
//! a string only when somebody asks for its content. So a name's position is *after the start of its value*, a string's is after its
//! opening quote, and a broken string is noticed only by who reads it or moves past it.
//!
//! Scanning never fails as a whole: a syntax error is the last token. What stands before it can still be judged, as the service does.

use super::messages::{
    VALUES, describe, is_identifier_part, is_identifier_start, source_text, unexpected_in_number,
};
use super::{DEPTH_MAX, Span};

/// A line and column as the service's parser reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    StartObject,
    EndObject,
    StartArray,
    EndArray,
    Name,
    String,
    Integer,
    Float,
    True,
    False,
    Null,
    /// The end of the text, after the root value.
    End,
    /// A syntax error; `text` is its message. Nothing follows.
    Broken,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// A name, string (unescaped), number (as written) or message. For anything else what the service prints for it.
    pub(crate) text: String,
    pub(crate) span: Span,
    /// Where the service's parser stands on this token.
    pub(crate) position: Position,
    /// Where it stands once the content of this token was read.
    pub(crate) read_position: Position,
    /// A string whose content is broken: the next token says how.
    pub(crate) unreadable: bool,
}

/// The tokens of a text. The last is [`Kind::End`] or [`Kind::Broken`]. What follows the root value is a broken token only if it
/// is more than white space.
pub(crate) fn scan(text: &str) -> Vec<Token> {
    let mut scanner = Scanner { text, offset: 0, line: 1, column: 1, open: Vec::new(), tokens: Vec::new() };
    if let Err(message) = scanner.run() {
        let position = scanner.position();
        let span = scanner.span_here();
        scanner.push(Kind::Broken, message, span, position);
    }
    scanner.tokens
}

struct Scanner<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
    column: u32,
    open: Vec<Open>,
    tokens: Vec<Token>,
}

/// An object or array that is being read.
struct Open {
    object: bool,
    start: Position,
    entries: usize,
}

type Step<T = ()> = Result<T, String>;

impl Scanner<'_> {
    fn run(&mut self) -> Step {
        let Some(first) = self.skip_space()? else {
            let span = self.span_here();
            let position = self.position();
            self.push(Kind::End, String::new(), span, position);
            return Ok(());
        };
        if matches!(first, ']' | '}') {
            self.take();
            return Err(self.mismatch(first));
        }
        self.value()?;
        while !self.open.is_empty() {
            self.entry()?;
        }
        // The service stops reading after the root object; what follows is our business alone.
        if !matches!(self.skip_space(), Ok(None)) {
            return Err("unexpected text after the last brace".to_owned());
        }
        let span = self.span_here();
        let position = self.position();
        self.push(Kind::End, String::new(), span, position);
        Ok(())
    }

    /// Reads a member, an element, or the end of the innermost object or array.
    fn entry(&mut self) -> Step {
        let Some(mut next) = self.skip_space()? else { return Err(self.end_inside()) };
        if matches!(next, ']' | '}') {
            let span = self.span_of(1);
            self.take();
            let object = next == '}';
            if self.open.last().is_none_or(|open| open.object != object) {
                return Err(self.mismatch(next));
            }
            self.open.pop();
            let position = self.position();
            let kind = if object { Kind::EndObject } else { Kind::EndArray };
            self.push(kind, next.to_string(), span, position);
            return Ok(());
        }
        let kind_of_entries = self.entries_name();
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let object = open.object;
        open.entries += 1;
        if open.entries > 1 {
            self.take();
            if next != ',' {
                return Err(self.unexpected(
                    next,
                    &format!("was expecting comma to separate {kind_of_entries} entries"),
                ));
            }
            match self.skip_space()? {
                Some(character) => next = character,
                None => {
                    return Err(format!("Unexpected end-of-input within/between {kind_of_entries} entries"));
                }
            }
        }
        if !object {
            return self.value();
        }
        if next != '"' {
            self.take();
            return Err(self.unexpected(next, "was expecting double-quote to start field name"));
        }
        let start = self.start();
        self.take();
        let name = self.string("name")?;
        let span = self.span_since(start);
        match self.skip_space()? {
            Some(':') => {
                self.take();
            }
            Some(other) => {
                self.take();
                return Err(self.unexpected(other, "was expecting a colon to separate field name and value"));
            }
            None => return Err("Unexpected end-of-input within/between Object entries".to_owned()),
        }
        if self.skip_space()?.is_none() {
            return Err("Unexpected end-of-input within/between Object entries".to_owned());
        }
        // The name comes before its value, but the service's parser never stands between the two.
        let at = self.tokens.len();
        let position = self.position();
        self.push(Kind::Name, name, span, position);
        let result = self.value();
        let value_position = self.tokens.get(at + 1).map(|value| value.position);
        match (value_position, self.tokens.get_mut(at)) {
            (Some(position), Some(name)) => {
                name.position = position;
                name.read_position = position;
            }
            _ => {
                self.tokens.pop();
            }
        }
        result
    }

    /// Reads the first token of a value. The next character is not white space.
    fn value(&mut self) -> Step {
        let start = self.start();
        let Some(next) = self.peek() else { return Err(self.end_inside()) };
        match next {
            '{' | '[' => {
                let object = next == '{';
                self.take();
                if self.open.len() >= DEPTH_MAX {
                    return Err(format!("more than {DEPTH_MAX} levels of objects and arrays"));
                }
                self.open.push(Open { object, start: start.position, entries: 0 });
                let kind = if object { Kind::StartObject } else { Kind::StartArray };
                self.simple(kind, next.to_string(), start);
                Ok(())
            }
            '"' => {
                self.take();
                let position = self.position();
                match self.string("string value") {
                    Ok(text) => {
                        let span = self.span_since(start);
                        self.push(Kind::String, text, span, position);
                        let read_position = self.position();
                        if let Some(token) = self.tokens.last_mut() {
                            token.read_position = read_position;
                        }
                        Ok(())
                    }
                    Err(message) => {
                        let span = self.span_since(start);
                        self.push(Kind::String, String::new(), span, position);
                        if let Some(token) = self.tokens.last_mut() {
                            token.unreadable = true;
                        }
                        Err(message)
                    }
                }
            }
            't' => self.literal("true", Kind::True, start),
            'f' => self.literal("false", Kind::False, start),
            'n' => self.literal("null", Kind::Null, start),
            '-' | '0'..='9' => self.number(start),
            '}' => {
                self.take();
                Err(self.unexpected(next, "expected a value"))
            }
            'N' => Err(self.non_standard("NaN", 0)),
            'I' => Err(self.non_standard("Infinity", 0)),
            '+' => {
                self.take();
                let Some(after) = self.take() else {
                    return Err("Unexpected end-of-input in a Number value".to_owned());
                };
                Err(self.bad_number_start(after, '+'))
            }
            _ if is_identifier_start(next) => Err(self.unrecognized("")),
            _ => {
                self.take();
                Err(self.unexpected(next, &format!("expected a valid value {VALUES}")))
            }
        }
    }

    fn literal(&mut self, word: &'static str, kind: Kind, start: Start) -> Step {
        self.word(word, 0)?;
        self.simple(kind, word.to_owned(), start);
        Ok(())
    }

    /// Reads the rest of a word of which `done` characters were read.
    fn word(&mut self, word: &str, done: usize) -> Step {
        for (index, wanted) in word.char_indices().skip(done) {
            if self.peek() != Some(wanted) {
                return Err(self.unrecognized(word.get(..index).unwrap_or_default()));
            }
            self.take();
        }
        match self.peek() {
            Some(next) if next >= '0' && is_identifier_part(next) => Err(self.unrecognized(word)),
            _ => Ok(()),
        }
    }

    fn non_standard(&mut self, word: &str, done: usize) -> String {
        match self.word(word, done) {
            Ok(()) => format!(
                "Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
            ),
            Err(message) => message,
        }
    }

    fn bad_number_start(&mut self, mut after: char, sign: char) -> String {
        if after == 'I' {
            let Some(second) = self.take() else {
                return "Unexpected end-of-input in a Number value".to_owned();
            };
            match second {
                'N' => return self.non_standard(&format!("{sign}INF"), 3),
                'n' => return self.non_standard(&format!("{sign}Infinity"), 3),
                _ => after = second,
            }
        }
        let (seen, message) = if sign == '+' {
            (
                '+',
                "JSON spec does not allow numbers to have plus signs: enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow",
            )
        } else {
            (after, "expected digit (0-9) to follow minus sign, for valid numeric value")
        };
        unexpected_in_number(seen, message)
    }

    fn number(&mut self, start: Start) -> Step {
        let first = self.take();
        let mut digit = first;
        if first == Some('-') {
            match self.take() {
                None => return Err("Unexpected end-of-inputNo digit following minus sign".to_owned()),
                Some('.') => {
                    return Err(self.unexpected('.', &format!("expected a valid value {VALUES}")));
                }
                Some(other) if !other.is_ascii_digit() => return Err(self.bad_number_start(other, '-')),
                other => digit = other,
            }
        }
        if digit == Some('0') && self.peek().is_some_and(|next| next.is_ascii_digit()) {
            return Err("Invalid numeric value: Leading zeroes not allowed".to_owned());
        }
        self.digits();
        let mut kind = Kind::Integer;
        // On its fast path the service's parser does not move beyond the first of these while it looks ahead.
        let careful = digit == Some('0');
        let mut stand = None;
        if self.peek() == Some('.') {
            kind = Kind::Float;
            self.take();
            stand = Some(self.start());
            if self.digits() == 0 {
                return Err(self.number_error('.', "Decimal point not followed by a digit", careful, stand));
            }
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            kind = Kind::Float;
            self.take();
            stand = stand.or_else(|| Some(self.start()));
            if matches!(self.peek(), Some('+' | '-')) {
                self.take();
            }
            if self.peek().is_none() {
                return Err("Unexpected end-of-inputexpected a digit for number exponent".to_owned());
            }
            if self.digits() == 0 {
                let message = "Exponent indicator not followed by a digit";
                return Err(self.number_error('e', message, careful, stand));
            }
        }
        let text = self.text.get(start.offset..self.offset).unwrap_or_default().to_owned();
        if self.open.is_empty() {
            self.root_space()?;
        }
        self.simple(kind, text, start);
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let mut count = 0;
        while self.peek().is_some_and(|next| next.is_ascii_digit()) {
            self.take();
            count += 1;
        }
        count
    }

    fn number_error(&mut self, last: char, message: &str, careful: bool, stand: Option<Start>) -> String {
        match self.take() {
            None => unexpected_in_number(last, message),
            Some(seen) => {
                if let (false, Some(stand)) = (careful, stand) {
                    self.offset = stand.offset;
                    self.line = stand.position.line;
                    self.column = stand.position.column;
                }
                unexpected_in_number(seen, message)
            }
        }
    }

    /// A number at the root must be followed by white space.
    fn root_space(&mut self) -> Step {
        match self.peek() {
            None | Some('\r' | '\n') => Ok(()),
            Some(' ' | '\t') => {
                self.take();
                Ok(())
            }
            Some(other) => {
                self.take();
                Err(self.unexpected(other, "Expected space separating root-level values"))
            }
        }
    }

    /// Reads a string up to and including its closing quote; the opening quote was read.
    fn string(&mut self, what: &str) -> Step<String> {
        let mut text = String::new();
        // The first half of a surrogate pair, waiting for the second.
        let mut high: Option<u32> = None;
        loop {
            let Some(next) = self.take() else {
                return Err(if what == "name" {
                    "Unexpected end-of-input in field name".to_owned()
                } else {
                    "Unexpected end-of-input: was expecting closing quote for a string value".to_owned()
                });
            };
            let unit = match next {
                '\\' => self.escape()?,
                '"' => {
                    text.extend(high.map(|_| '?'));
                    return Ok(text);
                }
                control if control < ' ' => {
                    return Err(format!(
                        "Illegal unquoted character ({}): has to be escaped using backslash to be included in {what}",
                        describe(control)
                    ));
                }
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
    }

    /// Reads what follows a backslash; gives a UTF-16 unit.
    fn escape(&mut self) -> Step<u32> {
        let end = || "Unexpected end-of-input in character escape sequence".to_owned();
        let unit = match self.take().ok_or_else(end)? {
            'b' => 8,
            't' => 9,
            'n' => 10,
            'f' => 12,
            'r' => 13,
            same @ ('"' | '/' | '\\') => u32::from(same),
            'u' => {
                let mut unit = 0;
                for _ in 0..4 {
                    let next = self.take().ok_or_else(end)?;
                    let Some(digit) = next.to_digit(16) else {
                        return Err(
                            self.unexpected(next, "expected a hex-digit for character escape sequence")
                        );
                    };
                    unit = unit * 16 + digit;
                }
                unit
            }
            other => {
                self.half_step(other);
                return Err(format!("Unrecognized character escape {}", describe(other)));
            }
        };
        Ok(unit)
    }

    /// Moves to the next character that is not white space, without taking it.
    fn skip_space(&mut self) -> Step<Option<char>> {
        while let Some(next) = self.peek() {
            match next {
                ' ' | '\t' => {
                    self.take();
                }
                '\n' | '\r' => {
                    self.take();
                    if next == '\n' || self.peek() != Some('\n') {
                        self.line += 1;
                        self.column = 1;
                    }
                }
                '/' => {
                    self.take();
                    return Err(self.unexpected(
                        '/',
                        "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)",
                    ));
                }
                control if control < ' ' => {
                    self.take();
                    return Err(format!(
                        "Illegal character ({}): only regular white space (\\r, \\n, \\t) is allowed between tokens",
                        describe(control)
                    ));
                }
                _ => return Ok(Some(next)),
            }
        }
        Ok(None)
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.offset..).and_then(|rest| rest.chars().next())
    }

    /// Takes the next character. A line break is no new line yet: outside of white space it is a mistake before it is one.
    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.offset += next.len_utf8();
        self.column += if next.len_utf16() == 2 { 2 } else { 1 };
        Some(next)
    }

    /// The service's parser reads UTF-16: it complains after the first half of a character outside the basic plane.
    fn half_step(&mut self, taken: char) {
        if taken.len_utf16() == 2 {
            self.column -= 1;
        }
    }

    fn unexpected(&mut self, taken: char, wanted: &str) -> String {
        self.half_step(taken);
        format!("Unexpected character ({}): {wanted}", describe(taken))
    }

    fn unrecognized(&mut self, read: &str) -> String {
        let mut token = read.to_owned();
        let mut length = token.chars().count();
        while let Some(next) = self.peek().filter(|next| is_identifier_part(*next)) {
            self.take();
            token.push(next);
            length += 1;
            if length >= 256 {
                token.push_str("...");
                break;
            }
        }
        format!("Unrecognized token '{token}': was expecting {VALUES}")
    }

    fn mismatch(&self, closing: char) -> String {
        let wanted = if closing == ']' { '}' } else { ']' };
        let (what, start) = match self.open.last() {
            Some(open) => (if open.object { "Object" } else { "Array" }, open.start),
            None => ("root", Position { line: 1, column: 0 }),
        };
        format!(
            "Unexpected close marker '{closing}': expected '{wanted}' (for {what} starting at {})",
            source_text(self.text, start)
        )
    }

    fn end_inside(&self) -> String {
        match self.open.last() {
            Some(open) => format!(
                "Unexpected end-of-input: expected close marker for {} (start marker at {})",
                if open.object { "Object" } else { "Array" },
                source_text(self.text, open.start)
            ),
            None => "Unexpected end-of-input".to_owned(),
        }
    }

    fn entries_name(&self) -> &'static str {
        match self.open.last() {
            Some(open) if open.object => "Object",
            Some(_) => "Array",
            None => "root",
        }
    }

    fn position(&self) -> Position {
        Position { line: self.line, column: self.column }
    }

    fn start(&self) -> Start {
        Start { offset: self.offset, position: self.position() }
    }

    fn span_here(&self) -> Span {
        Span { offset: self.offset, length: 0, line: self.line, column: self.column }
    }

    fn span_of(&self, length: usize) -> Span {
        Span { length, ..self.span_here() }
    }

    fn span_since(&self, start: Start) -> Span {
        Span {
            offset: start.offset,
            length: self.offset - start.offset,
            line: start.position.line,
            column: start.position.column,
        }
    }

    fn simple(&mut self, kind: Kind, text: String, start: Start) {
        let position = self.position();
        let span = self.span_since(start);
        self.push(kind, text, span, position);
    }

    fn push(&mut self, kind: Kind, text: String, span: Span, position: Position) {
        let read_position = position;
        self.tokens.push(Token { kind, text, span, position, read_position, unreadable: false });
    }
}

#[derive(Clone, Copy)]
struct Start {
    offset: usize,
    position: Position,
}
