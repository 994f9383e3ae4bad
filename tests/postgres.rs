//! The store over PostgreSQL, on servers that are made for the tests and thrown away after them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "postgres/calls.rs"]
mod calls;
#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "postgres/conforming.rs"]
mod conforming;
#[path = "postgres/encrypted.rs"]
mod encrypted;
#[path = "postgres/plans.rs"]
mod plans;
#[path = "stores/ported.rs"]
mod ported;
#[path = "support/process.rs"]
mod process;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "postgres/servers.rs"]
mod servers;
#[path = "postgres/start.rs"]
mod start;
#[path = "postgres/wire.rs"]
mod wire;
#[path = "postgres/world.rs"]
mod world;
