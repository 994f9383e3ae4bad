//! The store over Plane's own tables.

mod assets;
mod create;
mod directory;
mod options;
mod purge;
mod rows;
mod schema;
mod stamps;
mod store;

pub use options::PlaneOptions;
pub use schema::SchemaMismatch;
pub use store::PlaneStore;
