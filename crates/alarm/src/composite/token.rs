//! Rule expressions cut into tokens.
//!
//! A word runs to the next white space, parenthesis, comma or quote, so that `!TRUE`, `50.5%` and `'name'` are one token
//! each, as the service's error texts show.

/// One token and the character it starts at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    /// As written; `<EOF>` at the end.
    pub(super) text: &'a str,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Comma,
    Word,
    /// A quoted name, without its quotes and escapes.
    Quoted(String),
    /// A quote that is never closed.
    Unclosed,
    End,
}

pub(super) fn tokens(rule: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = rule;
    let mut at = 0;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = match first {
            space if space.is_whitespace() => {
                (at, rest) = (at + 1, &rest[space.len_utf8()..]);
                continue;
            }
            '(' => (Kind::Open, 1),
            ')' => (Kind::Close, 1),
            ',' => (Kind::Comma, 1),
            '"' => quoted(rest),
            _ => {
                let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"');
                (Kind::Word, rest.find(ends).unwrap_or(rest.len()))
            }
        };
        let (text, left) = rest.split_at(length);
        tokens.push(Token { at, text, kind });
        (at, rest) = (at + text.chars().count(), left);
    }
    tokens.push(Token { at, text: "<EOF>", kind: Kind::End });
    tokens
}

/// A name in double quotes, in which a backslash takes the next character as it is.
fn quoted(rest: &str) -> (Kind, usize) {
    let mut name = String::new();
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => {
                name.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (Kind::Quoted(name), at + 1),
            _ => name.push(c),
        }
    }
    (Kind::Unclosed, rest.len())
}
