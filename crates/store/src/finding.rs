//! Findings: kept once per id and revision, and read page by page, newest first.
//!
//! Pages go by key, not by number: a page continues after the last row of the one before, so findings that arrive between two
//! pages neither repeat nor hide anything, and the thousandth page costs what the first does.

use std::fmt;
use std::str::FromStr;

use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::{Added, Error, Snapshot};

/// How bad it is; the order is the order of badness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look some day.
    Low,
    /// Worth a look today.
    Medium,
    /// Worth a look now.
    High,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    /// All of them, from the least.
    pub const ALL: [Severity; 5] =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
}

/// One revision of a finding: the columns that pages are filtered by, and the whole of it as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The id it has for life.
    pub id: String,
    /// Which revision of it this is, from 0.
    pub revision: u32,
    /// The rule that made it.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Firing, resolved or unknown.
    pub state: String,
    /// The account it is about.
    pub account: String,
    /// The region it is about.
    pub region: String,
    /// When it happened, in milliseconds since 1970.
    pub time_ms: i64,
    /// What became of it when it came in, in the caller's words; `None` of one that was kept by an earlier version.
    pub outcome: Option<String>,
    /// What that was by or in: whatever hid it, or the conversation in which it is told.
    pub outcome_of: Option<String>,
    /// The finding as it is written out.
    pub body: Vec<u8>,
}

/// Which findings a page shows. The default shows the latest revision of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// At least as bad as this.
    pub severity_min: Option<Severity>,
    /// Of this rule.
    pub rule: Option<String>,
    /// About this account.
    pub account: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Happened at this time or later.
    pub from_ms: Option<i64>,
    /// Happened before this time.
    pub to_ms: Option<i64>,
    /// Also revisions that a later one replaced.
    pub replaced: bool,
}

/// Findings, newest first, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingPage {
    /// At most as many as were asked for.
    pub findings: Vec<Finding>,
    /// Present if there is more.
    pub next: Option<FindingCursor>,
}

/// A place between two findings. Its text form is for links; what is in it is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindingCursor {
    time_ms: i64,
    seq: i64,
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a page cursor: pass `next` of the page before, unchanged")]
pub struct CursorError;

impl fmt::Display for FindingCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.time_ms, self.seq)
    }
}

impl FromStr for FindingCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (time, seq) = text.split_once('.').ok_or(CursorError)?;
        let number = |text: &str| text.parse().map_err(|_| CursorError);
        Ok(FindingCursor { time_ms: number(time)?, seq: number(seq)? })
    }
}

/// The columns of a finding. A reader may meet a database that nobody has brought up to date yet.
fn columns(connection: &Connection) -> rusqlite::Result<&'static str> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(if version < 3 {
        "id, revision, rule, severity, state, account, region, time_ms, body, seq, NULL, NULL"
    } else {
        "id, revision, rule, severity, state, account, region, time_ms, body, seq, outcome, outcome_of"
    })
}

impl Snapshot<'_> {
    /// One revision of a finding.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn finding_revision(&self, id: &str, revision: u32) -> Result<Option<Finding>, Error> {
        self.read(|connection| {
            let columns = columns(connection)?;
            let sql = format!("SELECT {columns} FROM finding WHERE id = ?1 AND revision = ?2");
            connection.prepare_cached(&sql)?.query_row((id, revision), from_row).optional()
        })
    }

    /// One page of findings, newest first by the time at which they happened.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn findings(
        &self,
        filter: &FindingFilter,
        after: Option<FindingCursor>,
        rows_max: u32,
    ) -> Result<FindingPage, Error> {
        let mut rows = self.read(|connection| {
            let (sql, parameters) = filter.query(columns(connection)?, after, rows_max);
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement
                .query_map(params_from_iter(&parameters), |row| Ok((from_row(row)?, row.get(9)?)))?;
            rows.collect::<rusqlite::Result<Vec<(Finding, i64)>>>()
        })?;
        // One row more than a page says that there is a next page.
        let more = rows.len() > rows_max as usize;
        rows.truncate(rows_max as usize);
        let last = rows.last().map(|(finding, seq)| FindingCursor { time_ms: finding.time_ms, seq: *seq });
        let findings = rows.into_iter().map(|(finding, _)| finding).collect();
        Ok(FindingPage { findings, next: last.filter(|_| more) })
    }

    /// All kept revisions of one finding, the latest last.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn finding(&self, id: &str) -> Result<Vec<Finding>, Error> {
        self.read(|connection| {
            let columns = columns(connection)?;
            let sql = format!("SELECT {columns} FROM finding WHERE id = ?1 ORDER BY revision");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map([id], from_row)?.collect()
        })
    }
}

impl FindingFilter {
    /// The statement's text depends on which filters are set and on nothing else, so few texts are ever compiled.
    fn query(&self, columns: &str, after: Option<FindingCursor>, rows_max: u32) -> (String, Vec<Value>) {
        let mut conditions: Vec<&str> = Vec::new();
        let mut parameters: Vec<Value> = Vec::new();
        if !self.replaced {
            conditions.push("latest = 1");
        }
        let texts = [("rule = ?", &self.rule), ("account = ?", &self.account), ("state = ?", &self.state)];
        for (condition, value) in texts {
            if let Some(value) = value {
                conditions.push(condition);
                parameters.push(value.clone().into());
            }
        }
        let severity_min = self.severity_min.map(|severity| i64::from(severity as u8));
        let numbers =
            [("severity >= ?", severity_min), ("time_ms >= ?", self.from_ms), ("time_ms < ?", self.to_ms)];
        for (condition, value) in numbers {
            if let Some(value) = value {
                conditions.push(condition);
                parameters.push(value.into());
            }
        }
        if let Some(FindingCursor { time_ms, seq }) = after {
            conditions.push("(time_ms, seq) < (?, ?)");
            parameters.extend([time_ms.into(), seq.into()]);
        }
        let place = if conditions.is_empty() { "1" } else { &conditions.join(" AND ") };
        parameters.push((i64::from(rows_max) + 1).into());
        let sql =
            format!("SELECT {columns} FROM finding WHERE {place} ORDER BY time_ms DESC, seq DESC LIMIT ?");
        (sql, parameters)
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Finding> {
    let severity: u8 = row.get(3)?;
    let severity = Severity::ALL
        .get(usize::from(severity))
        .copied()
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(3, i64::from(severity)))?;
    Ok(Finding {
        id: row.get(0)?,
        revision: row.get(1)?,
        rule: row.get(2)?,
        severity,
        state: row.get(4)?,
        account: row.get(5)?,
        region: row.get(6)?,
        time_ms: row.get(7)?,
        outcome: row.get(10)?,
        outcome_of: row.get(11)?,
        body: row.get(8)?,
    })
}

pub(crate) fn add(connection: &Connection, findings: &[Finding], now_ms: i64) -> rusqlite::Result<Added> {
    let mut added = Added::default();
    if findings.is_empty() {
        return Ok(added);
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO finding (id, revision, latest, rule, severity, state, account, region, time_ms, committed_ms, body, outcome, outcome_of)
         VALUES (?1, ?2, NOT EXISTS (SELECT 1 FROM finding WHERE id = ?1 AND revision > ?2),
                 ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id, revision) DO NOTHING",
    )?;
    let mut replace = connection
        .prepare_cached("UPDATE finding SET latest = 0 WHERE id = ?1 AND revision < ?2 AND latest = 1")?;
    for finding in findings {
        let Finding {
            id,
            revision,
            rule,
            severity,
            state,
            account,
            region,
            time_ms,
            outcome,
            outcome_of,
            body,
        } = finding;
        let severity = *severity as u8;
        let row: [&dyn ToSql; 12] = [
            id, revision, rule, &severity, state, account, region, time_ms, &now_ms, body, outcome,
            outcome_of,
        ];
        let created = insert.execute(row)? == 1;
        if created {
            replace.execute((id, revision))?;
        }
        added.note(created);
    }
    add_to_ledger(connection, "findings_created", added.created)?;
    Ok(added)
}

/// The store's own sums move with the rows they count.
pub(crate) fn add_to_ledger(connection: &Connection, name: &str, add: u64) -> rusqlite::Result<()> {
    let add = i64::try_from(add).unwrap_or(i64::MAX);
    connection
        .prepare_cached("UPDATE ledger SET value = value + ?2 WHERE name = ?1")?
        .execute((name, add))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_being_text() {
        let cursor = FindingCursor { time_ms: -5, seq: 12 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "1.", ".1", "1.2.3", "a.1", "99999999999999999999.1"] {
            assert_eq!(text.parse::<FindingCursor>(), Err(CursorError), "{text}");
        }
    }

    /// A page that sorts or walks the whole table would be fine in tests and slow in a year.
    #[test]
    fn every_page_comes_out_of_an_index() {
        let rule = Some("r".to_owned());
        let account = Some("a".to_owned());
        let filters = [
            FindingFilter::default(),
            FindingFilter { severity_min: Some(Severity::High), ..FindingFilter::default() },
            FindingFilter { rule, from_ms: Some(0), ..FindingFilter::default() },
            FindingFilter { account, to_ms: Some(9), replaced: true, ..FindingFilter::default() },
        ];
        for filter in filters {
            for after in [None, Some(FindingCursor { time_ms: 1, seq: 1 })] {
                let plan = crate::schema::plan(&filter.query("id, body", after, 10).0);
                assert!(plan.lines().all(|step| step.contains("USING INDEX")), "{filter:?}: {plan}");
            }
        }
    }
}
