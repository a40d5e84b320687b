//! Which places of an event an expression asks for, so that only those are made into values.
//!
//! CEL resolves `detail.requestParameters.name` from the value of `detail`, all of it. After names are checked each such chain is
//! one name of its own, [`Place`], and `has(…)` of one another, so the scope is asked for what is wanted and for nothing else.
//! A chain that a loop's variable begins is left alone: the loop's list is a place already.

use super::functions::PRESENT;
use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};

/// The variables of which parts are worth asking for alone.
const ROOTS: [&str; 6] = ["detail", "event", "principal", "account", "lists", "source"];

/// Before a place whose value is wanted, and one whose presence is. No CEL identifier can be written so.
const VALUE: &str = "@value";
const PRESENCE: &str = "@has";

/// Between names. A member name may hold anything else; one that holds this is looked up the long way.
const BETWEEN: char = '\u{1f}';

/// A variable's name taken apart again.
#[derive(Clone, Copy)]
pub(super) struct Place<'n> {
    /// Whether only its presence is asked.
    pub(super) presence: bool,
    /// One of the variables.
    pub(super) root: &'n str,
    rest: &'n str,
}

impl<'n> Place<'n> {
    /// The place a name stands for, if it stands for one.
    pub(super) fn of(name: &'n str) -> Option<Self> {
        let (what, place) = name.strip_prefix('@')?.split_once(BETWEEN)?;
        let (root, rest) = place.split_once(BETWEEN)?;
        Some(Place { presence: what == &PRESENCE[1..], root, rest })
    }

    /// The names after the root, at least one.
    pub(super) fn names(self) -> impl Iterator<Item = &'n str> + Clone {
        self.rest.split(BETWEEN)
    }
}

/// Gives each chain of names its own name.
pub(super) fn rewrite(expression: &mut IdedExpr, bound: &mut Vec<String>) {
    if let Some(place) = place(&expression.expr, bound) {
        expression.expr = Expr::Ident(place);
        return;
    }
    match &mut expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Call(call) => {
            call.target
                .as_deref_mut()
                .into_iter()
                .chain(&mut call.args)
                .for_each(|part| rewrite(part, bound));
        }
        Expr::Comprehension(loops) => {
            rewrite(&mut loops.iter_range, bound);
            rewrite(&mut loops.accu_init, bound);
            let outside = bound.len();
            bound.push(loops.iter_var.clone());
            bound.push(loops.accu_var.clone());
            bound.extend(loops.iter_var2.clone());
            for part in [&mut loops.loop_cond, &mut loops.loop_step, &mut loops.result] {
                rewrite(part, bound);
            }
            bound.truncate(outside);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(|element| rewrite(element, bound)),
        Expr::Select(select) => rewrite(&mut select.operand, bound),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| rewrite_entry(&mut entry.expr, bound)),
        Expr::Struct(structure) => {
            structure.entries.iter_mut().for_each(|entry| rewrite_entry(&mut entry.expr, bound));
        }
    }
}

fn rewrite_entry(entry: &mut EntryExpr, bound: &mut Vec<String>) {
    match entry {
        EntryExpr::MapEntry(entry) => {
            rewrite(&mut entry.key, bound);
            rewrite(&mut entry.value, bound);
        }
        EntryExpr::StructField(field) => rewrite(&mut field.value, bound),
    }
}

/// The name of the place an expression stands for as a whole.
fn place(expression: &Expr, bound: &[String]) -> Option<String> {
    let (what, chain, mut names) = match expression {
        Expr::Call(call) if call.func_name == PRESENT => {
            let [base, IdedExpr { expr: Expr::List(list), .. }] = call.args.as_slice() else { return None };
            let names: Option<Vec<&str>> =
                list.elements.iter().rev().map(|name| literal(&name.expr)).collect();
            (PRESENCE, &base.expr, names?)
        }
        _ => (VALUE, expression, Vec::new()),
    };
    let root = chain_of(chain, &mut names)?;
    let usable = ROOTS.contains(&root) && !bound.iter().any(|name| name == root) && !names.is_empty();
    if !usable || names.iter().any(|name| name.contains(BETWEEN)) {
        return None;
    }
    let mut place = what.to_owned();
    for name in std::iter::once(root).chain(names.into_iter().rev()) {
        place.push(BETWEEN);
        place.push_str(name);
    }
    Some(place)
}

/// The variable a chain begins with, and its names, last one first.
fn chain_of<'e>(mut at: &'e Expr, names: &mut Vec<&'e str>) -> Option<&'e str> {
    loop {
        match at {
            Expr::Ident(root) => return Some(root),
            Expr::Select(select) if !select.test => {
                names.push(&select.field);
                at = &select.operand.expr;
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [of, index] = call.args.as_slice() else { return None };
                names.push(literal(&index.expr)?);
                at = &of.expr;
            }
            _ => return None,
        }
    }
}

fn literal(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}
