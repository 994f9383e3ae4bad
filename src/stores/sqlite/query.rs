//! Helpers that run a statement.

use rusqlite::{Connection, Params, Row};

use super::fault::Fault;

/// Returns the first row, if there is one.
pub(super) fn one<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// Returns all rows.
pub(super) fn many<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_and_then(params, read)?.collect()
}

/// Returns whether there is a row.
pub(super) fn exists(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<bool, Fault> {
    Ok(connection.prepare_cached(sql)?.exists(params)?)
}

/// Runs a change. Returns whether it changed any row.
pub(super) fn change(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<bool, Fault> {
    Ok(connection.prepare_cached(sql)?.execute(params)? > 0)
}

/// Returns the steps of SQLite's plan for a statement, in a new database.
#[cfg(test)]
pub(super) fn plan(sql: &str) -> Vec<String> {
    explain(&format!("EXPLAIN QUERY PLAN {sql}"), "detail")
}

/// Returns the instructions to which SQLite compiles a statement.
#[cfg(test)]
pub(super) fn instructions(sql: &str) -> Vec<String> {
    explain(&format!("EXPLAIN {sql}"), "opcode")
}

#[cfg(test)]
fn explain(sql: &str, column: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plan.sqlite3");
    let connection = super::schema::open_writer(&path, std::time::Duration::ZERO).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
    let steps = statement
        .query_map(rusqlite::params_from_iter(nulls), |row| row.get(column))
        .map(|steps| steps.collect::<Result<_, _>>().unwrap());
    steps.unwrap()
}
