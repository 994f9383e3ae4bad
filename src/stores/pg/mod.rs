//! The code that the stores over PostgreSQL share: connections, calls, statements and errors.
//!
//! A connection pooler may stand between the store and the server, even PgBouncer in transaction mode.
//! So no statement is prepared under a name, no setting outlives its transaction, and the messages of a
//! transaction are sent together.

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
