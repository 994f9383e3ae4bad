//! Compares Plane's tables with the columns that the statements need. Only reads the catalogue.

use std::fmt;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::create::PRIMARY_KEY;
use super::rows::get;
use crate::stores::pg::{Fault, Session, values};

/// A table or a column that doesn't fit the statements of [`PlaneStore`](super::PlaneStore). `Display`
/// gives a sentence that names it and says what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaMismatch {
    table: &'static str,
    column: Option<String>,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Missing,
    Unreadable,
    Type { found: String, known: &'static str },
    Unfilled,
    NotNull,
}

impl SchemaMismatch {
    /// Returns the name of the table, such as `file_assets`.
    #[must_use]
    pub fn table(&self) -> &str {
        self.table
    }

    /// Returns the name of the column, or `None` if the whole table is missing.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }
}

impl fmt::Display for SchemaMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{}.{column} ", self.table)?,
            None => write!(f, "the table {} ", self.table)?,
        }
        match &self.problem {
            Problem::Missing => f.write_str("is missing"),
            Problem::Unreadable => f.write_str("may not be read: this role needs SELECT"),
            Problem::Type { found, known } => write!(f, "has the type {found} instead of {known}"),
            Problem::Unfilled => f.write_str("is NOT NULL, has no default, and is not filled here"),
            Problem::NotNull => f.write_str("is NOT NULL, but not every asset has one"),
        }
    }
}

/// Joins the mismatches to one sentence.
pub(super) fn sentence(mismatches: &[SchemaMismatch]) -> String {
    let each: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
    each.join("; ")
}

/// The accepted types, by PostgreSQL's names. The first one is Plane's.
type Types = &'static [&'static str];

const UUID: Types = &["uuid"];
const TEXT: Types = &["character varying", "text"];
const BOOL: Types = &["boolean"];
const TIME: Types = &["timestamp with time zone"];
const JSON: Types = &["jsonb"];
const FLOAT: Types = &["double precision"];
const INTEGER: Types = &["smallint", "integer", "bigint"];

/// Whether this store gives a column a value in a new row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filled {
    Always,
    /// Only if the asset has such a value.
    Sometimes,
    Never,
}

struct Column {
    name: &'static str,
    types: Types,
    filled: Filled,
}

const fn read(name: &'static str, types: Types) -> Column {
    Column {
        name,
        types,
        filled: Filled::Never,
    }
}

const fn filled(name: &'static str, types: Types) -> Column {
    Column {
        filled: Filled::Always,
        ..read(name, types)
    }
}

const fn optional(name: &'static str, types: Types) -> Column {
    Column {
        filled: Filled::Sometimes,
        ..read(name, types)
    }
}

/// The only table to which this store adds rows.
const FILE_ASSETS: &str = "file_assets";

/// Every column that the statements name.
const TABLES: [(&str, &[Column]); 6] = [
    (
        "workspaces",
        &[
            read("id", UUID),
            read("slug", TEXT),
            read("deleted_at", TIME),
        ],
    ),
    (
        "workspace_members",
        &[
            read("member_id", UUID),
            read("workspace_id", UUID),
            read("role", INTEGER),
            read("is_active", BOOL),
            read("deleted_at", TIME),
        ],
    ),
    (
        "projects",
        &[
            read("id", UUID),
            read("workspace_id", UUID),
            read("deleted_at", TIME),
        ],
    ),
    (
        "api_tokens",
        &[
            read("id", UUID),
            read("token", TEXT),
            read("user_id", UUID),
            read("expired_at", TIME),
            read("is_active", BOOL),
            read("last_used", TIME),
            read("deleted_at", TIME),
        ],
    ),
    ("users", &[read("id", UUID), read("is_active", BOOL)]),
    (
        FILE_ASSETS,
        &[
            filled("id", UUID),
            filled("created_at", TIME),
            filled("updated_at", TIME),
            filled("created_by_id", UUID),
            filled("workspace_id", UUID),
            optional("project_id", UUID),
            filled("asset", TEXT),
            filled("attributes", JSON),
            filled("size", FLOAT),
            filled("storage_metadata", JSON),
            filled("entity_type", TEXT),
            read("entity_identifier", TEXT),
            optional("external_source", TEXT),
            optional("external_id", TEXT),
            filled("is_uploaded", BOOL),
            filled("is_archived", BOOL),
            filled("is_deleted", BOOL),
            read("deleted_at", TIME),
            read("issue_id", UUID),
            read("comment_id", UUID),
            read("page_id", UUID),
            read("draft_issue_id", UUID),
            read("user_id", UUID),
        ],
    ),
];

/// Lists the columns of the tables that the statements find under these names. Reading the catalogue
/// takes no lock on the tables, so a migration that locks a table doesn't block this statement.
const COLUMNS: &str = "\
    SELECT tables.name, columns.attname::text AS column, \
    pg_catalog.format_type(columns.atttypid, NULL) AS type, columns.attnotnull AS required, \
    columns.atthasdef OR columns.attidentity <> '' AS has_default, \
    pg_catalog.has_column_privilege(columns.attrelid, columns.attnum, 'SELECT') AS readable \
    FROM unnest($1) AS tables (name) \
    JOIN pg_catalog.pg_attribute AS columns \
    ON columns.attrelid = pg_catalog.to_regclass(tables.name) \
    WHERE columns.attnum > 0 AND NOT columns.attisdropped \
    ORDER BY tables.name, columns.attnum";

/// A column in the database.
struct Found {
    table: String,
    name: String,
    type_name: String,
    required: bool,
    has_default: bool,
    readable: bool,
}

impl Found {
    fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            table: get(row, "name")?,
            name: get(row, "column")?,
            type_name: get(row, "type")?,
            required: get(row, "required")?,
            has_default: get(row, "has_default")?,
            readable: get(row, "readable")?,
        })
    }
}

/// Returns every mismatch between the tables and the columns that the statements need.
pub(super) async fn mismatches(session: &mut Session) -> Result<Vec<SchemaMismatch>, Fault> {
    let names: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
    let rows = session.read(COLUMNS, &values![TEXT_ARRAY: names]).await?;
    let found = rows
        .iter()
        .map(Found::read)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(compare(&found))
}

fn compare(found: &[Found]) -> Vec<SchemaMismatch> {
    let mut mismatches = Vec::new();
    for (table, known) in TABLES {
        let found: Vec<_> = found.iter().filter(|found| found.table == table).collect();
        let mut report = |column: Option<&str>, problem| {
            mismatches.push(SchemaMismatch {
                table,
                column: column.map(str::to_owned),
                problem,
            });
        };
        if found.is_empty() {
            report(None, Problem::Missing);
            continue;
        }
        for column in known {
            match found.iter().find(|found| found.name == column.name) {
                None => report(Some(column.name), Problem::Missing),
                Some(found) => {
                    if let Some(problem) = column.problem(found) {
                        report(Some(column.name), problem);
                    }
                }
            }
        }
        if table == FILE_ASSETS {
            for column in found {
                let fills = known.iter().find(|known| known.name == column.name);
                let fills = fills.map_or(Filled::Never, |known| known.filled);
                if column.required && fills == Filled::Never && !column.has_default {
                    report(Some(&column.name), Problem::Unfilled);
                }
            }
        }
    }
    mismatches
}

impl Column {
    /// Returns why an existing column doesn't fit, if it doesn't.
    fn problem(&self, found: &Found) -> Option<Problem> {
        if !self.types.contains(&&*found.type_name) {
            return Some(Problem::Type {
                found: found.type_name.clone(),
                known: self.types.first().copied().unwrap_or_default(),
            });
        }
        if !found.readable {
            return Some(Problem::Unreadable);
        }
        (self.filled == Filled::Sometimes && found.required).then_some(Problem::NotNull)
    }
}

/// Returns whether a statement may have failed because the tables don't fit: Plane was upgraded, or a
/// migration is under way (PostgreSQL, appendix A, "PostgreSQL Error Codes").
pub(super) fn may_have_caused(fault: &Fault) -> bool {
    if let Some(constraint) = fault.violated() {
        return constraint != PRIMARY_KEY;
    }
    let Some(code) = fault.code() else {
        return matches!(fault, Fault::Type(_));
    };
    [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::AMBIGUOUS_COLUMN,
        SqlState::DATATYPE_MISMATCH,
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::INVALID_SCHEMA_NAME,
        SqlState::INVALID_TEXT_REPRESENTATION,
        SqlState::NOT_NULL_VIOLATION,
        SqlState::CHECK_VIOLATION,
        SqlState::EXCLUSION_VIOLATION,
    ]
    .contains(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the columns that the statements need, after `change`.
    fn with(change: impl Fn(&mut Found)) -> Vec<Found> {
        let mut columns = Vec::new();
        for (table, known) in TABLES {
            for column in known {
                let mut found = Found {
                    table: table.to_owned(),
                    name: column.name.to_owned(),
                    type_name: column.types[0].to_owned(),
                    required: column.filled == Filled::Always,
                    has_default: false,
                    readable: true,
                };
                change(&mut found);
                columns.push(found);
            }
        }
        columns
    }

    fn report(found: &[Found]) -> String {
        sentence(&compare(found))
    }

    #[test]
    fn each_mismatch_is_named() {
        assert_eq!(compare(&with(|_| {})), []);
        let is = |found: &Found, name| found.table == FILE_ASSETS && found.name == name;
        for (change, expected) in [
            (
                Box::new(|found: &mut Found| {
                    if is(found, "size") {
                        found.type_name = "bigint".to_owned();
                    }
                }) as Box<dyn Fn(&mut Found)>,
                "file_assets.size has the type bigint instead of double precision",
            ),
            (
                Box::new(|found| found.readable = !is(found, "asset")),
                "file_assets.asset may not be read: this role needs SELECT",
            ),
            (
                Box::new(|found| found.required |= is(found, "project_id")),
                "file_assets.project_id is NOT NULL, but not every asset has one",
            ),
            (
                Box::new(|found| found.required |= is(found, "page_id")),
                "file_assets.page_id is NOT NULL, has no default, and is not filled here",
            ),
            (
                Box::new(|found| {
                    if found.table == "users" {
                        found.table.clear();
                    }
                }),
                "the table users is missing",
            ),
            (
                Box::new(|found| {
                    if ["role", "last_used"].contains(&&*found.name) {
                        found.name.clear();
                    }
                }),
                "workspace_members.role is missing; api_tokens.last_used is missing",
            ),
        ] {
            assert_eq!(report(&with(change)), expected);
        }
    }

    #[test]
    fn further_columns_are_accepted_if_they_have_a_default() {
        let added = |table: &str, required, has_default| {
            let mut found = with(|_| {});
            found.push(Found {
                table: table.to_owned(),
                name: "zz_new".to_owned(),
                type_name: "boolean".to_owned(),
                required,
                has_default,
                readable: false,
            });
            report(&found)
        };
        assert_eq!(added(FILE_ASSETS, false, false), "");
        assert_eq!(added(FILE_ASSETS, true, true), "");
        // This store adds no rows to other tables.
        assert_eq!(added("users", true, false), "");
        assert_eq!(
            added(FILE_ASSETS, true, false),
            "file_assets.zz_new is NOT NULL, has no default, and is not filled here"
        );
    }

    #[test]
    fn types_that_read_alike_are_accepted() {
        let text = with(|found| {
            if found.type_name == "character varying" {
                found.type_name = "text".to_owned();
            }
        });
        assert_eq!(compare(&text), []);
    }
}
