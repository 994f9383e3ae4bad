//! Ready-made stores: one in memory, one in a SQLite file.

mod memory;
#[cfg(feature = "postgres")]
#[allow(
    dead_code,
    unused,
    unreachable_pub,
    reason = "the stores over it come next"
)]
mod pg;
#[cfg(feature = "plane")]
mod plane;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use pg::InvalidRootCertificate;
#[cfg(feature = "plane")]
pub use plane::{PlaneOptions, PlaneStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore};
