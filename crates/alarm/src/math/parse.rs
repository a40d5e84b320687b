//! Tokens to a tree.
//!
//! ```text
//! or      := and (('OR' | '||') and)*
//! and     := compare (('AND' | '&&') compare)*
//! compare := sum (('==' | '!=' | '<' | '<=' | '>' | '>=') sum)?
//! sum     := product (('+' | '-') product)*
//! product := sign (('*' | '/') sign)*
//! sign    := '-' sign | power
//! power   := atom ('^' sign)?
//! atom    := number | text | id | NAME '(' or, … ')' | '(' or ')' | '[' or, … ']'
//! ```

use super::MathError;
use super::functions::Function;
use super::token::{Kind, Token, tokens};

/// Nesting beyond this is refused; nobody writes it, and recursion must end.
const DEPTH: usize = 64;
/// More operators are refused: a chain of them makes a tree as deep, which evaluation walks recursively.
const OPERATORS: usize = 200;
/// Longest text of an expression; CloudWatch's own limit is 2,048 characters.
const LENGTH: usize = 10_000;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Number(f64),
    Text(String),
    /// A keyword in argument position: `REPEAT`, `DESC`, …
    Keyword(String),
    Id(String),
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
    List(Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

pub(super) fn parse(id: &str, text: &str) -> Result<Expr, MathError> {
    let fail = |at, problem| MathError::Syntax { id: id.to_owned(), at, problem };
    if text.len() > LENGTH {
        return Err(fail(LENGTH, format!("the expression is longer than {LENGTH} characters")));
    }
    if text.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select")) {
        return Err(MathError::Unsupported("a Metrics Insights query (SELECT …)".to_owned()));
    }
    let tokens = tokens(text).map_err(|(at, problem)| fail(at, problem))?;
    let mut parser = Parser { id, tokens: &tokens, depth: 0, operators: 0 };
    let expr = parser.or()?;
    match parser.next() {
        Token { kind: Kind::End, .. } => Ok(expr),
        other => Err(parser.wrong(&other, "an operator or the end")),
    }
}

struct Parser<'a> {
    id: &'a str,
    tokens: &'a [Token],
    depth: usize,
    operators: usize,
}

const END: Token = Token { at: 0, kind: Kind::End };

impl Parser<'_> {
    fn peek(&self) -> &Kind {
        self.tokens.first().map_or(&END.kind, |token| &token.kind)
    }

    fn next(&mut self) -> Token {
        match self.tokens.split_first() {
            // The end stays in place, so that every later look finds it with its position.
            Some((token, [])) => token.clone(),
            Some((token, rest)) => {
                self.tokens = rest;
                token.clone()
            }
            None => END,
        }
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Kind::Symbol(s) if *s == symbol);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), MathError> {
        let token = self.next();
        match token.kind {
            Kind::Symbol(s) if s == symbol => Ok(()),
            _ => Err(self.wrong(&token, &format!("`{symbol}`"))),
        }
    }

    fn wrong(&self, token: &Token, wanted: &str) -> MathError {
        let found = match &token.kind {
            Kind::Number(value) => format!("`{value}`"),
            Kind::Word(text) | Kind::Text(text) => format!("`{text}`"),
            Kind::Symbol(symbol) => format!("`{symbol}`"),
            Kind::End => "the end".to_owned(),
        };
        MathError::Syntax {
            id: self.id.to_owned(),
            at: token.at,
            problem: format!("found {found}, expected {wanted}"),
        }
    }

    /// A level of operators: `operand (operator operand)*`, from the left.
    fn level(
        &mut self,
        operand: fn(&mut Self) -> Result<Expr, MathError>,
        operator: fn(&Kind) -> Option<Operator>,
    ) -> Result<Expr, MathError> {
        let mut left = operand(self)?;
        while let Some(found) = operator(self.peek()) {
            let token = self.next();
            self.operators += 1;
            if self.operators > OPERATORS {
                return Err(self.wrong(&token, &format!("at most {OPERATORS} operators")));
            }
            left = Expr::Binary(found, Box::new(left), Box::new(operand(self)?));
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Expr, MathError> {
        if self.depth >= DEPTH {
            let token = self.next();
            return Err(self.wrong(&token, "less nesting"));
        }
        self.depth += 1;
        let expr = self.level(Self::and, |kind| match kind {
            Kind::Symbol("||") => Some(Operator::Or),
            Kind::Word(word) if word == "OR" => Some(Operator::Or),
            _ => None,
        });
        self.depth -= 1;
        expr
    }

    fn and(&mut self) -> Result<Expr, MathError> {
        self.level(Self::compare, |kind| match kind {
            Kind::Symbol("&&") => Some(Operator::And),
            Kind::Word(word) if word == "AND" => Some(Operator::And),
            _ => None,
        })
    }

    fn compare(&mut self) -> Result<Expr, MathError> {
        self.level(Self::sum, |kind| match kind {
            Kind::Symbol("==") => Some(Operator::Equal),
            Kind::Symbol("!=") => Some(Operator::NotEqual),
            Kind::Symbol("<") => Some(Operator::Less),
            Kind::Symbol("<=") => Some(Operator::LessOrEqual),
            Kind::Symbol(">") => Some(Operator::Greater),
            Kind::Symbol(">=") => Some(Operator::GreaterOrEqual),
            _ => None,
        })
    }

    fn sum(&mut self) -> Result<Expr, MathError> {
        self.level(Self::product, |kind| match kind {
            Kind::Symbol("+") => Some(Operator::Add),
            Kind::Symbol("-") => Some(Operator::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> Result<Expr, MathError> {
        self.level(Self::sign, |kind| match kind {
            Kind::Symbol("*") => Some(Operator::Multiply),
            Kind::Symbol("/") => Some(Operator::Divide),
            _ => None,
        })
    }

    fn sign(&mut self) -> Result<Expr, MathError> {
        if self.depth >= DEPTH {
            let token = self.next();
            return Err(self.wrong(&token, "less nesting"));
        }
        self.depth += 1;
        let expr = if self.take("-") { self.sign().map(|e| Expr::Negate(Box::new(e))) } else { self.power() };
        self.depth -= 1;
        expr
    }

    fn power(&mut self) -> Result<Expr, MathError> {
        let base = self.atom()?;
        if self.take("^") {
            return Ok(Expr::Binary(Operator::Power, Box::new(base), Box::new(self.sign()?)));
        }
        Ok(base)
    }

    fn atom(&mut self) -> Result<Expr, MathError> {
        let token = self.next();
        match &token.kind {
            Kind::Number(value) => Ok(Expr::Number(*value)),
            Kind::Text(text) => Ok(Expr::Text(text.clone())),
            Kind::Symbol("(") => {
                let inner = self.or()?;
                self.expect(")")?;
                Ok(inner)
            }
            Kind::Symbol("[") => Ok(Expr::List(self.arguments("]")?)),
            Kind::Word(word) if self.take("(") => {
                let function = Function::named(word).map_err(|refusal| match refusal {
                    Some(error) => error,
                    None => self.wrong(&token, "a function of metric math"),
                })?;
                let arguments = self.arguments(")")?;
                let expected = function.arity();
                if !expected.contains(&arguments.len()) {
                    let count = arguments.len();
                    return Err(
                        self.wrong(&token, &format!("{} arguments, not {count}", function.arity_in_words()))
                    );
                }
                Ok(Expr::Call(function, arguments))
            }
            Kind::Word(word) if word.starts_with(|c: char| c.is_ascii_lowercase()) => {
                Ok(Expr::Id(word.clone()))
            }
            Kind::Word(word) => Ok(Expr::Keyword(word.clone())),
            Kind::Symbol(_) | Kind::End => Err(self.wrong(&token, "a number, an id or a function")),
        }
    }

    fn arguments(&mut self, close: &str) -> Result<Vec<Expr>, MathError> {
        let mut arguments = Vec::new();
        if self.take(close) {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.or()?);
            if !self.take(",") {
                self.expect(close)?;
                return Ok(arguments);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_as_arithmetic_does() {
        let tree = parse("e", "1 + m1 * -2 ^ 2 > 3 AND m2 == 0").unwrap();
        let text = format!("{tree:?}");
        let shape: String = text.matches(|c: char| c.is_ascii_alphanumeric()).collect();
        assert!(shape.starts_with("BinaryAndBinaryGreaterBinaryAddNumber10BinaryMultiply"), "{text}");
    }

    #[test]
    fn refuses_with_place_and_hint() {
        let cases = [
            ("m1 +", "at character 4: found the end, expected a number, an id or a function"),
            ("(m1", "expected `)`"),
            ("m1 m2", "found `m2`, expected an operator or the end"),
            ("NOPE(m1)", "found `NOPE`, expected a function of metric math"),
            ("FILL(m1)", "expected 2 arguments, not 1"),
            ("SEARCH('{AWS/EC2}', 'Sum')", "SEARCH is not supported on Metric Alarms."),
            ("ANOMALY_DETECTION_BAND(m1, 2)", "ANOMALY_DETECTION_BAND is not supported"),
            ("SELECT MAX(x) FROM y", "Metrics Insights"),
        ];
        for (text, part) in cases {
            let message = parse("e1", text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn deep_input_is_refused_and_does_not_overflow() {
        for text in
            ["(".repeat(5000), "-".repeat(5000), "[".repeat(5000), "1^".repeat(3000), "1+".repeat(3000) + "1"]
        {
            assert!(parse("e", &text).is_err());
        }
        let chains = "(".repeat(60) + "1" + &("+1".repeat(60) + ")").repeat(60);
        assert!(parse("e", &chains).is_err(), "chains within parentheses add up");
    }
}
