//! The store in memory.

mod contents;
mod purge;
mod purging;
mod store;

pub use store::MemoryStore;
