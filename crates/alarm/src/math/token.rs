//! Expressions cut into tokens.

/// One token and the character it starts at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    /// An id, a function's name or a keyword.
    Word(String),
    Text(String),
    Symbol(&'static str),
    End,
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 18] =
    ["<=", ">=", "==", "!=", "&&", "||", "+", "-", "*", "/", "^", "<", ">", "(", ")", "[", "]", ","];

/// Cuts the text; the error is the character and what is wrong there.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, (usize, String)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut at = 0;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            (at, rest) = (at + 1, &rest[first.len_utf8()..]);
            continue;
        }
        let (kind, length) = token(rest, first).map_err(|problem| (at, problem))?;
        tokens.push(Token { at, kind });
        let (taken, left) = rest.split_at(length);
        (at, rest) = (at + taken.chars().count(), left);
    }
    tokens.push(Token { at, kind: Kind::End });
    Ok(tokens)
}

fn token(rest: &str, first: char) -> Result<(Kind, usize), String> {
    if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
        return Ok((Kind::Symbol(symbol), symbol.len()));
    }
    if first == '"' || first == '\'' {
        let inner = &rest[1..];
        let end = inner.find(first).ok_or("the quote is not closed")?;
        return Ok((Kind::Text(inner[..end].to_owned()), end + 2));
    }
    let run = |accepts: fn(char) -> bool| rest.find(|c| !accepts(c)).unwrap_or(rest.len());
    if first.is_ascii_digit() || first == '.' {
        let mut length = run(|c| c.is_ascii_digit() || c == '.');
        if let Some(exponent) = rest[length..].strip_prefix(['e', 'E']) {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let count = digits.bytes().take_while(u8::is_ascii_digit).count();
            if count > 0 {
                length += 1 + (exponent.len() - digits.len()) + count;
            }
        }
        let number = &rest[..length];
        return match number.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok((Kind::Number(value), length)),
            _ => Err(format!("`{number}` is not a number")),
        };
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let length = run(|c| c.is_ascii_alphanumeric() || c == '_');
        return Ok((Kind::Word(rest[..length].to_owned()), length));
    }
    Err(format!("`{first}` has no meaning in an expression"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_numbers_words_and_symbols() {
        let kinds: Vec<Kind> =
            tokens("IF(m1>=1.5e-3, \"a b\")").unwrap().into_iter().map(|t| t.kind).collect();
        let word = |text: &str| Kind::Word(text.to_owned());
        let expected = [
            word("IF"),
            Kind::Symbol("("),
            word("m1"),
            Kind::Symbol(">="),
            Kind::Number(0.0015),
            Kind::Symbol(","),
            Kind::Text("a b".to_owned()),
            Kind::Symbol(")"),
            Kind::End,
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn says_where_it_stumbles() {
        assert_eq!(tokens("m1 § 2").unwrap_err().0, 3);
        assert_eq!(tokens("é").unwrap_err().0, 0);
        assert!(tokens("1.2.3").is_err());
        assert!(tokens("\"open").is_err());
    }
}
