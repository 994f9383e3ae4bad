//! The store over PostgreSQL, on servers that are made for the tests and thrown away after them.
#![cfg(all(unix, feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "postgres/conforming.rs"]
mod conforming;
#[path = "stores/ported.rs"]
mod ported;
#[path = "support/process.rs"]
mod process;
