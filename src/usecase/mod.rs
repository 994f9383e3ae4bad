//! The use cases: create, complete, retrieve, delete and purge. Typed, and without HTTP.
//!
//! A use case takes validated values, calls the ports, and returns an outcome or a [`Rejection`].

mod complete;
mod create;
mod delete;
#[cfg(feature = "purge")]
pub(crate) mod periodic;
#[cfg(feature = "purge")]
pub(crate) mod purge;
mod rejection;
mod retrieve;
mod shared;

pub(crate) use create::{CreateUpload, CreatedAsset};
pub(crate) use delete::DeletePermit;
pub(crate) use rejection::{Duplicate, Rejection};
pub(crate) use retrieve::Download;
pub(crate) use shared::UseCases;
