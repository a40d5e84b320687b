//! The history of an alarm, as DescribeAlarmHistory shows it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::evaluator::StateChange;
use crate::state::StateValue;
use crate::time::Timestamp;

/// How long the service keeps history: 30 days.
pub const HISTORY_RETENTION_MS: i64 = 30 * 86_400_000;

/// What a history item is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HistoryItemType {
    /// The alarm was created, changed or deleted.
    ConfigurationUpdate,
    /// Its state changed.
    StateUpdate,
}

/// One entry of an alarm's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryItem {
    /// When it happened.
    pub timestamp: Timestamp,
    /// What it is about.
    pub kind: HistoryItemType,
    /// One line for people.
    pub summary: String,
    /// The details as the service's JSON text.
    pub data: String,
}

impl HistoryItem {
    /// The entry for a change of state.
    pub fn state_update(change: &StateChange) -> Self {
        let state = |value: StateValue, reason: &str, data: Option<&str>| {
            let mut state = json!({"stateValue": value, "stateReason": reason});
            // Reason data that was set by hand may be any text; only JSON can be embedded.
            if let (Some(fields), Some(data)) =
                (state.as_object_mut(), data.and_then(|d| serde_json::from_str::<Value>(d).ok()))
            {
                fields.insert("stateReasonData".to_owned(), data);
            }
            state
        };
        let old = state(change.from, &change.previous_reason, change.previous_reason_data.as_deref());
        let new = state(change.to, &change.reason, change.reason_data.as_deref());
        Self {
            timestamp: change.at,
            kind: HistoryItemType::StateUpdate,
            summary: format!("Alarm updated from {} to {}", change.from, change.to),
            data: json!({"version": "1.0", "oldState": old, "newState": new}).to_string(),
        }
    }

    /// The entry for a new alarm; `alarm` is its definition.
    pub fn created(name: &str, alarm: &Value, at: Timestamp) -> Self {
        let data = json!({"version": "1.0", "type": "Create", "createdAlarm": alarm});
        Self::configuration(format!("Alarm \"{name}\" created"), &data, at)
    }

    /// The entry for a changed alarm; `original` holds the fields that changed as they were before.
    pub fn updated(name: &str, alarm: &Value, original: &Value, at: Timestamp) -> Self {
        let data = json!({"version": "1.0", "type": "Update", "updatedAlarm": alarm, "originalUpdatedFields": original});
        Self::configuration(format!("Alarm \"{name}\" updated"), &data, at)
    }

    /// The entry for a deleted alarm.
    pub fn deleted(name: &str, alarm: &Value, at: Timestamp) -> Self {
        let data = json!({"version": "1.0", "type": "Delete", "deletedAlarm": alarm});
        Self::configuration(format!("Alarm \"{name}\" deleted"), &data, at)
    }

    fn configuration(summary: String, data: &Value, timestamp: Timestamp) -> Self {
        Self { timestamp, kind: HistoryItemType::ConfigurationUpdate, summary, data: data.to_string() }
    }
}

/// The items of one alarm, oldest first, kept as long as the service keeps them and at most `limit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    limit: usize,
    items: VecDeque<HistoryItem>,
}

impl History {
    /// An empty history that keeps at most `limit` items.
    pub fn new(limit: usize) -> Self {
        Self { limit, items: VecDeque::new() }
    }

    /// Adds an item, and drops those that are now too old or too many.
    pub fn record(&mut self, item: HistoryItem) {
        let oldest = item.timestamp.plus_millis(-HISTORY_RETENTION_MS);
        self.items.push_back(item);
        while self.items.len() > self.limit
            || self.items.front().is_some_and(|first| first.timestamp < oldest)
        {
            self.items.pop_front();
        }
    }

    /// The items, oldest first.
    pub fn items(&self) -> impl DoubleEndedIterator<Item = &HistoryItem> + ExactSizeIterator {
        self.items.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_thirty_days_and_a_limit() {
        let mut history = History::new(2);
        for day in [0, 1, 2, 40] {
            history.record(HistoryItem::created("a", &json!({}), Timestamp::from_millis(day * 86_400_000)));
        }
        assert_eq!(
            history.items().map(|item| item.timestamp.as_millis() / 86_400_000).collect::<Vec<_>>(),
            [40]
        );
        history.record(HistoryItem::deleted("a", &json!({}), Timestamp::from_millis(41 * 86_400_000)));
        assert_eq!(history.items().last().unwrap().summary, "Alarm \"a\" deleted");
    }
}
