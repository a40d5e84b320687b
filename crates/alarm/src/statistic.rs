//! The statistics a metric can be read by, in CloudWatch's own notation.
//!
//! Parsing is strict where the service is: trimming letters are lower case with one number (`tm90`) and upper case with
//! bounds (`TM(10%:90%)`), and a number has at most ten decimals.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A statistic, such as `Sum`, `p99.9` or `TM(10%:90%)`.
///
/// ```
/// use alarm::Statistic;
///
/// let statistic: Statistic = "p99.9".parse()?;
/// assert_eq!(statistic, Statistic::Percentile(99.9));
/// assert!("P99".parse::<Statistic>().is_err());
/// # Ok::<(), alarm::StatisticError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Statistic {
    /// How many values there were (the sum of their counts).
    SampleCount,
    /// Values times counts, added up.
    Sum,
    /// `Sum` divided by `SampleCount`.
    Average,
    /// The least value.
    Minimum,
    /// The greatest value.
    Maximum,
    /// `p0` to `p100`: the value below which that share of the values lies, read from bins.
    Percentile(f64),
    /// `tm`, `TM` and `IQM`: the mean of the values within the bounds.
    TrimmedMean(Bounds),
    /// `tc`, `TC`: the number of values within the bounds.
    TrimmedCount(Bounds),
    /// `ts`, `TS`: the sum of the values within the bounds.
    TrimmedSum(Bounds),
    /// `wm`, `WM`: the mean with the values outside the bounds moved to the bounds.
    WinsorizedMean(Bounds),
    /// `PR(low:high)`: which percentage of the values lies within the bounds.
    PercentileRank(Bounds),
}

/// What a trimmed statistic keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds {
    /// The single-number form: everything up to that percentile (`tm90` keeps 0 % to 90 %).
    UpTo(f64),
    /// `25 %` to `75 %`, written `IQM`.
    Interquartile,
    /// `(low%:high%)`: between two percentiles; a missing bound is 0 or 100.
    Percent(Option<f64>, Option<f64>),
    /// `(low:high)`: between two values, low exclusive and high inclusive; a missing bound is unlimited.
    Values(Option<f64>, Option<f64>),
}

impl Bounds {
    /// Lower and upper percentage, if the bounds are percentages.
    pub(crate) fn percentages(self) -> Option<(f64, f64)> {
        match self {
            Self::UpTo(high) => Some((0.0, high)),
            Self::Interquartile => Some((25.0, 75.0)),
            Self::Percent(low, high) => Some((low.unwrap_or(0.0), high.unwrap_or(100.0))),
            Self::Values(..) => None,
        }
    }
}

impl Statistic {
    /// Whether it is read from bins, and so needs more than count, sum and extremes.
    pub fn needs_bins(self) -> bool {
        !matches!(self, Self::SampleCount | Self::Sum | Self::Average | Self::Minimum | Self::Maximum)
    }

    /// Whether it goes in `Statistic` (`true`) or in `ExtendedStatistic` (`false`) of an alarm.
    pub fn is_basic(self) -> bool {
        !self.needs_bins()
    }

    /// Whether `sample_count` values are too few for the percentile to mean much: fewer than ten beyond it, as
    /// `EvaluateLowSampleCountPercentile` counts them (99 samples are low for `p90`, 100 are not; recorded on the
    /// service, September 2026). Only percentiles can be low.
    pub fn is_low_sample(self, sample_count: f64) -> bool {
        match self {
            Self::Percentile(p) => sample_count * p.min(100.0 - p) < 1000.0,
            _ => false,
        }
    }
}

/// The text is not a statistic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a statistic: {why}")]
pub struct StatisticError {
    text: String,
    why: &'static str,
}

const FORMS: &str = "use SampleCount, Sum, Average, Minimum, Maximum, p99, tm99, tc99, ts99, wm99, IQM, TM(10%:90%), TM(1:100) or PR(1:100)";

impl FromStr for Statistic {
    type Err = StatisticError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|why| StatisticError { text: text.to_owned(), why })
    }
}

fn parse(text: &str) -> Result<Statistic, &'static str> {
    match text {
        "SampleCount" => return Ok(Statistic::SampleCount),
        "Sum" => return Ok(Statistic::Sum),
        "Average" => return Ok(Statistic::Average),
        "Minimum" => return Ok(Statistic::Minimum),
        "Maximum" => return Ok(Statistic::Maximum),
        "IQM" => return Ok(Statistic::TrimmedMean(Bounds::Interquartile)),
        _ => {}
    }
    if let Some(number) = text.strip_prefix('p') {
        return Ok(Statistic::Percentile(percentage(number)?));
    }
    let (Some(letters), Some(rest)) = (text.get(..2), text.get(2..)) else { return Err(FORMS) };
    match letters {
        "tm" => Ok(Statistic::TrimmedMean(Bounds::UpTo(percentage(rest)?))),
        "tc" => Ok(Statistic::TrimmedCount(Bounds::UpTo(percentage(rest)?))),
        "ts" => Ok(Statistic::TrimmedSum(Bounds::UpTo(percentage(rest)?))),
        "wm" => Ok(Statistic::WinsorizedMean(Bounds::UpTo(percentage(rest)?))),
        "TM" => Ok(Statistic::TrimmedMean(bounds(rest)?)),
        "TC" => Ok(Statistic::TrimmedCount(bounds(rest)?)),
        "TS" => Ok(Statistic::TrimmedSum(bounds(rest)?)),
        "WM" => Ok(Statistic::WinsorizedMean(bounds(rest)?)),
        "PR" => match bounds(rest)? {
            Bounds::Percent(..) => Err("PR takes values, not percentages"),
            values => Ok(Statistic::PercentileRank(values)),
        },
        _ => Err(FORMS),
    }
}

fn bounds(text: &str) -> Result<Bounds, &'static str> {
    let inner =
        text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).ok_or("bounds are written (low:high)")?;
    let (low, high) = inner.split_once(':').ok_or("bounds are written (low:high)")?;
    if low.is_empty() && high.is_empty() {
        return Err("at least one bound is needed");
    }
    let in_percent = |side: &str| side.is_empty() || side.ends_with('%');
    let bounds = if in_percent(low) && in_percent(high) {
        let side = |text: &str| match text.strip_suffix('%') {
            Some(number) => percentage(number).map(Some),
            None => Ok(None),
        };
        Bounds::Percent(side(low)?, side(high)?)
    } else if low.ends_with('%') || high.ends_with('%') {
        return Err("both bounds must be percentages, or neither");
    } else {
        let side = |text: &str| if text.is_empty() { Ok(None) } else { number(text).map(Some) };
        Bounds::Values(side(low)?, side(high)?)
    };
    match bounds {
        Bounds::Percent(Some(low), Some(high)) | Bounds::Values(Some(low), Some(high)) if low > high => {
            Err("the lower bound is above the upper one")
        }
        bounds => Ok(bounds),
    }
}

fn percentage(text: &str) -> Result<f64, &'static str> {
    match number(text)? {
        value if value <= 100.0 => Ok(value),
        _ => Err("a percentage is between 0 and 100"),
    }
}

/// Digits with at most ten decimals; no sign, no exponent.
fn number(text: &str) -> Result<f64, &'static str> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(decimals) {
        return Err("a number is written 99 or 99.9");
    }
    if decimals.len() > 10 {
        return Err("a number has at most ten decimals");
    }
    text.parse().map_err(|_| "a number is written 99 or 99.9")
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (letters, bounds) = match self {
            Self::SampleCount => return f.write_str("SampleCount"),
            Self::Sum => return f.write_str("Sum"),
            Self::Average => return f.write_str("Average"),
            Self::Minimum => return f.write_str("Minimum"),
            Self::Maximum => return f.write_str("Maximum"),
            Self::Percentile(p) => return write!(f, "p{p}"),
            Self::TrimmedMean(Bounds::Interquartile) => return f.write_str("IQM"),
            Self::TrimmedMean(bounds) => ("TM", bounds),
            Self::TrimmedCount(bounds) => ("TC", bounds),
            Self::TrimmedSum(bounds) => ("TS", bounds),
            Self::WinsorizedMean(bounds) => ("WM", bounds),
            Self::PercentileRank(bounds) => ("PR", bounds),
        };
        let side = |value: Option<f64>, unit: &str| value.map(|v| format!("{v}{unit}")).unwrap_or_default();
        match *bounds {
            Bounds::UpTo(high) => write!(f, "{}{high}", letters.to_ascii_lowercase()),
            Bounds::Interquartile => write!(f, "{letters}(25%:75%)"),
            Bounds::Percent(low, high) => write!(f, "{letters}({}:{})", side(low, "%"), side(high, "%")),
            Bounds::Values(low, high) => write!(f, "{letters}({}:{})", side(low, ""), side(high, "")),
        }
    }
}

impl TryFrom<String> for Statistic {
    type Error = StatisticError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Statistic> for String {
    fn from(statistic: Statistic) -> Self {
        statistic.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_every_form() {
        let forms = [
            "SampleCount",
            "Sum",
            "Average",
            "Minimum",
            "Maximum",
            "p0",
            "p50",
            "p99.9",
            "p100",
            "tm90",
            "tc90",
            "ts99.5",
            "wm98",
            "IQM",
            "TM(25%:75%)",
            "TM(2:10)",
            "TC(:100%)",
            "TS(80%:)",
            "WM(10%:90%)",
            "PR(:10)",
            "PR(2.5:)",
        ];
        for form in forms {
            assert_eq!(form.parse::<Statistic>().unwrap().to_string(), form);
        }
    }

    #[test]
    fn refuses_what_the_service_refuses() {
        let bad = [
            "",
            "p",
            "P90",
            "sum",
            "p101",
            "p-1",
            "p1e1",
            "iqm",
            "TM90",
            "tm(1:2)",
            "TM(:)",
            "TM(10%:90)",
            "TM(9:1)",
            "PR(10%:90%)",
            "PR",
            "TM(1:2",
            "pNaN",
            "p+1",
            "p1.",
            "TC(:0.7513148009015778)",
            "ünf",
        ];
        for form in bad {
            assert!(form.parse::<Statistic>().is_err(), "{form}");
        }
        assert!("TC(:0.7513)".parse::<Statistic>().is_ok());
    }

    #[test]
    fn counts_low_samples_as_recorded() {
        let p90 = Statistic::Percentile(90.0);
        assert!(p90.is_low_sample(99.0));
        assert!(!p90.is_low_sample(100.0));
        assert!(Statistic::Percentile(99.0).is_low_sample(999.0));
        assert!(Statistic::Percentile(10.0).is_low_sample(99.0));
        assert!(!Statistic::Sum.is_low_sample(1.0));
    }
}
