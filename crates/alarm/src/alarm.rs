//! A checked alarm: the part that all keys of an alarm share.
//!
//! One [`Alarm`] serves any number of keys (one alarm per dimension value, say); what differs per key is the small
//! [`AlarmState`](crate::AlarmState).

use crate::comparison::ComparisonOperator;
use crate::definition::{AlarmDefinition, Checked, DefinitionError, Input};
use crate::math::{Program, Source};
use crate::metric::Metric;
use crate::missing_data::{Quorum, TreatMissingData};
use crate::period::{Period, SINGLE_METRIC_DELAY_MS, Window};
use crate::series::Keep;
use crate::time::Timestamp;

/// How many record ids are kept; counts are always true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Ids kept of each cell of a metric: a minute, or a period if that is shorter.
    pub records_per_cell: usize,
    /// Ids handed out with a change of state.
    pub records: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { records_per_cell: 100, records: 1000 }
    }
}

/// An alarm on a metric or on metric math, ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Alarm {
    checked: Checked,
    sets_datapoints_to_alarm: bool,
    inputs: Vec<Input>,
    /// How the inputs combine; absent for an alarm on a single metric.
    program: Option<Program>,
    delay_ms: i64,
    phase_ms: i64,
    limits: Limits,
}

impl Alarm {
    /// Checks a definition.
    ///
    /// # Errors
    /// What PutMetricAlarm would refuse, in its words, and what this crate does not evaluate (anomaly detection bands,
    /// searches, Metrics Insights), by name.
    pub fn new(definition: &AlarmDefinition) -> Result<Self, DefinitionError> {
        let checked = definition.check()?;
        let (inputs, program, delay_ms) = if definition.metrics.is_empty() {
            (vec![definition.single_input()?], None, SINGLE_METRIC_DELAY_MS)
        } else {
            if let Some(field) = definition.single_metric_field() {
                return Err(DefinitionError::BesideMetrics(field));
            }
            let (inputs, program) = math(definition, checked.period)?;
            (inputs, Some(program), 0)
        };
        Ok(Self {
            checked,
            sets_datapoints_to_alarm: definition.datapoints_to_alarm.is_some(),
            inputs,
            program,
            delay_ms,
            phase_ms: delay_ms,
            limits: Limits::default(),
        })
    }

    /// The same alarm with other bounds on record ids.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same alarm, evaluated that many milliseconds after each full interval. The service draws a phase at random;
    /// the default here is the earliest at which a finished minute is visible: ten seconds after it for a single metric,
    /// at once for metric math.
    #[must_use]
    pub fn with_phase_ms(self, phase_ms: i64) -> Self {
        Self { phase_ms, ..self }
    }

    /// The metrics it watches: one, or those of its metric math in the order written.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The positions in [`inputs`](Self::inputs) that take samples of this metric.
    pub fn inputs_of<'a>(&'a self, metric: &'a Metric) -> impl Iterator<Item = usize> + 'a {
        self.inputs
            .iter()
            .enumerate()
            .filter_map(move |(at, input)| (input.metric.as_ref() == Some(metric)).then_some(at))
    }

    /// Seconds per datapoint.
    pub fn period(&self) -> Period {
        self.checked.period
    }

    /// N: how many datapoints are looked at.
    pub fn evaluation_periods(&self) -> u32 {
        self.checked.evaluation_periods
    }

    /// M: how many of them must breach.
    pub fn datapoints_to_alarm(&self) -> u32 {
        self.checked.datapoints_to_alarm
    }

    /// What datapoints are compared with.
    pub fn threshold(&self) -> f64 {
        self.checked.threshold
    }

    /// How they are compared.
    pub fn comparison_operator(&self) -> ComparisonOperator {
        self.checked.comparison
    }

    /// What missing datapoints mean.
    pub fn treat_missing_data(&self) -> TreatMissingData {
        self.checked.treatment
    }

    pub(crate) fn ignores_low_samples(&self) -> bool {
        self.checked.ignore_low_samples
    }

    pub(crate) fn sets_datapoints_to_alarm(&self) -> bool {
        self.sets_datapoints_to_alarm
    }

    pub(crate) fn quorum(&self) -> Quorum {
        Quorum {
            evaluation_periods: self.checked.evaluation_periods,
            datapoints_to_alarm: self.checked.datapoints_to_alarm,
        }
    }

    pub(crate) fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The input of an alarm on a single metric; none for metric math.
    pub(crate) fn single_input(&self) -> Option<&Input> {
        if self.program.is_some() { None } else { self.inputs.first() }
    }

    pub(crate) fn keep(&self, input: &Input) -> Keep {
        Keep {
            period: self.checked.period,
            bins: input.statistic.needs_bins(),
            records: self.limits.records_per_cell,
        }
    }

    pub(crate) fn window(&self, now: Timestamp) -> Window {
        self.checked.period.window(now, self.delay_ms, self.checked.evaluation_periods)
    }

    pub(crate) fn tick_ms(&self) -> i64 {
        self.checked.period.tick_ms(self.checked.evaluation_periods)
    }

    /// The last evaluation at or before `time`.
    pub(crate) fn tick_at_or_before(&self, time: Timestamp) -> Timestamp {
        time.plus_millis(-self.phase_ms).floor_to(self.tick_ms()).plus_millis(self.phase_ms)
    }

    /// The first evaluation after `time`.
    pub(crate) fn tick_after(&self, time: Timestamp) -> Timestamp {
        self.tick_at_or_before(time).plus_millis(self.tick_ms())
    }

    /// The first evaluation that sees a sample of that time.
    pub fn first_evaluation_to_see(&self, sample: Timestamp) -> Timestamp {
        self.first_tick_to_see(sample.floor_to(self.checked.period.grain_ms()))
    }

    /// How far back, in milliseconds, an evaluation looks at most.
    pub fn looks_back_ms(&self) -> i64 {
        let window = self.window(Timestamp::default());
        Timestamp::default().as_millis() - window.start().as_millis()
    }

    /// The first evaluation that can see a sample of the cell that begins at `start`.
    pub(crate) fn first_tick_to_see(&self, start: Timestamp) -> Timestamp {
        let visible = start.plus_millis(self.checked.period.grain_ms() + self.delay_ms);
        self.tick_after(visible.plus_millis(-1))
    }
}

/// The inputs and the program of a `metrics` alarm.
fn math(definition: &AlarmDefinition, period: Period) -> Result<(Vec<Input>, Program), DefinitionError> {
    let mut inputs = Vec::new();
    let mut sources = Vec::new();
    for query in &definition.metrics {
        match (&query.metric_stat, &query.expression) {
            (Some(stat), None) => inputs.push(Input {
                metric: Some(stat.metric.clone()),
                statistic: stat.stat,
                unit: stat.unit.clone(),
            }),
            (None, Some(_)) => {}
            _ => return Err(crate::math::MathError::NotOneKind(query.id.clone()).into()),
        }
        sources.push(Source {
            id: &query.id,
            expression: query.expression.as_deref(),
            return_data: query.return_data.unwrap_or(true),
        });
    }
    if inputs.is_empty() {
        return Err(DefinitionError::NoMetric);
    }
    let program = Program::compile(&sources, period)?;
    Ok((inputs, program))
}
