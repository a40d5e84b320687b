//! `&&`, `||`, parentheses and comparisons: what JSON and space-delimited patterns have in common.
//!
//! A condition that cannot be read is complained about once; reading goes on behind the next `&&`, `||` or closer, so
//! that one run finds every mistake.

use std::ops::Range;

use super::lexer::{Grammar, Lexed, Operator, Token, lex};
use super::{ERRORS_MAX, NESTING_MAX, is_space};
use crate::condition::{Comparison, Number, Test, Text, Value};
use crate::error::{Error, ErrorKind};
use crate::expression::Expr;
use crate::span::Span;

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    depth: usize,
    pub(super) errors: Vec<Error>,
    /// Where the regular expressions are.
    pub(super) regexes: Vec<Range<usize>>,
}

impl<'t> Parser<'t> {
    /// A parser behind the opening brace or bracket.
    pub(super) fn new(text: &'t str, grammar: Grammar) -> Self {
        let opener = text.len() - text.trim_start_matches(is_space).len() + 1;
        let Lexed { tokens, errors, regexes } = lex(text, opener, grammar);
        Self { text, tokens, at: 0, depth: 0, errors, regexes }
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    /// The token after the next.
    pub(super) fn peek_second(&self) -> Option<&Token> {
        self.tokens.get(self.at + 1).map(|(token, _)| token)
    }

    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    pub(super) fn take(&mut self, expected: &Token) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    /// Takes the next token if it is exactly this word.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(next)) if next == word);
        self.at += usize::from(found);
        found
    }

    /// Where the next token is; the end of the text where there is none.
    pub(super) fn here(&self) -> Range<usize> {
        let end = self.text.trim_end().len();
        self.tokens.get(self.at).map_or(end..end, |(_, range)| range.clone())
    }

    /// Where the last taken token ends.
    pub(super) fn behind(&self) -> usize {
        let last = self.at.checked_sub(1).and_then(|last| self.tokens.get(last));
        last.map_or(0, |(_, range)| range.end)
    }

    /// The next token as it is written.
    pub(super) fn written(&self) -> &'t str {
        self.text.get(self.here()).unwrap_or("")
    }

    /// The word that names the field, behind any opening parentheses.
    pub(super) fn first_word_in_parentheses(&self) -> Option<&str> {
        let mut ahead = self.tokens.get(self.at..).unwrap_or_default().iter().map(|(token, _)| token);
        match ahead.find(|token| **token != Token::OpenParenthesis) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// An error at the next token; silent where the lexer has complained about that token.
    pub(super) fn complain(&mut self, detail: impl Into<String>, hint: Option<String>) {
        self.complain_as(ErrorKind::InvalidPattern, detail, hint);
    }

    pub(super) fn complain_as(&mut self, kind: ErrorKind, detail: impl Into<String>, hint: Option<String>) {
        if self.peek() == Some(&Token::Bad) || self.errors.len() >= ERRORS_MAX {
            return;
        }
        let here = self.here();
        let mut error = Error::new(kind, Span::new(self.text, here.start, here.end), detail);
        error.hint = hint;
        self.errors.push(error);
    }

    /// `and ('||' and)*`; `None` where something in it was complained about.
    pub(super) fn any<C>(&mut self, condition: &impl Fn(&mut Self) -> Option<C>) -> Option<Expr<C>> {
        self.joined(&Token::Or, "OR", Expr::Or, &|parser| parser.all(condition))
    }

    fn all<C>(&mut self, condition: &impl Fn(&mut Self) -> Option<C>) -> Option<Expr<C>> {
        self.joined(&Token::And, "AND", Expr::And, &|parser| parser.primary(condition))
    }

    fn joined<C>(
        &mut self,
        joint: &Token,
        word: &str,
        join: fn(Vec<Expr<C>>) -> Expr<C>,
        part: &dyn Fn(&mut Self) -> Option<Expr<C>>,
    ) -> Option<Expr<C>> {
        let mut parts = vec![part(self)];
        loop {
            if self.take(joint) {
                parts.push(part(self));
            } else if self.is_textual(word) {
                let symbol = if *joint == Token::And { "&&" } else { "||" };
                self.complain(
                    format!("`{}` joins no conditions", self.written()),
                    Some(format!("write `{symbol}`")),
                );
                self.advance();
                part(self);
                parts.push(None);
            } else {
                break;
            }
        }
        let mut parts: Vec<Expr<C>> = parts.into_iter().collect::<Option<_>>()?;
        if parts.len() == 1 { parts.pop() } else { Some(join(parts)) }
    }

    fn is_textual(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word))
    }

    fn primary<C>(&mut self, condition: &impl Fn(&mut Self) -> Option<C>) -> Option<Expr<C>> {
        if self.peek() == Some(&Token::OpenParenthesis) {
            return self.parenthesised(condition);
        }
        let found = condition(self);
        // Whatever still stands before the next joint or closer belongs to nothing.
        let clean = self.at_joint_or_closer();
        if !clean {
            if found.is_some() {
                let hint = matches!(self.peek(), Some(Token::Selector(_) | Token::OpenParenthesis))
                    .then(|| "join conditions with `&&` or `||`".to_owned());
                self.complain(
                    format!("`{}` does not belong to the condition before it", self.written()),
                    hint,
                );
            }
            self.skip_to_joint_or_closer();
        }
        found.filter(|_| clean).map(Expr::Condition)
    }

    fn parenthesised<C>(&mut self, condition: &impl Fn(&mut Self) -> Option<C>) -> Option<Expr<C>> {
        if self.depth == NESTING_MAX {
            self.complain(format!("parentheses nest deeper than {NESTING_MAX}"), None);
            self.skip_to_joint_or_closer();
            return None;
        }
        self.depth += 1;
        let opener = self.here();
        self.advance();
        let inner = self.any(condition);
        self.depth -= 1;
        if self.take(&Token::CloseParenthesis) {
            return inner;
        }
        self.errors.push(
            Error::new(
                ErrorKind::InvalidPattern,
                Span::new(self.text, opener.start, opener.end),
                "the parenthesis is not closed",
            )
            .hint("add `)`"),
        );
        None
    }

    fn at_joint_or_closer(&self) -> bool {
        let fixed = matches!(
            self.peek(),
            None | Some(Token::And | Token::Or | Token::CloseParenthesis | Token::CloseKind | Token::Comma)
        );
        fixed || self.is_textual("AND") || self.is_textual("OR")
    }

    /// Skips to the end of a condition, over whole parentheses.
    pub(super) fn skip_to_joint_or_closer(&mut self) {
        let mut open = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::OpenParenthesis => open += 1,
                Token::CloseParenthesis if open > 0 => open -= 1,
                Token::CloseKind | Token::Comma => return,
                _ if open == 0 && self.at_joint_or_closer() => return,
                _ => {}
            }
            self.advance();
        }
    }

    /// An operator and its value.
    pub(super) fn comparison(&mut self, subject: &str) -> Option<Test> {
        let Some(Token::Operator(operator)) = self.peek() else { return None };
        let operator = *operator;
        self.advance();
        let refused = self.refuse_double_operator(operator);
        let test = match operator {
            Operator::Equals => Test::Equals(self.value(subject)?),
            Operator::NotEquals => Test::NotEquals(self.value(subject)?),
            Operator::Less => Test::Compare(Comparison::Less, self.number()?),
            Operator::LessOrEqual => Test::Compare(Comparison::LessOrEqual, self.number()?),
            Operator::Greater => Test::Compare(Comparison::Greater, self.number()?),
            Operator::GreaterOrEqual => Test::Compare(Comparison::GreaterOrEqual, self.number()?),
        };
        (!refused).then_some(test)
    }

    /// `==`, `<>` and the like: complains and goes on as if the right operator stood there.
    fn refuse_double_operator(&mut self, first: Operator) -> bool {
        let Some(Token::Operator(second)) = self.peek() else { return false };
        let second = *second;
        let right = match (first, second) {
            (Operator::Equals, Operator::Equals) => Some("="),
            (Operator::NotEquals, Operator::Equals) | (Operator::Less, Operator::Greater) => Some("!="),
            (Operator::Equals, Operator::Less) => Some("<="),
            (Operator::Equals, Operator::Greater) => Some(">="),
            _ => None,
        };
        self.complain(
            format!("`{}{}` is no operator", first.symbol(), second.symbol()),
            right.map(|right| format!("write `{right}`")),
        );
        self.advance();
        true
    }

    fn value(&mut self, subject: &str) -> Option<Value> {
        let value = match self.peek() {
            Some(Token::Word(word)) if word == "null" => {
                self.complain(
                    "`null` cannot be compared with",
                    Some(format!(
                        "write `{subject} IS NULL`, or `\"null\"` for the text; nothing tests for not null"
                    )),
                );
                return None;
            }
            Some(Token::Word(word)) => match Number::parse(word) {
                Some(number) => Value::Number(number),
                None => Value::Text(Text::new(word)),
            },
            Some(Token::Quoted(text)) => Value::Text(Text::new(text)),
            Some(Token::Regex(regex)) => Value::Regex(regex.clone()),
            Some(Token::Selector(_)) => {
                self.complain("a field cannot be compared with another field", None);
                return None;
            }
            _ => {
                self.complain(
                    "a value is missing: a word, a number, `\"text\"` or `%regular expression%`",
                    None,
                );
                return None;
            }
        };
        self.advance();
        Some(value)
    }

    /// What `<`, `<=`, `>` and `>=` compare with.
    fn number(&mut self) -> Option<Number> {
        let number = match self.peek() {
            Some(Token::Word(word)) => Number::parse(word),
            _ => None,
        };
        if number.is_some() {
            self.advance();
            return number;
        }
        let written = self.written().to_owned();
        match self.peek() {
            Some(Token::Word(_) | Token::Quoted(_) | Token::Regex(_)) => {
                let unquoted = written.trim_matches('"');
                let hint = Number::parse(unquoted).map_or_else(
                    || "`=` and `!=` compare texts".to_owned(),
                    |_| format!("write `{unquoted}`"),
                );
                self.complain_as(
                    ErrorKind::InvalidTerm(written.clone()),
                    format!("`<`, `<=`, `>` and `>=` compare with a bare number, not with `{written}`"),
                    Some(hint),
                );
            }
            _ => self.complain("a number is missing", None),
        }
        None
    }

    /// Takes the closing brace or bracket and complains about whatever follows it.
    pub(super) fn close(&mut self, closer: char) {
        while self.peek() == Some(&Token::CloseParenthesis) {
            self.complain("no parenthesis is open here", Some("remove `)`".to_owned()));
            self.advance();
            self.skip_to_joint_or_closer();
        }
        if !self.take(&Token::CloseKind) {
            // An unclosed quote or regular expression has taken the closer with it, and was complained about.
            let taken =
                self.tokens.last().is_some_and(|(last, _)| *last == Token::Bad) && !self.errors.is_empty();
            match self.peek() {
                None if taken => {}
                None => self.complain(format!("the pattern is not closed by `{closer}`"), None),
                Some(_) => self.complain(format!("`{}` cannot stand here", self.written()), None),
            }
            return;
        }
        if self.peek().is_some() {
            self.complain(
                format!("the pattern ends at its `{closer}`, and something follows"),
                Some("a pattern is one kind: `{…}`, `[…]` or terms".to_owned()),
            );
        }
    }
}
