//! `anything-but`: plain values, or one of four operators, each with one operand or a list.

use super::operators::{INCOMPARABLE_HINT, ONE_KEY_HINT, TOO_MANY, WILDCARD_HINT, cannot_compare};
use super::{Compiler, Step};
use crate::error::ErrorKind;
use crate::fold::IgnoreCase;
use crate::json::{Kind, Token};
use crate::number::comparable;
use crate::term::{AnythingBut, Term};
use crate::wildcard::Wildcard;

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
    pub(super) fn anything_but(&mut self) -> Step<Option<Term>> {
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
}
