//! The store in a SQLite file.

mod assets;
mod directory;
mod fault;
mod options;
mod purge;
mod query;
mod rows;
mod schema;
mod store;
mod worker;

pub use options::SqliteOptions;
pub use store::SqliteStore;
