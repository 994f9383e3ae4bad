//! The client: what it tries again, what it leaves behind, and whole uploads through crashes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "client/crashes.rs"]
mod crashes;
#[path = "client/downloads.rs"]
mod downloads;
#[path = "client/example.rs"]
mod example;
#[path = "support/garage.rs"]
mod garage;
#[path = "support/process.rs"]
mod process;
#[path = "client/proxy.rs"]
mod proxy;
#[path = "client/retries.rs"]
mod retries;
#[path = "client/round_trip.rs"]
mod round_trip;
#[path = "client/scripted.rs"]
mod scripted;
