#![doc = include_str!("../reference.md")]
#![deny(missing_docs)]

mod aggregate;
mod alarm;
mod alarm_state;
mod binning;
mod comparison;
pub mod composite;
mod definition;
mod double;
mod evaluation;
mod evaluator;
mod history;
mod math;
mod metric;
mod metric_transformation;
mod missing_data;
mod period;
mod query;
mod reason;
mod record;
mod sample;
mod series;
mod state;
mod statistic;
mod sum;
mod time;
mod version;

pub use alarm::{Alarm, Limits};
pub use alarm_state::AlarmState;
pub use comparison::{ComparisonOperator, ComparisonOperatorError};
pub use definition::{AlarmDefinition, DefinitionError, Input, MetricDataQuery, MetricStat};
pub use evaluation::{Datapoint, Evaluation, Verdict};
pub use evaluator::{Evaluator, ManualState, Pushed, StateChange, Turn, Workspace};
pub use history::{HISTORY_RETENTION_MS, History, HistoryItem, HistoryItemType};
pub use math::MathError;
pub use metric::Metric;
pub use metric_transformation::{
    MetricTransformation, Published, TransformationDefinition, TransformationError,
};
pub use missing_data::{TreatMissingData, TreatMissingDataError};
pub use period::{Period, PeriodError};
pub use query::statistics;
pub use reason::INITIAL_REASON;
pub use record::{RecordId, Records};
pub use sample::{Measure, Sample, StatisticSet, VALUE_LIMIT};
pub use state::{StateValue, StateValueError};
pub use statistic::{Bounds, Statistic, StatisticError};
pub use time::{Timestamp, TimestampError};
