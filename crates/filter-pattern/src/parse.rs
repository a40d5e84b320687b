//! Text in, [`Kind`] out: chooses the grammar by the first character and collects everything that is wrong.

mod conditions;
mod fields;
mod json;
mod lexer;
mod terms;

pub(crate) use json::PATTERN_WILDCARDS_MAX;
pub(crate) use lexer::{first_octets, is_cidr};

use crate::Kind;
use crate::error::{Error, ErrorKind, Errors};
use crate::selector::Selector;
use crate::span::Span;
use lexer::{Grammar, Lexed, Token, lex};

/// Parentheses may nest this deep, so that no text can exhaust the stack.
pub(crate) const NESTING_MAX: usize = 100;
/// A text may be this many bytes long; AWS stops at 1,024 characters. Places are found by counting from the beginning,
/// so the limit also bounds the time a hostile text takes.
const BYTES_MAX: usize = 1 << 16;
/// So many mistakes are reported; after that nobody reads on.
const ERRORS_MAX: usize = 100;
/// AWS allows so many regular expressions in one pattern.
pub(crate) const REGEXES_MAX: usize = 2;

pub(crate) fn parse(text: &str) -> Result<Kind, Errors> {
    let mut errors = Vec::new();
    if text.len() > BYTES_MAX {
        let detail =
            format!("the pattern has {} bytes, more than the {BYTES_MAX} that are read here", text.len());
        let error = Error::new(ErrorKind::InvalidPattern, Span::new(text, 0, text.len()), detail);
        return Err(Errors::new(vec![
            error.hint("AWS takes 1,024 characters; split the pattern into several filters"),
        ]));
    }
    let kind = match text.trim_start_matches(is_space).chars().next() {
        None => Some(Kind::Everything),
        Some('{') => json::parse(text, &mut errors).map(Kind::Json),
        Some('[') => fields::parse(text, &mut errors).map(Kind::Fields),
        Some(_) => terms::parse(text, &mut errors).map(Kind::Terms),
    };
    match kind {
        Some(kind) if errors.is_empty() => Ok(kind),
        _ => Err(Errors::new(errors)),
    }
}

/// White space between the parts of a pattern.
fn is_space(character: char) -> bool {
    character.is_ascii_whitespace()
}

/// A selector and nothing else.
pub(crate) fn selector(text: &str) -> Result<Selector, Errors> {
    let Lexed { tokens, mut errors, .. } = lex(text, 0, Grammar::Json);
    if let ([(Token::Selector(selector), _)], true) = (tokens.as_slice(), errors.is_empty()) {
        return Ok(selector.clone());
    }
    let detail = "a selector such as `$.eventName`, and nothing else, is wanted here";
    if errors.is_empty() {
        errors.push(Error::new(ErrorKind::InvalidPattern, Span::new(text, 0, text.len()), detail));
    }
    Err(Errors::new(errors))
}

/// Complains about the third regular expression and those after it; `places` are where they all stand.
fn limit_regexes(text: &str, places: &[std::ops::Range<usize>], errors: &mut Vec<Error>) {
    if let Some(third) = places.get(REGEXES_MAX) {
        let detail = format!(
            "{} regular expressions, and AWS allows {REGEXES_MAX} in one filter pattern",
            places.len()
        );
        errors.push(
            Error::new(ErrorKind::RegexCount, Span::new(text, third.start, third.end), detail)
                .hint("join two of them with `|` inside one `%…%`, or use `*` wildcards"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, Filter, Role};

    /// The plainest spelling of what a pattern says.
    fn plain(text: &str) -> String {
        Filter::parse(text).unwrap_or_else(|errors| panic!("{text}: {errors}")).to_string()
    }

    #[test]
    fn reads_conditions_however_they_are_spaced() {
        let cases = [
            ("{$.a=1}", "{ $.a = 1 }"),
            (" \n{ $.a\t=\r\n\"x\" } ", "{ $.a = \"x\" }"),
            ("{$.a=x&&$.b!=y||$.c IS NULL}", "{ $.a = \"x\" && $.b != \"y\" || $.c IS NULL }"),
            ("{ ($.a = 1 || $.b = 2) && (($.c = 3)) }", "{ ($.a = 1 || $.b = 2) && $.c = 3 }"),
            ("{ ($.a = 1 && $.b = 2) && $.c = 3 }", "{ ($.a = 1 && $.b = 2) && $.c = 3 }"),
            ("{ $.a.['b c'][0].*.['*'] NOT EXISTS }", "{ $.a.[\"b c\"][0][*].[\"*\"] NOT EXISTS }"),
            ("{ $.['it\\'s'] = 1 }", "{ $.[\"it's\"] = 1 }"),
            ("{ $.a['k'][*] = 1 }", "{ $.a.k[*] = 1 }"),
            ("{ $.[0] = 1 && $.[*] = 1 }", "{ $.[0] = 1 && $.* = 1 }"),
            ("{ $.a-b_1.0 >= -1.5e3 }", "{ $.a-b_1.0 >= -1.5e3 }"),
            ("{ $.a = \"C:\\dir \\\"x\\\" \\\\\" }", "{ $.a = \"C:\\\\dir \\\"x\\\" \\\\\" }"),
            ("{ $.a = NOT && $.IS IS NULL }", "{ $.a = \"NOT\" && $.IS IS NULL }"),
            ("{ $.a = %x y% }", "{ $.a = %x y% }"),
            ("[a,b=1||b=2 , ...]", "[a, b = 1 || b = 2, ...]"),
            ("[ ]", "[]"),
            ("[,]", "[, ]"),
            ("  ", ""),
            ("a  -b\n?\"c d\" -%x%", "a -b ?\"c d\" -%x%"),
            ("\"plain\"", "plain"),
            ("--x", "-\"-x\""),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn reads_terms_with_their_signs() {
        let Kind::Terms(terms) = parse("ERROR ?WARN -\"a \\\"b\\\"\" %\\d% hello-world").unwrap() else {
            panic!()
        };
        let roles: Vec<Role> = terms.list.iter().map(|term| term.role).collect();
        assert_eq!(roles, [Role::Required, Role::Optional, Role::Excluded, Role::Required, Role::Required]);
        assert_eq!(terms.list[2].content, Content::Text("a \"b\"".to_owned()));
        assert_eq!(terms.optional().count(), 0, "ignored beside other terms");
    }

    #[test]
    fn a_hundred_parentheses_are_enough() {
        let nested = |depth: usize| format!("{{ {}$.a = 1{} }}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&nested(NESTING_MAX)).is_ok());
        let errors = parse(&nested(30_000)).unwrap_err();
        assert!(errors.iter().next().unwrap().detail.contains("nest deeper"));
    }

    #[test]
    fn hostile_texts_are_refused_early() {
        let one_error = |text: &str| parse(text).unwrap_err().iter().count() == 1;
        assert!(one_error(&"a ".repeat(BYTES_MAX)));
        for text in ["!", "$.a == ", "($.a,", "%a{1000}{9}% || $.a = "] {
            let errors = parse(&format!("{{ {} }}", text.repeat(3_000))).unwrap_err();
            assert!(errors.iter().count() <= ERRORS_MAX + 4, "{text}: {}", errors.iter().count());
        }
        let regexes = "%a{1000}{9}% ".repeat(4_000);
        assert!(one_error(&regexes), "only the first are compiled");
        assert!(parse(&"* ".repeat(30_000)).unwrap_err().iter().count() <= ERRORS_MAX);
    }

    #[test]
    fn only_ascii_white_space_separates() {
        let errors = parse("{ $.a\u{a0}= 1 }").unwrap_err();
        assert!(errors.iter().any(|error| error.detail.contains("U+00A0")), "{errors}");
        assert!(parse("\u{a0}").is_err());
        assert_eq!(parse("\t\r\n ").unwrap(), Kind::Everything);
    }

    #[test]
    fn quotas_count_all_of_a_pattern() {
        let accepted = [
            "{ $.*.a = 1 && $.b[*] = 1 && $.c[*] = 1 }",
            "{ $.a = %x% || $.b = %y% }",
            "[a = %x% || a = %y%]",
            "%x% %y%",
        ];
        for text in accepted {
            assert!(parse(text).is_ok(), "{text}");
        }
        for text in
            ["{ $.a = %x% || $.b = %y% || $.b != %y% }", "[a = %x%, b = %y%, c = %z%]", "%x% -%y% ?%z%"]
        {
            let errors = parse(text).unwrap_err();
            assert_eq!(
                errors.iter().map(|error| &error.kind).collect::<Vec<_>>(),
                [&ErrorKind::RegexCount],
                "{text}"
            );
        }
    }
}
