//! Ready-made stores: one in memory, one in a SQLite file.

mod memory;

pub use memory::MemoryStore;
