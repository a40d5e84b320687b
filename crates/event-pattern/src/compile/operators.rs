//! Match expressions: the objects in a field's list, one operator each.

use super::nearest::nearest;
use super::{Compiler, Step};
use crate::address::AddressRange;
use crate::error::ErrorKind;
use crate::fold::IgnoreCase;
use crate::json::{Kind, Token};
use crate::number::comparable;
use crate::term::{Bound, NumericRange, Term};
use crate::wildcard::Wildcard;

const ONE_KEY: &str = "Only one key allowed in match expression";
pub(super) const ONE_KEY_HINT: &str =
    "terms are alternatives, one operator each: `[{\"prefix\": \"a\"}, {\"suffix\": \"z\"}]`";
pub(super) const TOO_MANY: &str = "Too many elements in numeric expression";

impl<'a> Compiler<'a> {
    /// Reads a match expression whose brace was read. `None` means that a mistake was reported and stepped over.
    pub(super) fn expression(&mut self) -> Step<Option<Term>> {
        let outside = self.depth - 1;
        let term = self.operator()?;
        self.in_list = false;
        if term.is_none() {
            self.skip_to(outside)?;
        }
        Ok(term)
    }

    fn operator(&mut self) -> Step<Option<Term>> {
        let name = self.next()?;
        if name.kind != Kind::Name {
            let hint = "write an operator: `{\"prefix\": \"value\"}`";
            return self.refuse(ErrorKind::Operator, "Match expression name not found", hint);
        }
        match name.text.as_str() {
            "exactly" => self.plain("exact", |text| Term::Equals(text.into())),
            "prefix" => self.affix("prefix", |text| Term::Prefix(text.into()), Term::PrefixIgnoreCase),
            "suffix" => self.affix("suffix", |text| Term::Suffix(text.into()), Term::SuffixIgnoreCase),
            "equals-ignore-case" => {
                self.plain("equals-ignore-case", |text| Term::EqualsIgnoreCase(IgnoreCase::new(text)))
            }
            "wildcard" => self.wildcard(),
            "numeric" => self.numeric(),
            "exists" => self.exists(),
            "cidr" => self.cidr(),
            "anything-but" => self.anything_but(),
            unknown => {
                let hint = nearest(unknown);
                self.refuse(ErrorKind::Operator, format!("Unrecognized match type {unknown}"), hint)
            }
        }
    }

    /// An operator whose operand is a string.
    fn plain(&mut self, name: &str, term: impl FnOnce(&str) -> Term) -> Step<Option<Term>> {
        let operand = self.next()?;
        if operand.kind != Kind::String {
            return self.not_a_string(name, operand);
        }
        let term = term(self.text(operand)?);
        self.close(term)
    }

    fn not_a_string(&mut self, name: &str, operand: &Token) -> Step<Option<Term>> {
        let hint = (operand.kind == Kind::StartArray)
            .then(|| "this operator takes one string: write one expression for each value".to_owned());
        self.refuse(ErrorKind::Operand, format!("{name} match pattern must be a string"), hint)
    }

    /// The end of an expression with one key.
    fn close(&mut self, term: Term) -> Step<Option<Term>> {
        if self.next()?.kind == Kind::EndObject {
            Ok(Some(term))
        } else {
            self.refuse(ErrorKind::Operator, ONE_KEY, ONE_KEY_HINT)
        }
    }

    /// `prefix` or `suffix`, whose operand may be an `equals-ignore-case` expression.
    fn affix(
        &mut self,
        name: &str,
        exact: fn(&str) -> Term,
        ignoring: fn(IgnoreCase) -> Term,
    ) -> Step<Option<Term>> {
        let operand = self.next()?;
        match operand.kind {
            Kind::String => {
                let term = exact(self.text(operand)?);
                self.close(term)
            }
            Kind::StartObject => {
                let inner = self.next()?;
                if inner.kind != Kind::Name {
                    let upper = if name == "prefix" { "Prefix" } else { "Suffix" };
                    let hint = format!("write `{{\"{name}\": \"value\"}}`");
                    return self.refuse(
                        ErrorKind::Operand,
                        format!("{upper} expression name not found"),
                        hint,
                    );
                }
                if inner.text != "equals-ignore-case" {
                    return self.refuse(
                        ErrorKind::Operand,
                        format!("Unsupported {name} pattern: {}", inner.text),
                        format!("inside `{name}` only `equals-ignore-case` is known"),
                    );
                }
                let operand = self.next()?;
                if operand.kind != Kind::String {
                    return self.not_a_string("equals-ignore-case", operand);
                }
                let term = ignoring(IgnoreCase::new(self.text(operand)?));
                if self.next()?.kind == Kind::EndObject {
                    self.close(term)
                } else {
                    self.refuse(ErrorKind::Operator, ONE_KEY, ONE_KEY_HINT)
                }
            }
            _ => self.not_a_string(name, operand),
        }
    }

    fn wildcard(&mut self) -> Step<Option<Term>> {
        let operand = self.next()?;
        if operand.kind != Kind::String {
            return self.not_a_string("wildcard", operand);
        }
        match Wildcard::parse(self.text(operand)?) {
            Ok(wildcard) => self.close(Term::Wildcard(wildcard)),
            Err(error) => self.refuse(ErrorKind::Operand, error.to_string(), WILDCARD_HINT),
        }
    }

    fn exists(&mut self) -> Step<Option<Term>> {
        let term = match self.next()?.kind {
            Kind::True => Term::Exists,
            Kind::False => Term::Absent,
            _ => {
                let message = "exists match pattern must be either true or false.";
                return self.refuse(ErrorKind::Operand, message, "write `true` or `false` without quotes");
            }
        };
        self.close(term)
    }

    fn cidr(&mut self) -> Step<Option<Term>> {
        let operand = self.next()?;
        if operand.kind != Kind::String {
            // The service's text does speak of a prefix.
            return self.not_a_string("prefix", operand);
        }
        let text = self.text(operand)?;
        match AddressRange::block(text) {
            Ok(range) => self.close(Term::Cidr(range)),
            Err(error) => {
                let hint = match text.rsplit_once('/') {
                    None => format!("write the number of mask bits: `{text}/24`"),
                    Some((address, "32" | "128")) => {
                        format!("a single address is an exact value: `[\"{address}\"]`")
                    }
                    Some(_) => "write a block like `10.0.0.0/8` or `2001:db8::/32`".to_owned(),
                };
                self.barf_unlocated(ErrorKind::Operand, error.to_string(), hint);
                Ok(None)
            }
        }
    }

    fn numeric(&mut self) -> Step<Option<Term>> {
        if self.next()?.kind != Kind::StartArray {
            let hint = "write `[\"=\", 5]` or `[\">\", 0, \"<=\", 5]`";
            return self.refuse(ErrorKind::Operand, "Value of numeric must be an array.", hint);
        }
        let operator = self.next()?;
        if operator.kind != Kind::String {
            let message = format!("Invalid member in numeric match: {}", self.shown(operator)?);
            return self.refuse(ErrorKind::Operand, message, "an operator comes first: `[\">\", 0]`");
        }
        let operator = self.text(operator)?;
        let value = self.next()?;
        let name = match operator {
            "=" => "equals",
            ">" | ">=" | "<" | "<=" => operator,
            _ => {
                let hint = match operator {
                    "!=" => "write `{\"anything-but\": 5}`",
                    "==" => "write `=`",
                    _ => "the operators are `=`, `<`, `<=`, `>` and `>=`",
                };
                return self.refuse(
                    ErrorKind::Operand,
                    format!("Unrecognized numeric range operator: {operator}"),
                    hint,
                );
            }
        };
        if !is_number(value) {
            return self.not_numeric(name);
        }
        let after = self.next()?;
        let range = if after.kind == Kind::EndArray {
            let Some(value) = self.comparable(&value.text) else { return Ok(None) };
            let open = Some(Bound { value, inclusive: false });
            let closed = Some(Bound { value, inclusive: true });
            match operator {
                "=" => NumericRange { low: closed, high: closed },
                ">" => NumericRange { low: open, high: None },
                ">=" => NumericRange { low: closed, high: None },
                "<" => NumericRange { low: None, high: open },
                _ => NumericRange { low: None, high: closed },
            }
        } else if matches!(operator, ">" | ">=") {
            match self.upper_end(after)? {
                None => return Ok(None),
                Some((top, inclusive)) => {
                    let Some(low) = self.comparable(&value.text) else { return Ok(None) };
                    let Some(high) = self.comparable(&top.text) else { return Ok(None) };
                    if low >= high {
                        let hint = "for one value write `[\"=\", n]`; otherwise the lower end comes first";
                        return self.refuse(ErrorKind::Operand, "Bottom must be less than top", hint);
                    }
                    NumericRange {
                        low: Some(Bound { value: low, inclusive: operator == ">=" }),
                        high: Some(Bound { value: high, inclusive }),
                    }
                }
            }
        } else {
            let hint = "a range begins with its lower end: `[\">\", 0, \"<\", 5]`";
            return self.refuse(ErrorKind::Operand, TOO_MANY, hint);
        };
        if self.next()?.kind == Kind::EndObject {
            Ok(Some(Term::Numeric(range)))
        } else {
            self.refuse(ErrorKind::Operator, TOO_MANY, ONE_KEY_HINT)
        }
    }

    /// Reads the upper end of a range; its operator is the current token.
    fn upper_end(&mut self, operator: &'a Token) -> Step<Option<(&'a Token, bool)>> {
        if operator.kind != Kind::String {
            let message = format!("Bad value in numeric range: {}", self.shown(operator)?);
            return self.refuse(ErrorKind::Operand, message, "a range is `[\">\", 0, \"<\", 5]`");
        }
        let operator = self.text(operator)?;
        if !matches!(operator, "<" | "<=") {
            let hint = "the upper end of a range has `<` or `<=`";
            return self.refuse(ErrorKind::Operand, format!("Bad numeric range operator: {operator}"), hint);
        }
        let top = self.next()?;
        if !is_number(top) {
            return self.not_numeric(operator);
        }
        if self.next()?.kind != Kind::EndArray {
            let hint = "a range has two ends; write several expressions for several ranges";
            return self.refuse(ErrorKind::Operand, "Too many terms in numeric range expression", hint);
        }
        Ok(Some((top, operator == "<=")))
    }

    fn not_numeric<T>(&mut self, name: &str) -> Step<Option<T>> {
        self.refuse(
            ErrorKind::Operand,
            format!("Value of {name} must be numeric"),
            "write a number without quotes",
        )
    }

    /// The value of a number, or a complaint that says where.
    fn comparable(&mut self, text: &str) -> Option<f64> {
        let value = comparable(text);
        if value.is_none() {
            self.barf(ErrorKind::Operand, cannot_compare(text), INCOMPARABLE_HINT);
        }
        value
    }

    /// What the service prints for a token.
    fn shown(&mut self, token: &'a Token) -> Step<&'a str> {
        if token.kind == Kind::String { self.text(token) } else { Ok(&token.text) }
    }

    /// Complains, and says that there is no term.
    pub(super) fn refuse<T>(
        &mut self,
        kind: ErrorKind,
        message: impl Into<String>,
        hint: impl super::Hint,
    ) -> Step<Option<T>> {
        self.barf(kind, message, hint);
        Ok(None)
    }
}

pub(super) const WILDCARD_HINT: &str =
    "one star stands for any run of characters; write `\\\\*` for a star and `\\\\\\\\` for a backslash";
pub(super) const INCOMPARABLE_HINT: &str =
    "only numbers that a double holds exactly can be compared; an identifier may be a string in the event";

pub(super) fn cannot_compare(text: &str) -> String {
    format!("Cannot compare number : {text}")
}

fn is_number(token: &Token) -> bool {
    matches!(token.kind, Kind::Integer | Kind::Float)
}
