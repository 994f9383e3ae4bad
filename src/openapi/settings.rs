//! The settings that the document depends on.

use crate::service::CreateRules;

/// The settings that the document depends on.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) base_path: String,
    pub(super) rules: CreateRules,
    pub(super) max_body: usize,
    pub(super) deletes: bool,
    pub(super) rate_limited: bool,
    pub(super) header_credentials: bool,
    pub(super) servers: Vec<String>,
}
