//! A checked set of metrics and expressions, and its evaluation over a window.
//!
//! Invariant of [`Program`]: steps are in order of dependency, so a step only refers to earlier ones, and evaluating it is
//! one pass. Type errors are found when compiling, by trial runs with and without points, so evaluation cannot fail.

use super::MathError;
use super::functions::{Function, choose, fill_linear, fill_repeat, fill_with, sort};
use super::parse::{Expr, Operator, parse};
use super::value::{Grid, Points, Value, finite};
use crate::period::{Period, Window};
use crate::time::Timestamp;

/// One metric or expression: its id, and the expression's text (`None` for the next metric).
pub(crate) struct Source<'a> {
    pub(crate) id: &'a str,
    pub(crate) expression: Option<&'a str>,
    pub(crate) return_data: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Metric(usize),
    Expression(Expr),
}

/// Everything needed to turn the points of metrics into the points an alarm compares.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    steps: Vec<(String, Step)>,
    result: usize,
    follows_the_clock: bool,
}

impl Program {
    /// Compiles the sources; metrics are numbered in the order they occur.
    pub(crate) fn compile(sources: &[Source<'_>], period: Period) -> Result<Self, MathError> {
        let mut parsed = Vec::with_capacity(sources.len());
        let mut metrics = 0;
        for (at, source) in sources.iter().enumerate() {
            check_id(source.id)?;
            if sources.iter().take(at).any(|earlier| earlier.id == source.id) {
                return Err(MathError::DuplicateId(source.id.to_owned()));
            }
            parsed.push(match source.expression {
                Some(text) => Step::Expression(parse(source.id, text)?),
                None => {
                    metrics += 1;
                    Step::Metric(metrics - 1)
                }
            });
        }
        let returning = sources.iter().filter(|source| source.return_data).count();
        let Some(result_id) = sources.iter().find(|source| source.return_data).filter(|_| returning == 1)
        else {
            return Err(MathError::ReturnData(returning));
        };

        let mut steps: Vec<(String, Step)> = Vec::with_capacity(sources.len());
        let mut waiting: Vec<(String, Step)> =
            sources.iter().map(|source| source.id.to_owned()).zip(parsed).collect();
        let known: Vec<String> = waiting.iter().map(|(id, _)| id.clone()).collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut blocked = Vec::new();
            for (id, step) in waiting {
                let uses = step.uses();
                if let Some(missing) = uses.iter().find(|used| !known.iter().any(|k| k == *used)) {
                    return Err(MathError::UnknownId { id, missing: (*missing).to_owned() });
                }
                if uses.iter().all(|used| steps.iter().any(|(done, _)| done == used)) {
                    steps.push((id, step));
                } else {
                    blocked.push((id, step));
                }
            }
            if blocked.len() == before {
                let id = blocked.swap_remove(0).0;
                return Err(MathError::Circular(id));
            }
            waiting = blocked;
        }
        let result = steps.iter().position(|(id, _)| id == result_id.id).unwrap_or(0);
        let follows_the_clock = steps.iter().any(|(_, step)| step.follows_the_clock());
        let program = Self { steps, result, follows_the_clock };
        let window = Window { end: Timestamp::default(), period, buckets: 1 };
        // Types may depend on which series have points, so both extremes are tried.
        for trial in [None, Some(1.0)] {
            program.run(&vec![vec![trial]; metrics], &Grid::new(window))?;
        }
        Ok(program)
    }

    /// Whether the result may change though no sample comes or goes.
    pub(crate) fn follows_the_clock(&self) -> bool {
        self.follows_the_clock
    }

    /// The points of the result, given those of each metric; oldest first, as long as the grid.
    pub(crate) fn points(&self, metrics: &[Points], grid: &Grid) -> Points {
        // Types were checked when compiling, so this does not fail; no points is the safe answer if it did.
        self.run(metrics, grid).unwrap_or_default()
    }

    fn run(&self, metrics: &[Points], grid: &Grid) -> Result<Points, MathError> {
        let mut values: Vec<(&str, Value, bool)> = Vec::with_capacity(self.steps.len());
        for (id, step) in &self.steps {
            let value = match step {
                Step::Metric(at) => Value::Series(metrics.get(*at).cloned().unwrap_or_default()),
                Step::Expression(expr) => Run { id, values: &values, grid }.value(expr)?,
            };
            values.push((id, value, matches!(step, Step::Metric(_))));
        }
        let Some((id, value, _)) = values.into_iter().nth(self.result) else { return Ok(Points::new()) };
        match value {
            Value::Series(points) => Ok(points),
            Value::Many(mut series) if series.len() == 1 => Ok(series.swap_remove(0)),
            other => Err(MathError::Type {
                id: id.to_owned(),
                problem: format!("the alarm needs one time series, and this gives {}", other.describe()),
            }),
        }
    }
}

fn check_id(id: &str) -> Result<(), MathError> {
    let good = id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if good { Ok(()) } else { Err(MathError::BadId(id.to_owned())) }
}

impl Step {
    fn uses(&self) -> Vec<&str> {
        let mut uses = Vec::new();
        if let Self::Expression(expr) = self {
            expr.walk(&mut |part| {
                if let Expr::Id(id) = part {
                    uses.push(id.as_str());
                }
            });
        }
        uses
    }

    fn follows_the_clock(&self) -> bool {
        let mut found = false;
        if let Self::Expression(expr) = self {
            expr.walk(&mut |part| {
                found |= matches!(part, Expr::Call(function, _) if function.follows_the_clock());
            });
        }
        found
    }
}

impl Expr {
    fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        match self {
            Self::Negate(inner) => inner.walk(visit),
            Self::Binary(_, left, right) => {
                left.walk(visit);
                right.walk(visit);
            }
            Self::Call(_, parts) | Self::List(parts) => parts.iter().for_each(|part| part.walk(visit)),
            Self::Number(_) | Self::Text(_) | Self::Keyword(_) | Self::Id(_) => {}
        }
    }
}

/// The evaluation of one expression: what it may refer to, and where.
struct Run<'a> {
    id: &'a str,
    /// Earlier steps: id, value, whether it is a metric.
    values: &'a [(&'a str, Value, bool)],
    grid: &'a Grid,
}

impl Run<'_> {
    fn wrong<T>(&self, problem: String) -> Result<T, MathError> {
        Err(MathError::Type { id: self.id.to_owned(), problem })
    }

    fn value(&self, expr: &Expr) -> Result<Value, MathError> {
        match expr {
            Expr::Number(value) => Ok(Value::Scalar(Some(*value))),
            Expr::Text(text) => self.wrong(format!("the text \"{text}\" has no value")),
            Expr::Keyword(word) => {
                self.wrong(format!("`{word}` is not an id (ids start with a lower-case letter)"))
            }
            Expr::Id(id) => match self.values.iter().find(|(known, ..)| known == id) {
                Some((_, value, _)) => Ok(value.clone()),
                None => Err(MathError::UnknownId { id: self.id.to_owned(), missing: id.clone() }),
            },
            Expr::Negate(inner) => {
                self.binary(Operator::Subtract, &Value::Scalar(Some(0.0)), &self.value(inner)?)
            }
            Expr::Binary(operator, left, right) => {
                self.binary(*operator, &self.value(left)?, &self.value(right)?)
            }
            Expr::List(parts) => {
                let mut series = Vec::new();
                for part in parts {
                    match self.value(part)? {
                        Value::Series(points) => series.push(points),
                        Value::Many(many) => series.extend(many),
                        Value::Scalar(_) => {
                            return self.wrong("an array holds time series, not numbers".to_owned());
                        }
                    }
                }
                Ok(Value::Many(series))
            }
            Expr::Call(function, arguments) => self.call(*function, arguments),
        }
    }

    fn binary(&self, operator: Operator, left: &Value, right: &Value) -> Result<Value, MathError> {
        // What is missing in one operand is missing in the result.
        let pair = |a: &Points, b: &Points| -> Points {
            a.iter().zip(b).map(|(a, b)| apply(operator, (*a)?, (*b)?)).collect()
        };
        let with_right = |a: &Points, b: Option<f64>| a.iter().map(|a| apply(operator, (*a)?, b?)).collect();
        let with_left = |a: Option<f64>, b: &Points| b.iter().map(|b| apply(operator, a?, (*b)?)).collect();
        Ok(match (left, right) {
            (Value::Scalar(a), Value::Scalar(b)) => {
                Value::Scalar(a.zip(*b).and_then(|(a, b)| apply(operator, a, b)))
            }
            (Value::Scalar(a), Value::Series(b)) => Value::Series(with_left(*a, b)),
            (Value::Series(a), Value::Scalar(b)) => Value::Series(with_right(a, *b)),
            (Value::Series(a), Value::Series(b)) => Value::Series(pair(a, b)),
            (Value::Many(a), Value::Scalar(b)) => Value::Many(a.iter().map(|a| with_right(a, *b)).collect()),
            (Value::Scalar(a), Value::Many(b)) => Value::Many(b.iter().map(|b| with_left(*a, b)).collect()),
            (Value::Many(a), Value::Series(b)) => Value::Many(a.iter().map(|a| pair(a, b)).collect()),
            (Value::Series(a), Value::Many(b)) => Value::Many(b.iter().map(|b| pair(a, b)).collect()),
            (Value::Many(_), Value::Many(_)) => {
                return self.wrong(
                    "two arrays of time series cannot be combined; fold one with SUM, AVG, …".to_owned(),
                );
            }
        })
    }

    fn call(&self, function: Function, arguments: &[Expr]) -> Result<Value, MathError> {
        match function {
            Function::Metrics => self.metrics(arguments.first()),
            Function::If => self.choice(arguments),
            Function::Fill => self.fill(arguments),
            Function::Sort => self.sorted(arguments),
            Function::Slice => self.slice(arguments),
            _ => match arguments.first() {
                Some(argument) => self.call_one(function, self.value(argument)?),
                None => self.wrong("an argument is missing".to_owned()),
            },
        }
    }

    /// Functions of a single value.
    fn call_one(&self, function: Function, value: Value) -> Result<Value, MathError> {
        let empty = || vec![None; self.grid.len()];
        match (function, value) {
            (Function::TimeSeries, Value::Scalar(value)) => Ok(Value::Series(vec![value; self.grid.len()])),
            (Function::Period, Value::Series(_)) => {
                Ok(Value::Scalar(Some(f64::from(self.grid.period().as_secs()))))
            }
            #[expect(clippy::cast_precision_loss, reason = "an alarm has few metrics")]
            (Function::MetricCount, Value::Many(series)) => Ok(Value::Scalar(Some(series.len() as f64))),
            (Function::First, Value::Many(series)) => {
                Ok(Value::Series(series.into_iter().next().unwrap_or_else(empty)))
            }
            (Function::Last, Value::Many(series)) => {
                Ok(Value::Series(series.into_iter().next_back().unwrap_or_else(empty)))
            }
            (Function::RemoveEmpty, Value::Many(mut series)) => {
                // With nothing left there would be no series to compare; an empty one stands for "no data".
                series.retain(|points| points.iter().any(Option::is_some));
                Ok(Value::Many(if series.is_empty() { vec![empty()] } else { series }))
            }
            (fold, Value::Series(points)) if fold.is_fold() => Ok(Value::Scalar(fold.fold(&points))),
            (fold, Value::Many(series)) if fold.is_fold() => {
                let mut across = Points::with_capacity(series.len());
                let folded = (0..self.grid.len()).map(|bucket| {
                    across.clear();
                    across.extend(series.iter().map(|points| points.get(bucket).copied().flatten()));
                    fold.fold(&across).filter(|_| across.iter().any(Option::is_some))
                });
                Ok(Value::Series(folded.collect()))
            }
            (map, Value::Scalar(value)) if map.is_pointwise() => {
                let mapped = map.map(&vec![value], self.grid);
                Ok(Value::Scalar(mapped.and_then(|points| points.into_iter().next().flatten())))
            }
            (other, Value::Scalar(_)) => self.wrong(format!("{other:?} cannot take a single number")),
            (map, Value::Series(points)) => match map.map(&points, self.grid) {
                Some(mapped) => Ok(Value::Series(mapped)),
                None => self.wrong(format!("{map:?} cannot take a time series")),
            },
            (map, Value::Many(series)) => {
                match series.iter().map(|points| map.map(points, self.grid)).collect::<Option<Vec<_>>>() {
                    Some(mapped) => Ok(Value::Many(mapped)),
                    None => self.wrong(format!("{map:?} cannot take an array of time series")),
                }
            }
        }
    }

    fn metrics(&self, text: Option<&Expr>) -> Result<Value, MathError> {
        let part = match text {
            None => "",
            Some(Expr::Text(text)) => text,
            Some(_) => {
                return self
                    .wrong("METRICS takes a quoted part of ids, such as METRICS(\"errors\")".to_owned());
            }
        };
        let series = self.values.iter().filter(|(id, _, is_metric)| *is_metric && id.contains(part));
        Ok(Value::Many(
            series
                .filter_map(
                    |(_, value, _)| {
                        if let Value::Series(points) = value { Some(points.clone()) } else { None }
                    },
                )
                .collect(),
        ))
    }

    fn choice(&self, arguments: &[Expr]) -> Result<Value, MathError> {
        let mut values = Vec::with_capacity(3);
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        if values.iter().any(|value| matches!(value, Value::Many(_))) {
            return self.wrong("IF takes numbers and single time series, not arrays".to_owned());
        }
        let Some(condition) = values.first() else { return self.wrong("IF needs a condition".to_owned()) };
        let (yes, no) = (values.get(1), values.get(2));
        if values.iter().all(|value| matches!(value, Value::Scalar(_))) {
            return Ok(Value::Scalar(choose(condition, 0, yes, no)));
        }
        let points = (0..self.grid.len()).map(|bucket| choose(condition, bucket, yes, no));
        Ok(Value::Series(points.collect()))
    }

    fn fill(&self, arguments: &[Expr]) -> Result<Value, MathError> {
        let [what, with] = arguments else { return self.wrong("FILL takes two arguments".to_owned()) };
        let filled: Box<dyn Fn(&Points) -> Points> = match with {
            Expr::Keyword(word) if word == "REPEAT" => Box::new(fill_repeat),
            Expr::Keyword(word) if word == "LINEAR" => Box::new(fill_linear),
            other => match self.value(other)? {
                Value::Scalar(value) => Box::new(move |points| fill_with(points, |_| value)),
                Value::Series(others) => {
                    Box::new(move |points| fill_with(points, |at| others.get(at).copied().flatten()))
                }
                Value::Many(_) => {
                    return self.wrong("FILL cannot fill from an array of time series".to_owned());
                }
            },
        };
        match self.value(what)? {
            Value::Series(points) => Ok(Value::Series(filled(&points))),
            Value::Many(series) => Ok(Value::Many(series.iter().map(filled).collect())),
            Value::Scalar(_) => self.wrong("FILL fills a time series, not a number".to_owned()),
        }
    }

    fn sorted(&self, arguments: &[Expr]) -> Result<Value, MathError> {
        let [what, Expr::Keyword(by), Expr::Keyword(direction), limit @ ..] = arguments else {
            return self.wrong("SORT is written SORT(array, AVG, DESC, 3)".to_owned());
        };
        let by = match by.as_str() {
            "AVG" => Function::Avg,
            "MIN" => Function::Min,
            "MAX" => Function::Max,
            "SUM" => Function::Sum,
            other => return self.wrong(format!("SORT sorts by AVG, MIN, MAX or SUM, not {other}")),
        };
        let descending = match direction.as_str() {
            "ASC" => false,
            "DESC" => true,
            other => return self.wrong(format!("SORT goes ASC or DESC, not {other}")),
        };
        let limit = limit.first().map(|limit| self.position(limit)).transpose()?;
        match self.value(what)? {
            Value::Many(series) => Ok(Value::Many(sort(&series, by, descending, limit))),
            other => self.wrong(format!("SORT sorts an array of time series, not {}", other.describe())),
        }
    }

    fn slice(&self, arguments: &[Expr]) -> Result<Value, MathError> {
        let [what, from, to @ ..] = arguments else {
            return self.wrong("SLICE takes two or three arguments".to_owned());
        };
        let Value::Many(series) = self.value(what)? else {
            return self.wrong("SLICE takes an array of time series".to_owned());
        };
        let from = self.position(from)?;
        let end = to.first().map(|to| self.position(to)).transpose()?.unwrap_or(usize::MAX);
        let part = series.into_iter().skip(from).take(end.saturating_sub(from));
        Ok(Value::Many(part.collect()))
    }

    fn position(&self, expr: &Expr) -> Result<usize, MathError> {
        match expr {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be a small whole number"
            )]
            Expr::Number(value) if value.fract() == 0.0 && (0.0..=1e6).contains(value) => Ok(*value as usize),
            _ => self.wrong("a position or limit is a whole number".to_owned()),
        }
    }
}

#[expect(clippy::float_cmp, reason = "== and != of the language compare exactly")]
fn apply(operator: Operator, a: f64, b: f64) -> Option<f64> {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    finite(match operator {
        Operator::Or => truth(a != 0.0 || b != 0.0),
        Operator::And => truth(a != 0.0 && b != 0.0),
        Operator::Equal => truth(a == b),
        Operator::NotEqual => truth(a != b),
        Operator::Less => truth(a < b),
        Operator::LessOrEqual => truth(a <= b),
        Operator::Greater => truth(a > b),
        Operator::GreaterOrEqual => truth(a >= b),
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::Power => a.powf(b),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(metrics: &[&str], expression: &str) -> Result<Program, MathError> {
        let mut sources: Vec<Source<'_>> =
            metrics.iter().map(|id| Source { id, expression: None, return_data: false }).collect();
        sources.push(Source { id: "e1", expression: Some(expression), return_data: true });
        Program::compile(&sources, Period::from_secs(60).unwrap())
    }

    fn run(metrics: &[(&str, [Option<f64>; 4])], expression: &str) -> Vec<Option<f64>> {
        let ids: Vec<&str> = metrics.iter().map(|(id, _)| *id).collect();
        let points: Vec<Points> = metrics.iter().map(|(_, points)| points.to_vec()).collect();
        let end = "2026-09-14T06:32:00Z".parse().unwrap();
        let window = Window { end, period: Period::from_secs(60).unwrap(), buckets: 4 };
        compile(&ids, expression).unwrap().points(&points, &Grid::new(window))
    }

    /// `-` is a gap, of which there are four points to a line.
    fn points(text: &str) -> [Option<f64>; 4] {
        let points = text.split_whitespace().map(|point| (point != "-").then(|| point.parse().unwrap()));
        points.collect::<Vec<_>>().try_into().unwrap()
    }

    #[test]
    fn every_function_does_what_the_table_says() {
        let mut metrics: Vec<(&str, [Option<f64>; 4])> = Vec::new();
        let mut checked = 0;
        for line in
            include_str!("cases.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if let Some((id, values)) = line.split_once(" = ") {
                metrics.retain(|(known, _)| *known != id.trim());
                metrics.push((id.trim(), points(values)));
                continue;
            }
            let (expression, expected) = line.rsplit_once(" | ").unwrap();
            let found = run(&metrics, expression.trim());
            let alike = |(found, wanted): (&Option<f64>, &Option<f64>)| match (found, wanted) {
                (Some(found), Some(wanted)) => (found - wanted).abs() <= 1e-9 * wanted.abs(),
                (found, wanted) => found == wanted,
            };
            assert!(found.iter().zip(&points(expected)).all(alike), "{line}: {found:?}");
            checked += 1;
        }
        assert!(checked > 100, "{checked}");
    }

    #[test]
    fn refuses_what_cannot_be_an_alarm() {
        let cases = [
            ("1 + 1", "this gives a single number"),
            ("SUM(m1)", "this gives a single number"),
            ("METRICS()", "this gives an array of time series"),
            ("REMOVE_EMPTY(METRICS())", "this gives an array of time series"),
            ("METRICS() + METRICS()", "two arrays"),
            ("m3", "uses `m3`, which is not the id"),
            ("e1 + m1", "depends on itself"),
            ("FILL(m1, Repeat)", "`Repeat` is not an id"),
            ("SORT(METRICS(), MEDIAN, ASC)", "not MEDIAN"),
            ("ABS(TIME_SERIES(1), 2)", "expected 1 arguments, not 2"),
            ("RATE(5)", "cannot take a single number"),
            ("SLICE(METRICS(), 1, 2) + SLICE(METRICS(), 0)", "two arrays"),
            ("SLICE(METRICS(), 0)", "this gives an array of time series"),
            ("SLICE(METRICS(), m1)", "a position or limit is a whole number"),
            ("SLICE(m1, 0)", "SLICE takes an array"),
            ("SORT(m1, AVG, ASC)", "SORT sorts an array of time series, not a time series"),
            ("SORT(METRICS(), AVG, UP)", "SORT goes ASC or DESC, not UP"),
            ("FIRST(m1)", "First cannot take a time series"),
            ("FILL(3, 0)", "FILL fills a time series, not a number"),
            ("FILL(m1, METRICS())", "FILL cannot fill from an array"),
            ("IF(METRICS(), 1, 0)", "IF takes numbers and single time series"),
            ("PERIOD(METRICS())", "Period cannot take an array"),
            ("METRIC_COUNT(m1)", "MetricCount cannot take a time series"),
            ("[1, m1]", "an array holds time series, not numbers"),
            ("DATAPOINT_COUNT(m1)", "this gives a single number"),
            ("METRICS(m1)", "quoted part of ids"),
        ];
        for (expression, part) in cases {
            let message = compile(&["m1", "m2"], expression).unwrap_err().to_string();
            assert!(message.contains(part), "{expression}: {message}");
        }
    }

    #[test]
    fn expressions_may_use_expressions_in_any_order() {
        let source = |id, expression, return_data| Source { id, expression, return_data };
        let sources = [
            source("e2", Some("e1 * 2"), true),
            source("e1", Some("m1 + 1"), false),
            source("m1", None, false),
        ];
        let program = Program::compile(&sources, Period::from_secs(60).unwrap()).unwrap();
        let window = Window { end: Timestamp::default(), period: Period::from_secs(60).unwrap(), buckets: 1 };
        assert_eq!(program.points(&[vec![Some(4.0)]], &Grid::new(window)), [Some(10.0)]);
        let twice = [source("m1", None, true), source("m1", None, false)];
        assert!(matches!(
            Program::compile(&twice, Period::from_secs(60).unwrap()),
            Err(MathError::DuplicateId(_))
        ));
        let both = [source("m1", None, true), source("m2", None, true)];
        assert!(matches!(
            Program::compile(&both, Period::from_secs(60).unwrap()),
            Err(MathError::ReturnData(2))
        ));
    }
}
