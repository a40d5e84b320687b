//! Match expressions: the objects in a field's list, one operator each.

use super::{Compiler, Step};
use crate::address::AddressRange;
use crate::error::ErrorKind;
use crate::fold::IgnoreCase;
use crate::json::{Kind, Token};
use crate::number::comparable;
use crate::term::{AnythingBut, Bound, NumericRange, Term};
use crate::wildcard::Wildcard;

/// The operators the service knows, for "did you mean".
const OPERATORS: &[&str] = &[
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "numeric",
    "cidr",
    "equals-ignore-case",
    "wildcard",
    "exactly",
];

const ONE_KEY: &str = "Only one key allowed in match expression";
const ONE_KEY_HINT: &str =
    "terms are alternatives, one operator each: `[{\"prefix\": \"a\"}, {\"suffix\": \"z\"}]`";
const TOO_MANY: &str = "Too many elements in numeric expression";

/// What stands inside `anything-but`.
#[derive(Clone, Copy, PartialEq)]
enum Excluded {
    Values,
    Prefix,
    Suffix,
    IgnoreCase,
    Wildcard,
}

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

    fn anything_but(&mut self) -> Step<Option<Term>> {
        let mut operand = self.next()?;
        let mut excluded = Excluded::Values;
        if operand.kind == Kind::StartObject {
            let name = self.next()?;
            if name.kind != Kind::Name {
                let hint = "write a value: `{\"anything-but\": \"value\"}`";
                return self.refuse(ErrorKind::Operand, "Anything-But expression name not found", hint);
            }
            excluded = match name.text.as_str() {
                "prefix" => Excluded::Prefix,
                "suffix" => Excluded::Suffix,
                "equals-ignore-case" => Excluded::IgnoreCase,
                "wildcard" => Excluded::Wildcard,
                other => {
                    return self.refuse(
                        ErrorKind::Operand,
                        format!("Unsupported anything-but pattern: {other}"),
                        "inside `anything-but` there are `prefix`, `suffix`, `equals-ignore-case` and `wildcard`",
                    );
                }
            };
            operand = self.next()?;
        }
        let term = match operand.kind {
            Kind::StartArray if excluded == Excluded::Values => self.excluded_values()?,
            Kind::StartArray => self.excluded_list(excluded)?,
            Kind::String | Kind::Integer | Kind::Float if excluded == Excluded::Values => {
                self.excluded_value(operand)?
            }
            Kind::String => {
                let text = self.text(operand)?;
                if self.excluded_text(excluded, text) {
                    self.build(excluded, vec![text.to_owned()])
                } else {
                    None
                }
            }
            Kind::Integer | Kind::Float => {
                self.not_excludable(excluded);
                None
            }
            _ => {
                let message = "Value of anything-but must be an array or single string/number value.";
                return self.refuse(
                    ErrorKind::Operand,
                    message,
                    "to ask that a field is there, write `{\"exists\": true}`",
                );
            }
        };
        let Some(term) = term else { return Ok(None) };
        let ends = if excluded == Excluded::Values { 1 } else { 2 };
        for _ in 0..ends {
            if self.next()?.kind != Kind::EndObject {
                return self.refuse(ErrorKind::Operator, TOO_MANY, ONE_KEY_HINT);
            }
        }
        Ok(Some(term))
    }

    fn excluded_value(&mut self, operand: &'a Token) -> Step<Option<Term>> {
        if operand.kind == Kind::String {
            let text = self.text(operand)?;
            return Ok(Some(Term::AnythingBut(AnythingBut::Strings([text.into()].into()))));
        }
        match comparable(&operand.text) {
            Some(value) => Ok(Some(Term::AnythingBut(AnythingBut::Numbers([value].into())))),
            None => {
                self.barf_unlocated(ErrorKind::Operand, cannot_compare(&operand.text), INCOMPARABLE_HINT);
                Ok(None)
            }
        }
    }

    /// `{"anything-but": [ … ]}`: strings or numbers, not both.
    fn excluded_values(&mut self) -> Step<Option<Term>> {
        let (mut texts, mut numbers): (Vec<Box<str>>, Vec<f64>) = (Vec::new(), Vec::new());
        self.in_list = true;
        loop {
            let entry = self.next()?;
            match entry.kind {
                Kind::EndArray => break,
                Kind::String => texts.push(self.text(entry)?.into()),
                Kind::Integer | Kind::Float => match comparable(&entry.text) {
                    Some(value) => numbers.push(value),
                    None => {
                        self.in_list = false;
                        self.barf(ErrorKind::Operand, cannot_compare(&entry.text), INCOMPARABLE_HINT);
                        return Ok(None);
                    }
                },
                _ => {
                    let message = "Inside anything but list, start|null|boolean is not supported.";
                    return self.refuse(ErrorKind::Operand, message, "list strings, or list numbers");
                }
            }
        }
        self.in_list = false;
        if texts.is_empty() == numbers.is_empty() {
            let message = "Inside anything but list, either all values are number or string, mixed type is not supported";
            return self.refuse(ErrorKind::Operand, message, "list strings, or list numbers");
        }
        Ok(Some(Term::AnythingBut(if numbers.is_empty() {
            AnythingBut::Strings(texts.into())
        } else {
            AnythingBut::Numbers(numbers.into())
        })))
    }

    /// `{"anything-but": {"prefix": [ … ]}}` and its kin.
    fn excluded_list(&mut self, excluded: Excluded) -> Step<Option<Term>> {
        let mut texts = Vec::new();
        self.in_list = true;
        loop {
            let entry = self.next()?;
            match entry.kind {
                Kind::EndArray => break,
                Kind::String => {
                    let text = self.text(entry)?;
                    if excluded != Excluded::Wildcard && !self.excluded_text(excluded, text) {
                        return Ok(None);
                    }
                    texts.push(text.to_owned());
                }
                _ => {
                    self.not_excludable(excluded);
                    return Ok(None);
                }
            }
        }
        self.in_list = false;
        if texts.is_empty() {
            // The service accepts the list and then fails without a word; nothing can be meant by it.
            let message = "Inside anything-but, an empty list is not allowed".to_owned();
            let error = self.error(ErrorKind::Empty, message, "list at least one string");
            self.late.push(error);
            // For the rest of the expression this is a list like any other.
            return Ok(Some(Term::AnythingBut(AnythingBut::Strings(Box::default()))));
        }
        Ok(self.build(excluded, texts))
    }

    fn not_excludable(&mut self, excluded: Excluded) {
        let message = match excluded {
            Excluded::IgnoreCase => {
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
            }
            Excluded::Wildcard => "wildcard match pattern must be a string",
            Excluded::Prefix | Excluded::Suffix | Excluded::Values => {
                "prefix/suffix match pattern must be a string"
            }
        };
        self.barf(ErrorKind::Operand, message, "write a string, or a list of strings");
    }

    /// Complains about a text that cannot be excluded.
    fn excluded_text(&mut self, excluded: Excluded, text: &str) -> bool {
        let empty = text.is_empty() && matches!(excluded, Excluded::Prefix | Excluded::Suffix);
        if empty {
            let hint = "every string begins and ends with the empty string";
            self.barf(ErrorKind::Operand, "Null prefix/suffix not allowed", hint);
        }
        !empty
    }

    fn build(&mut self, excluded: Excluded, mut texts: Vec<String>) -> Option<Term> {
        let mut seen = std::collections::HashSet::new();
        texts.retain(|text| seen.insert(text.clone()));
        let boxed = |texts: Vec<String>| texts.into_iter().map(String::into_boxed_str).collect();
        Some(Term::AnythingBut(match excluded {
            Excluded::Values => AnythingBut::Strings(boxed(texts)),
            Excluded::Prefix => AnythingBut::Prefixes(boxed(texts)),
            Excluded::Suffix => AnythingBut::Suffixes(boxed(texts)),
            Excluded::IgnoreCase => {
                AnythingBut::IgnoreCase(texts.iter().map(|text| IgnoreCase::new(text)).collect())
            }
            Excluded::Wildcard => {
                let mut wildcards = Vec::new();
                for text in &texts {
                    match Wildcard::parse(text) {
                        Ok(wildcard) => wildcards.push(wildcard),
                        Err(error) => {
                            self.barf(ErrorKind::Operand, error.to_string(), WILDCARD_HINT);
                            return None;
                        }
                    }
                }
                AnythingBut::Wildcards(wildcards.into())
            }
        }))
    }

    /// Complains, and says that there is no term.
    fn refuse<T>(
        &mut self,
        kind: ErrorKind,
        message: impl Into<String>,
        hint: impl super::Hint,
    ) -> Step<Option<T>> {
        self.barf(kind, message, hint);
        Ok(None)
    }
}

const WILDCARD_HINT: &str =
    "one star stands for any run of characters; write `\\\\*` for a star and `\\\\\\\\` for a backslash";
const INCOMPARABLE_HINT: &str =
    "only numbers that a double holds exactly can be compared; an identifier may be a string in the event";

fn cannot_compare(text: &str) -> String {
    format!("Cannot compare number : {text}")
}

fn is_number(token: &Token) -> bool {
    matches!(token.kind, Kind::Integer | Kind::Float)
}

/// A hint for an operator that does not exist.
fn nearest(unknown: &str) -> Option<String> {
    let lower = unknown.to_lowercase();
    let known = match lower.as_str() {
        "equals" | "eq" | "is" => return Some("an exact value needs no operator: `[\"value\"]`".to_owned()),
        "regex" | "regexp" | "matches" => {
            return Some("there are no regular expressions; use `wildcard`, `prefix` or `suffix`".to_owned());
        }
        "contains" => return Some("write `{\"wildcard\": \"*text*\"}`".to_owned()),
        "not" | "anything-but-prefix" | "ne" => "anything-but",
        "startswith" | "starts-with" | "begins-with" => "prefix",
        "endswith" | "ends-with" => "suffix",
        "ip-address" | "ip" => "cidr",
        "$or" | "or" => {
            return Some("`$or` stands beside fields, not inside their lists".to_owned());
        }
        _ => {
            let close = OPERATORS.iter().map(|known| (distance(&lower, known), *known)).min()?;
            if close.0 > 3 || close.0 * 2 > close.1.len() {
                return Some(
                    "a list holds values and operators; an object of fields stands outside of it".to_owned(),
                );
            }
            close.1
        }
    };
    Some(format!("did you mean `{known}`?"))
}

/// How many characters must be inserted, removed or changed.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, a) in left.chars().take(40).enumerate() {
        let mut previous = index;
        let mut left_of = index + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&right) {
            let changed = previous + usize::from(a != *b);
            previous = *cell;
            *cell = changed.min(*cell + 1).min(left_of + 1);
            left_of = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
