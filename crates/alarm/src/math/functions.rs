//! The functions of metric math, by name and number of arguments, and what each does to its values.

use std::ops::RangeInclusive;

use super::MathError;
use super::value::{Grid, Points, Value, finite};
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Avg,
    Ceil,
    DatapointCount,
    Date,
    Day,
    Diff,
    DiffTime,
    Epoch,
    Exp,
    Fill,
    First,
    Floor,
    Hour,
    If,
    Last,
    Log,
    Log10,
    Max,
    MetricCount,
    Metrics,
    Min,
    Minute,
    Month,
    Period,
    Rate,
    RemoveEmpty,
    RunningSum,
    Slice,
    Sort,
    StdDev,
    Sum,
    TimeSeries,
    Year,
}

impl Function {
    /// The function of that name; `Err(None)` if there is none, `Err(Some(_))` if it exists but is refused.
    pub(super) fn named(name: &str) -> Result<Self, Option<MathError>> {
        Ok(match name.to_ascii_uppercase().as_str() {
            "ABS" => Self::Abs,
            "AVG" => Self::Avg,
            "CEIL" => Self::Ceil,
            "DATAPOINT_COUNT" => Self::DatapointCount,
            "DATE" => Self::Date,
            "DAY" => Self::Day,
            "DIFF" => Self::Diff,
            "DIFF_TIME" => Self::DiffTime,
            "EPOCH" => Self::Epoch,
            "EXP" => Self::Exp,
            "FILL" => Self::Fill,
            "FIRST" => Self::First,
            "FLOOR" => Self::Floor,
            "HOUR" => Self::Hour,
            "IF" => Self::If,
            "LAST" => Self::Last,
            "LOG" => Self::Log,
            "LOG10" => Self::Log10,
            "MAX" => Self::Max,
            "METRIC_COUNT" => Self::MetricCount,
            "METRICS" => Self::Metrics,
            "MIN" => Self::Min,
            "MINUTE" => Self::Minute,
            "MONTH" => Self::Month,
            "PERIOD" => Self::Period,
            "RATE" => Self::Rate,
            "REMOVE_EMPTY" => Self::RemoveEmpty,
            "RUNNING_SUM" => Self::RunningSum,
            "SLICE" => Self::Slice,
            "SORT" => Self::Sort,
            "STDDEV" => Self::StdDev,
            "SUM" => Self::Sum,
            "TIME_SERIES" => Self::TimeSeries,
            "YEAR" => Self::Year,
            "SEARCH" => return Err(Some(MathError::Search)),
            "ANOMALY_DETECTION_BAND" => return Err(Some(MathError::AnomalyBand)),
            "DB_PERF_INSIGHTS" | "INSIGHT_RULE_METRIC" | "LAMBDA" | "SERVICE_QUOTA" => {
                return Err(Some(MathError::Unsupported(name.to_ascii_uppercase())));
            }
            _ => return Err(None),
        })
    }

    pub(super) fn arity(self) -> RangeInclusive<usize> {
        match self {
            Self::Metrics => 0..=1,
            Self::Fill => 2..=2,
            Self::If | Self::Slice => 2..=3,
            Self::Sort => 3..=4,
            _ => 1..=1,
        }
    }

    pub(super) fn arity_in_words(self) -> String {
        let arity = self.arity();
        if arity.start() == arity.end() {
            arity.start().to_string()
        } else {
            format!("{} to {}", arity.start(), arity.end())
        }
    }

    /// Whether the value changes with the time of evaluation even when no sample comes or goes.
    pub(super) fn follows_the_clock(self) -> bool {
        matches!(
            self,
            Self::Date | Self::Day | Self::Epoch | Self::Hour | Self::Minute | Self::Month | Self::Year
        )
    }

    /// Functions of one series (or of each of several) that give a series of the same length.
    pub(super) fn map(self, points: &Points, grid: &Grid) -> Option<Points> {
        let each = |f: fn(f64) -> f64| Some(points.iter().map(|p| p.and_then(|v| finite(f(v)))).collect());
        // Of every bucket, also where the series has no point.
        let clock = |f: fn(Timestamp) -> f64| Some(grid.starts().map(|start| Some(f(start))).collect());
        match self {
            Self::Abs => each(f64::abs),
            Self::Ceil => each(f64::ceil),
            Self::Exp => each(f64::exp),
            Self::Floor => each(f64::floor),
            Self::Log => each(f64::ln),
            Self::Log10 => each(f64::log10),
            Self::Diff => Some(with_previous(points, grid, |value, before, _| value - before)),
            Self::DiffTime => Some(with_previous(points, grid, |_, _, seconds| seconds)),
            Self::Rate => {
                Some(with_previous(points, grid, |value, before, seconds| (value - before) / seconds))
            }
            Self::RunningSum => {
                let mut sum = 0.0;
                Some(
                    points
                        .iter()
                        .map(|p| {
                            p.and_then(|v| {
                                sum += v;
                                finite(sum)
                            })
                        })
                        .collect(),
                )
            }
            Self::Minute => clock(|t| f64::from(t.civil().minute())),
            Self::Hour => clock(|t| f64::from(t.civil().hour())),
            Self::Date => clock(|t| f64::from(t.civil().day())),
            Self::Day => clock(|t| f64::from(t.civil().weekday().to_monday_one_offset())),
            Self::Month => clock(|t| f64::from(t.civil().month())),
            Self::Year => clock(|t| f64::from(t.civil().year())),
            #[expect(
                clippy::cast_precision_loss,
                reason = "seconds since 1970 are exact in a double for millions of years"
            )]
            Self::Epoch => clock(|t| (t.as_millis() / 1000) as f64),
            _ => None,
        }
    }

    /// Functions that fold points into one: over time for one series, across series for several. Gaps count as 0 in an average, and
    /// else not at all.
    pub(super) fn fold(self, points: &[Option<f64>]) -> Option<f64> {
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in points.iter().flatten() {
            count += 1.0;
            sum += value;
            squares += value * value;
            least = least.min(*value);
            greatest = greatest.max(*value);
        }
        if self == Self::DatapointCount {
            return Some(count);
        }
        if count < 1.0 {
            return None;
        }
        let mean: f64 = sum / count;
        finite(match self {
            #[expect(clippy::cast_precision_loss, reason = "a window has few buckets, an alarm few metrics")]
            Self::Avg => sum / points.len() as f64,
            Self::Max => greatest,
            Self::Min => least,
            Self::Sum => sum,
            Self::StdDev => (squares / count - mean * mean).max(0.0).sqrt(),
            _ => return None,
        })
    }

    /// Functions of each point alone, which may take a number too.
    pub(super) fn is_pointwise(self) -> bool {
        matches!(self, Self::Abs | Self::Ceil | Self::Exp | Self::Floor | Self::Log | Self::Log10)
    }

    pub(super) fn is_fold(self) -> bool {
        matches!(self, Self::Avg | Self::DatapointCount | Self::Max | Self::Min | Self::Sum | Self::StdDev)
    }
}

/// `f(value, the value before it, seconds between them)`; the first point has no predecessor and is missing.
fn with_previous(points: &Points, grid: &Grid, f: fn(f64, f64, f64) -> f64) -> Points {
    let mut previous: Option<(f64, Timestamp)> = None;
    points
        .iter()
        .zip(grid.starts())
        .map(|(point, start)| {
            let value = (*point)?;
            let before = previous.replace((value, start));
            let (before, then) = before?;
            #[expect(clippy::cast_precision_loss, reason = "a window is far shorter than 2^53 milliseconds")]
            let seconds = (start.as_millis() - then.as_millis()) as f64 / 1000.0;
            finite(f(value, before, seconds))
        })
        .collect()
}

/// `FILL`: by a number or by the points of another series.
pub(super) fn fill_with(points: &Points, other: impl Fn(usize) -> Option<f64>) -> Points {
    points.iter().enumerate().map(|(at, point)| point.or_else(|| other(at))).collect()
}

/// `FILL(…, REPEAT)`: by the last point before the gap.
pub(super) fn fill_repeat(points: &Points) -> Points {
    let mut last = None;
    points
        .iter()
        .map(|point| {
            last = point.or(last);
            last
        })
        .collect()
}

/// `FILL(…, LINEAR)`: along the line between the points around the gap; gaps at the ends stay.
pub(super) fn fill_linear(points: &Points) -> Points {
    let mut filled = points.clone();
    let mut last: Option<(usize, f64)> = None;
    for (at, point) in points.iter().enumerate() {
        let Some(value) = *point else { continue };
        if let Some((from, start)) = last {
            #[expect(clippy::cast_precision_loss, reason = "a window has far fewer than 2^53 buckets")]
            let step = (value - start) / (at - from) as f64;
            let mut along = start;
            for gap in filled.iter_mut().take(at).skip(from + 1) {
                along += step;
                *gap = finite(along);
            }
        }
        last = Some((at, value));
    }
    filled
}

/// `SORT`: by a fold of each series; series without points come last.
pub(super) fn sort(series: &[Points], by: Function, descending: bool, limit: Option<usize>) -> Vec<Points> {
    let mut keyed: Vec<(Option<f64>, &Points)> =
        series.iter().map(|points| (by.fold(points), points)).collect();
    keyed.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) if descending => b.total_cmp(a),
        (Some(a), Some(b)) => a.total_cmp(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
    keyed.into_iter().take(limit.unwrap_or(usize::MAX)).map(|(_, points)| points.clone()).collect()
}

/// `IF`: point by point. Without a condition there is no point; one that holds gives 0 where the series it asks for has none.
pub(super) fn choose(condition: &Value, at: usize, yes: Option<&Value>, no: Option<&Value>) -> Option<f64> {
    let point = |value: &Value| match value {
        Value::Scalar(value) => *value,
        Value::Series(points) => points.get(at).copied().flatten(),
        Value::Many(_) => None,
    };
    let holds = point(condition)? != 0.0;
    let chosen = if holds { yes } else { no };
    let fills = holds && matches!((condition, chosen), (Value::Series(_), Some(Value::Series(_))));
    chosen.and_then(point).or(fills.then_some(0.0))
}
