//! The functions conditions may call beside CEL's own.
//!
//! | function | gives |
//! |---|---|
//! | `cidr_size(text)` | how many addresses a CIDR block or address holds; at most 2^63 - 1 |
//! | `cidr_prefix(text)` | the length of its prefix |
//! | `glob_any(text, list)` | whether any glob (`*`, `?`) of the list matches the whole text |
//! | `parse_json(text)` | the JSON value in a text |
//! | `url_decode(text)` | the text with `%XX` undone |
//! | `policy_is_admin(policy)` | whether a policy allows everything (JSON text, encoded text or object) |
//! | `policy_is_public(policy)` | whether a policy allows anything to everybody |
//! | `in_hours(name)`, `in_hours(time, name)` | whether the event, or a time, lies in the named hours of the configuration |
//! | `in_change_window()`, `in_change_window(glob)` | whether a change window (whose name the glob matches) is open for the event's account |
//!
//! Asked of `null`, each answers as for a field that is not there.

#![expect(clippy::needless_pass_by_value, reason = "`cel` fixes how its functions are called")]

use super::policy;
use super::scope::{CHANGE_WINDOWS, HOURS, json};
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelInt, CelList, CelMap, CelNull, CelString, DYN_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Env, ExecutionError};
use context::{ChangeWindows, Hours, glob_matches};
use ipnet::IpNet;
use std::any::Any;
use std::net::IpAddr;

/// The largest text that is parsed as JSON or a policy, in bytes.
const TEXT_MAX: usize = 1 << 20;

/// What `has(a.b.c)` becomes: `a` and the names after it.
pub(super) const PRESENT: &str = "@present";

/// Functions and how many arguments they take, the receiver of a method included.
pub(super) const FUNCTIONS: [(&str, usize, usize); 37] = [
    ("cidr_size", 1, 1),
    ("cidr_prefix", 1, 1),
    ("glob_any", 2, 2),
    ("parse_json", 1, 1),
    ("url_decode", 1, 1),
    ("policy_is_admin", 1, 1),
    ("policy_is_public", 1, 1),
    ("in_hours", 1, 2),
    ("in_change_window", 0, 1),
    ("has", 1, 1),
    ("size", 1, 1),
    ("contains", 2, 2),
    ("startsWith", 2, 2),
    ("endsWith", 2, 2),
    ("matches", 2, 2),
    ("int", 1, 1),
    ("uint", 1, 1),
    ("double", 1, 1),
    ("string", 1, 1),
    ("bool", 1, 1),
    ("type", 1, 1),
    ("dyn", 1, 1),
    ("all", 2, 3),
    ("exists", 2, 3),
    ("exists_one", 2, 3),
    ("map", 2, 4),
    ("filter", 2, 3),
    ("charAt", 2, 2),
    ("indexOf", 2, 3),
    ("lastIndexOf", 2, 3),
    ("join", 1, 2),
    ("lowerAscii", 1, 1),
    ("upperAscii", 1, 1),
    ("replace", 3, 4),
    ("split", 2, 3),
    ("substring", 2, 3),
    ("trim", 1, 1),
];

type Answer<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// CEL's standard environment and ours.
pub(super) fn environment() -> Env {
    let mut env = Env::stdlib();
    let any = |count| std::iter::repeat_with(|| DYN_TYPE).take(count).collect();
    let declared = [
        env.add_extension(cel::extensions::strings),
        env.add_overload("cidr_size", "cidr_size_dyn", any(1), cidr_size),
        env.add_overload("cidr_prefix", "cidr_prefix_dyn", any(1), cidr_prefix),
        env.add_overload("glob_any", "glob_any_dyn", any(2), glob_any),
        env.add_overload("parse_json", "parse_json_dyn", any(1), parse_json),
        env.add_overload("url_decode", "url_decode_dyn", any(1), url_decode),
        env.add_overload("policy_is_admin", "policy_is_admin_dyn", any(1), policy_is_admin),
        env.add_overload("policy_is_public", "policy_is_public_dyn", any(1), policy_is_public),
        env.add_overload("in_hours", "in_hours_dyn", any(3), in_hours),
        env.add_overload("in_change_window", "in_change_window_dyn", any(3), in_change_window),
        env.add_overload(PRESENT, "present_dyn", any(2), present),
    ];
    debug_assert!(declared.iter().all(Result::is_ok), "{declared:?}");
    env
}

/// Puts our functions where CEL's would do something else, once names are checked.
pub(super) fn rewrite(expression: &mut IdedExpr) {
    if let Some(present) = presence_test(&expression.expr) {
        expression.expr = present;
    }
    match &mut expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Call(call) => {
            if call.target.is_none() {
                hand_in_the_event(call);
            }
            call.target.as_deref_mut().into_iter().chain(&mut call.args).for_each(rewrite);
        }
        Expr::Comprehension(loops) => {
            for part in [
                &mut loops.iter_range,
                &mut loops.accu_init,
                &mut loops.loop_cond,
                &mut loops.loop_step,
                &mut loops.result,
            ] {
                rewrite(part);
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(rewrite),
        Expr::Select(select) => rewrite(&mut select.operand),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| rewrite_entry(&mut entry.expr)),
        Expr::Struct(structure) => {
            structure.entries.iter_mut().for_each(|entry| rewrite_entry(&mut entry.expr));
        }
    }
}

/// Adds the arguments that nobody writes: when the event happened, and what the snapshot knows.
fn hand_in_the_event(call: &mut CallExpr) {
    let variable = |name: &str| IdedExpr { id: 0, expr: Expr::Ident(name.to_owned()) };
    match call.func_name.as_str() {
        "in_hours" => {
            if call.args.len() == 1 {
                call.args.insert(0, variable("time"));
            }
            call.args.push(variable(HOURS));
        }
        "in_change_window" => {
            if call.args.is_empty() {
                let any = LiteralValue::String(CelString::from("*"));
                call.args.push(IdedExpr { id: 0, expr: Expr::Literal(any) });
            }
            call.args.insert(0, variable("time"));
            call.args.push(variable(CHANGE_WINDOWS));
        }
        _ => {}
    }
}

fn rewrite_entry(entry: &mut EntryExpr) {
    match entry {
        EntryExpr::MapEntry(entry) => {
            rewrite(&mut entry.key);
            rewrite(&mut entry.value);
        }
        EntryExpr::StructField(field) => rewrite(&mut field.value),
    }
}

/// `has(a.b["c"].d)` as a call that walks from `a` and is false wherever the path ends.
fn presence_test(expression: &Expr) -> Option<Expr> {
    let Expr::Select(select) = expression else { return None };
    if !select.test {
        return None;
    }
    let mut names = vec![select.field.clone()];
    let mut base = &*select.operand;
    loop {
        match &base.expr {
            Expr::Select(inner) if !inner.test => {
                names.push(inner.field.clone());
                base = &inner.operand;
            }
            Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
                [of, IdedExpr { expr: Expr::Literal(LiteralValue::String(name)), .. }] => {
                    names.push(name.inner().to_owned());
                    base = of;
                }
                _ => break,
            },
            _ => break,
        }
    }
    let names = names
        .into_iter()
        .rev()
        .map(|name| IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::String(CelString::from(name))) });
    let names = cel::common::ast::ListExpr::new(names.collect());
    Some(Expr::Call(CallExpr {
        func_name: PRESENT.to_owned(),
        target: None,
        args: vec![base.clone(), IdedExpr { id: 0, expr: Expr::List(names) }],
    }))
}

fn present<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [base, names] = arguments(&args, PRESENT)?;
    let names = names.downcast_ref::<CelList<'_>>().map_or(&[][..], CelList::inner);
    let mut at: &dyn Val = base.as_ref();
    for name in names {
        let name = name.downcast_ref::<CelString<'_>>().map_or("", |name| name.inner());
        let next = at.downcast_ref::<CelMap<'_>>().and_then(|map| {
            let key = cel::common::types::CelMapKey::from(name);
            map.inner().get(&key)
        });
        match next {
            Some(next) => at = &**next,
            None => return Ok(truth(false)),
        }
    }
    Ok(truth(true))
}

fn cidr_size<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [block] = arguments(&args, "cidr_size")?;
    let (prefix, bits) = cidr("cidr_size", text("cidr_size", block)?)?;
    let host_bits = u32::from(bits - prefix);
    let size = 1_i64.checked_shl(host_bits).filter(|size| *size > 0).unwrap_or(i64::MAX);
    Ok(CowVal::owned(CelInt::from(size)))
}

fn cidr_prefix<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [block] = arguments(&args, "cidr_prefix")?;
    let (prefix, _) = cidr("cidr_prefix", text("cidr_prefix", block)?)?;
    Ok(CowVal::owned(CelInt::from(i64::from(prefix))))
}

/// The prefix's length and the address's; a bare address is a block of one.
fn cidr(function: &str, text: &str) -> Result<(u8, u8), ExecutionError> {
    let text = text.trim();
    if let Ok(net) = text.parse::<IpNet>() {
        return Ok((net.prefix_len(), net.max_prefix_len()));
    }
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => Ok((32, 32)),
        Ok(IpAddr::V6(_)) => Ok((128, 128)),
        Err(_) => Err(ExecutionError::function_error(function, "the text is no CIDR block and no address")),
    }
}

fn glob_any<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [name, globs] = arguments(&args, "glob_any")?;
    let name = text("glob_any", name)?;
    let Some(globs) = globs.downcast_ref::<CelList<'_>>() else {
        return Err(ExecutionError::function_error("glob_any", "the second argument has to be a list"));
    };
    let globs = globs.inner().iter().filter_map(|glob| glob.downcast_ref::<CelString<'_>>());
    Ok(truth(globs.into_iter().any(|glob| glob_matches(glob.inner(), name))))
}

fn parse_json<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [written] = arguments(&args, "parse_json")?;
    if written.downcast_ref::<CelString<'_>>().is_none() {
        // Some services write as an object what others write as text.
        return Ok(CowVal::Owned(written.clone_as_boxed()));
    }
    let written = bounded("parse_json", text("parse_json", written)?)?;
    let parsed: serde_json::Value = serde_json::from_str(written).map_err(|error| {
        ExecutionError::function_error("parse_json", format!("the text is no JSON: {error}"))
    })?;
    Ok(CowVal::Owned(owned(&parsed)))
}

fn url_decode<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [encoded] = arguments(&args, "url_decode")?;
    let decoded = policy::url_decode(bounded("url_decode", text("url_decode", encoded)?)?);
    Ok(CowVal::owned(CelString::from(decoded)))
}

fn policy_is_admin<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [policy] = arguments(&args, "policy_is_admin")?;
    Ok(truth(policy::is_admin(&document("policy_is_admin", policy)?)))
}

fn policy_is_public<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [policy] = arguments(&args, "policy_is_public")?;
    Ok(truth(policy::is_public(&document("policy_is_public", policy)?)))
}

fn document(function: &str, policy: &CowVal<'_, '_>) -> Result<serde_json::Value, ExecutionError> {
    match policy.downcast_ref::<CelString<'_>>() {
        Some(text) => policy::document(bounded(function, text.inner())?)
            .map_err(|message| ExecutionError::function_error(function, message)),
        None => Ok(json(policy.as_ref())),
    }
}

fn in_hours<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [time, name, hours] = arguments(&args, "in_hours")?;
    let error = |message: String| ExecutionError::function_error("in_hours", message);
    let instant = instant("in_hours", time)?;
    let name = text("in_hours", name)?;
    let hours = hours.downcast_ref::<HoursVal>().and_then(|hours| hours.0.get(name));
    let schedule = hours.ok_or_else(|| error(format!("there are no hours `{name}`")))?;
    Ok(truth(schedule.contains(instant)))
}

fn in_change_window<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [time, glob, windows] = arguments(&args, "in_change_window")?;
    let instant = instant("in_change_window", time)?;
    let glob = text("in_change_window", glob)?;
    let open = windows.downcast_ref::<WindowsVal>().is_some_and(|windows| {
        windows.of.open_named(glob, instant, &windows.account, &windows.account_name).is_some()
    });
    Ok(truth(open))
}

fn instant(function: &str, time: &CowVal<'_, '_>) -> Result<jiff::Timestamp, ExecutionError> {
    let not_a_time =
        |_| ExecutionError::function_error(function, "the first argument has to be a time".to_owned());
    text(function, time)?.parse().map_err(not_a_time)
}

/// The arguments by position. A `null` among them is a field that is not there.
fn arguments<'a, 'b, 'v, const N: usize>(
    args: &'a [CowVal<'b, 'v>],
    function: &str,
) -> Result<&'a [CowVal<'b, 'v>; N], ExecutionError> {
    let args: &[CowVal<'b, 'v>; N] =
        args.try_into().map_err(|_| ExecutionError::invalid_argument_count(N, args.len()))?;
    let absent = args.iter().any(|value| value.downcast_ref::<CelNull>().is_some());
    if absent && function != PRESENT {
        return Err(ExecutionError::no_such_key(&format!("what {function}() is asked about")));
    }
    Ok(args)
}

fn text<'a>(function: &str, value: &'a CowVal<'_, '_>) -> Result<&'a str, ExecutionError> {
    value.downcast_ref::<CelString<'_>>().map(CelString::inner).ok_or_else(|| {
        ExecutionError::function_error(function, format!("takes text, not {}", value.get_type().name()))
    })
}

fn bounded<'t>(function: &str, text: &'t str) -> Result<&'t str, ExecutionError> {
    if text.len() <= TEXT_MAX {
        return Ok(text);
    }
    Err(ExecutionError::function_error(function, format!("the text is longer than {TEXT_MAX} bytes")))
}

fn truth<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(value))
}

/// A value that borrows nothing from the JSON it is made of.
fn owned<'v>(json: &serde_json::Value) -> Box<dyn Val + 'v> {
    use cel::common::types::CelMapKey;
    use std::collections::HashMap;
    match json {
        serde_json::Value::String(text) => Box::new(CelString::from(text.clone())),
        serde_json::Value::Array(items) => {
            let items: Vec<Box<dyn Val + 'v>> = items.iter().map(owned).collect();
            Box::new(CelList::from(items))
        }
        serde_json::Value::Object(members) => {
            let members: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> =
                members.iter().map(|(key, member)| (CelMapKey::from(key.clone()), owned(member))).collect();
            Box::new(CelMap::from(members))
        }
        serde_json::Value::Null => Box::new(CelNull),
        serde_json::Value::Bool(truth) => Box::new(CelBool::from(*truth)),
        serde_json::Value::Number(number) => super::scope::number(number),
    }
}

/// The hours of a snapshot, as a value only `in_hours` can use.
#[derive(Clone, Debug)]
pub(super) struct HoursVal(pub(super) Hours);

/// The change windows of a snapshot and the event's account, as a value only `in_change_window` can use.
#[derive(Clone, Debug)]
pub(super) struct WindowsVal {
    pub(super) of: ChangeWindows,
    pub(super) account: Box<str>,
    pub(super) account_name: Box<str>,
}

static HOURS_TYPE: Type = Type::new_unspecified_type("hours");
static WINDOWS_TYPE: Type = Type::new_unspecified_type("change_windows");

macro_rules! opaque {
    ($value:ty, $type:ident) => {
        impl Val for $value {
            fn get_type(&self) -> &Type {
                &$type
            }

            fn cel_type() -> &'static Type {
                &$type
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
            where
                Self: 'v,
            {
                Box::new(self.clone())
            }

            fn as_any(&self) -> Option<&dyn Any> {
                Some(self)
            }
        }

        impl StaticVal for $value {}
    };
}

opaque!(HoursVal, HOURS_TYPE);
opaque!(WindowsVal, WINDOWS_TYPE);
