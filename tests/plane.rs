//! The store over Plane's tables, on a server that is made for the tests and thrown away after them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "support/certificates.rs"]
mod certificates;
#[path = "plane/clean_up.rs"]
mod clean_up;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "plane/conforming.rs"]
mod conforming;
#[path = "plane/creators.rs"]
mod creators;
#[path = "plane/doors.rs"]
mod doors;
#[path = "plane/encrypted.rs"]
mod encrypted;
#[path = "plane/fixture.rs"]
mod fixture;
#[path = "plane/million.rs"]
mod million;
#[path = "stores/ported.rs"]
mod ported;
#[path = "support/process.rs"]
mod process;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "plane/rows.rs"]
mod rows;
#[path = "plane/schema.rs"]
mod schema;
mod support;
#[path = "plane/wire.rs"]
mod wire;
