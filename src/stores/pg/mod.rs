//! What the stores over PostgreSQL share: connections, calls, statements, and what can go wrong.
//!
//! Made for a pooler in between, PgBouncer in transaction mode included: no statement is prepared
//! under a name, nothing is set that outlives its transaction, and whatever belongs together is sent
//! at once.

mod connections;
mod fault;
mod instant;
mod lease;
mod lock;
mod session;
mod settings;
mod url;

pub(in crate::stores) use connections::Pg;
pub(in crate::stores) use fault::Fault;
pub(in crate::stores) use instant::in_micros;
pub(in crate::stores) use lock::lock_key;
pub(in crate::stores) use session::{Session, Statement, Values, values};
pub(in crate::stores) use settings::Settings;
