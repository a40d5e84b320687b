//! Whether every name in an expression exists: variables, their known fields, lists, hours, functions.
//!
//! CEL finds an unknown name only when it comes upon it, perhaps at night in the one event that matters. The syntax
//! tree knows which names are meant; the text is searched for where they stand.

use super::functions::FUNCTIONS;
use super::scope::{VARIABLES, fields_of};
use super::{Fault, FaultKind, children};
use crate::nearest::nearest;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use context::Context;
use std::ops::Range;

/// Names of types, which `type(x) == int` compares with.
const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "uint"];

pub(super) fn check(text: &str, expression: &IdedExpr, context: &Context) -> Vec<Fault> {
    let mut names = Names { words: words(text), context, bound: Vec::new(), faults: Vec::new(), text };
    names.visit(expression);
    if let Some(message) = never_true_or_false(&expression.expr) {
        names.fault(FaultKind::Expression, message.to_owned(), Some(0..text.len()), None);
    }
    names.faults.sort_by_key(|fault| fault.range.start);
    names.faults.dedup();
    names.faults
}

/// The names after `lists.` in an expression's text.
pub(super) fn lists(text: &str) -> impl Iterator<Item = &str> {
    let words = words(text);
    let found: Vec<&str> = words
        .windows(2)
        .filter_map(|pair| match pair {
            [root, name] if root.text == "lists" && !root.after_dot && name.after_dot => Some(name.text),
            _ => None,
        })
        .collect();
    found.into_iter()
}

fn never_true_or_false(expression: &Expr) -> Option<&'static str> {
    match expression {
        Expr::Literal(LiteralValue::Boolean(_)) => Some("the expression says the same of every event"),
        Expr::Literal(_) | Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => {
            Some("the expression gives no true or false")
        }
        Expr::Call(call)
            if matches!(
                call.func_name.as_str(),
                operators::ADD
                    | operators::SUBSTRACT
                    | operators::MULTIPLY
                    | operators::DIVIDE
                    | operators::MODULO
                    | operators::NEGATE
                    | "size"
                    | "cidr_size"
                    | "cidr_prefix"
                    | "url_decode"
                    | "string"
                    | "int"
            ) =>
        {
            Some("the expression gives no true or false: compare it with something")
        }
        _ => None,
    }
}

struct Names<'t> {
    text: &'t str,
    words: Vec<Word<'t>>,
    context: &'t Context,
    /// Variables of the comprehensions around.
    bound: Vec<String>,
    faults: Vec<Fault>,
}

impl Names<'_> {
    fn visit(&mut self, expression: &IdedExpr) {
        match &expression.expr {
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => {
                if let Expr::Ident(root) = &select.operand.expr
                    && !self.bound.contains(root)
                {
                    self.field(root, &select.field);
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(loops) => {
                // A loop in a loop over the whole event takes the square of what an attacker may put there; one over a part of
                // the outer loop's element takes no more steps than the event has parts.
                if !self.bound.is_empty() && self.mentions_event(&loops.iter_range) {
                    let message = "a loop inside a loop goes over the event again".to_owned();
                    let help = "let it go over a part of the outer loop's element, as in `a.exists(x, x.b.exists(y, …))`";
                    self.fault(FaultKind::Expression, message, None, Some(help.to_owned()));
                }
                self.visit(&loops.iter_range);
                self.visit(&loops.accu_init);
                let outside = self.bound.len();
                self.bound.push(loops.iter_var.clone());
                self.bound.push(loops.accu_var.clone());
                self.bound.extend(loops.iter_var2.clone());
                for part in [&loops.loop_cond, &loops.loop_step, &loops.result] {
                    self.visit(part);
                }
                self.bound.truncate(outside);
                return;
            }
            _ => {}
        }
        for child in children(expression) {
            self.visit(child);
        }
    }

    fn variable(&mut self, name: &str) {
        let known = VARIABLES.contains(&name)
            || TYPES.contains(&name)
            || self.bound.iter().any(|bound| bound == name);
        if known {
            return;
        }
        let range = self
            .words
            .iter()
            .find(|word| word.text == name && !word.after_dot)
            .map(|word| word.range.clone());
        let visible = VARIABLES.into_iter().filter(|variable| !variable.starts_with('@'));
        let help = match nearest(name, visible.clone()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!(
                "an expression can use {}; a field of the record is `detail.{name}`",
                visible.collect::<Vec<_>>().join(", ")
            ),
        };
        self.fault(FaultKind::Name, format!("there is no variable `{name}`"), range, Some(help));
    }

    fn field(&mut self, root: &str, field: &str) {
        let pair = self.words.windows(2).find_map(|pair| match pair {
            [first, second]
                if first.text == root && !first.after_dot && second.after_dot && second.text == field =>
            {
                Some(second.range.clone())
            }
            _ => None,
        });
        if root == "lists" && self.context.lists().get(field).is_none() {
            let help = match nearest(field, self.context.lists().names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("define it under `lists:` in the configuration: `{field}: [name-*]`"),
            };
            self.fault(FaultKind::List, format!("there is no list `{field}`"), pair, Some(help));
        } else if let Some(known) = fields_of(root)
            && !known.contains(&field)
        {
            let help = nearest(field, known.iter().copied()).map_or_else(
                || format!("it has {}", known.join(", ")),
                |meant| format!("did you mean `{meant}`?"),
            );
            self.fault(FaultKind::Name, format!("`{root}` has no `{field}`"), pair, Some(help));
        }
    }

    fn call(&mut self, call: &CallExpr) {
        let name = call.func_name.as_str();
        let operator = name.starts_with(['_', '@', '!', '-']);
        if operator {
            // Looking a value up in a list is a loop as well, but for one over a list of the configuration.
            if name == operators::IN
                && !self.bound.is_empty()
                && let [_, of] = call.args.as_slice()
                && self.mentions_event(of)
            {
                let message = "`in` inside a loop goes over the event again".to_owned();
                let help = "ask it outside of the loop, or of a part of the loop's element".to_owned();
                self.fault(FaultKind::Expression, message, None, Some(help));
            }
            return;
        }
        let range =
            self.words.iter().find(|word| word.text == name && word.called).map(|word| word.range.clone());
        let Some((_, least, most)) = FUNCTIONS.iter().find(|(known, _, _)| *known == name) else {
            let help = nearest(name, FUNCTIONS.iter().map(|(known, _, _)| *known))
                .map(|meant| format!("did you mean `{meant}`?"));
            self.fault(FaultKind::Name, format!("there is no function `{name}`"), range, help);
            return;
        };
        let arguments = call.args.len() + usize::from(call.target.is_some());
        if !(*least..=*most).contains(&arguments) {
            let message = format!("`{name}` takes {}, not {arguments}", counted(*least, *most));
            self.fault(FaultKind::Expression, message, range, None);
            return;
        }
        match (name, call.args.as_slice()) {
            ("in_hours", [.., IdedExpr { expr: Expr::Literal(LiteralValue::String(hours)), .. }])
                if self.context.hours().get(hours.inner()).is_none() =>
            {
                let hours = hours.inner();
                let help = match nearest(hours, self.context.hours().names()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!(
                        "define them under `hours:` in the configuration, as `{hours}: {{ days: mon-fri, … }}`"
                    ),
                };
                self.fault(FaultKind::Hours, format!("there are no hours `{hours}`"), range, Some(help));
            }
            ("matches", [.., IdedExpr { expr: Expr::Literal(LiteralValue::String(regex)), .. }]) => {
                if let Err(error) = regex_automata::meta::Regex::new(regex.inner()) {
                    // The parser's own words end in the sentence that says what is wrong.
                    let error = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
                    let reason = error.lines().last().unwrap_or_default();
                    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                    let message = format!("the regular expression cannot be read: {reason}");
                    self.fault(FaultKind::Expression, message, range, None);
                }
            }
            ("matches", [.., _]) => {
                let help =
                    "write it as a text, such as `detail.eventName.matches('^(Stop|Delete)')`".to_owned();
                let message = "a regular expression cannot come from the event".to_owned();
                self.fault(FaultKind::Expression, message, range, Some(help));
            }
            _ => {}
        }
    }

    /// Whether an expression reads anything but the variables of the loops around it, and lists.
    fn mentions_event(&self, expression: &IdedExpr) -> bool {
        let mut open = vec![expression];
        while let Some(expression) = open.pop() {
            match &expression.expr {
                Expr::Ident(name) if name != "lists" && !self.bound.contains(name) => return true,
                _ => open.extend(children(expression)),
            }
        }
        false
    }

    fn fault(&mut self, kind: FaultKind, message: String, range: Option<Range<usize>>, help: Option<String>) {
        let range = range.unwrap_or(0..self.text.len());
        self.faults.push(Fault { kind, message, range, help });
    }
}

fn counted(least: usize, most: usize) -> String {
    let arguments = if most == 1 { "argument" } else { "arguments" };
    if least == most { format!("{least} {arguments}") } else { format!("{least} to {most} {arguments}") }
}

/// An identifier in an expression's text.
struct Word<'t> {
    text: &'t str,
    range: Range<usize>,
    after_dot: bool,
    called: bool,
}

/// The identifiers outside string literals and comments, in order.
fn words(text: &str) -> Vec<Word<'_>> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    let mut dot = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => {
                let quote = *byte;
                let triple = bytes.get(at..at + 3).is_some_and(|three| three.iter().all(|b| *b == quote));
                at += if triple { 3 } else { 1 };
                while let Some(byte) = bytes.get(at) {
                    if *byte == b'\\' {
                        at += 2;
                        continue;
                    }
                    let closes = *byte == quote
                        && (!triple
                            || bytes.get(at..at + 3).is_some_and(|three| three.iter().all(|b| *b == quote)));
                    at += 1;
                    if closes {
                        at += if triple { 2 } else { 0 };
                        break;
                    }
                }
                dot = false;
            }
            byte if byte.is_ascii_alphabetic() || *byte == b'_' => {
                let length = bytes.get(at..).unwrap_or_default().iter();
                let length = length.take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
                let range = at..at + length;
                at += length;
                let called = text.get(at..).unwrap_or_default().trim_start().starts_with('(');
                let word = text.get(range.clone()).unwrap_or_default();
                words.push(Word { text: word, range, after_dot: dot, called });
                dot = false;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes.get(at..).unwrap_or_default().iter().take_while(|byte| **byte != b'\n').count();
            }
            byte => {
                if !byte.is_ascii_whitespace() {
                    dot = *byte == b'.';
                }
                at += 1;
            }
        }
    }
    words
}
