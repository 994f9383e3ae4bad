//! The store in PostgreSQL.

mod assets;
mod create;
mod directory;
mod options;
mod purge;
mod rows;
mod schema;
mod store;
mod tables;

pub use options::PostgresOptions;
pub use schema::InvalidSchemaName;
pub use store::PostgresStore;
