//! HTTP as a caller: the address of a server.

mod server_url;

pub(crate) use server_url::ServerUrl;
