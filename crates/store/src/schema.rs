//! The schema's versions, and how a database is told apart from others and brought up to date.
//!
//! `schema/migration-N.sql` leads from version N-1 to N and is never edited once released; `schema/vN.sql` is what a database
//! of version N then looks like, dumped, and a test compares them. All pending migrations run in one transaction together
//! with the version number, so a database is at one version or another, never between.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::Error;
use crate::options::Check;

/// "TRLH" in the header's application id: `file state.db` shows it, and no other program's database is touched.
const APPLICATION_ID: u32 = 0x5452_4c48;

/// One script per version, in order.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../schema/migration-1.sql"),
    include_str!("../schema/migration-2.sql"),
    include_str!("../schema/migration-3.sql"),
];

/// The schema version that this build writes.
pub const SCHEMA_VERSION: u32 = {
    assert!(MIGRATIONS.len() < 1_000);
    #[expect(clippy::cast_possible_truncation, reason = "checked one line above")]
    {
        MIGRATIONS.len() as u32
    }
};

/// Refuses what is not ours and what a later version wrote. Changes nothing. An empty file is version 0.
pub(crate) fn identify(connection: &Connection, file: &Path) -> Result<u32, Error> {
    let sqlite = |error: rusqlite::Error| Error::sqlite(file, &error);
    let number = |pragma: &str| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0)).map_err(sqlite)
    };
    let (application, version) = (number("application_id")?, number("user_version")?);
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sqlite)?;
    let empty = (application, version, objects) == (0, 0, 0);
    if application != APPLICATION_ID && !empty {
        return Err(Error::Foreign { file: file.to_owned() });
    }
    if version > SCHEMA_VERSION {
        return Err(Error::Newer { file: file.to_owned(), found: version, known: SCHEMA_VERSION });
    }
    Ok(version)
}

/// Refuses a database whose pages are damaged.
pub(crate) fn check(connection: &Connection, file: &Path, check: Check) -> Result<(), Error> {
    let pragma = match check {
        Check::Skip | Check::Beside => return Ok(()),
        Check::Quick => "quick_check",
        Check::Full => "integrity_check",
    };
    // One row is enough to refuse; more would only take longer.
    let verdict = connection
        .query_row(&format!("PRAGMA {pragma}(1)"), [], |row| row.get::<_, String>(0))
        .map_err(|error| Error::sqlite(file, &error))?;
    if verdict == "ok" {
        return Ok(());
    }
    let detail = verdict.lines().find(|line| !line.starts_with("***")).unwrap_or(&verdict).to_owned();
    Err(Error::Corrupt { file: file.to_owned(), detail })
}

/// Runs the migrations that the database lacks.
pub(crate) fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (number, migration) in (1u32..).zip(migrations) {
        if version < number {
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", number)?;
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()
}

/// How SQLite goes about a statement, a step per line.
#[cfg(test)]
pub(crate) fn plan(sql: &str) -> String {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection, MIGRATIONS).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut plan = String::new();
    while let Some(step) = rows.next().unwrap() {
        plan += &(step.get::<_, String>(3).unwrap() + "\n");
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema as SQLite holds it, one statement per object, by name.
    fn dump(connection: &Connection) -> String {
        let mut statement = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name")
            .unwrap();
        let objects = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        objects.map(|sql| format!("{};\n", sql.unwrap())).collect()
    }

    fn golden(version: usize) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/v{version}.sql"));
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            let mut connection = Connection::open_in_memory().unwrap();
            migrate(&mut connection, &MIGRATIONS[..version]).unwrap();
            std::fs::write(&path, dump(&connection)).unwrap();
        }
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn every_version_looks_as_it_was_released() {
        for version in 1..=MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            migrate(&mut connection, &MIGRATIONS[..version]).unwrap();
            assert_eq!(
                dump(&connection),
                golden(version),
                "schema/v{version}.sql; UPDATE_SCHEMA=1 writes a new one"
            );
        }
    }

    #[test]
    fn only_what_is_missing_runs_and_all_or_nothing_of_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        let version = |connection: &Connection| {
            connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))
        };
        migrate(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
        let broken = ["CREATE TABLE a (x)", "CREATE TABLE b (x)", "CREATE TABLE c (x); no sql"];
        migrate(&mut connection, &broken).unwrap_err();
        assert_eq!((version(&connection).unwrap(), dump(&connection).as_str()), (1, "CREATE TABLE a (x);\n"));
        migrate(&mut connection, &broken[..2]).unwrap();
        assert_eq!(version(&connection).unwrap(), 2);
        assert_eq!(dump(&connection), "CREATE TABLE a (x);\nCREATE TABLE b (x);\n");
    }

    #[test]
    fn databases_are_told_apart() {
        let file = Path::new("state.db");
        let connection = Connection::open_in_memory().unwrap();
        assert_eq!(identify(&connection, file), Ok(0), "nothing yet");
        connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert_eq!(identify(&connection, file), Err(Error::Foreign { file: file.to_owned() }));

        let mut ours = Connection::open_in_memory().unwrap();
        migrate(&mut ours, MIGRATIONS).unwrap();
        assert_eq!(identify(&ours, file), Ok(SCHEMA_VERSION));
        ours.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        let newer = identify(&ours, file).unwrap_err();
        insta::assert_snapshot!(newer, @"state.db has schema 4, and this trailhound knows schemas up to 3");
    }
}
