//! The crate's own stores: in memory, in a SQLite file, in PostgreSQL, and over Plane's tables.

mod memory;
#[cfg(feature = "postgres")]
mod pg;
#[cfg(feature = "plane")]
mod plane;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::MemoryStore;
#[cfg(feature = "plane")]
pub use plane::{PlaneOptions, PlaneStore, SchemaMismatch};
#[cfg(feature = "postgres")]
pub use postgres::{InvalidSchemaName, PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore};
