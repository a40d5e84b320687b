//! What an expression has as its value: a number, a time series, or several.

use crate::period::{Period, Window};
use crate::time::Timestamp;

/// One value per bucket of the window, oldest first; `None` where there is no point.
pub(crate) type Points = Vec<Option<f64>>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A number; `None` where folding found no points or arithmetic had no finite result.
    Scalar(Option<f64>),
    Series(Points),
    Many(Vec<Points>),
}

impl Value {
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "a single number",
            Self::Series(_) => "a time series",
            Self::Many(_) => "an array of time series",
        }
    }
}

/// The buckets an expression is evaluated over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    window: Window,
}

impl Grid {
    pub(crate) fn new(window: Window) -> Self {
        Self { window }
    }

    pub(super) fn len(&self) -> usize {
        self.window.buckets as usize
    }

    pub(super) fn period(&self) -> Period {
        self.window.period
    }

    /// Where each bucket begins, oldest first.
    pub(super) fn starts(&self) -> impl Iterator<Item = Timestamp> + '_ {
        (0..self.window.buckets).rev().map(|age| self.window.bucket_start(age))
    }
}

/// A number an alarm can use; everything else is a missing point.
pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
