//! Rule text to a parsed rule, with the service's error texts.
//!
//! ```text
//! or    := and ('OR' and)*
//! and   := unary ('AND' unary)*
//! unary := 'NOT' unary | '(' or ')' | TRUE | FALSE | STATE '(' ref ')'
//!        | AT_LEAST '(' (n | n%) ',' 'NOT'? STATE ',' '(' ref (',' ref)* ')' ')'
//! ```
//!
//! What an error text lists after `must be:` follows the recovery of the parser generator the service uses: if leaving out
//! the unexpected token would mend the rule, only what then follows is listed, else also the operators that could have
//! come instead. So `TRUE FALSE` asks for `<EOF>`, and `TRUE and FALSE` for `<EOF>, 'AND', 'OR'` (both recorded).

use super::rule::{AlarmRule, Node};
use super::token::{Kind, Token, tokens};
use crate::state::StateValue;

/// Deeper parentheses are refused; the service's limit of 500 elements allows 250.
const DEPTH: usize = 256;

const OPERAND: &str = "'(', 'NOT', AT_LEAST, TRUE or FALSE, ALARM, OK, or INSUFFICIENT_DATA";
const STATE: &str = "ALARM, OK, or INSUFFICIENT_DATA";
const STATE_OR_NOT: &str = "'NOT', ALARM, OK, or INSUFFICIENT_DATA";

/// The text is not a rule; the messages are the service's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AlarmRuleError {
    /// Something stands where it cannot.
    #[error("Error in AlarmRule [Unsupported token '{token}' at char {at}, must be: {expected}]")]
    Token {
        /// What stands there.
        token: String,
        /// The zero-based character it begins at.
        at: usize,
        /// What may stand there.
        expected: String,
    },
    /// `AT_LEAST` asks for none, or for more alarms than it lists.
    #[error(
        "Error in AlarmRule [AT_LEAST absolute threshold must be between 1 and number of alarms ({alarms})]"
    )]
    Absolute {
        /// How many alarms it lists.
        alarms: usize,
    },
    /// `AT_LEAST` with a percentage out of range.
    #[error("Error in AlarmRule [AT_LEAST percentage threshold must be between 1 and 100]")]
    Percentage,
    /// Parentheses nested too deeply to evaluate; not a text of the service.
    #[error("Error in AlarmRule [parentheses are nested more than {DEPTH} deep; write the rule with fewer]")]
    Nesting,
}

pub(super) fn parse(text: &str) -> Result<AlarmRule, AlarmRuleError> {
    let tokens = tokens(text);
    let mut parser =
        Parser { tokens: &tokens, depth: 0, references: Vec::new(), elements: 0, threshold_error: None };
    let root = parser.or()?;
    parser.close_expression(&Kind::End, "<EOF>")?;
    match parser.threshold_error {
        Some(error) => Err(error),
        None => {
            let (references, elements) = (parser.references, parser.elements);
            Ok(AlarmRule { text: text.to_owned(), root, references, elements })
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token<'a>],
    depth: usize,
    references: Vec<String>,
    elements: usize,
    /// The first threshold out of range; reported only if the syntax is right.
    threshold_error: Option<AlarmRuleError>,
}

const END: Token<'static> = Token { at: 0, text: "<EOF>", kind: Kind::End };

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a Token<'a> {
        self.tokens.first().unwrap_or(&END)
    }

    fn peek_second(&self) -> &'a Token<'a> {
        self.tokens.get(1).unwrap_or(self.tokens.last().unwrap_or(&END))
    }

    fn next(&mut self) {
        // The end stays in place, so that every later look finds it with its position.
        if let [_, rest @ ..] = self.tokens
            && !rest.is_empty()
        {
            self.tokens = rest;
        }
    }

    fn is_word(&self, word: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Word && token.text == word
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, kind: &Kind, expected: &str) -> Result<(), AlarmRuleError> {
        if self.peek().kind != *kind {
            return Err(self.unsupported(expected));
        }
        self.next();
        Ok(())
    }

    fn unsupported(&self, expected: &str) -> AlarmRuleError {
        let token = self.peek();
        AlarmRuleError::Token { token: token.text.to_owned(), at: token.at, expected: expected.to_owned() }
    }

    /// Takes what ends an expression: the end of the rule, or a closing parenthesis.
    fn close_expression(&mut self, kind: &Kind, name: &str) -> Result<(), AlarmRuleError> {
        if self.peek().kind == *kind {
            self.next();
            return Ok(());
        }
        let mended_by_deletion = self.peek_second().kind == *kind && self.peek().kind != Kind::End;
        let mended_by_insertion = *kind == Kind::Close && self.depth == 1 && self.peek().kind == Kind::End;
        if mended_by_deletion || mended_by_insertion {
            return Err(self.unsupported(name));
        }
        Err(self.unsupported(&format!("{name}, 'AND', 'OR'")))
    }

    fn or(&mut self) -> Result<Node, AlarmRuleError> {
        let mut parts = vec![self.and()?];
        while self.take_word("OR") {
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Node::Any))
    }

    fn and(&mut self) -> Result<Node, AlarmRuleError> {
        let mut parts = vec![self.unary()?];
        while self.take_word("AND") {
            parts.push(self.unary()?);
        }
        Ok(one_or(parts, Node::All))
    }

    fn unary(&mut self) -> Result<Node, AlarmRuleError> {
        let mut negated = false;
        while self.take_word("NOT") {
            negated = !negated;
        }
        let node = self.operand()?;
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    fn operand(&mut self) -> Result<Node, AlarmRuleError> {
        if self.peek().kind == Kind::Open {
            if self.depth == DEPTH {
                return Err(AlarmRuleError::Nesting);
            }
            self.depth += 1;
            self.elements += 2;
            self.next();
            let inner = self.or()?;
            self.close_expression(&Kind::Close, "')'")?;
            self.depth -= 1;
            return Ok(inner);
        }
        for (word, value) in [("TRUE", true), ("FALSE", false)] {
            if self.take_word(word) {
                self.elements += 1;
                return Ok(Node::Constant(value));
            }
        }
        if self.take_word("AT_LEAST") {
            return self.at_least();
        }
        let Some(state) = self.state() else { return Err(self.unsupported(OPERAND)) };
        self.elements += 2;
        self.expect(&Kind::Open, "'('")?;
        let alarm = self.reference()?;
        self.expect(&Kind::Close, "')'")?;
        Ok(Node::State(state, alarm))
    }

    fn state(&mut self) -> Option<StateValue> {
        [StateValue::Alarm, StateValue::Ok, StateValue::InsufficientData]
            .into_iter()
            .find(|state| self.take_word(state.as_str()))
    }

    /// A name or ARN, quoted or not. A bare name may look like a keyword or a number.
    fn reference(&mut self) -> Result<usize, AlarmRuleError> {
        let token = self.peek();
        let name = match &token.kind {
            Kind::Word => token.text,
            Kind::Quoted(name) => name,
            Kind::Open | Kind::Close | Kind::Comma | Kind::Unclosed | Kind::End => {
                return Err(self.unsupported("ALARM NAME"));
            }
        };
        self.elements += 1;
        let known = self.references.iter().position(|reference| reference == name);
        let at = known.unwrap_or(self.references.len());
        if known.is_none() {
            self.references.push(name.to_owned());
        }
        self.next();
        Ok(at)
    }

    fn at_least(&mut self) -> Result<Node, AlarmRuleError> {
        self.elements += 4;
        self.expect(&Kind::Open, "'('")?;
        let number = self.peek().text;
        let (digits, in_percent) = match number.strip_suffix('%') {
            Some(digits) => (digits, true),
            None => (number, false),
        };
        if self.peek().kind != Kind::Word || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(self.unsupported("NUMBER, PERCENTAGE NUMBER"));
        }
        self.next();
        self.expect(&Kind::Comma, "','")?;
        let negated = self.take_word("NOT");
        let expected = if negated { STATE } else { STATE_OR_NOT };
        let Some(state) = self.state() else { return Err(self.unsupported(expected)) };
        self.expect(&Kind::Comma, "','")?;
        self.expect(&Kind::Open, "'('")?;
        let mut alarms = vec![self.reference()?];
        while self.peek().kind == Kind::Comma {
            self.next();
            alarms.push(self.reference()?);
        }
        self.expect(&Kind::Close, "')', ','")?;
        self.expect(&Kind::Close, "')'")?;

        // A number too large to read is too large in any case.
        let value = digits.parse::<usize>().unwrap_or(usize::MAX);
        let (range, error) = if in_percent {
            (1..=100, AlarmRuleError::Percentage)
        } else {
            (1..=alarms.len(), AlarmRuleError::Absolute { alarms: alarms.len() })
        };
        if !range.contains(&value) {
            self.threshold_error.get_or_insert(error);
            return Ok(Node::Constant(false));
        }
        // 66 % of three alarms are two, 67 % are three.
        let threshold = if in_percent { (value * alarms.len()).div_ceil(100) } else { value };
        Ok(Node::AtLeast { threshold, negated, state, alarms })
    }
}

fn one_or(mut parts: Vec<Node>, all: fn(Vec<Node>) -> Node) -> Node {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            all(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_must_be_there() {
        let cases = [
            (
                "true",
                "'true' at char 0, must be: '(', 'NOT', AT_LEAST, TRUE or FALSE, ALARM, OK, or INSUFFICIENT_DATA",
            ),
            (
                "",
                "'<EOF>' at char 0, must be: '(', 'NOT', AT_LEAST, TRUE or FALSE, ALARM, OK, or INSUFFICIENT_DATA",
            ),
            ("TRUE FALSE", "'FALSE' at char 5, must be: <EOF>]"),
            ("TRUE and FALSE", "'and' at char 5, must be: <EOF>, 'AND', 'OR'"),
            ("TRUE && FALSE", "'&&' at char 5, must be: <EOF>, 'AND', 'OR'"),
            ("TRUE)", "')' at char 4, must be: <EOF>]"),
            ("(TRUE FALSE)", "'FALSE' at char 6, must be: ')']"),
            ("(TRUE and FALSE)", "'and' at char 6, must be: ')', 'AND', 'OR'"),
            ("(TRUE", "'<EOF>' at char 5, must be: ')']"),
            ("((TRUE", "'<EOF>' at char 6, must be: ')', 'AND', 'OR'"),
            ("ALARM metric", "'metric' at char 6, must be: '('"),
            ("ALARM(a b)", "'b' at char 8, must be: ')'"),
            ("ALARM(\"a)", "'\"a)' at char 6, must be: ALARM NAME"),
            ("AT_LEAST(1, NOT BAD, (a))", "'BAD' at char 16, must be: ALARM, OK, or INSUFFICIENT_DATA"),
            ("AT_LEAST(x, ALARM, (a))", "'x' at char 9, must be: NUMBER, PERCENTAGE NUMBER"),
            ("AT_LEAST(1, ALARM, (a b))", "'b' at char 22, must be: ')', ','"),
            ("AT_LEAST(99999999999999999999, ALARM, (a))", "between 1 and number of alarms (1)"),
            ("AT_LEAST(0, ALARM, (a)) AND", "'<EOF>' at char 27"),
        ];
        for (rule, part) in cases {
            let message = AlarmRule::parse(rule).unwrap_err().to_string();
            assert!(message.contains(part), "{rule}: {message}");
        }
    }

    #[test]
    fn spaces_and_quotes_are_free() {
        let rule = AlarmRule::parse(" ALARM ( \"a b\" )OR\tAT_LEAST( 1 ,OK,(\"a \\\"b\\\"\" , é)) ").unwrap();
        assert_eq!(rule.references(), ["a b", "a \"b\"", "é"]);
    }

    #[test]
    fn depth_is_bounded() {
        assert!(AlarmRule::parse(&("NOT ".repeat(20_000) + "TRUE")).is_ok());
        assert!(AlarmRule::parse(&("(".repeat(250) + "TRUE" + &")".repeat(250))).is_ok());
        assert_eq!(AlarmRule::parse(&"(".repeat(20_000)), Err(AlarmRuleError::Nesting));
    }
}
