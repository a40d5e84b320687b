//! Conditions: CEL expressions over a matched event, its principal and the organization.
//!
//! A condition is compiled and checked when the rule is read: names that do not exist, lists that are not defined and
//! functions with the wrong number of arguments are errors then, with their place. Evaluating it cannot fail the
//! program: whatever the event holds, the answer is one of [`Truth`].
//!
//! Two things differ from CEL elsewhere, both because CloudTrail leaves out what a call did not carry, or writes
//! `null` for it. `has(a.b.c)` is false wherever the path ends early, instead of failing when `a.b` is not there. And
//! a condition that needs a field that is not there is [`Truth::Missing`], which counts as false.

mod functions;
mod names;
mod places;
mod policy;
mod scope;
mod simple;

pub(crate) use scope::Scope;

use places::Place;
use simple::Simple;

use crate::event::Absent;
use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr};
use cel::common::types::CelBool;
use cel::{Env, ExecutionError, Value};
use context::Context;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// The longest expression, in bytes.
pub const EXPRESSION_LENGTH_MAX: usize = 4096;

/// The deepest nesting of an expression's brackets. Both this and the next bound the stack an evaluation takes.
const BRACKETS_MAX: u16 = 24;

/// The deepest nesting of an expression's operations: `1 + 1 + 1` is three deep, `a || b || c` two.
const DEPTH_MAX: usize = 48;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(functions::environment()));

/// A compiled CEL expression that is true or false.
#[derive(Clone)]
pub struct Condition {
    text: Arc<str>,
    expression: Arc<IdedExpr>,
    /// What of it can be told without evaluating it.
    simple: Arc<Simple>,
}

/// What an evaluation gives.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truth {
    /// The condition holds.
    True,
    /// It does not.
    False,
    /// It asks for a field that is not there: counts as false. The name is the field's.
    Missing(String),
    /// It cannot be evaluated over this event, such as `cidr_size` of a text that is no address: counts as false.
    Error(String),
}

impl Truth {
    /// Whether the condition holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        *self == Self::True
    }
}

/// One thing wrong with an expression's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) message: String,
    pub(crate) range: Range<usize>,
    pub(crate) help: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Expression,
    Name,
    List,
    Hours,
}

impl Condition {
    /// Compiles an expression, checking its names against the lists and hours of `context`.
    pub(crate) fn compile(text: &str, context: &Context) -> Result<Self, Vec<Fault>> {
        let whole = |message: String| {
            vec![Fault { kind: FaultKind::Expression, message, range: 0..text.len(), help: None }]
        };
        if text.trim().is_empty() {
            return Err(whole("an expression has to say something".to_owned()));
        }
        if text.len() > EXPRESSION_LENGTH_MAX {
            return Err(whole(format!("the expression is longer than {EXPRESSION_LENGTH_MAX} bytes")));
        }
        let parser = cel::parser::PrattParser::new().max_recursion_depth(BRACKETS_MAX);
        let mut expression = parser.parse(text).map_err(|errors| {
            if errors.errors.iter().any(|error| error.msg.contains("recursion limit")) {
                // What else is said of such a text is said of the rest the parser did not read.
                return whole(format!(
                    "the expression has more than {BRACKETS_MAX} brackets inside each other"
                ));
            }
            let faults: Vec<_> = errors.errors.iter().map(|error| syntax_fault(text, error)).collect();
            if faults.is_empty() { whole("the expression cannot be read".to_owned()) } else { faults }
        })?;
        if depth(&expression) > DEPTH_MAX {
            return Err(whole(format!("the expression is nested deeper than {DEPTH_MAX} operations")));
        }
        let faults = names::check(text, &expression, context);
        if !faults.is_empty() {
            return Err(faults);
        }
        functions::rewrite(&mut expression);
        places::rewrite(&mut expression, &mut Vec::new());
        let simple = Arc::new(Simple::of(&expression));
        Ok(Self { text: text.into(), expression: Arc::new(expression), simple })
    }

    /// The expression as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Truth {
        match self.simple.holds(scope) {
            Some(true) => Truth::True,
            Some(false) => Truth::False,
            None => self.interpret(scope),
        }
    }

    /// What CEL says.
    fn interpret(&self, scope: &Scope<'_>) -> Truth {
        let mut context = cel::Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(scope);
        match Value::resolve_val(&self.expression, &context) {
            Ok(value) => match value.downcast_ref::<CelBool>() {
                Some(value) if *value.inner() => Truth::True,
                Some(_) => Truth::False,
                None => Truth::Error(format!(
                    "the expression gives {}, not true or false",
                    value.get_type().name()
                )),
            },
            Err(error) => refused(&error, scope),
        }
    }

    /// The names of the lists it uses.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &str> {
        names::lists(&self.text)
    }
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

/// Whether an evaluation failed for want of a field, or otherwise.
fn refused(error: &ExecutionError, scope: &Scope<'_>) -> Truth {
    match error {
        ExecutionError::UndeclaredReference(name) => {
            let absent = Place::of(name).and_then(|place| scope.absent(place));
            absent.map_or_else(|| Truth::Error(bounded(error)), nothing_there)
        }
        ExecutionError::NoSuchKey(name) => Truth::Missing(name.to_string()),
        ExecutionError::IndexOutOfBounds(_) => {
            Truth::Missing("an element past the end of its list".to_owned())
        }
        ExecutionError::UnexpectedType { got, .. } if got == "null_type" => {
            Truth::Missing("a field that is null".to_owned())
        }
        // What is asked of null is asked of something CloudTrail does not have; and a name looked up in a scalar is
        // a path that ends early.
        ExecutionError::NoSuchOverload(overload) => {
            let lookup = matches!(overload.function(), "_[_]" | "_._" | "_?._");
            let of_scalar = overload
                .argument_types()
                .first()
                .is_some_and(|of| matches!(of.as_str(), "string" | "int" | "uint" | "double" | "bool"));
            if overload.argument_types().iter().any(|of| of == "null_type") {
                Truth::Missing("a field that is null".to_owned())
            } else if lookup && of_scalar {
                Truth::Missing("a field of a single value".to_owned())
            } else {
                Truth::Error(bounded(error))
            }
        }
        other => Truth::Error(bounded(other)),
    }
}

/// What asking for something at a place gives where nothing is.
fn nothing_there(absent: Absent) -> Truth {
    match absent {
        Absent::Name(name) => Truth::Missing(name),
        Absent::Element => Truth::Missing("an element past the end of its list".to_owned()),
        Absent::Null => Truth::Missing("a field that is null".to_owned()),
        Absent::Scalar => Truth::Missing("a field of a single value".to_owned()),
        Absent::List => Truth::Error("a list has no fields: use exists() or [0]".to_owned()),
    }
}

/// Event text may stand in an error: it is held to a line. Of lists and maps the kind is told: their order of members differs from
/// run to run.
fn bounded(error: &ExecutionError) -> String {
    const LENGTH_MAX: usize = 200;
    use ExecutionError as E;
    let text = match error {
        E::FunctionError { function, message } => format!("{function}: {message}"),
        E::UnsupportedBinaryOperator(operator, left, right) => {
            format!("`{operator}` cannot be done to {} and {}", shown(left), shown(right))
        }
        E::ValuesNotComparable(left, right) => {
            format!("{} cannot be compared with {}", shown(left), shown(right))
        }
        E::UnsupportedKeyType(of) => format!("{} cannot be an index", shown(of)),
        E::UnsupportedIndex(index, of) => format!("{} has no element {}", shown(of), shown(index)),
        E::UnsupportedTargetType { target } => format!("{} is not what the function takes", shown(target)),
        E::NotSupportedAsMethod { method, target } => format!("{} has no `{method}`", shown(target)),
        E::DuplicateKey(key) => format!("{} is twice a key", shown(key)),
        error => error.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LENGTH_MAX).collect()
}

/// A single value as it is, anything else by its kind.
fn shown(value: &Value) -> String {
    match value {
        Value::Map(_) | Value::Struct(_) => "a map".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Null => "null".to_owned(),
        single => format!("{single:?}"),
    }
}

fn syntax_fault(text: &str, error: &cel::parser::ParseError) -> Fault {
    let line = usize::try_from(error.pos.0).unwrap_or(1).max(1);
    let column = usize::try_from(error.pos.1).unwrap_or(1).max(1);
    let line_start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let in_line = text.get(line_start..).unwrap_or_default();
    let offset = in_line.char_indices().nth(column - 1).map_or(in_line.trim_end().len(), |(at, _)| at);
    let at = (line_start + offset).min(text.len());
    let end = text.get(at..).and_then(|rest| rest.chars().next()).map_or(at, |c| at + c.len_utf8());
    let message = error.msg.trim().trim_end_matches('.');
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let words = [" and ", " or ", " not "].iter().any(|word| text.contains(word)) || text.starts_with("not ");
    let help = if message.contains("has()") {
        Some(
            "`has` takes a field after a dot; for a name in quotes write `'a.b' in detail.requestParameters`",
        )
    } else {
        words.then_some("CEL writes `&&`, `||` and `!`")
    };
    let help = help.map(str::to_owned);
    Fault { kind: FaultKind::Expression, message: message.to_owned(), range: at..end, help }
}

/// The depth of an expression's tree, without recursion.
fn depth(root: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut open = vec![(root, 1)];
    while let Some((expression, depth)) = open.pop() {
        deepest = deepest.max(depth);
        open.extend(children(expression).into_iter().map(|child| (child, depth + 1)));
    }
    deepest
}

fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(loops) => {
            vec![&loops.iter_range, &loops.accu_init, &loops.loop_cond, &loops.loop_step, &loops.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Map(map) => map.entries.iter().flat_map(entry_children).collect(),
        Expr::Struct(structure) => structure.entries.iter().flat_map(entry_children).collect(),
    }
}

fn entry_children(entry: &IdedEntryExpr) -> Vec<&IdedExpr> {
    match &entry.expr {
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
        EntryExpr::StructField(field) => vec![&field.value],
    }
}

#[cfg(test)]
mod tests;
