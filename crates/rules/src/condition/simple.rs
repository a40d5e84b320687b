//! What a condition asks that needs no interpreter.
//!
//! Nearly every condition compares a few texts of the event with a few texts of the rule. [`Simple`] answers those from where the
//! event stands, without making a value of anything. It says `true` or `false` only where CEL would say the same; of whatever else
//! there is, a field that is missing, a number, a loop, it says nothing, and CEL is asked, which also knows how to say what is wrong.
//! A test holds the one against the other.

use super::places::Place;
use super::scope::{Scope, VARIABLES};
use crate::event::Found;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use context::glob_matches;
use json_scan::Value as Raw;
use regex_automata::meta::Regex;
use serde_json::Value as Tree;
use std::borrow::Cow;
use std::sync::OnceLock;

/// A condition as far as it is simple.
pub(super) enum Simple {
    Constant(bool),
    Not(Box<Simple>),
    And(Box<(Simple, Simple)>),
    Or(Box<(Simple, Simple)>),
    /// Whether something stands at a place.
    Has(Names),
    /// The truth value at a place.
    Holds(Names),
    /// Whether the text at a place is one of these.
    IsOneOf(Names, Box<[Box<str>]>),
    StartsWith(Names, Box<str>),
    EndsWith(Names, Box<str>),
    Contains(Names, Box<str>),
    Matches(Names, Box<Expression>),
    /// Whether a glob of the named list matches the text at a place.
    IsIn(Names, Box<str>),
    /// Whether one of these globs does.
    Globs(Names, Box<[Box<str>]>),
    /// CEL has to be asked.
    Other,
}

/// A place's names, taken apart once.
pub(super) struct Names {
    root: Box<str>,
    /// None for the variable as a whole.
    rest: Box<[Box<str>]>,
}

/// A regular expression, compiled when it is first asked.
pub(super) struct Expression {
    text: Box<str>,
    compiled: OnceLock<Option<Regex>>,
}

impl Simple {
    /// Of an expression whose names are checked and whose places have names of their own.
    pub(super) fn of(expression: &IdedExpr) -> Self {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(truth)) => Simple::Constant(*truth.inner()),
            Expr::Ident(name) => match Place::of(name) {
                Some(place) if place.presence => Simple::Has(Names::of(place)),
                _ => Names::of_value(&expression.expr).map_or(Simple::Other, Simple::Holds),
            },
            Expr::Call(call) => Self::of_call(call).unwrap_or(Simple::Other),
            _ => Simple::Other,
        }
    }

    fn of_call(call: &CallExpr) -> Option<Self> {
        let both = |left: &IdedExpr, right: &IdedExpr| Box::new((Self::of(left), Self::of(right)));
        let place = |of: &IdedExpr| Names::of_value(&of.expr);
        Some(match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, None, [of]) => Simple::Not(Box::new(Self::of(of))),
            (operators::LOGICAL_AND, None, [left, right]) => Simple::And(both(left, right)),
            (operators::LOGICAL_OR, None, [left, right]) => Simple::Or(both(left, right)),
            (operators::EQUALS, None, [left, right]) => equality(left, right)?,
            (operators::NOT_EQUALS, None, [left, right]) => Simple::Not(Box::new(equality(left, right)?)),
            (operators::IN, None, [of, list]) => Simple::IsOneOf(place(of)?, texts(list)?),
            ("startsWith", Some(of), [with]) => Simple::StartsWith(place(of)?, text(with)?.into()),
            ("endsWith", Some(of), [with]) => Simple::EndsWith(place(of)?, text(with)?.into()),
            ("contains", Some(of), [what]) => Simple::Contains(place(of)?, text(what)?.into()),
            ("matches", Some(of), [expression]) => {
                let expression = Expression { text: text(expression)?.into(), compiled: OnceLock::new() };
                Simple::Matches(place(of)?, Box::new(expression))
            }
            ("glob_any", None, [of, globs]) => match texts(globs) {
                Some(globs) => Simple::Globs(place(of)?, globs),
                None => Simple::IsIn(place(of)?, list(globs)?.into()),
            },
            _ => return None,
        })
    }

    /// What CEL would say, if this can tell.
    pub(super) fn holds(&self, scope: &Scope<'_>) -> Option<bool> {
        match self {
            Simple::Other => None,
            Simple::Constant(truth) => Some(*truth),
            Simple::Not(of) => of.holds(scope).map(|truth| !truth),
            // A side that is false makes the whole false, whatever the other is; CEL absorbs its errors too.
            Simple::And(sides) => match sides.0.holds(scope) {
                Some(false) => Some(false),
                Some(true) => sides.1.holds(scope),
                None => sides.1.holds(scope).filter(|right| !right),
            },
            Simple::Or(sides) => match sides.0.holds(scope) {
                Some(true) => Some(true),
                Some(false) => sides.1.holds(scope),
                None => sides.1.holds(scope).filter(|right| *right),
            },
            Simple::Has(names) => Some(scope.find(&names.root, names.rest())?.is_ok()),
            Simple::Holds(names) => match names.find(scope)? {
                Found::Raw(Raw::True) | Found::Tree(Tree::Bool(true)) => Some(true),
                Found::Raw(Raw::False) | Found::Tree(Tree::Bool(false)) => Some(false),
                _ => None,
            },
            Simple::IsOneOf(names, texts) => {
                let text = names.text(scope)?;
                Some(texts.iter().any(|one| **one == *text))
            }
            Simple::StartsWith(names, with) => Some(names.text(scope)?.starts_with(&**with)),
            Simple::EndsWith(names, with) => Some(names.text(scope)?.ends_with(&**with)),
            Simple::Contains(names, what) => Some(names.text(scope)?.contains(&**what)),
            Simple::Matches(names, expression) => {
                let compiled = expression.compiled.get_or_init(|| Regex::new(&expression.text).ok());
                Some(compiled.as_ref()?.is_match(&*names.text(scope)?))
            }
            Simple::IsIn(names, list) => {
                let list = scope.list(list)?;
                let text = names.text(scope)?;
                Some(list.globs().iter().any(|glob| glob_matches(glob, &text)))
            }
            Simple::Globs(names, globs) => {
                let text = names.text(scope)?;
                Some(globs.iter().any(|glob| glob_matches(glob, &text)))
            }
        }
    }
}

impl Names {
    fn of(place: Place<'_>) -> Self {
        Names { root: place.root.into(), rest: place.names().map(Into::into).collect() }
    }

    /// Of an expression that stands for the value at a place.
    fn of_value(expression: &Expr) -> Option<Self> {
        let Expr::Ident(name) = expression else { return None };
        match Place::of(name) {
            Some(place) => (!place.presence).then(|| Names::of(place)),
            None => VARIABLES
                .contains(&name.as_str())
                .then(|| Names { root: name.as_str().into(), rest: Box::default() }),
        }
    }

    fn rest(&self) -> impl Iterator<Item = &str> + Clone {
        self.rest.iter().map(|name| &**name)
    }

    fn find<'a>(&self, scope: &Scope<'a>) -> Option<Found<'a>> {
        scope.find(&self.root, self.rest())?.ok()
    }

    fn text<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, str>> {
        self.find(scope)?.text()
    }
}

/// `place == 'text'`, either way round.
fn equality(left: &IdedExpr, right: &IdedExpr) -> Option<Simple> {
    let (names, other) = match Names::of_value(&left.expr) {
        Some(names) => (names, right),
        None => (Names::of_value(&right.expr)?, left),
    };
    Some(Simple::IsOneOf(names, Box::new([text(other)?.into()])))
}

fn text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// A list of nothing but texts.
fn texts(expression: &IdedExpr) -> Option<Box<[Box<str>]>> {
    match &expression.expr {
        Expr::List(list) => list.elements.iter().map(|element| text(element).map(Into::into)).collect(),
        _ => None,
    }
}

/// The name of one of the configuration's lists.
fn list(expression: &IdedExpr) -> Option<&str> {
    let Expr::Ident(name) = &expression.expr else { return None };
    let place = Place::of(name).filter(|place| !place.presence && place.root == "lists")?;
    let mut names = place.names();
    names.next().filter(|_| names.next().is_none())
}
